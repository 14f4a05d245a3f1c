"""How far each expansion is from the exact filtering posterior, on data drawn from the model.

Prints a Markdown table for every regime, which docs/theory/calibration.md explains and reads, and draws
them.

    python examples/calibration.py --out figures

With ``--lasting`` instead: which expansions keep their state in thousands of trials.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pynodes as pn
from tests.oracles.particle_filter import Filtered, Hierarchy, particle_filter, simulate

REGIMES = {
    "moderate": {
        "binary, x2": Hierarchy((-3.0,), (0.0,), (1.0,)),
        "binary, x2 x3": Hierarchy((-3.0, -4.0), (0.0, 0.0), (1.0, 4.0)),
        "continuous, x1 x2": Hierarchy((-3.0, -4.0), (0.0, 0.0), (1.0, 4.0), input_precision=5.0),
        "continuous, x1 x2 x3": Hierarchy(
            (-3.0, -4.0, -6.0), (0.0, 0.0, 0.0), (1.0, 4.0, 4.0), input_precision=5.0
        ),
    },
    "volatile": {
        "binary, x2": Hierarchy((-1.0,), (0.0,), (1.0,)),
        "binary, x2 x3": Hierarchy((-2.0, -3.0), (0.0, 0.0), (1.0, 4.0)),
        "continuous, x1 x2": Hierarchy((-1.0, -3.0), (0.0, 0.0), (1.0, 4.0), input_precision=5.0),
        "continuous, x1 x2 x3": Hierarchy(
            (-1.0, -4.0, -5.0), (0.0, 0.0, 0.0), (1.0, 4.0, 4.0), input_precision=5.0
        ),
    },
}
"""Models by regime. Every strength is 1, so that these volatilities are all that differs."""

BAND = 1.6448536269514722
"""Standard deviations from the mean to the end of a Gaussian's 90 % band."""

RAN_AWAY = 20.0
"""A mean so many exact standard deviations off has lost its state, and would swamp any average."""

UNSETTLED = 0.5
"""Two particle filters that differ by this much, in RMS posterior deviations, are no reference."""


@dataclasses.dataclass(frozen=True)
class Quadrature(pn.AbstractExpansion):
    """The exact mean and variance of what the other expansions approximate, integrated on a grid.

    What is left of its error cannot be blamed on an expansion. For one volatility child.
    """

    points: int = 801
    reach: float = 8.0

    def volatile(
        self,
        point: pn.Array,
        variance: pn.Array,
        pull: pn.Array | None,
        message: pn.VolatilityMessage,
    ) -> tuple[pn.Array, pn.Array]:
        """Posterior mean and variance."""
        center = point if pull is None else point + variance * pull
        offsets = self.reach * jnp.sqrt(variance) * jnp.linspace(-1.0, 1.0, self.points)
        values = center + offsets
        weights = jax.nn.softmax(message.log_density(values) - 0.5 * offsets**2 / variance)
        mean = weights @ values
        return mean, weights @ (values - mean) ** 2


EXPANSIONS: dict[str, pn.AbstractExpansion] = {
    "standard": pn.Standard(),
    "enhanced": pn.Enhanced(),
    "unbounded": pn.Unbounded(),
    "structured": pn.Structured(),
    "(quadrature)": Quadrature(),
}


@dataclasses.dataclass(frozen=True)
class Reference:
    """Simulated series and their exact beliefs; arrays of shape (series, time, states)."""

    states: np.ndarray
    observations: np.ndarray
    exact: Filtered
    again: Filtered


@dataclasses.dataclass(frozen=True)
class Beliefs:
    """What was believed of some series; ``inside`` says whether the truth lay in the 90 % band."""

    mean: np.ndarray
    variance: np.ndarray
    inside: np.ndarray
    log_evidence: np.ndarray
    ok: np.ndarray


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Beliefs beside exact ones; averages are over the series that neither failed nor ran away.

    ``bias``, ``error``, ``ratio`` and ``coverage`` are of every state, lowest first, and None if less than
    half of the series were left.
    """

    failed: int
    away: int
    bias: np.ndarray | None = None
    error: np.ndarray | None = None
    ratio: np.ndarray | None = None
    coverage: np.ndarray | None = None
    lost: float | None = None

    def cells(self) -> list[str]:
        """As cells of the table."""
        counts = [str(self.failed), str(self.away)]
        if self.lost is None:
            return [*counts, *["–"] * 5]
        return [
            *counts,
            cell(self.bias, "+.2f"),
            cell(self.error, ".2f"),
            cell(self.ratio, "+.2f"),
            cell(self.coverage, ".2f"),
            f"{self.lost:+.4f}",
        ]


def main(arguments: list[str] | None = None) -> None:
    """Print a table for every regime, draw all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--particles", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--lasting", action="store_true", help="coins and blocks of the steps asked for"
    )
    parser.add_argument("--regimes", nargs="+", choices=list(REGIMES), default=list(REGIMES))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[tuple[str, str, str, Comparison]]] = {}
    jax.config.update("jax_enable_x64", True)
    if options.lasting:
        print(*lasting(options), sep="\n")
        return
    print("### One unsurprising move: posterior mean, variance\n", *unsurprised(), sep="\n")
    print(f"\n{options.series} series of {options.steps} steps, {options.particles} particles.")
    for regime in options.regimes:
        models = REGIMES[regime]
        print(f"\n### {regime.capitalize()}\n")
        print(
            "| model | expansion | marginalised | failed | ran away | mean error, sd "
            "| RMS error, sd | log variance ratio | coverage of 90 % band | nats per step |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        for model, hierarchy in models.items():
            for rule, marginalised, comparison in comparisons(hierarchy, options):
                cells = [model, rule, marginalised, *comparison.cells()]
                print("| " + " | ".join(cells) + " |", flush=True)
                found.setdefault(regime, []).append((model, rule, marginalised, comparison))
    draw(found, options.out / "calibration.png")
    print(f"\nWrote {options.out / 'calibration.png'}")


LOST = 20.0
"""A logit beyond this is of no series that has ones and zeros in it."""

BLOCK = 40
"""Trials until what is usual becomes unusual."""


def lasting(options: argparse.Namespace) -> list[str]:
    """A table of series of fair coins, and of blocks of 80 % and 20 %, under the defaults of three levels."""
    random = np.random.default_rng(options.seed)
    blocks = np.where((np.arange(options.steps) // BLOCK) % 2, 0.8, 0.2)
    lines = [
        "| series | expansion | lost | of these doubted | first beyond 20 (median) "
        "| nats over the best, last fifth |",
        "|---|---|---|---|---|---|",
    ]
    for name, chance in (("fair coins", np.full(options.steps, 0.5)), ("blocks", blocks)):
        series = (random.random((options.series, options.steps)) < chance) * 1.0
        best = -np.mean(chance * np.log(chance) + (1 - chance) * np.log(1 - chance))
        for rule, expansion in EXPANSIONS.items():
            if isinstance(expansion, Quadrature):
                continue
            network = pn.models.binary_hgf(3, expansion=expansion).compile()
            runs = [network.filter({"u": one}, throw=False) for one in series]
            far = np.stack([np.abs(np.asarray(run["x2"].mean)) > LOST for run in runs])
            lost = far.any(axis=1) | ~np.array([bool(run.status.ok) for run in runs])
            said = sum(
                not run.status.plausible for run, is_lost in zip(runs, lost, strict=True) if is_lost
            )
            first = f"{np.median(far.argmax(axis=1)[lost]):.0f}" if lost.any() else "–"
            late = np.array(
                [np.asarray(run["u"].surprise)[-options.steps // 5 :].mean() for run in runs]
            )
            over = f"{late[~lost].mean() - best:+.3f}" if not lost.all() else "–"
            cells = [name, rule, f"{lost.sum()} of {len(runs)}", str(said), first, over]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


LOOKS = {
    "any": ("D", "0.2"),
    "standard": ("s", "#D55E00"),
    "enhanced": ("^", "#009E73"),
    "unbounded": ("o", "#0072B2"),
    "structured": ("P", "#CC79A7"),
    "(quadrature)": ("x", "#222222"),
}
"""Marker and colour of every expansion; of a model without volatility parents they are one."""


def draw(found: dict[str, list[tuple[str, str, str, Comparison]]], path: Path) -> None:
    """A row of marginalised beliefs for every state of every model, a mark for every expansion."""
    figure, axes = plt.subplots(
        len(found), 2, sharey="row", figsize=(7, 6.5), layout="constrained", squeeze=False
    )
    said = set()
    for row, (regime, entries) in zip(axes, found.items(), strict=True):
        states: dict[str, int] = {}
        for model, rule, marginalised, comparison in entries:
            if rule not in LOOKS or marginalised == "no" or comparison.error is None:
                continue
            marker, colour = LOOKS[rule]
            for name, *values in zip(
                model.split(", ")[1].split(), comparison.error, comparison.coverage, strict=True
            ):
                place = states.setdefault(f"{model}: {name}", -len(states))
                height = place + 0.12 * (list(LOOKS).index(rule) - 2)
                for ax, value in zip(row, values, strict=True):
                    label = rule if rule not in said else None
                    ax.plot(value, height, marker, color=colour, ms=4, label=label)
                    said.add(rule)
        row[0].set(title=regime, yticks=list(states.values()))
        row[0].set_yticklabels(list(states), fontsize=7.5)
        row[0].set_xlim(left=0)
        row[1].axvline(0.9, color="0.5", lw=1, ls="--")
        for ax in row:
            ax.grid(axis="y", color="0.92")
            ax.set_axisbelow(True)
    axes[-1, 0].set_xlabel("error of the mean, exact deviations")
    axes[-1, 1].set_xlabel("share of true states in the 90 % band")
    figure.legend(frameon=False, ncols=5, loc="outside upper center", fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def unsurprised() -> list[str]:
    """A table of what one move, as large as it was expected to be, does to a belief N(0, 1)."""
    lines = [
        "| child's carried variance | growth with the parent at 0 | "
        + " | ".join(EXPANSIONS)
        + " |",
        "|---|---|" + "---|" * len(EXPANSIONS),
    ]
    zero, one = jnp.zeros(()), jnp.ones(())
    for carried, growth in ((1.0, 0.05), (0.2, 0.2), (0.05, 0.2)):
        expected = growth * np.exp(0.5)
        message = pn.VolatilityMessage(
            strength=one,
            point=zero,
            squared_move=jnp.asarray(carried + expected),
            variance=jnp.asarray(carried + expected),
            added_variance=jnp.asarray(expected),
            carried_variance=jnp.asarray(carried),
            log_growth=jnp.log(growth),
        )
        beliefs = [rule.volatile(zero, one, None, message) for rule in EXPANSIONS.values()]
        cells = [f"{mean:+.3f}, {variance:.3f}" for mean, variance in beliefs]
        lines.append("| " + " | ".join([str(carried), str(growth), *cells]) + " |")
    return lines


def comparisons(
    hierarchy: Hierarchy, options: argparse.Namespace
) -> Iterator[tuple[str, str, Comparison]]:
    """Of one model: every expansion, marginalised and not, then the reference against itself."""
    reference = settled(referred(hierarchy, options))
    alone = len(hierarchy.tonic_volatility) == 1
    alike = {"any": pn.Unbounded(), "structured": pn.Structured()}
    for name, expansion in (alike if alone else EXPANSIONS).items():
        either = alone or name == "structured"
        for marginalise in (True,) if either else (True, False):
            network = network_of(hierarchy, expansion, marginalise)
            beliefs = believed(network, reference)
            marginalised = "either" if either else "yes" if marginalise else "no"
            yield name, marginalised, compared(beliefs, reference)
    kept = len(reference.states)
    again = Beliefs(
        mean=reference.again.mean,
        variance=reference.again.variance,
        inside=held(reference.states, *np.moveaxis(reference.exact.quantiles, -1, 0)),
        log_evidence=reference.again.log_evidence,
        ok=np.ones(kept, bool),
    )
    yield f"(particles, {kept} of {options.series} series)", "", compared(again, reference)


def referred(hierarchy: Hierarchy, options: argparse.Namespace) -> Reference:
    """Simulate series, and filter each by two independent sets of particles."""
    simulated, exact, again = [], [], []
    for number in range(options.series):
        seed = options.seed + 3 * number
        states, observations = simulate(hierarchy, options.steps, seed)
        simulated.append((states, observations))
        for runs, quantiles, offset in ((exact, (0.05, 0.95), 1), (again, (), 2)):
            runs.append(
                particle_filter(
                    hierarchy,
                    observations,
                    particles=options.particles,
                    probabilities=quantiles,
                    seed=seed + offset,
                )
            )
    states, observations = (np.stack(column) for column in zip(*simulated, strict=True))
    return Reference(states, observations, stacked(exact), stacked(again))


def stacked(runs: list[Filtered]) -> Filtered:
    """Several runs as one, the series first."""
    return Filtered(*(np.stack(column) for column in zip(*runs, strict=True)))


def settled(reference: Reference) -> Reference:
    """Only those series on which the two particle filters agree."""
    gap = (reference.again.mean - reference.exact.mean) ** 2 / reference.exact.variance
    keep = np.all(np.sqrt(np.mean(gap, axis=1)) < UNSETTLED, axis=-1)
    return Reference(
        reference.states[keep],
        reference.observations[keep],
        Filtered(*(field[keep] for field in reference.exact)),
        Filtered(*(field[keep] for field in reference.again)),
    )


def network_of(
    hierarchy: Hierarchy, expansion: pn.AbstractExpansion, marginalise: bool
) -> pn.Network:
    """The network of the same model."""
    levels = len(hierarchy.tonic_volatility)
    beliefs = {
        "tonic_volatility": hierarchy.tonic_volatility,
        "initial_mean": hierarchy.initial_mean,
        "initial_precision": hierarchy.initial_precision,
    }
    settings = {"expansion": expansion, "marginalise": marginalise}
    if hierarchy.input_precision is None:
        return pn.models.binary_hgf(levels + 1, **beliefs, **settings).compile()
    precision = hierarchy.input_precision
    return pn.models.continuous_hgf(
        levels, input_precision=precision, **beliefs, **settings
    ).compile()


def believed(network: pn.Network, reference: Reference) -> Beliefs:
    """Filter every series."""
    run = jax.vmap(lambda series: network.filter({"u": series}, throw=False))
    beliefs = run(reference.observations)
    states = [name for name in beliefs if name != "u"]
    mean = np.stack([beliefs[name].mean for name in states], axis=-1)
    variance = 1 / np.stack([beliefs[name].precision for name in states], axis=-1)
    reach = BAND * np.sqrt(variance)
    return Beliefs(
        mean=mean,
        variance=variance,
        inside=held(reference.states, mean - reach, mean + reach),
        log_evidence=-np.asarray(beliefs.surprise),
        ok=np.asarray(beliefs.status.ok),
    )


def held(states: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether a band holds the true states."""
    return (low <= states) & (states <= high)


def compared(beliefs: Beliefs, reference: Reference) -> Comparison:
    """Some beliefs beside those of the reference."""
    exact = reference.exact
    errors = (beliefs.mean - exact.mean) / np.sqrt(exact.variance)
    away = beliefs.ok & (np.abs(errors) > RAN_AWAY).any(axis=(1, 2))
    kept = beliefs.ok & ~away
    counts = int(np.sum(~beliefs.ok)), int(np.sum(away))
    if not kept.size or np.mean(kept) < 0.5:
        return Comparison(*counts)
    ratios = np.log(beliefs.variance[kept] / exact.variance[kept])
    evidence = (beliefs.log_evidence - exact.log_evidence)[kept]
    return Comparison(
        *counts,
        bias=errors[kept].mean(axis=(0, 1)),
        error=np.sqrt(np.mean(errors[kept] ** 2, axis=(0, 1))),
        ratio=ratios.mean(axis=(0, 1)),
        coverage=beliefs.inside[kept].mean(axis=(0, 1)),
        lost=float(evidence.mean()),
    )


def cell(values: np.ndarray, form: str) -> str:
    """One number per state, lowest first."""
    return " / ".join(format(value, form) for value in values)


if __name__ == "__main__":
    main()
