"""Whether Structured meets what is asked of it, on series that no test has seen.

    PYTHONPATH=. python tests/benchmarks/calibration.py --seed 7000 --series 40 --nodes 3 5
    PYTHONPATH=. python tests/benchmarks/calibration.py --designs coins many certain

Without ``--designs``: the models of ``examples/calibration.py`` beside two particle filters, for every number
of nodes. Bounds: coverage within 3 points of the exact band (*moderate*) or 6 (*volatile*), RMS error below
0.15 or 1.3 times the reference's noise (volatile binary, two states: 0.4), less than 0.002 nats per step off,
none lost. ``coins``: fair coins and blocks of 40, 10,000 trials. ``certain``: 5,000 ones, then zeros.
``many``: the first step of children of one wide parent, beside the exact one on a grid.
"""

import argparse

import jax
import numpy as np
from scipy.stats import norm

import pynodes as pn
from examples.calibration import REGIMES, believed, compared, held, network_of, referred, settled

BOUNDS = {"moderate": 0.03, "volatile": 0.06}


def join(values, form=".2f"):
    """Numbers of all states, lowest first."""
    return " ".join(format(value, form) for value in values)


def start_table(*heads):
    """Print the head of a table."""
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)


def judge_models(options):
    """A row for every model and number of nodes."""
    start_table(
        "model", "nodes", "series", "RMS error (noise)", "coverage (exact)", "nats", "lost", "holds"
    )
    for regime in options.regimes:
        for model, hierarchy in REGIMES[regime].items():
            if not any(word in model for word in options.models):
                continue
            reference = settled(referred(hierarchy, options))
            exact = reference.exact
            band = held(reference.states, *np.moveaxis(exact.quantiles, -1, 0)).mean((0, 1))
            gap = (reference.again.mean - exact.mean) ** 2 / exact.variance
            noise = np.sqrt(np.mean(gap, axis=(0, 1)))
            for nodes in options.nodes:
                network = network_of(hierarchy, pn.Structured(nodes=nodes), True)
                found = compared(believed(network, reference), reference)
                hard = regime == "volatile" and model == "binary, x2 x3"
                most = np.maximum(0.4 if hard else 0.15, 1.3 * noise)
                failures = []
                if np.any(np.abs(found.coverage - band) > BOUNDS[regime]):
                    failures.append("coverage")
                if np.any(found.error >= most):
                    failures.append("error")
                if abs(found.lost) >= 0.002:
                    failures.append("nats")
                if found.failed + found.away:
                    failures.append("lost")
                cells = [
                    f"{regime}: {model}",
                    nodes,
                    len(reference.states),
                    f"{join(found.error)} ({join(noise)})",
                    f"{join(100 * found.coverage, '.1f')} ({join(100 * band, '.1f')})",
                    f"{found.lost:+.4f}",
                    found.failed + found.away,
                    "yes" if not failures else "no: " + ", ".join(failures),
                ]
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def judge_coins(options):
    """Fair coins and blocks of 10,000 trials: nats per trial and the farthest logit."""
    random = np.random.default_rng(options.seed)
    blocks = np.where((np.arange(10_000) // 40) % 2, 0.2, 0.8)
    start_table(
        "trials", "levels", "nodes", "nats: mean, worst", "farthest: median, most", "beyond 50"
    )
    for name, chance in (("coin", np.full(10_000, 0.5)), ("blocks", blocks)):
        u = (random.random((options.runs, 10_000)) < chance) * 1.0
        for levels in (3, 4):
            for expansion in (*options.nodes, "standard"):
                rule = pn.Structured(nodes=expansion) if expansion != "standard" else expansion
                network = pn.models.binary_hgf(levels, expansion=rule).compile()

                @jax.jit
                def run(one, network=network):
                    beliefs = network.filter({"u": one}, throw=False)
                    return beliefs.surprise.mean(), abs(beliefs["x2"].mean).max()

                found = [run(one) for one in u]
                nats, far = (-np.array([f[0] for f in found]), np.array([f[1] for f in found]))
                print(
                    f"| {name} | {levels} | {expansion} | {nats.mean():.4f}, {nats.min():.4f} | "
                    f"{np.median(far):.3g}, {far.max():.3g} | {np.sum(far > 50)} of {len(far)} |",
                    flush=True,
                )


def judge_certain(options):
    """5,000 ones and then 200 zeros: where the logit goes, and how long it takes to come back."""
    u = np.concatenate([np.ones(5_000), np.zeros(200)])
    start_table(
        "levels",
        "nodes",
        "logit after ones",
        "farthest after",
        "nats",
        "zeros until predicted",
        "ok",
    )
    for levels in (2, 3, 4):
        for nodes in options.nodes:
            network = pn.models.binary_hgf(levels, expansion=pn.Structured(nodes=nodes)).compile()
            beliefs = network.filter({"u": u}, throw=False)
            mean = np.asarray(beliefs["x2"].mean)
            late = np.asarray(beliefs["u"].predicted_mean)[5_000:] < 0.5
            print(
                f"| {levels} | {nodes} | {mean[4_999]:.4g} | {np.abs(mean[5_000:]).max():.4g} | "
                f"{-np.asarray(beliefs.surprise).mean():.4f} | {late.argmax() if late.any() else 'never'} | "
                f"{bool(beliefs.status.ok)} |",
                flush=True,
            )


def first_step_exactly(u, volatility, spread, grow, precisions):
    """Mean, deviation and log evidence of the wide parent of many walks after one step, on a grid."""
    places = np.linspace(-12, 12, 48_001) * np.sqrt(spread + grow)
    variance = 1.0 + np.exp(volatility + places)[:, None] + 1 / precisions
    logs = norm.logpdf(u, 0.0, np.sqrt(variance)).sum(axis=1)
    logs = logs + norm.logpdf(places, 0.0, np.sqrt(spread + grow))
    weights = np.exp(logs - logs.max())
    step = places[1] - places[0]
    evidence = np.log(weights.sum() * step) + logs.max()
    weights = weights / weights.sum()
    mean = weights @ places
    return mean, np.sqrt(weights @ (places - mean) ** 2), evidence


def judge_many(options):
    """First steps of many children of one wide parent: in exact deviations, and nats."""
    random = np.random.default_rng(options.seed)
    start_table(
        "children", "parent's variance", "precisions", "nodes", "error, sd", "sd ratio", "nats"
    )
    for count in (4, 12, 30, 60):
        for spread in (1.0, 16.0, 25.0):
            for told in ("equal", "unequal"):
                precisions = np.full(count, 5.0)
                if told == "unequal":
                    precisions = np.exp(random.normal(np.log(5.0), 1.5, count))
                for nodes in options.nodes:
                    rows = list(many_rows(count, spread, precisions, nodes, random, options.runs))
                    worst = np.array(rows)
                    print(
                        f"| {count} | {spread:g} | {told} | {nodes} | "
                        f"{np.median(worst[:, 0]):.2f}, {worst[:, 0].max():.2f} | "
                        f"{worst[:, 1].min():.2f} to {worst[:, 1].max():.2f} | "
                        f"{np.median(np.abs(worst[:, 2])):.3f}, {np.abs(worst[:, 2]).max():.3f} |",
                        flush=True,
                    )


def many_rows(count, spread, precisions, nodes, random, runs):
    """Errors of drawn first steps."""
    volatility, grow = -2.0, float(np.exp(-4.0))
    graph = pn.Graph().add(
        v=pn.ContinuousState(tonic_volatility=-4.0, initial_precision=1 / spread)
    )
    for k in range(count):
        graph = graph.add(
            {
                f"x{k}": pn.ContinuousState(tonic_volatility=volatility, initial_precision=1.0),
                f"u{k}": pn.ContinuousInput(precision=float(precisions[k])),
            }
        )
        graph = graph.couple("v", f"x{k}", "volatility").couple(f"x{k}", f"u{k}")
    network = graph.compile(expansion=pn.Structured(nodes=nodes))
    for _ in range(runs):
        at = random.normal() * np.sqrt(spread + grow)
        u = random.normal(size=count) * np.sqrt(1.0 + np.exp(volatility + at) + 1 / precisions)
        mean, sd, evidence = first_step_exactly(u, volatility, spread, grow, precisions)
        beliefs = network.filter({f"u{k}": u[k : k + 1] for k in range(count)})
        error = abs(float(beliefs["v"].mean[0]) - mean) / sd
        ratio = float(beliefs["v"].precision[0]) ** -0.5 / sd
        yield error, ratio, -float(beliefs.surprise[0]) - evidence


DESIGNS = {"coins": judge_coins, "certain": judge_certain, "many": judge_many}


def main():
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=40)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--particles", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7_000)
    parser.add_argument("--runs", type=int, default=12, help="of each of the designs")
    parser.add_argument("--nodes", nargs="+", type=int, default=[3, 5])
    parser.add_argument("--regimes", nargs="+", default=list(REGIMES))
    parser.add_argument("--models", nargs="+", default=[""], help="words of their names")
    parser.add_argument("--designs", nargs="*", default=[], choices=list(DESIGNS))
    parser.add_argument("--single", action="store_true", help="single precision")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", not options.single)
    for design in options.designs:
        DESIGNS[design](options)
    if not options.designs:
        judge_models(options)


if __name__ == "__main__":
    main()
