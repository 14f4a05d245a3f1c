"""Structure learning on simulated series: recovery, calibration, false edges, contexts, and what it costs.

    python tests/benchmarks/structure.py --sets 100
    python tests/benchmarks/structure.py --sets 200 --only lagged null

Recipes are those of docs/theory/structure.md. Results of peers on the same recipes are in
docs/performance.md.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

import pynodes as pn
from pynodes import structure
from pynodes.structure.regression import tabulate
from tests.benchmarks.adapting import adapting
from tests.benchmarks.hidden_structure import hidden
from tests.benchmarks.volatile_structure import groups, sharing, volatile

jax.config.update("jax_enable_x64", True)


def draw_lagged(rng, n=4, steps=100, density=0.3):
    """Recipe A: strengths and noise from the conjugate prior, stationary; the edges and the series."""
    while True:
        noise = 3.0 / rng.gamma(4.0, size=n)
        on = rng.random((n, n)) < density
        strengths = np.where(on, rng.normal(size=(n, n)) * np.sqrt(0.1 * noise), 0.0)
        if np.max(np.abs(np.linalg.eigvals(strengths))) < 0.98:
            return on, run_lagged(rng, [strengths], noise, steps)


def run_lagged(rng, strengths, noise, steps, burn=50):
    """A vector autoregression, one matrix (from, to) per lag."""
    size, lags = len(noise), len(strengths)
    x = np.zeros((steps + burn + lags, size))
    for t in range(lags, len(x)):
        x[t] = rng.normal(size=size) * np.sqrt(noise)
        x[t] += sum(x[t - lag - 1] @ matrix for lag, matrix in enumerate(strengths))
    return x[-steps - 1 :]


def score_edges(probability, truth):
    """F1, precision, recall at one half, and Brier's score."""
    found = probability > 0.5
    hits = np.sum(found & truth)
    precision, recall = hits / max(found.sum(), 1), hits / max(truth.sum(), 1)
    f1 = 2 * hits / max(found.sum() + truth.sum(), 1)
    return f1, precision, recall, np.mean((probability - truth) ** 2)


def edges_of(found, names, lags=1):
    """Probabilities as an array (lag, from, to)."""
    p = found.edge_probability
    return np.array(
        [[[p[f"lag{k + 1}_{i}->{j}"] for j in names] for i in names] for k in range(lags)]
    )


def lagged(sets):
    """Recovery and calibration where the prior is the one that series are drawn from."""
    for size, steps in ((4, 100), (4, 400), (10, 200)):
        names = list("abcdefghij"[:size])
        graph = structure.lagged(names, initial_variance=0.1, noise_shape=4.0, noise_scale=3.0)
        space = structure.space(graph, probability=0.3)
        rng = np.random.default_rng(steps)
        drawn = [draw_lagged(rng, size, steps) for _ in range(sets)]
        began = time.perf_counter()
        found = [structure.search(space, dict(zip(names, x.T, strict=True))) for _, x in drawn]
        cost = (time.perf_counter() - began) / sets
        p = np.array([edges_of(one, names)[0] for one in found])
        truth = np.array([on for on, _ in drawn])
        z = (truth.sum() - p.sum()) / np.sqrt(np.sum(p * (1 - p)))
        bins = np.clip((p * 10).astype(int), 0, 9)
        worst = 0.0
        for k in range(10):
            here = bins == k
            if here.sum() > 100:
                gap = truth[here].sum() - p[here].sum()
                worst = max(worst, abs(gap) / np.sqrt(np.sum((p * (1 - p))[here])))
        f1, precision, recall, brier = score_edges(p, truth)
        print(
            f"lagged, {size} series, {steps} steps: F1 {f1:.3f}",
            f"(precision {precision:.3f}, recall {recall:.3f}),",
            end=" ",
        )
        print(f"Brier {brier:.3f}, z {z:+.2f}, worst bin {worst:.2f} sd, {cost * 1e3:.2f} ms a set")


def many(sets):
    """Recipe B: ten series, three lags, 300 candidates, 300 steps, standardised."""
    names = list("abcdefghij")
    graph = structure.lagged(names, lags=3, initial_variance=0.1)
    space = structure.space(graph, probability=0.05)
    rng, p, truth, cost = np.random.default_rng(1), [], [], []
    while len(p) < sets:
        strengths = np.zeros((3, 10, 10))
        strengths[0][np.diag_indices(10)] = rng.choice([0.3, 0.6, 0.9], 10)
        for _ in range(10):
            i, j = rng.choice(10, 2, replace=False)
            strengths[rng.integers(3), i, j] = rng.choice([-1, 1]) * rng.uniform(0.15, 0.4)
        companion = np.zeros((30, 30))
        companion[:10] = np.concatenate([m.T for m in strengths], axis=1)
        companion[10:, :20] = np.eye(20)
        if np.max(np.abs(np.linalg.eigvals(companion))) >= 0.98:
            continue
        x = run_lagged(rng, list(strengths), np.ones(10), 300)
        data = structure.standardise(dict(zip(names, x.T, strict=True)))
        began = time.perf_counter()
        found = structure.search(space, data)
        cost.append(time.perf_counter() - began)
        p.append(edges_of(found, names, 3))
        truth.append(strengths != 0)
    p, truth = np.array(p), np.array(truth)
    cross = np.broadcast_to(~np.eye(10, dtype=bool), truth.shape)
    for what, here in (("all", np.ones_like(cross)), ("cross links", cross)):
        f1, precision, recall, brier = score_edges(p[here], truth[here])
        print(
            f"300 candidates, {what}: F1 {f1:.3f} (precision {precision:.3f}, recall {recall:.3f}),",
            f"Brier {brier:.4f}",
        )
    print(f"  {np.median(cost):.3f} s a set, first {cost[0]:.1f} s")


def scores(sets):
    """What a local score costs: 64 of them, by themselves and in a whole search; and large searches."""
    del sets
    names = list("abcd")
    rng = np.random.default_rng(0)
    space = structure.space(structure.lagged(names), probability=0.3)
    data = dict(zip(names, draw_lagged(rng)[1].T, strict=True))
    found = structure.search(space, data)
    regressions = [child.regression for child in found.score.children]
    alone = time_each(lambda: tabulate(regressions, 0), 200)
    whole = time_each(lambda: structure.search(space, data), 200)
    print(
        f"local score, {np.median(alone) / 64 * 1e6:.1f} µs each (least {min(alone) / 64 * 1e6:.1f});",
        f"search of 65,536 graphs {np.median(whole) * 1e3:.2f} ms (least {min(whole) * 1e3:.2f})",
    )
    for series, lags in ((10, 3), (32, 1)):
        names = [f"s{i}" for i in range(series)]
        space = structure.space(structure.lagged(names, lags=lags), probability=0.05)
        data = dict(zip(names, rng.normal(size=(series, 300)), strict=True))
        cost = time_each(lambda space=space, data=data: structure.search(space, data), 6)
        found = structure.search(space, data)
        print(
            f"{len(space.edges)} candidates: {np.median(cost[1:]):.3f} s, first {cost[0]:.1f} s,",
            f"starts disagree by {found.disagreement:.3f}",
        )


def time_each(call, times):
    """Seconds of every call."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return found


def null(sets):
    """Recipe G: false edges at one half where nothing is there.

    With the prior variance of strengths 0.1 in units of the noise variance, as the package has it, and 0.1 as
    such, where own lags of standardised series leave noise of 0.75 and 0.19: the wider a prior, the fewer
    small edges it believes.
    """
    names = list("abcd")
    graph = structure.lagged(names)
    cross = ~np.eye(4, dtype=bool)
    for kind in ("gaussian", "t3", "clustered", "seen through noise", "chain through noise"):
        rng, edges = np.random.default_rng(2), 0
        false, expected = {True: 0, False: 0}, {True: 0.0, False: 0.0}
        for _ in range(sets):
            own = np.diag(rng.choice([0.5, 0.9], 4))
            absent = cross.copy()
            if kind == "chain through noise":
                own = 0.7 * np.eye(4) + 0.3 * np.eye(4, k=1)
                absent &= own == 0
            x, h = np.zeros((351, 4)), 0.0
            for t in range(1, 351):
                h = 0.95 * h + 0.3 * rng.normal()
                noise = rng.standard_t(3, 4) / np.sqrt(3) if kind == "t3" else rng.normal(size=4)
                x[t] = x[t - 1] @ own + noise * (np.exp(h / 2) if kind == "clustered" else 1.0)
            x = x[-301:]
            if "through noise" in kind:
                x = x + 0.7 * x.std(axis=0) * rng.normal(size=x.shape)
            data = structure.standardise(dict(zip(names, x.T, strict=True)))
            edges += absent.sum()
            for relative in (True, False):
                left = {
                    n: 1.0 if relative else 1 - np.corrcoef(y[1:], y[:-1])[0, 1] ** 2
                    for n, y in data.items()
                }
                strength = {f"*->{n}": pn.Normal(0.0, float(np.sqrt(0.1 / left[n]))) for n in names}
                space = structure.space(graph, probability=0.3, strength=strength)
                p = edges_of(structure.search(space, data), names)[0]
                false[relative] += np.sum((p > 0.5) & absent)
                expected[relative] += p[absent].sum()
        shares = [
            f"{100 * false[k] / edges:.1f} % false edges, mean P {expected[k] / edges:.3f}"
            for k in (True, False)
        ]
        print(f"null, {kind}: in units of the noise {shares[0]}; as such {shares[1]}")


def switching(sets):
    """Recipe E: structure redrawn every 200 of 600 steps."""
    names = list("abcd")
    graph = structure.lagged(names, initial_variance=0.1, tonic_volatility=-7.0)
    space = structure.space(graph, probability=0.4)
    rng, briers, late, truths = np.random.default_rng(3), [], [], []
    for _ in range(sets):
        parts = []
        while len(parts) < 3:
            on = rng.random((4, 4)) < 0.4
            w = np.where(on, rng.choice([-1, 1], (4, 4)) * rng.uniform(0.3, 0.6, (4, 4)), 0.0)
            if np.max(np.abs(np.linalg.eigvals(w))) < 0.98:
                parts.append(w)
        x = np.zeros((601, 4))
        for t in range(600):
            x[t + 1] = x[t] @ parts[t // 200] + rng.normal(size=4)
        found = structure.follow(space, dict(zip(names, x.T, strict=True)), stay=0.99)
        order = [space.edges.index(f"lag1_{i}->{j}") for i in names for j in names]
        p = found.edge_probability[:, order].reshape(600, 4, 4)
        truth = np.repeat([w != 0 for w in parts], 200, axis=0)
        briers.append(np.mean((p - truth) ** 2))
        ends = np.arange(600) % 200 >= 150
        late.append(np.mean((p - truth)[ends] ** 2))
        truths.append(score_edges(p, truth)[0])
    print(
        f"follow: Brier {np.mean(briers):.3f} (last 50 steps {np.mean(late):.3f}), F1 {np.mean(truths):.3f}"
    )


def contexts(sets):
    """Recipe F: one to four contexts that recur; beside inference that is told how series were drawn."""
    node = pn.ContinuousState(tonic_volatility=-5.0, initial_precision=1 / 9)
    network = pn.Graph().add(u=pn.ContinuousInput(), x=node).couple("x", "u").compile()
    copies = structure.contexts(network, capacity=6, hypotheses=16)
    counted = structure.contexts(network, number=[1, 1, 1, 1], hypotheses=48)
    rng, rows, single = np.random.default_rng(4), [], []
    for _ in range(sets):
        y, who = draw_contexts(rng)
        count = len(set(who.tolist()))
        found = copies.filter({"u": y})
        likely = int(found.number[-1].argmax())
        by_number = counted.filter({"u": y})
        told = [infer_told(y, number) for number in range(1, 5)]
        evidence = np.array([log for log, _ in told])
        best = int(evidence.argmax())
        if count == 1:
            single.append((likely > 1, by_number.number[-1].argmax() > 1))
        rows.append(
            [
                likely == count,
                adjusted_rand(who, found.context),
                found.log_evidence / len(y),
                by_number.number[-1].argmax() == count,
                adjusted_rand(who, by_number.context),
                by_number.log_evidence / len(y),
                best + 1 == count,
                adjusted_rand(who, told[best][1]),
                (np.logaddexp.reduce(evidence) - np.log(4)) / len(y),
                -float(network.surprise({"u": y})) / len(y),
            ]
        )
    pool, ours, bound, one = np.split(np.mean(rows, axis=0), [3, 6, 9])
    names = ("contexts", "histories by number", "told the process")
    for name, (right, rand, nats) in zip(names, (pool, ours, bound), strict=True):
        print(
            f"{name}: number right {right:.2f}, adjusted Rand {rand:.2f}, nats per step {nats:.3f}"
        )
    false = np.sum(np.array(single).reshape(-1, 2), axis=0)
    print(f"one filter {one[0]:.3f}; false contexts in {false} of {len(single)} sets with one")


def draw_contexts(rng, steps=400):
    """A series of levels that take turns and drift, and whose each step is."""
    count = int(rng.integers(1, 5))
    level, now, y, who = 3 * rng.normal(size=count), 0, [], []
    for _ in range(steps):
        level += np.exp(-2.5) * rng.normal(size=count)
        if count > 1 and rng.random() < 0.05:
            now = (now + int(rng.integers(1, count))) % count
        y.append(level[now] + rng.normal())
        who.append(now)
    return np.array(y), np.array(who)


def infer_told(y, count, histories=48):
    """Log evidence and best history where the number of contexts and how they take turns are known."""
    mean, variance = np.zeros((1, count)), np.full((1, count), 9.0)
    opened, now, weight = np.zeros(1, int), np.zeros(1, int), np.zeros(1)
    labels, total, places = np.zeros((1, 0), int), 0.0, np.arange(count)
    for step, value in enumerate(y):
        variance = variance + np.exp(-5.0)
        spread = variance + 1.0
        fits = -0.5 * np.log(2 * np.pi * spread) - 0.5 * (value - mean) ** 2 / spread
        others = np.where(places < opened[:, None], 1.0, 0.0)
        others = np.where(places == opened[:, None], count - opened[:, None], others)
        turns = 0.05 * others * (places != now[:, None]) / max(count - 1, 1)
        stays = (places == now[:, None]) * (0.95 if count > 1 else 1.0)
        prior = stays + turns if step else (places == 0)[None] * 1.0
        with np.errstate(divide="ignore"):
            joint = (weight[:, None] + np.log(prior) + fits).ravel()
        log = np.logaddexp.reduce(joint)
        total += log
        kept = np.argsort(-joint)[:histories]
        kept = kept[np.isfinite(joint[kept])]
        parent, now = np.divmod(kept, count)
        weight = joint[kept] - np.logaddexp.reduce(joint[kept])
        mean, variance, rows = mean[parent], variance[parent], np.arange(len(kept))
        gain = variance[rows, now] / (variance[rows, now] + 1.0)
        mean[rows, now] += gain * (value - mean[rows, now])
        variance[rows, now] *= 1 - gain
        opened = np.maximum(opened[parent], now + 1)
        labels = np.concatenate([labels[parent], now[:, None]], axis=1)
    return total, labels[0]


def adjusted_rand(one, other):
    """Agreement of two groupings, zero by chance (Hubert and Arabie 1985)."""
    table = np.array([[np.sum((one == a) & (other == b)) for b in set(other)] for a in set(one)])
    pairs = lambda n: np.sum(n * (n - 1) / 2)  # noqa: E731
    both, first, second = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    chance = first * second / pairs(np.array([len(one)]))
    most = (first + second) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def banks(sets):
    """Coverage of 90 % bands of a walk's volatility, from 31 filters."""
    network = (
        pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState()).couple("x", "u").compile()
    )
    name = "x.tonic_volatility"
    filters = structure.bank(network, {name: pn.Normal(-1.0, 1.5)})
    for steps in (200, 1000):
        rng, inside, error = np.random.default_rng(steps), [], []
        for _ in range(sets):
            truth = -1.0 + 1.5 * rng.normal()
            x = rng.normal() + np.cumsum(np.exp(truth / 2) * rng.normal(size=steps))
            found = filters.filter({"u": x + rng.normal(size=steps)})
            low, high = (found.quantile(name, q)[-1] for q in (0.05, 0.95))
            inside.append(low <= truth <= high)
            error.append(found.mean(name)[-1] - truth)
        rmse = np.sqrt(np.mean(np.square(error)))
        print(f"bank, {steps} steps: coverage {np.mean(inside):.3f}, RMSE {rmse:.3f}")


def jumps(sets):
    """Recipe H: a strength that jumps, as a regression in contexts; RMSE of what is believed at each step."""
    truth = np.repeat([0.0, 0.0, 0.2, 0.2, 0.8, 0.8, 0.5, 0.5, 0.5, 0.5], 100)
    node = pn.RegressionInput(
        terms=1, noise="known", precision=100.0, initial_variance=0.25, tonic_volatility=-12.0
    )
    network = pn.Graph().add(y=node, x=pn.Regressor()).couple("x", "y").compile()
    copies = structure.contexts(network, stay=0.99, hypotheses=16)
    errors = []
    for number in range(sets):
        rng = np.random.default_rng(number)
        x = 2 + 0.1 * rng.normal(size=1000)
        y = truth * x + 0.1 * rng.normal(size=1000)
        found = copies.filter({"x": x, "y": y}).averages["y"]["strengths"]
        errors.append(np.sqrt(np.mean((np.asarray(found)[:, 0] - truth) ** 2)))
    print(f"jumping strength: RMSE {np.mean(errors):.4f}, worst set {np.max(errors):.4f}")


def peers(sets, python):
    """Recipe A again, with the same series given to tigramite in an environment of its own."""
    if not python:
        print("peers: name an interpreter that has tigramite by --peer")
        return
    names = list("abcd")
    graph = structure.lagged(names, initial_variance=0.1, noise_shape=4.0, noise_scale=3.0)
    space = structure.space(graph, probability=0.3)
    for steps in (100, 400):
        rng = np.random.default_rng(steps)
        drawn = [draw_lagged(rng, steps=steps) for _ in range(sets)]
        truth = np.array([[on] for on, _ in drawn])
        found = [structure.search(space, dict(zip(names, x.T, strict=True))) for _, x in drawn]
        f1, precision, recall, _ = score_edges(np.array([edges_of(f, names) for f in found]), truth)
        print(f"{steps} steps, {sets} sets, pynodes: F1 {f1:.3f}", end=" ")
        print(f"(precision {precision:.3f}, recall {recall:.3f})", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "series.npz"
            np.savez(path, series=np.array([x for _, x in drawn]), truth=truth, lags=1)
            script = Path(__file__).with_name("structure_peer.py")
            subprocess.run([python, str(script), str(path)], check=True)


PARTS = {
    "scores": scores,
    "lagged": lagged,
    "many": many,
    "null": null,
    "switching": switching,
    "contexts": contexts,
    "banks": banks,
    "jumps": jumps,
    "adapting": adapting,
    "hidden": hidden,
    "sharing": sharing,
    "groups": groups,
    "volatile": volatile,
    "peers": peers,
}
"""Every part by name."""


def main():
    """Run the parts that are wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=100, help="simulated sets of every part")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--peer", default="", help="interpreter of an environment with tigramite")
    given = parser.parse_args()
    for name in given.only:
        began = time.perf_counter()
        PARTS[name](given.sets, *([given.peer] if name == "peers" else []))
        print(f"  ({name}: {time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
