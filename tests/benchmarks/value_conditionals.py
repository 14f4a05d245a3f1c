"""How near beliefs are that depend on value parents: Structured(edges="all") beside exact filters.

    PYTHONPATH=. python tests/benchmarks/value_conditionals.py

For every model: RMS error of the posterior means in exact standard deviations and mean ratio of variances,
states in the order of the model, and nats per step more than the exact prediction. Exact is the Kalman
filter of all states; with a volatility parent a particle filter over it, in which every particle holds the
Kalman filter of the others. ``--smooth`` does the same given the whole series, beside Enhanced and the
smoother of Rauch, Tung and Striebel, for the models in which a state has one parent at most.
"""

import argparse

import jax
import numpy as np

import pynodes as pn
from tests.linear_trees import ALL, NOISE, build_tree, filter_tree, moments_of, tree_matrices
from tests.oracles.rauch_tung_striebel import rauch_tung_striebel

KINDS = {"factorised": pn.Structured(), 'edges="all"': ALL}
MODELS = {
    "pair": ({"x": -2.0, "r": -3.0}, {("r", "x"): 1.0}, {"u": "x"}),
    "chain of three": (
        {"a": -2.0, "b": -3.0, "c": -3.0},
        {("b", "a"): 1.0, ("c", "b"): 0.7},
        {"u": "a"},
    ),
    "star of three": (
        {"a": -2.0, "b": -2.0, "c": -2.0, "p": -3.0},
        {("p", "a"): 1.0, ("p", "b"): -0.7, ("p", "c"): 0.5},
        {"ua": "a", "ub": "b", "uc": "c"},
    ),
    "two parents": (
        {"a": -2.0, "p": -3.0, "q": -2.0},
        {("p", "a"): 1.0, ("q", "a"): -0.7},
        {"u": "a"},
    ),
    "two parents, one seen": (
        {"a": -2.0, "p": -3.0, "q": -2.0},
        {("p", "a"): 1.0, ("q", "a"): -0.7},
        {"u": "a", "w": "q"},
    ),
}
MIXED = "pair and volatility parent"
MODELS[MIXED] = ({"x": -2.0, "r": -3.0, "v": -3.0}, {("r", "x"): 1.0}, {"u": "x"})


def build(model, expansion, volatile):
    """The network of a model."""
    graph = build_tree(*model, expansion)
    return (graph.couple("v", "x", "volatility") if volatile else graph).compile()


def simulate(model, steps, rng, volatile):
    """A series of a model; the volatility parent is the last state."""
    move, show, noise = tree_matrices(*model)
    at, rows = rng.normal(size=len(noise)), []
    for _ in range(steps):
        jump = rng.normal(size=len(noise)) * np.sqrt(noise)
        if volatile:
            jump[0] *= np.exp(0.5 * (at[-1] + jump[-1]))
        at = move @ (at + jump)
        rows.append(show @ at + np.sqrt(NOISE) * rng.normal(size=len(show)))
    return np.array(rows)


def filter_exactly(model, u, volatile, rng, particles):
    """Means, variances and log evidence of every step; one particle without a volatility parent."""
    move, show, noise = tree_matrices(*model)
    count, states = particles if volatile else 1, len(noise)
    mean, covariance = np.zeros((count, states)), np.tile(np.eye(states), (count, 1, 1))
    if volatile:
        mean[:, -1], covariance[:, -1, -1] = rng.normal(size=count), 0.0
    found = []
    for seen in u:
        added = np.tile(noise, (count, 1))
        if volatile:
            mean[:, -1] += np.sqrt(noise[-1]) * rng.normal(size=count)
            added[:, -1] = 0.0
            added[:, 0] *= np.exp(mean[:, -1])
        covariance = move @ (covariance + added[:, :, None] * np.eye(states)) @ move.T
        mean = mean @ move.T
        spread = show @ covariance @ show.T + NOISE * np.eye(len(show))
        error = seen - mean @ show.T
        gain = np.swapaxes(np.linalg.solve(spread, show @ covariance), 1, 2)
        distance = np.einsum("pi,pi->p", error, np.linalg.solve(spread, error[..., None])[..., 0])
        logs = -0.5 * (distance + np.linalg.slogdet(2 * np.pi * spread)[1])
        mean = mean + np.einsum("psi,pi->ps", gain, error)
        covariance = covariance - gain @ show @ covariance
        weights = np.exp(logs - logs.max())
        evidence = np.log(weights.mean()) + logs.max()
        weights = weights / weights.sum()
        middle = weights @ mean
        around = np.diagonal(covariance, axis1=1, axis2=2) + (mean - middle) ** 2
        found.append((middle, weights @ around, evidence))
        if volatile:
            places = (np.arange(count) + rng.random()) / count
            chosen = np.minimum(np.searchsorted(np.cumsum(weights), places), count - 1)
            mean, covariance = mean[chosen], covariance[chosen]
    return [np.array(column) for column in zip(*found, strict=True)]


def smooth_exactly(model, u):
    """Means and variances of every step given the whole series."""
    known = rauch_tung_striebel(filter_tree(*model, u), tree_matrices(*model)[0])
    return known.mean, np.diagonal(known.covariance, axis1=1, axis2=2), 0.0


def compare(name, options):
    """A row for each kind of beliefs."""
    model, volatile = MODELS[name], name == MIXED
    rng = np.random.default_rng(0)
    kinds = (
        {"Enhanced": "enhanced", 'edges="all"': KINDS['edges="all"']} if options.smooth else KINDS
    )
    networks = {kind: build(model, one, volatile) for kind, one in kinds.items()}
    errors, ratios, nats = ({kind: [] for kind in kinds} for _ in range(3))
    for _ in range(options.series):
        u = simulate(model, options.steps, rng, volatile)
        if options.smooth:
            mean, variance, evidence = smooth_exactly(model, u)
        else:
            mean, variance, evidence = filter_exactly(model, u, volatile, rng, options.particles)
        for kind, network in networks.items():
            run = network.smooth if options.smooth else network.filter
            beliefs = run(dict(zip(model[2], u.T, strict=True)))
            means, variances = moments_of(beliefs, model[0])
            errors[kind].append((means - mean) ** 2 / variance)
            ratios[kind].append(np.log(variances / variance))
            nats[kind].append(np.mean(-beliefs.surprise - evidence))
    for kind in kinds:
        error = np.sqrt(np.mean(errors[kind], axis=(0, 1)))
        ratio = np.exp(np.mean(ratios[kind], axis=(0, 1)))
        cells = [" ".join(f"{one:.2f}" for one in part) for part in (error, ratio)]
        last = "" if options.smooth else f"{np.mean(nats[kind]):+.4f}"
        yield " | ".join(["", name, kind, *cells, last, ""]).strip()


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--particles", type=int, default=5_000)
    parser.add_argument("--smooth", action="store_true")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    print("| model | beliefs | RMS error, sd | variance ratio | nats per step |")
    print("|---|---|---|---|---|")
    joined = [name for name in MODELS if name.startswith("two parents") or name == MIXED]
    for name in options.models:
        if options.smooth and name in joined:
            continue
        for row in compare(name, options):
            print(row, flush=True)


if __name__ == "__main__":
    main()
