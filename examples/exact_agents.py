"""What an update scheme does to a study: agents whose beliefs are exact, fitted by models whose are not.

Every agent sees outcomes drawn from a binary hierarchy of random walks, believes what a particle filter of
that hierarchy says, and bets by what it predicts. Parameters, models and a difference between groups are then
looked for as in any study, under every expansion; and once with the exact beliefs, on a grid, for what there
is to find. Some minutes of processor time; docs/theory/recovery.md reads the result.

    python examples/exact_agents.py --out docs/figures          # everything anew
    python examples/exact_agents.py --out docs/figures --draw   # the figure, from the numbers that were kept
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

import pynodes as pn

AGENTS, TRIALS, STUDIES = 80, 160, 12
BELIEVED, COMPARED = 2000, 1000
"""Particles of an agent, and of each place of the grid on which beliefs are compared with its choices."""

SPREAD, SHARPNESS = 1.0, pn.LogNormal(1.0, 0.5)
"""Standard deviation of tonic volatilities over agents, and how their inverse temperatures are spread. Both
are known to whoever fits."""

EFFECT, WITHIN = 1.0, 0.7
"""Between the mean tonic volatilities of two groups, and the standard deviation within each."""

Array = npt.NDArray[Any]

NARROWEST = 0.1
"""No posterior of a tonic volatility has a smaller deviation after so few trials."""

BAND = 1.6448536269514722
SCHEMES = ("standard", "enhanced", "unbounded", "structured")


@dataclasses.dataclass(frozen=True)
class World:
    """A hierarchy: mean tonic volatility of its logit, and that of its log volatility, if it has one."""

    tonic: float
    above: float | None

    @property
    def levels(self) -> int:
        """The input included, as models count them."""
        return 2 if self.above is None else 3


WORLDS = {
    "two levels": World(-3.0, None),
    "moderate": World(-3.0, -4.0),
    "volatile": World(-2.0, -3.0),
}


def predict_exactly(
    world: World, tonic: Array, outcomes: Array, particles: int, seed: int
) -> Array:
    """Probabilities of a one that filters of these tonic volatilities predict, of shape (filters, trials).

    ``outcomes`` has a row per filter. All filters draw the same numbers.
    """
    random = np.random.default_rng(seed)
    size = (len(tonic), particles)
    logit = np.broadcast_to(random.standard_normal(particles), size)
    above = np.broadcast_to(0.5 * random.standard_normal(particles), size)
    if world.above is None:
        above = np.zeros(size)
    rows, found = np.arange(len(tonic))[:, None], []
    for seen in outcomes.T:
        if world.above is not None:
            above = above + np.exp(0.5 * world.above) * random.standard_normal(particles)
        deviation = np.exp(0.5 * np.minimum(tonic[:, None] + above, 100.0))
        logit = logit + deviation * random.standard_normal(particles)
        one = 1 / (1 + np.exp(-np.clip(logit, -500.0, 500.0)))
        found.append(one.mean(1))
        weights = np.where(seen[:, None] == 1, one, 1 - one) + 1e-300
        below = np.cumsum(weights, axis=1)
        below = particles * below / below[:, -1:] - random.random()
        # Systematic resampling: how often each particle is kept, and from that which one is in every place.
        last = np.ceil(below).astype(int)
        last[:, -1] = particles
        marks = np.zeros((len(tonic), particles + 1), int)
        np.add.at(marks, (rows, np.clip(last, 0, particles)), 1)
        kept = np.cumsum(marks, axis=1)[:, :particles]
        logit = np.take_along_axis(logit, kept, 1)
        above = np.take_along_axis(above, kept, 1)
    return np.clip(np.array(found).T, 1e-4, 1 - 1e-4)


def draw_outcomes(world: World, agents: int, random: np.random.Generator) -> Array:
    """Outcomes of a hierarchy, a row for each agent."""
    logit, above = random.standard_normal(agents), 0.5 * random.standard_normal(agents)
    rows = []
    for _ in range(TRIALS):
        if world.above is not None:
            above = above + np.exp(0.5 * world.above) * random.standard_normal(agents)
        scale = np.exp(0.5 * (world.tonic + (above if world.above is not None else 0.0)))
        logit = logit + scale * random.standard_normal(agents)
        rows.append(random.random(agents) < 1 / (1 + np.exp(-logit)))
    return np.array(rows).T.astype(float)


def choose(probability: Array, sharpness: Array, random: np.random.Generator) -> Array:
    """Bets by the odds that were predicted."""
    odds = sharpness[:, None] * np.log(probability / (1 - probability))
    return (random.random(odds.shape) < 1 / (1 + np.exp(-odds))).astype(float)


def simulate_study(world: World, seed: int, effect: float | None = None) -> tuple[Array, ...]:
    """Parameters, outcomes and choices of agents with exact beliefs; with an effect, of two groups."""
    random = np.random.default_rng(seed)
    tonic = world.tonic + SPREAD * random.standard_normal(AGENTS)
    if effect is not None:
        side = np.where(np.arange(AGENTS) < AGENTS // 2, -0.5, 0.5)
        tonic = world.tonic + effect * side + WITHIN * random.standard_normal(AGENTS)
    sharpness = np.exp(1.0 + 0.5 * random.standard_normal(AGENTS))
    outcomes = draw_outcomes(world, AGENTS, random)
    probability = predict_exactly(world, tonic, outcomes, BELIEVED, seed + 1)
    return tonic, sharpness, outcomes, choose(probability, sharpness, random)


def simulate_delta_rule(world: World, seed: int) -> tuple[Array, ...]:
    """The same of agents who learn with a constant rate."""
    random = np.random.default_rng(seed)
    rate = 1 / (1 + np.exp(1.0 - random.standard_normal(AGENTS)))
    sharpness = np.exp(1.0 + 0.5 * random.standard_normal(AGENTS))
    outcomes = draw_outcomes(world, AGENTS, random)
    expected, rows = np.full(AGENTS, 0.5), []
    for seen in outcomes.T:
        rows.append(np.clip(expected, 1e-4, 1 - 1e-4))
        expected = expected + rate * (seen - expected)
    return rate, sharpness, outcomes, choose(np.array(rows).T, sharpness, random)


def make_agent(world: World, scheme: str) -> pn.Agent:
    """An agent that shares the hierarchy and the priors, but updates by a scheme."""
    count = world.levels - 1
    free: dict[str, Any] = {"x2.tonic_volatility": pn.Normal(world.tonic, SPREAD)}
    if world.above is not None:
        free["x3.tonic_volatility"] = pn.Fixed(world.above)
    return pn.agents.binary_hgf(
        world.levels,
        initial_mean=[0.0] * count,
        initial_precision=[1.0, 4.0][:count],
        expansion=scheme,
        free=free | {"inverse_temperature": SHARPNESS},
    )


def fit_agents(agent: pn.Agent, outcomes: Array, choices: Array) -> pn.MapFit:
    """Fits of all agents, each for itself."""
    columns = {
        "subject": np.repeat(np.arange(len(outcomes)), outcomes.shape[1]),
        "u": outcomes.ravel(),
        "y": choices.ravel(),
    }
    trials = pn.Trials(columns, inputs="u", actions="y", by="subject")
    return pn.fit_map(agent, trials, starts=8, refine=2, seed=1)


def integrate_exactly(
    world: World, outcomes: Array, choices: Array, places: int, seed: int
) -> list[dict[str, Any]]:
    """What exact beliefs say of each agent: posterior means, 90 % intervals, log evidence; on a grid."""
    grid = world.tonic + SPREAD * np.linspace(-3.5, 3.5, places)
    fine = np.linspace(grid[0], grid[-1], 141)
    logs = np.linspace(1.0 - 2.0, 1.0 + 2.0, 81)
    repeated = np.repeat(outcomes, places, axis=0)
    tonic = np.tile(grid, len(outcomes))
    predicted = predict_exactly(world, tonic, repeated, COMPARED, seed)
    predicted = predicted.reshape(len(outcomes), places, -1)
    signed = np.log(predicted / (1 - predicted)) * (2 * choices[:, None] - 1)
    likelihood = np.stack([-np.logaddexp(0, -np.exp(s) * signed).sum(-1) for s in logs], axis=-1)
    prior = -0.5 * ((fine - world.tonic) / SPREAD) ** 2
    prior = (prior - np.log(np.exp(prior).sum()))[:, None]
    sharp = -0.5 * ((logs - 1.0) / 0.5) ** 2
    prior = prior + (sharp - np.log(np.exp(sharp).sum()))
    rows = []
    for one in likelihood:
        between = [np.interp(fine, grid, column) for column in one.T]
        joint = np.array(between).T + prior
        top = joint.max()
        weights = np.exp(joint - top)
        evidence = top + np.log(weights.sum())
        weights /= weights.sum()
        row: dict[str, Any] = {"log_evidence": round(float(evidence), 2)}
        for name, values, share in (
            ("tonic", fine, weights.sum(1)),
            ("sharpness", logs, weights.sum(0)),
        ):
            ends = np.interp([0.05, 0.95], np.cumsum(share) - 0.5 * share, values)
            row[name] = shorten([share @ values, *ends])
        rows.append(row)
    return rows


def shorten(values: Any) -> list[float]:
    """Numbers as they are kept."""
    return [round(float(value), 2) for value in values]


def read_fit(fit: pn.MapFit) -> list[dict[str, Any]]:
    """The same of a fit."""
    place, reach = np.asarray(fit.unconstrained), BAND * np.asarray(fit.posterior_sd)
    at = [fit.agent.names.index(n) for n in ("x2.tonic_volatility", "inverse_temperature")]
    rows = []
    for own, wide, evidence in zip(place, reach, np.asarray(fit.lme), strict=True):
        row: dict[str, Any] = {"log_evidence": round(float(evidence), 2)}
        for name, which in zip(("tonic", "sharpness"), at, strict=True):
            middle, half = own[which], wide[which]
            row[name] = shorten([middle, middle - half, middle + half])
        rows.append(row)
    return rows


def recover(world: World, seed: int) -> dict[str, Any]:
    """Parameters under every scheme, beside the true ones and the exact posterior."""
    tonic, sharpness, outcomes, choices = simulate_study(world, seed)
    found = {"exact": integrate_exactly(world, outcomes, choices, 21, seed + 2)}
    for scheme in SCHEMES if world.levels > 2 else ("enhanced", "structured"):
        found[scheme] = read_fit(fit_agents(make_agent(world, scheme), outcomes, choices))
    return {"tonic": shorten(tonic), "sharpness": shorten(np.log(sharpness)), "found": found}


def confuse(seed: int) -> dict[str, Any]:
    """Log evidence of three models for agents of each, under every scheme."""
    two, three = WORLDS["two levels"], WORLDS["volatile"]
    studies = {
        "constant rate": simulate_delta_rule(three, seed),
        "two levels": simulate_study(two, seed + 10),
        "three levels": simulate_study(three, seed + 20),
    }
    found: dict[str, Any] = {}
    for name, (_, _, outcomes, choices) in studies.items():
        rate = pn.agents.rescorla_wagner(free={"inverse_temperature": SHARPNESS})
        rows = {"constant rate": shorten(np.asarray(fit_agents(rate, outcomes, choices).lme))}
        for levels, world in (("two levels", two), ("three levels", three)):
            exact = integrate_exactly(world, outcomes, choices, 15, seed + 30)
            rows[f"{levels}, exact"] = [one["log_evidence"] for one in exact]
            for scheme in SCHEMES:
                fit = fit_agents(make_agent(world, scheme), outcomes, choices)
                rows[f"{levels}, {scheme}"] = shorten(np.asarray(fit.lme))
        found[name] = rows
    return found


def compare_groups(world: World, seed: int) -> list[dict[str, Any]]:
    """Of several studies of two groups: every agent's tonic volatility, true and as it is found."""
    studies = []
    for number in range(STUDIES):
        own = seed + 100 * number
        tonic, _, outcomes, choices = simulate_study(world, own, EFFECT)
        found = {"exact": integrate_exactly(world, outcomes, choices, 11, own + 2)}
        for scheme in SCHEMES:
            found[scheme] = read_fit(fit_agents(make_agent(world, scheme), outcomes, choices))
        means = {name: [row["tonic"] for row in rows] for name, rows in found.items()}
        studies.append({"true": shorten(tonic), "found": means})
    return studies


COLOURS: dict[str, str] = dict(
    zip(("exact", *SCHEMES), ("#222222", "#777777", "#E69F00", "#CC79A7", "#0072B2"), strict=True)
)


def summarise_parameters(results: dict[str, Any]) -> list[list[str]]:
    """Bias, error and coverage of both parameters, a row for every hierarchy and scheme."""
    rows = []
    for name in WORLDS:
        for scheme, found in results[name]["found"].items():
            row = [name, scheme]
            for parameter in ("tonic", "sharpness"):
                true = np.array(results[name][parameter])
                middle, low, high = np.array([one[parameter] for one in found]).T
                error = middle - true
                held = (low < true) & (true < high)
                spread = error.std(ddof=1) / np.sqrt(len(error))
                row += [f"{error.mean():+.2f} ± {spread:.2f}"]
                row += [
                    f"{np.sqrt(np.mean(error**2)):.2f}",
                    percent(np.mean(held)),
                ]
            rows.append(row)
    return rows


def summarise_models(results: dict[str, Any]) -> list[list[Any]]:
    """Of agents of each kind, the share that each model wins, its mean evidence, its expected frequency."""
    rows = []
    for data, found in results["models"].items():
        for scheme in ("exact", *SCHEMES):
            two, three = (found[f"{levels} levels, {scheme}"] for levels in ("two", "three"))
            evidence = np.array([found["constant rate"], two, three])
            evidence = np.where(np.isfinite(evidence), evidence, -1e3)
            share = np.bincount(evidence.argmax(0), minlength=3) / evidence.shape[1]
            counts = pn.random_effects_bms(evidence.T).counts
            rows.append(
                [data, scheme, share, evidence.mean(1) - evidence[0].mean(), counts / counts.sum()]
            )
    return rows


def estimate_effect(found: Any) -> tuple[float, float]:
    """The difference between two groups' means and its standard error, agents varying within each.

    What the data alone say of an agent is its posterior without the prior. The variance within groups is the
    most probable one.
    """
    middle, low, high = np.array(found).T
    # Narrower is a search that ended where filtering fails.
    precision = np.maximum((high - low) / (2 * BAND), NARROWEST) ** -2.0
    own = np.maximum(precision - SPREAD**-2, 1e-3)
    value = (middle * precision - WORLDS["volatile"].tonic * SPREAD**-2) / own
    side = np.arange(len(value)) >= len(value) // 2
    best = (-np.inf, 0.0, 0.0)
    for within in np.linspace(0.0, 2.0, 41) ** 2:
        weight = 1 / (1 / own + within)
        means = [np.average(value[s], weights=weight[s]) for s in (~side, side)]
        apart = value - np.where(side, means[1], means[0])
        fit = float(0.5 * np.sum(np.log(weight) - weight * apart**2))
        error = float(np.sqrt(1 / weight[side].sum() + 1 / weight[~side].sum()))
        best = max(best, (fit, float(means[1] - means[0]), error))
    return best[1], best[2]


def summarise_groups(results: dict[str, Any]) -> dict[str, Array]:
    """Estimated differences and their standard errors, a row for every study."""
    names = ("exact", *SCHEMES)
    return {
        name: np.array([estimate_effect(study["found"][name]) for study in results["groups"]])
        for name in names
    }


def print_tables(results: dict[str, Any]) -> None:
    """All numbers, as the page has them."""
    one = ("bias", "RMSE", "interval holds")
    print_table(("hierarchy", "beliefs", *one, *one), summarise_parameters(results))
    rows = []
    for data, scheme, share, evidence, frequency in summarise_models(results):
        cells = (
            map(percent, share),
            (f"{x:+.1f}" for x in evidence[1:]),
            (f"{x:.2f}" for x in frequency),
        )
        rows.append([data, scheme, *(" / ".join(cell) for cell in cells)])
    print_table(("agents", "beliefs", "most evidence", "log evidence", "frequency"), rows)
    rows = []
    for name, found in summarise_groups(results).items():
        effect, error = found.T
        held = np.mean(np.abs(effect - EFFECT) < BAND * error)
        cells = [f"{x:.2f}" for x in (effect.mean(), effect.std(ddof=1), error.mean())]
        rows.append([name, *cells, percent(held), percent(np.mean(effect > BAND * error))])
    heads = ("mean", "spread over studies", "standard error", "interval holds", "found")
    print_table(("beliefs", *heads), rows)


def percent(share: float) -> str:
    """A share as a text."""
    return f"{100 * share:.0f} %"


def print_table(heads: tuple[str, ...], rows: list[list[str]]) -> None:
    """A table of Markdown."""
    lines = [" | ".join(heads), "|".join(["---"] * len(heads)), *(" | ".join(row) for row in rows)]
    print(
        "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines), end="\n\n"
    )


def draw_recovery(axes: Any, results: dict[str, Any]) -> None:
    """True and recovered tonic volatilities, in a panel for each of some schemes."""
    true = np.array(results["volatile"]["tonic"])
    for axis, scheme in zip(axes, ("exact", "structured", "enhanced"), strict=True):
        found = np.array([one["tonic"] for one in results["volatile"]["found"][scheme]])
        ends = np.abs(found[:, 1:] - found[:, :1]).T
        style = {"fmt": "o", "ms": 2.5, "lw": 0.5, "alpha": 0.7}
        axis.errorbar(true, found[:, 0], yerr=ends, color=COLOURS[scheme], **style)
        axis.plot([-5, 1], [-5, 1], color="#777777", lw=0.8)
        axis.set(xlim=(-4.8, 0.8), ylim=(-6.5, 1.6), title=scheme, xlabel="true tonic volatility")
    axes[0].set_ylabel("recovered")


def draw_models(axis: Any, results: dict[str, Any]) -> None:
    """Of agents of each kind, how many are taken for which."""
    rows, labels = summarise_models(results), []
    colours = ("#DDDDDD", "#56B4E9", "#0072B2")
    for number, (data, scheme, share, _, _) in enumerate(rows):
        place, left = number + number // 5 * 1.0, 0.0
        labels.append((place, scheme))
        for part, colour, name in zip(share, colours, results["models"], strict=True):
            axis.barh(place, part, left=left, color=colour, label=None if number else name)
            left += part
        if number % 5 == 0:
            axis.text(0.0, place - 0.62, f"agents: {data}", fontsize=7)
    axis.set_yticks([place for place, _ in labels], [name for _, name in labels])
    axis.set(
        xlim=(0, 1),
        ylim=(labels[-1][0] + 0.6, -1.4),
        xlabel="share for whom a model has the most evidence",
    )
    axis.legend(ncols=3, frameon=False, loc="lower center", bbox_to_anchor=(0.45, 1.0))


def draw_groups(axis: Any, results: dict[str, Any]) -> None:
    """Estimated differences between groups, a line for every study."""
    for number, (name, rows) in enumerate(summarise_groups(results).items()):
        places = number + np.linspace(-0.3, 0.3, len(rows))
        style = {"fmt": "o", "ms": 2.5, "lw": 0.8, "color": COLOURS[name]}
        axis.errorbar(rows[:, 0], places, xerr=BAND * rows[:, 1], **style)
    axis.axvline(EFFECT, color="#777777", lw=0.8)
    axis.axvline(0.0, color="#DDDDDD", lw=0.8, zorder=0)
    axis.set_yticks(range(len(COLOURS)), list(COLOURS))
    axis.invert_yaxis()
    axis.set(xlabel="difference between groups, 90 % interval")


def draw(results: dict[str, Any], path: Path) -> None:
    """The figure of the page."""
    style: dict[Any, Any] = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}
    with plt.rc_context(style):
        figure = plt.figure(figsize=(7.0, 6.6), layout="constrained")
        top, below = np.ravel(figure.subfigures(2, 1, height_ratios=(1.0, 1.3)))
        draw_recovery(top.subplots(1, 3, sharey=True), results)
        left, right = below.subplots(1, 2, width_ratios=(1.2, 1.0))
        draw_models(left, results)
        draw_groups(right, results)
        figure.savefig(path, dpi=150)
        plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Simulate and fit, or read what was kept; draw, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for both files")
    parser.add_argument("--draw", action="store_true", help="only draw what was kept")
    given = parser.parse_args(arguments)
    kept = given.out / "exact_agents.json"
    if not given.draw:
        jax.config.update("jax_enable_x64", True)
        given.out.mkdir(parents=True, exist_ok=True)
        results: dict[str, Any] = {
            name: recover(world, 1000 * (number + 1))
            for number, (name, world) in enumerate(WORLDS.items())
        }
        results["models"] = confuse(5000)
        results["groups"] = compare_groups(WORLDS["volatile"], 7000)
        kept.write_text(json.dumps(results, separators=(",", ":")) + "\n")
    results = json.loads(kept.read_text())
    print_tables(results)
    draw(results, given.out / "exact_agents.png")


if __name__ == "__main__":
    main()
