"""How far linear Gaussian graphs are from the Kalman filter, on data drawn from the model.

Prints two Markdown tables, which docs/theory/exactness.md explains and reads, and draws the first.

    python examples/exactness.py --out figures
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pynodes as pn
from tests.oracles.kalman import Filtered, kalman_filter

BAND = 1.6448536269514722
"""Standard deviations from the mean to the end of a Gaussian's 90 % band."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Linear:
    """States that walk and drive each other's drift, seen through noisy inputs.

    Parameters
    ----------
    tonic_volatility
        Log variance that every state gains per step.
    seen
        Strength of every input's coupling to every state, of shape (inputs, states).
    input_precision
        Precision of the inputs, given the states.
    drift
        Strengths by child and parent; a parent comes after its children.
    """

    tonic_volatility: tuple[float, ...]
    seen: tuple[tuple[float, ...], ...]
    input_precision: float = 1.0
    drift: tuple[tuple[int, int, float], ...] = ()

    @property
    def states(self) -> int:
        """How many states there are."""
        return len(self.tonic_volatility)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """Transition and noise covariance: the moves of all states, and what their children make of them.

        ``x' = x + drift x' + w``, in which nothing drives what drives it.
        """
        drift = np.zeros((self.states, self.states))
        for child, parent, strength in self.drift:
            drift[child, parent] = strength
        spread = np.linalg.inv(np.eye(self.states) - drift)
        return spread, (spread * np.exp(self.tonic_volatility)) @ spread.T

    def simulated(self, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """True states of shape (steps, states), and observations of shape (steps, inputs)."""
        random = np.random.default_rng(seed)
        (transition, noise), seen = self.matrices(), np.array(self.seen)
        moves = random.multivariate_normal(np.zeros(self.states), noise, steps)
        state, series = random.standard_normal(self.states), []
        for move in moves:
            state = transition @ state + move
            series.append(state)
        states = np.array(series)
        errors = random.standard_normal((steps, len(seen))) / np.sqrt(self.input_precision)
        return states, states @ seen.T + errors

    def exact(self, observations: np.ndarray) -> Filtered:
        """What the Kalman filter believes."""
        transition, noise = self.matrices()
        seen, start = np.array(self.seen), np.eye(self.states)
        error = np.eye(len(seen)) / self.input_precision
        mean = np.zeros(self.states)
        return kalman_filter(transition, noise, seen, error, mean, start, observations)

    def network(self, *, marginalise: bool) -> pn.Network:
        """The network of the same model."""
        states = {
            f"x{n}": pn.ContinuousState(tonic_volatility=volatility)
            for n, volatility in enumerate(self.tonic_volatility)
        }
        inputs = {
            f"u{n}": pn.ContinuousInput(precision=self.input_precision)
            for n in range(len(self.seen))
        }
        graph = pn.Graph(marginalise=marginalise).add({**states, **inputs})
        for child, parent, strength in self.drift:
            graph = graph.couple(f"x{parent}", f"x{child}", pn.Drift(strength=strength))
        for number, row in enumerate(self.seen):
            for state, strength in enumerate(row):
                if strength:
                    coupling = pn.Observation(strength=strength)
                    graph = graph.couple(f"x{state}", f"u{number}", coupling)
        return graph.compile()


MODELS = {
    "one state, one input": Linear(tonic_volatility=(-2.0,), seen=((1.0,),)),
    "one state, two inputs": Linear(tonic_volatility=(-2.0,), seen=((1.0,), (-0.5,))),
    "two states, one input, speeds as 1 to 55": Linear(
        tonic_volatility=(-1.0, -5.0), seen=((1.0, 1.0),)
    ),
    "two states, one input, equal speeds": Linear(
        tonic_volatility=(-2.0, -2.0), seen=((1.0, 1.0),)
    ),
    "two states, two inputs at right angles": Linear(
        tonic_volatility=(-2.0, -2.0), seen=((1.0, 0.5), (0.5, -1.0))
    ),
    "two states, two inputs askew": Linear(
        tonic_volatility=(-2.0, -2.0), seen=((1.0, 0.5), (0.5, 1.0))
    ),
    "chain of two, slow parent": Linear(
        tonic_volatility=(-1.0, -6.0), seen=((1.0, 0.0),), drift=((0, 1, 1.0),)
    ),
    "chain of two, fast parent": Linear(
        tonic_volatility=(-1.0, -2.0), seen=((1.0, 0.0),), drift=((0, 1, 1.0),)
    ),
    "chain of two, precise input": Linear(
        tonic_volatility=(-1.0, -4.0),
        seen=((1.0, 0.0),),
        input_precision=100.0,
        drift=((0, 1, 1.0),),
    ),
    "chain of three": Linear(
        tonic_volatility=(-1.0, -4.0, -6.0),
        seen=((1.0, 0.0, 0.0),),
        drift=((0, 1, 1.0), (1, 2, 0.5)),
    ),
    "two drift parents": Linear(
        tonic_volatility=(-1.0, -4.0, -6.0),
        seen=((1.0, 0.0, 0.0),),
        drift=((0, 1, 1.0), (0, 2, 1.0)),
    ),
}
"""Graphs whose exact beliefs are known; the states of a chain from the observed one up."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How far some beliefs are from exact ones.

    A gap is of a mean, in exact deviations, or of the log of a variance; ``error``, ``ratio`` and
    ``coverage`` are of every state, in order.
    """

    first_gap: float
    largest_gap: float
    error: np.ndarray
    ratio: np.ndarray
    coverage: np.ndarray
    lost: float

    def cells(self) -> list[str]:
        """As cells of the table."""
        return [
            f"{self.first_gap:.0e}",
            f"{self.largest_gap:.0e}",
            *map(per_state, (self.error, self.ratio, self.coverage)),
            f"{self.lost:+.4f}",
        ]


def main(arguments: list[str] | None = None) -> None:
    """Print the tables, draw the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    print(f"{options.series} series of {options.steps} steps.\n")
    print(
        "| model | marginalised | largest gap at the first step | largest gap | RMS error, sd "
        "| variance ratio | coverage of 90 % band | nats per step |"
    )
    print("|---|---|---|---|---|---|---|---|")
    found = []
    for name, model in MODELS.items():
        for marginalised, comparison in compared_both_ways(model, options):
            print("| " + " | ".join([name, marginalised, *comparison.cells()]) + " |", flush=True)
            found.append((name, marginalised, comparison))
    print("\n| parents of the input | volatility of each | sum of shares | largest mean | exact |")
    print("|---|---|---|---|---|")
    for parents in (2, 3, 4):
        for volatility in (-4.0, 0.0, 2.0):
            print("| " + " | ".join(crowded(parents, volatility, options)) + " |")
    draw(found, options.out / "exactness.png")
    print(f"Wrote {options.out / 'exactness.png'}")


def draw(found: list[tuple[str, str, Comparison]], path: Path) -> None:
    """A row for every model, a mark for every state: the error of its means, and what its bands hold."""
    places = {name: -number for number, name in enumerate(MODELS)}
    looks = {"either": ("o", "0.2"), "yes": ("o", "#0072B2"), "no": ("s", "#D55E00")}
    labels = {"either": "one form", "yes": "marginalised", "no": "parents at their means"}
    figure, axes = plt.subplots(1, 2, sharey=True, figsize=(7, 4), layout="constrained")
    said = set()
    for name, marginalised, comparison in found:
        marker, colour = looks[marginalised]
        height = places[name] + {"either": 0.0, "yes": 0.14, "no": -0.14}[marginalised]
        for ax, values in zip(axes, (comparison.error, comparison.coverage), strict=True):
            label = labels[marginalised] if marginalised not in said else None
            ax.plot(values, [height] * len(values), marker, color=colour, ms=5, label=label)
            said.add(marginalised)
    axes[0].set(xlabel="error of the mean,\nexact deviations", yticks=list(places.values()))
    axes[0].set_yticklabels(list(places), fontsize=8)
    axes[0].set_xlim(left=-0.03)
    axes[1].axvline(0.9, color="0.5", lw=1, ls="--")
    axes[1].set(xlabel="share of true states\nin the 90 % band")
    for ax in axes:
        ax.grid(axis="y", color="0.9")
        ax.set_axisbelow(True)
    figure.legend(frameon=False, ncols=3, loc="outside upper center", fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def compared_both_ways(
    model: Linear, options: argparse.Namespace
) -> Iterator[tuple[str, Comparison]]:
    """One model beside the exact filter: predictions averaged over the parents, and at their means."""
    seeds = range(options.seed, options.seed + options.series)
    simulated = [model.simulated(options.steps, seed) for seed in seeds]
    states, observations = (np.stack(column) for column in zip(*simulated, strict=True))
    runs = [model.exact(series) for series in observations]
    exact = Filtered(*(np.stack(column) for column in zip(*runs, strict=True)))
    if not model.drift:
        yield "either", compared(model.network(marginalise=True), states, observations, exact)
        return
    for name, marginalise in (("yes", True), ("no", False)):
        network = model.network(marginalise=marginalise)
        yield name, compared(network, states, observations, exact)


def crowded(parents: int, volatility: float, options: argparse.Namespace) -> list[str]:
    """How far several states of one input go, and how much of an error they claim together."""
    model = Linear(tonic_volatility=(volatility,) * parents, seen=((1.0,) * parents,))
    _, observations = model.simulated(options.steps, options.seed)
    beliefs = model.network(marginalise=True).filter({"u0": observations[:, 0]})
    spread = 1 / float(beliefs["x0"].predicted_precision[-1])
    shares = parents * spread / (spread + 1 / model.input_precision)
    largest = np.abs(beliefs["x0"].mean).max()
    exact = np.abs(model.exact(observations).mean[:, 0]).max()
    return [str(parents), f"{volatility:g}", f"{shares:.2f}", f"{largest:.3g}", f"{exact:.3g}"]


def compared(
    network: pn.Network, states: np.ndarray, observations: np.ndarray, exact: Filtered
) -> Comparison:
    """What a network believes of all series, beside what is exact."""
    series = {f"u{n}": observations[..., n] for n in range(observations.shape[-1])}
    beliefs = jax.vmap(network.filter)(series)
    names = [f"x{n}" for n in range(states.shape[-1])]
    mean = np.stack([beliefs[name].mean for name in names], axis=-1)
    variance = 1 / np.stack([beliefs[name].precision for name in names], axis=-1)
    true_variance = np.diagonal(exact.covariance, axis1=-2, axis2=-1)
    errors = (mean - exact.mean) / np.sqrt(true_variance)
    ratios = variance / true_variance
    gaps = np.maximum(np.abs(errors), np.abs(np.log(ratios)))
    inside = np.abs(states - mean) < BAND * np.sqrt(variance)
    lost = -np.asarray(beliefs.surprise) - exact.log_evidence
    return Comparison(
        first_gap=float(gaps[:, 0].max()),
        largest_gap=float(gaps.max()),
        error=np.sqrt(np.mean(errors**2, axis=(0, 1))),
        ratio=np.exp(np.mean(np.log(ratios), axis=(0, 1))),
        coverage=inside.mean(axis=(0, 1)),
        lost=float(lost.mean()),
    )


def per_state(values: np.ndarray) -> str:
    """One number per state."""
    return " / ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
