"""What every law is tried on: kinds, couplings, expansions, and small graphs with all of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import pynodes as pn

EXPANSIONS = [pn.Standard(), pn.Enhanced(), pn.Unbounded()]

DEFAULT_FIRST = [
    pn.Unbounded(),
    *(pytest.param(expansion, marks=pytest.mark.slow) for expansion in EXPANSIONS[:2]),
]
"""The same for what compiles many graphs: those that are not the default are slow."""

KINDS = [
    pn.ContinuousState(tonic_volatility=-2.0),
    pn.ContinuousState(tonic_drift=0.1, autoconnection=0.7),
    pn.ContinuousState(memory="exact", autoconnection=0.7, tonic_volatility=-1.0),
    pn.ConstantState(value=0.3),
    pn.ContinuousInput(precision=2.0),
    pn.BinaryInput(),
    pn.BinaryState(),
    pn.CategoricalInput(outcomes=3),
    pn.CategoricalInput(outcomes=4, normalised=True),
    pn.CategoricalState(outcomes=3),
    pn.CategoricalState(outcomes=2, normalised=True),
    pn.VolatileState(tonic_volatility=-1.0, inner_tonic_volatility=-2.0, inner_autoconnection=0.9),
    pn.NoisyBinaryInput(low=-0.2, high=1.3, variance=0.3),
    pn.RescorlaWagner(learning_rate=0.3),
    pn.RescorlaWagner(learning_rate=0.3, negative_learning_rate=0.1),
    pn.DeltaRule(learning_rate=0.3, initial_mean=-0.4, precision=2.0),
    pn.DeltaRule(learning_rate=0.3, negative_learning_rate=0.6),
    pn.DualRescorlaWagner(learning_rate=0.3, choice=0),
    pn.DualRescorlaWagner(learning_rate=0.3, choice=1),
    pn.PearceHall(salience=0.5),
    pn.SuttonK1(),
    pn.KalmanFilter(tonic_volatility=-1.0, precision=2.0),
    pn.RegressionInput(terms=2, tonic_volatility=-2.0),
    pn.RegressionInput(terms=1, noise="known", tonic_volatility=-2.0),
    pn.HiddenMarkov(initial=[0.2, 0.8], emission=[[0.6, 0.4], [0.1, 0.9]]),
]

BINARY = (
    pn.BinaryInput,
    pn.RescorlaWagner,
    pn.DualRescorlaWagner,
    pn.PearceHall,
    pn.SuttonK1,
    pn.HiddenMarkov,
)
"""Kinds whose outcomes are 0 and 1."""


def outcomes_of(node: pn.AbstractNode) -> range | None:
    """All values of a kind whose predictive probabilities sum to one over few of them."""
    if isinstance(node, pn.CategoricalInput):
        return range(node.outcomes) if node.normalised else None
    return range(2) if isinstance(node, BINARY) else None


@dataclasses.dataclass(frozen=True)
class Coupled:
    """A coupling with a child it suits."""

    coupling: pn.AbstractCoupling
    child: pn.AbstractNode

    def __repr__(self) -> str:
        return f"{self.coupling!r} into {self.child!r}"


NORMALISED = pn.CategoricalInput(outcomes=2, normalised=True)

COUPLED = [
    Coupled(pn.Drift(strength=0.6), pn.ContinuousState(tonic_volatility=-1.0)),
    Coupled(pn.Drift(strength=0.6, function="tanh"), pn.ContinuousState(autoconnection=0.8)),
    Coupled(pn.Drift(strength=-0.4, function="softplus"), pn.ContinuousState(marginalise=False)),
    Coupled(pn.Drift(strength=0.5), pn.ContinuousState(memory="exact", autoconnection=0.6)),
    Coupled(pn.Drift(strength=0.7), pn.ContinuousInput(precision=2.0)),
    Coupled(pn.Observation(strength=1.3), pn.ContinuousInput(precision=2.0)),
    Coupled(pn.Observation(strength=0.7, function="sin"), pn.ContinuousInput()),
    Coupled(pn.Probability(strength=0.8), pn.BinaryInput()),
    Coupled(pn.Probability(strength=1.5, function="tanh"), pn.BinaryInput()),
    Coupled(pn.Probability(strength=0.8), pn.BinaryState()),
    Coupled(pn.Probability(strength=-0.8), pn.NoisyBinaryInput(low=-0.2, variance=0.3)),
    Coupled(pn.Category(outcome=1, strength=0.8), pn.CategoricalInput(outcomes=3)),
    Coupled(pn.Category(outcome=0, strength=1.2, function="tanh"), NORMALISED),
    Coupled(pn.Category(outcome=2, strength=0.8), pn.CategoricalState(outcomes=3, normalised=True)),
    Coupled(pn.Drift(strength=0.6), pn.VolatileState(tonic_volatility=-1.0)),
    Coupled(pn.Volatility(strength=0.7), pn.VolatileState(marginalise=False)),
    Coupled(pn.Volatility(strength=0.7), pn.ContinuousState(tonic_volatility=-1.0)),
    Coupled(pn.Volatility(strength=-0.5), pn.ContinuousState(marginalise=False)),
    Coupled(pn.Noise(strength=0.6), pn.ContinuousInput(precision=3.0)),
]


def graph_of(case: Coupled, expansion: pn.AbstractExpansion, **settings: object) -> pn.Graph:
    """The smallest graph in which a coupling does all it can: two parents, and an input below.

    A child that is no input is observed through one; what carries no mean has a value parent too,
    and the parent has a volatility parent of its own.
    """
    observed = case.child.observable
    target = "u" if observed else "child"
    nodes = {
        target: case.child,
        "parent": pn.ContinuousState(
            tonic_volatility=-4.0, initial_mean=0.2, initial_precision=4.0
        ),
        "above": pn.ContinuousState(tonic_volatility=-4.0, initial_precision=4.0),
    }
    graph = pn.Graph(expansion=expansion, **settings).extend(nodes)
    if not observed:
        entry = pn.BinaryInput() if case.child.value_shape else pn.ContinuousInput(precision=2.0)
        graph = graph.add(u=entry).couple("child", "u", emission(case.child))
    if isinstance(case.coupling, pn.Noise):
        graph = graph.add(location=pn.ContinuousState()).couple("location", "u")
    return graph.couple("parent", target, case.coupling).couple("above", "parent", "volatility")


def emission(child: pn.AbstractNode) -> pn.AbstractCoupling | str:
    """How a child is coupled into its input."""
    if not child.value_shape:
        return "value"
    return pn.Emission(probabilities=np.linspace(0.2, 0.7, *child.value_shape))


def target_of(case: Coupled) -> str:
    """The name of a case's child in its graph."""
    return "u" if case.child.observable else "child"


def series_for(graph: pn.Graph, steps: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """Observations for every input of a graph, moderate enough for any expansion."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(0, 2, steps).astype(float)
        if isinstance(graph.nodes[name], pn.BinaryInput | pn.CategoricalInput)
        else np.cumsum(rng.normal(size=steps) * 0.3)
        for name in graph.inputs
    }


def gappy_series_for(graph: pn.Graph, steps: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """The same with gaps in every input, at different steps."""
    rng = np.random.default_rng(9)
    series = series_for(graph, steps, seed)
    return {name: np.where(rng.random(steps) < 0.2, np.nan, one) for name, one in series.items()}


def times_for(steps: int = 40, seed: int = 1) -> np.ndarray:
    """Irregular times since the previous step."""
    return np.random.default_rng(seed).gamma(4.0, 0.25, steps)


def rich_graph(expansion: pn.AbstractExpansion | str = "unbounded", **settings: object) -> pn.Graph:
    """A graph with every coupling, several parents and children of both families, and a constant."""
    return (
        pn.Graph(expansion=expansion, **settings)
        .add(
            u1=pn.ContinuousInput(precision=2.0),
            u2=pn.BinaryInput(),
            u3=pn.ContinuousInput(precision=4.0),
            x1=pn.ContinuousState(tonic_volatility=-2.0),
            x2=pn.ContinuousState(tonic_volatility=-2.5, tonic_drift=0.05),
            x3=pn.ContinuousState(autoconnection=0.9),
            shared=pn.ContinuousState(tonic_volatility=-3.0),
            noise=pn.ContinuousState(tonic_volatility=-3.0, initial_mean=-1.0),
            top=pn.ContinuousState(tonic_volatility=-3.0),
            bias=pn.ConstantState(value=0.5),
        )
        .couple("x1", "u1", pn.Observation(strength=1.2))
        .couple("x2", "u2", pn.Probability(strength=0.9))
        .couple("x3", "u3")
        .couple("x1", "u3", pn.Observation(strength=0.4, function="tanh"))
        .couple("x3", "x1", pn.Drift(strength=0.2))
        .couple("shared", ["x1", "x2"], pn.Volatility(strength=0.5))
        .couple("shared", "x3", pn.Drift(strength=0.3, function="sin"))
        .couple("top", "x2", pn.Volatility(strength=0.4))
        .couple("top", "x2", pn.Drift(strength=0.1))
        .couple("noise", "u1", pn.Noise(strength=0.7))
        .couple("bias", "u2", pn.Probability(strength=0.2))
        .couple("bias", "x3", pn.Volatility(strength=-1.0))
    )
