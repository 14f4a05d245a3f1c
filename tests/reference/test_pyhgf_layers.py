"""Layers beside recorded runs of pyhgf 0.3.2's DeepNetwork, weights fixed.

``continuous_*`` are continuous layers in time, ``online_*`` four samples through layers with an inner
volatility.
One run matches as it is. The others do once a coupling takes over what the recorded program does otherwise;
with ours alone they do not, and the reason is beside each.
"""

import dataclasses
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes.couplings._array import evidence_at_inlet
from tests.few import few

FOLDER = Path(__file__).parent / "pyhgf_layers"


def load(name):
    with np.load(FOLDER / f"{name}.npz") as data:
        return {key: data[key] for key in data.files}


# Continuous layers


class FromBefore(pn.Dense):
    """As recorded: f is expanded where the parent was before it drifted, and the curvature has no floor."""

    autoconnection: float = pn.choice(1.0)
    drift: float = pn.choice(0.0)

    def evidence(self, parent, child, dt):
        before = (parent.predicted_mean - dt * self.drift) / self.autoconnection
        found = super().evidence(dataclasses.replace(parent, predicted_mean=before), child, dt)
        force = evidence_at_inlet(child, self.inlet, dt).gradient
        return dataclasses.replace(found, curvature=found.curvature - self.bend(before, force))


def continuous(name, expansion, marginalise, dense):
    """Layer 0 is observed with precision one; what a matrix of volatility does, so many scalar parents do."""
    data = load(name)

    def state(layer, shape):
        own = {
            key.partition(".L")[2][2:]: value[0]
            for key, value in data.items()
            if f"params.L{layer}" in key
        }
        return pn.ContinuousState(
            shape=shape,
            tonic_volatility=own["tonic_volatility"],
            tonic_drift=own["tonic_drift"],
            autoconnection=own["autoconnection_strength"],
        )

    matrix, pull = data["value_matrix.L1"], data["volatility_matrix.L2"]
    parents = {f"v{i}": state(2, ()) for i in range(pull.shape[1])}
    graph = pn.Graph(expansion=expansion, marginalise=marginalise).add(
        y=pn.ContinuousInput(shape=matrix.shape[0]), x=state(1, matrix.shape[1])
    )
    graph = graph.add(parents).couple("x", "y", dense(matrix))
    for i, parent in enumerate(parents):
        graph = graph.couple(parent, "x", pn.Volatility(strength=pull[0, i]))
    return data, graph.compile().filter({"y": data["input_data"]}, dt=data["time_steps"])


def gap_of_continuous(data, beliefs):
    found = [np.asarray(beliefs["y"].predicted_mean) - data["L0.expected_mean"]]
    for field, recorded in (
        ("mean", "mean"),
        ("precision", "precision"),
        ("predicted_mean", "expected_mean"),
        ("predicted_precision", "expected_precision"),
    ):
        found += [np.asarray(getattr(beliefs["x"], field)) - data[f"L1.{recorded}"]]
        for i in range(data["L2.mean"].shape[1]):
            found += [np.asarray(getattr(beliefs[f"v{i}"], field)) - data[f"L2.{recorded}"][:, i]]
    return max(np.abs(gap).max() for gap in found)


def test_linear_layers_in_time_match():
    data, beliefs = continuous(
        "continuous_3_2_value_1_volatility_ehgf",
        "enhanced",
        True,
        lambda weights: pn.Dense(weights=weights, inlet="drift"),
    )
    assert gap_of_continuous(data, beliefs) < 1e-12


@pytest.mark.parametrize("recorded", [True, False], ids=["as recorded", "as derived"])
def test_bent_layers_in_time_match_with_slopes_from_before(recorded):
    """The evidence is about where the parent is now, so its slope belongs where the parent is predicted.

    Without a floor the evidence can take precision away from the parent: ours is floored at zero.
    """
    kind, own = (FromBefore, {"autoconnection": 0.9, "drift": 0.05}) if recorded else (pn.Dense, {})
    data, beliefs = continuous(
        "continuous_tanh_drift_mf_standard",
        "standard",
        False,
        lambda weights: kind(weights=weights, function="tanh", inlet="drift", **own),
    )
    gap = gap_of_continuous(data, beliefs)
    assert gap < 1e-12 if recorded else gap > 1e-3


# Samples, one after the other


class UnitOutcomes(pn.AbstractNode):
    """One of several outcomes by softmax, whose errors weigh one, as recorded: their variance is p(1 - p)."""

    inlets: ClassVar = ("location", "location_variance")
    observable: ClassVar = True
    has_memory: ClassVar = False

    shape: tuple = pn.choice(())

    def init(self):
        return pn.Gaussian.start(0.0, 1.0, self.shape)

    def predict(self, belief, inlet, dt):
        return belief.predicted(jax.nn.softmax(inlet["location"]), variance=jnp.ones(self.shape))

    def surprise(self, belief):
        return -belief.mean * jnp.log(belief.predicted_mean)


class BentByPrecision(pn.Dense):
    """As recorded: f'' is weighed with the gain of the curvature, where the derivation has that of the mean.

    What the parent is unsure of does not reach the child's prediction.
    """

    def predict(self, parent, dt):
        return {self.inlet: super().predict(parent, dt)[self.inlet]}

    def evidence(self, parent, child, dt):
        found = super().evidence(parent, child, dt)
        heard = evidence_at_inlet(child, self.inlet, dt)
        force = heard.curvature * (child.mean - child.predicted_mean)
        curvature = found.curvature - self.bend(parent.predicted_mean, force)
        return dataclasses.replace(found, curvature=jnp.maximum(curvature, 0.0))


def online(expansion, kind):
    data = load(f"online_{expansion}")

    def layer(shape):
        return pn.VolatileState(
            shape=shape, autoconnection=0.0, tonic_volatility=0.0, inner_tonic_volatility=-4.0
        )

    def dense(number, function):
        return kind(weights=data[f"in/W{number}"], bias=data[f"in/b{number}"], function=function)

    graph = pn.Graph(expansion=expansion).add(
        x=pn.Regressor(shape=6), h1=layer(5), h2=layer(4), y=UnitOutcomes(shape=(3,))
    )
    graph = graph.couple("x", "h1", dense(0, "identity")).couple("h1", "h2", dense(1, "tanh"))
    network = graph.couple("h2", "y", dense(2, "tanh")).compile()
    beliefs = network.filter({"x": data["in/x"][:4], "y": data["in/y"][:4]})
    fields = {"mu": "mean", "pi": "precision", "mv": "inner_mean", "pv": "inner_precision"}
    return max(
        np.abs(getattr(beliefs[name], field)[-1] - data[f"out/{name}.{recorded}"]).max()
        for name in ("h1", "h2")
        for recorded, field in fields.items()
    )


@pytest.mark.parametrize("expansion", few(["unbounded", "standard"], 1))
def test_samples_match_with_the_recorded_second_derivative(expansion):
    """Layers with an inner volatility carry their variance from sample to sample; the floor is at zero."""
    assert online(expansion, BentByPrecision) < 1e-12
    assert online(expansion, pn.Dense) > 1e-2
