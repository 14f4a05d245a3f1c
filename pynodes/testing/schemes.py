"""Laws of schemes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynodes._core.scheme import AbstractScheme
from pynodes._graph.graph import Graph
from pynodes._results.trajectories import Trajectories
from pynodes.couplings import Observation, Volatility
from pynodes.deep.scheme import AbstractPointScheme
from pynodes.nodes import ContinuousInput, ContinuousState
from pynodes.testing.point_schemes import check_point_scheme
from pynodes.testing.shapes import check_instance, finite, same, same_beliefs

STEPS = 8
PRECISION, GROWTH = 2.0, -1.0


def check_scheme(
    scheme: AbstractScheme | AbstractPointScheme, *, tolerance: float = 1e-9, seed: int = 0
) -> None:
    """Check a scheme against the laws that all keep, on small networks of its own.

    Of a scheme for series:

    * beliefs are finite, and an observed node is where it was seen;
    * what was not observed leaves every belief at its prediction;
    * a node whose gate is closed stays at its prediction;
    * the order in which nodes and edges were defined changes nothing;
    * two chunks of a series make one run;
    * one Gaussian state that is observed moves to the mean of its posterior.

    Of a scheme on points, as deep networks settle by:

    * what is given stays, to the last bit;
    * the energy at what is found is not above that of the forward pass;
    * the forward pass is kept where leaves are as predicted, and so is the least energy;
    * a sample settles as it would alone, and the order of definition changes nothing;
    * a missing element is as in a network without it;
    * without hidden layers weights learn as backpropagation says.

    Parameters
    ----------
    scheme
        An instance of the scheme.
    tolerance
        How near a scheme that settles step by step comes.
    seed
        Seed of the series.

    Raises
    ------
    AssertionError
        A law is broken; names it.
    """
    if isinstance(scheme, AbstractPointScheme):
        check_point_scheme(scheme, tolerance=tolerance, seed=seed)
        return
    check_instance(scheme, AbstractScheme)
    values = np.cumsum(np.random.default_rng(seed).normal(size=(STEPS, 2)), axis=0)
    series = {"u": values[:, 0], "w": values[:, 1]}
    observations_are_taken(scheme, series, tolerance)
    gaps_and_gates_leave_predictions(scheme, series, tolerance)
    order_is_irrelevant(scheme, series, tolerance)
    chunks_make_one_run(scheme, series, tolerance)
    conjugate_means_are_found(scheme, series["u"], tolerance)


def make_graph(*, backward: bool = False) -> Graph:
    """Two states, each observed, under a volatility parent; defined from front to back, or the other way."""
    nodes: dict[str, Any] = {
        "u": ContinuousInput(precision=PRECISION),
        "w": ContinuousInput(),
        "x": ContinuousState(tonic_volatility=GROWTH),
        "y": ContinuousState(tonic_volatility=GROWTH, autoconnection=0.9),
        "v": ContinuousState(tonic_volatility=-2.0),
    }
    edges = [
        ("x", "u", Observation()),
        ("y", "w", Observation(strength=0.7)),
        ("v", "x", Volatility(strength=0.5)),
        ("v", "y", Volatility(strength=0.8)),
    ]
    if backward:
        nodes, edges = dict(reversed(nodes.items())), edges[::-1]
    return Graph().extend(nodes, edges)


def run_scheme(scheme: AbstractScheme, graph: Graph, series: Any, **options: Any) -> Trajectories:
    """Beliefs about a series."""
    return graph.compile(scheme=scheme).filter(series, **options)


def observations_are_taken(scheme: AbstractScheme, series: Any, tolerance: float) -> None:
    """Law: beliefs are finite, and an observed node is where it was seen."""
    beliefs = run_scheme(scheme, make_graph(), series)
    finite("beliefs", beliefs.records)
    for name, values in series.items():
        same(
            f"an observed node is where it was seen: {name}", beliefs[name].mean, values, tolerance
        )


def gaps_and_gates_leave_predictions(scheme: AbstractScheme, series: Any, tolerance: float) -> None:
    """Law: what was not observed, or may not learn, stays at its prediction."""
    unseen = dict.fromkeys(series, np.full(STEPS, np.nan))
    closed = {"x": np.zeros(STEPS, bool), "y": np.zeros(STEPS, bool), "v": np.zeros(STEPS, bool)}
    for what, beliefs in (
        ("what was not observed stays at its prediction", run_scheme(scheme, make_graph(), unseen)),
        (
            "a closed gate leaves a node at its prediction",
            run_scheme(scheme, make_graph(), series, gate=closed),
        ),
    ):
        for name in ("x", "y", "v"):
            node = beliefs[name]
            same(f"{what}: mean of {name}", node.mean, node.predicted_mean, tolerance)
            same(
                f"{what}: precision of {name}", node.precision, node.predicted_precision, tolerance
            )


def order_is_irrelevant(scheme: AbstractScheme, series: Any, tolerance: float) -> None:
    """Law: the order of definition changes nothing."""
    one = run_scheme(scheme, make_graph(), series)
    other = run_scheme(scheme, make_graph(backward=True), series)
    same_beliefs("the order of definition changes nothing", one, other, tolerance)


def chunks_make_one_run(scheme: AbstractScheme, series: Any, tolerance: float) -> None:
    """Law: to stop and go on changes nothing."""
    half = STEPS // 2
    whole = run_scheme(scheme, make_graph(), series)
    first = run_scheme(
        scheme, make_graph(), {name: values[:half] for name, values in series.items()}
    )
    rest = {name: values[half:] for name, values in series.items()}
    second = run_scheme(scheme, make_graph(), rest, start=first.final)
    for name in whole:
        for field in whole[name].fields:
            joined = np.concatenate([getattr(first[name], field), getattr(second[name], field)])
            same(
                f"chunks make one run: {name}.{field}",
                joined,
                getattr(whole[name], field),
                tolerance,
            )


def conjugate_means_are_found(scheme: AbstractScheme, values: np.ndarray, tolerance: float) -> None:
    """Law: one Gaussian state moves to its posterior mean, by the share that its prediction leaves."""
    graph = Graph().add(
        u=ContinuousInput(precision=PRECISION), x=ContinuousState(tonic_volatility=GROWTH)
    )
    beliefs = run_scheme(scheme, graph.couple("x", "u"), {"u": values})["x"]
    gain = PRECISION / (PRECISION + beliefs.predicted_precision)
    expected = beliefs.predicted_mean + gain * (values - beliefs.predicted_mean)
    same("one Gaussian state moves to its posterior mean", beliefs.mean, expected, tolerance)
