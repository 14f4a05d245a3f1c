"""Simulate: series from a space of graphs: edges, strengths and noise from their priors, then the series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from pynodes._errors import GraphError
from pynodes._runtime.inputs import read_simulation
from pynodes._runtime.runs import sample_by_name
from pynodes.nodes import ConstantState, RegressionInput
from pynodes.structure.joint import JointScore, revise
from pynodes.structure.lagged import find_lagged_source
from pynodes.structure.local import is_local
from pynodes.structure.regression import read_strength_prior
from pynodes.structure.request import Request
from pynodes.structure.space import Space

TRIES = 200
"""So often values are drawn anew where series leave what is plausible."""

BURN = 100
"""Steps before the first that is kept, where series depend on nothing but their own past."""

FAR = 1e6
"""Series that go further are taken to explode."""


def simulate_series(
    space: Space, mask: np.ndarray, request: Request, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], int]:
    """Series of one graph, with the length, times and gaps of those that were searched.

    Returns
    -------
    The series, and how often values were drawn anew because their series exploded.

    Raises
    ------
    GraphError
        Nearly all series do.
    """
    draw = draw_regressions if is_local(space) else draw_network
    for tried in range(TRIES):
        series = draw(space, mask, request, rng)
        if series is not None:
            return {
                name: np.where(np.isnan(request.inputs[name]), np.nan, values)
                for name, values in series.items()
            }, tried
    raise GraphError(
        f"Of {TRIES} draws from the priors no series stays within bounds. Priors that wide say nothing of "
        "your series: take narrower ones for strengths and volatilities."
    )


def draw_regressions(
    space: Space, mask: np.ndarray, request: Request, rng: np.random.Generator
) -> dict[str, np.ndarray] | None:
    """Series of regressions on one another's past and on what is known; None if they explode."""
    names = [n for n, node in space.graph.nodes.items() if isinstance(node, RegressionInput)]
    own, noise, drift = draw_strengths(space, mask, names, rng)
    lagged, known = divide_terms(space, request)
    reach = max((lag for _, lag in lagged.values()), default=0)
    if not is_stationary(names, own, lagged):
        return None
    steps = request.steps
    burn = 0 if known else BURN + reach
    values = {name: np.zeros(burn + steps) for name in names}
    dt = np.broadcast_to(np.asarray(request.dt, float), steps)
    for step in range(burn + steps):
        for child in names:
            mean = 0.0
            for parent in own[child]:
                grown = np.sqrt(drift[child][parent] * (dt[step - burn] if step >= burn else 0.0))
                own[child][parent] += grown * rng.normal() if grown else 0.0
                strength = own[child][parent]
                source, lag = lagged.get(parent, (parent, 0))
                if parent in known:
                    mean += strength * known[parent][step]
                elif step >= lag:
                    mean += strength * values[source][step - lag]
            values[child][step] = mean + np.sqrt(noise[child]) * rng.normal()
    kept = {name: one[burn:] for name, one in values.items()}
    if not all(np.all(np.abs(one) < FAR) for one in kept.values()):
        return None
    given = {name: one for name, one in request.inputs.items() if name not in names}
    return kept | given


def draw_strengths(
    space: Space, mask: np.ndarray, names: list[str], rng: np.random.Generator
) -> tuple[dict[str, dict[str, float]], dict[str, float], dict[str, dict[str, float]]]:
    """Strengths of all edges that are on, by child and parent; noise variances, and those of their drift.

    A strength is what the child believes of the term, times the strength of the coupling: it drifts so many
    times as far.
    """
    off = {name for name, on in zip(space.edges, mask, strict=True) if not on}
    own: dict[str, dict[str, float]] = {name: {} for name in names}
    drift: dict[str, dict[str, float]] = {name: {} for name in names}
    noise = {}
    for name in names:
        node: Any = space.graph.nodes[name]
        mean, precision, shape, scale = read_strength_prior(node)
        noise[name] = scale if shape is None else scale / rng.gamma(shape)
        unit = 1.0 if shape is None else noise[name]
        growth = unit * float(np.exp(np.asarray(node.tonic_volatility)))
        drawn = mean + rng.normal(size=len(mean)) * np.sqrt(noise[name] / precision)
        for edge, (parent, child, coupling) in space.named.items():
            if child == name and edge not in off:
                place = int(coupling.component)  # type: ignore[attr-defined]
                factor = float(np.asarray(coupling.strength))  # type: ignore[attr-defined]
                own[name][parent] = factor * float(drawn[place])
                drift[name][parent] = factor**2 * growth
    return own, noise, drift


def divide_terms(
    space: Space, request: Request
) -> tuple[dict[str, tuple[str, int]], dict[str, np.ndarray]]:
    """Terms that are what a series was before, and those that are known."""
    lagged, known = {}, {}
    for name, node in space.graph.nodes.items():
        if isinstance(node, ConstantState):
            known[name] = np.full(request.steps, float(np.asarray(node.value)))
        elif not isinstance(node, RegressionInput):
            if name in request.inputs:
                known[name] = request.inputs[name]
            else:
                lagged[name] = find_lagged_source(name)
    return lagged, known


def is_stationary(
    names: list[str], own: Mapping[str, Mapping[str, float]], lagged: Mapping[str, tuple[str, int]]
) -> bool:
    """Whether series that depend on their own past do not explode: all roots lie within the unit circle."""
    size, reach = len(names), max((lag for _, lag in lagged.values()), default=0)
    if not reach:
        return True
    place = {name: i for i, name in enumerate(names)}
    companion = np.eye(size * reach, k=-size)
    companion[:size] = 0.0
    for child, strengths in own.items():
        for parent, strength in strengths.items():
            if parent in lagged:
                source, lag = lagged[parent]
                companion[place[child], (lag - 1) * size + place[source]] += strength
    return bool(np.max(np.abs(np.linalg.eigvals(companion))) < 0.99)


def draw_network(
    space: Space, mask: np.ndarray, request: Request, rng: np.random.Generator
) -> dict[str, np.ndarray] | None:
    """Series of any network, strengths and other free parameters from their priors; None if they explode."""
    labels, seeds = space.network.labels, rng.integers(2**31, size=2)
    given = {
        n: v for n, v in request.inputs.items() if n in labels.nodes and space.graph.nodes[n].given
    }
    feed = read_simulation(labels, given, request.dt, request.steps)
    score = JointScore(space=space, feed=feed)
    keys = jax.random.split(jax.random.key(int(seeds[0])), max(len(score.priors), 1))
    values = [prior.draw(key) for prior, key in zip(score.priors, keys, strict=False)]
    on: Any = np.asarray(mask, float)
    program = revise(score.program, labels, score.layout, values, on)
    drawn = sample_by_name(labels, program, feed, None, jax.random.key(int(seeds[1])))
    series = {n: np.asarray(drawn[n], float) for n in request.inputs if n not in given}
    fine = all(np.all(np.abs(one) < FAR) for one in series.values())
    return series | given if fine else None
