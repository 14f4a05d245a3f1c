"""How much smoothing is worth: filter, smoother and exact smoother beside the truth.

Prints two Markdown tables; docs/theory/smoothing.md explains and reads them.

    python -m tests.benchmarks.smoothing
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import jax
import numpy as np

from examples.exactness import BAND, MODELS
from tests.oracles.particle_filter import Hierarchy, simulate
from tests.oracles.particle_smoother import particle_smoother
from tests.oracles.rauch_tung_striebel import rauch_tung_striebel
from tests.test_calibration import network_of

LINEAR = [
    "one state, one input",
    "two states, two inputs askew",
    "chain of two, slow parent",
    "chain of two, fast parent",
    "chain of two, precise input",
    "chain of three",
    "two drift parents",
]
"""Models of examples/exactness.py."""

HIERARCHIES = {
    "binary, 1": Hierarchy((-3.0,), (0.0,), (1.0,)),
    "binary, 2": Hierarchy((-3.0, -4.0), (0.0, 0.0), (1.0, 4.0)),
    "continuous, 2": Hierarchy((-3.0, -4.0), (0.0, 0.0), (1.0, 4.0), input_precision=5.0),
    "continuous, 2, volatile": Hierarchy((-1.0, -2.0), (0.0, 0.0), (1.0, 1.0), input_precision=5.0),
    "continuous, 3": Hierarchy(
        (-3.0, -4.0, -6.0), (0.0, 0.0, 0.0), (1.0, 4.0, 4.0), input_precision=5.0
    ),
}
"""Random walks below walks of their log volatility: the models of docs/theory/calibration.md."""

RUNAWAY = 100.0
"""Exact deviations from the exact mean beyond which a series is lost."""

FEW, ONE_ANCESTOR = 1e-3, 0.02
"""A series is left out where particles collapsed: where the filter's variance is below the first, that of a
few particles far out, or the smoothed one is below this share of it, as if all had one ancestor."""

COLUMNS = (
    *("model", "beliefs", "error of the mean", "log score", "coverage of 90 % band"),
    *("gap to exact", "log variance ratio"),
)
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


class Moments(NamedTuple):
    """Means and variances of shape (series, time, states)."""

    mean: np.ndarray
    variance: np.ndarray


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=40)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--particles", type=int, default=2_000)
    parser.add_argument("--histories", type=int, default=400)
    parser.add_argument("--only", default="", help="models whose names hold this")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    print(f"{options.series} series of {options.steps} steps.\n\n{HEAD}")
    for name in filter(lambda name: options.only in name, LINEAR):
        table(name, *linear(MODELS[name], options))
    print(f"\n{HEAD}")
    for name, hierarchy in HIERARCHIES.items():
        if options.only not in name:
            continue
        states, observations, exact, filtered = particles(hierarchy, options)
        table(name, states, exact, {"particle filter": filtered})
        for expansion in ("standard", "enhanced", "unbounded"):
            network = network_of(hierarchy).graph.compile(expansion=expansion)
            names = [name for name in network.graph.nodes if name != network.graph.inputs[0]]
            found = both(network, {network.graph.inputs[0]: observations}, names)
            rows = {f"{kind}, {expansion}": moments for kind, moments in found.items()}
            table(name, states, exact, rows, itself=False)
            if len(names) == 1:
                break


def table(name, states, exact, rows, *, itself=True) -> None:
    """Print the rows of a model, and of exact smoothing itself."""
    for kind, found in (rows | ({"exact smoother": exact} if itself else {})).items():
        distance = np.abs(found.mean - exact.mean) / np.sqrt(exact.variance)
        well = np.all(distance < RUNAWAY, axis=(1, 2))
        lost = "" if well.all() else f" ({len(well) - well.sum()} lost)"
        mean, variance = found.mean[well], found.variance[well]
        error, gap = mean - states[well], (mean - exact.mean[well]) / np.sqrt(exact.variance[well])
        score = -0.5 * (np.log(2 * np.pi * variance) + error**2 / variance)
        cells = [
            per_state(np.sqrt(over(error**2)), ".2f"),
            per_state(over(score), "+.2f"),
            per_state(over(np.abs(error) < BAND * np.sqrt(variance)), ".2f"),
            per_state(np.sqrt(over(gap**2)), ".2f"),
            per_state(over(np.log(variance / exact.variance[well])), "+.2f"),
        ]
        print("| " + " | ".join([name, kind + lost, *cells]) + " |", flush=True)


def over(values):
    """The mean over series and steps."""
    return values.mean(axis=(0, 1))


def per_state(values, form) -> str:
    """One number per state, the lowest first."""
    return " / ".join(format(value, form) for value in values)


def linear(model, options):
    """Truth, exact smoothing, and what the network believes of a linear model."""
    simulated = [model.simulated(options.steps, seed) for seed in range(options.series)]
    states, observations = (np.stack(column) for column in zip(*simulated, strict=True))
    transition = model.matrices()[0]
    runs = [rauch_tung_striebel(model.exact(series), transition) for series in observations]
    variances = [np.diagonal(run.covariance, axis1=-2, axis2=-1) for run in runs]
    exact = Moments(np.stack([run.mean for run in runs]), np.stack(variances))
    series = {f"u{n}": observations[..., n] for n in range(observations.shape[-1])}
    names = [f"x{n}" for n in range(model.states)]
    return states, exact, both(model.network(marginalise=True), series, names)


def particles(hierarchy, options):
    """Truth, observations, and what particles believe of it, smoothing and filtering."""
    simulated = [simulate(hierarchy, options.steps, seed) for seed in range(options.series)]
    states, observations = (np.stack(column) for column in zip(*simulated, strict=True))
    sizes = {"particles": options.particles, "histories": options.histories}
    runs = [
        particle_smoother(hierarchy, series, seed=seed, **sizes)
        for seed, series in enumerate(observations)
    ]
    columns = [np.stack(column) for column in zip(*runs, strict=True)]
    apart = (columns[3] > FEW) & (columns[1] > ONE_ANCESTOR * columns[3])
    apart = np.all(apart, axis=(1, 2))
    if not apart.all():
        print(f"{len(apart) - apart.sum()} series left out: their particles collapsed.")
    states, observations, *columns = (part[apart] for part in (states, observations, *columns))
    return states, observations, Moments(*columns[:2]), Moments(*columns[2:])


def both(network, series, names):
    """What a network believes as a filter, smoothed node by node, and as it smooths."""
    filtered = jax.vmap(lambda one: network.filter(one, throw=False))(series)
    smoothed = jax.vmap(lambda one: network.smooth(one, throw=False))(series)
    return {
        "filter": moments(filtered, names),
        "node by node": node_by_node(filtered, names),
        "smoother": moments(smoothed, names),
    }


def moments(beliefs, names) -> Moments:
    """Means and variances of some nodes."""
    mean = np.stack([beliefs[name].mean for name in names], axis=-1)
    return Moments(mean, 1 / np.stack([beliefs[name].precision for name in names], axis=-1))


def node_by_node(beliefs, names) -> Moments:
    """Every random walk smoothed by itself, from its own predictions: the simplest alternative."""
    mean, variance = moments(beliefs, names)
    ahead = np.stack([beliefs[name].predicted_mean for name in names], axis=-1)
    spread = 1 / np.stack([beliefs[name].predicted_precision for name in names], axis=-1)
    for step in reversed(range(mean.shape[1] - 1)):
        gain = variance[:, step] / spread[:, step + 1]
        mean[:, step] += gain * (mean[:, step + 1] - ahead[:, step + 1])
        variance[:, step] += gain**2 * (variance[:, step + 1] - spread[:, step + 1])
    return Moments(mean, variance)


if __name__ == "__main__":
    main()
