"""Volatility parents on simulated series: who shares one, and whether there is any.

A part of tests/benchmarks/structure.py (recipe D). States walk with log variances that volatility parents
move, and are seen through noise. Whether there is a parent is decided beside a particle filter whose
particles are the parent's past, with Kalman's filter of the state for each of them.
"""

from __future__ import annotations

import time

import numpy as np

import pynodes as pn
from pynodes import structure
from pynodes.structure.share import list_groupings, log_prior_of

KEEP = 0.95
"""What a volatility parent keeps per step."""

NOISE = 0.1
"""Variance of the noise through which states are seen."""


def innovation(log_variance):
    """Variance that a parent gains in a step, from its log variance per time."""
    return np.exp(log_variance) * (1 - KEEP**2) / (-2 * np.log(KEEP))


def draw_walks(rng, grouping, steps=300, states=-2.0, parents=-2.0):
    """Series of states whose parents are those of a grouping."""
    count, level = len(grouping), np.broadcast_to(states, len(grouping))
    above = np.broadcast_to(parents, count)
    v, x, seen = rng.normal(size=count), rng.normal(size=count), np.zeros((steps, count))
    for step in range(steps):
        v = KEEP * v + np.sqrt(innovation(above)) * rng.normal(size=count)
        log_variance = level + np.array([0.0 if g < 0 else v[g] for g in grouping])
        x = x + np.exp(log_variance / 2) * rng.normal(size=count)
        seen[step] = x + np.sqrt(NOISE) * rng.normal(size=count)
    return seen


def make_graph(count, states=-2.0, expansion="unbounded"):
    """The states without their parents."""
    state, entry = (
        pn.ContinuousState(tonic_volatility=states),
        pn.ContinuousInput(precision=1 / NOISE),
    )
    return pn.Graph(expansion=expansion).extend(
        {f"x{i}": state for i in range(count)} | {f"u{i}": entry for i in range(count)},
        [(f"x{i}", f"u{i}", "value") for i in range(count)],
    )


def make_parent(parents=-2.0):
    """A parent that keeps a share of itself."""
    return pn.ContinuousState(memory="exact", autoconnection=KEEP, tonic_volatility=parents)


def share_pairs(grouping):
    """Who shares a parent with whom, as truth values of pairs."""
    g = np.array(grouping)
    rows, columns = np.triu_indices(len(g), 1)
    return (g[rows] == g[columns]) & (g[rows] >= 0)


def sharing(sets):
    """Three inputs, 15 groupings; six volatilities known, or drawn from their priors and integrated."""
    for expansion in ("structured", "unbounded"):
        for sd in (0.0, 0.5, 1.0):
            for alike in (True, False):
                decide_sharing(sets, expansion, sd, alike)


def decide_sharing(sets, expansion, sd, alike, steps=300):
    """The same, under one expansion and one standard deviation of log volatilities, 0 if known.

    Groupings are drawn from the prior that is then believed: all 15 alike, or the prior of ``share``, under
    which few inputs share a parent.
    """
    rng, graph, parent = np.random.default_rng(4), make_graph(3, -2.0, expansion), make_parent()
    free = {"*.tonic_volatility": pn.Normal(-2.0, sd)} if sd else {}
    every = list_groupings(3)
    log_prior = np.array([0.0 if alike else log_prior_of(one, (0.5, 3)) for one in every])
    right, top, reported, truth, cost = [], [], [], [], []
    for _ in range(sets):
        grouping = every[rng.choice(15, p=np.exp(log_prior) / np.exp(log_prior).sum())]
        levels = -2.0 + sd * rng.normal(size=(2, 3))
        seen = draw_walks(rng, grouping, steps, *levels)
        data = {f"u{i}": seen[:, i] for i in range(3)}
        began = time.perf_counter()
        found = structure.share(graph, data, parent=parent, free=free)
        cost.append((time.perf_counter() - began) / 15)
        log = found.log_evidence + log_prior
        p = np.exp(log - np.logaddexp.reduce(log))
        right.append(found.groupings[p.argmax()] == grouping)
        top.append(p.max())
        reported.append(p @ np.array([share_pairs(one) for one in found.groupings]))
        truth.append(share_pairs(grouping))
    p, true = np.array(reported), np.array(truth)
    hits = np.sum((p > 0.5) & true)
    print(
        f"sharing, {expansion}, volatilities of sd {sd}, {'alike' if alike else 'by share'}, {sets} sets:",
        f"right {np.mean(right):.2f},",
        f"mean top probability {np.mean(top):.2f}; shares: precision {hits / max(np.sum(p > 0.5), 1):.2f},",
        f"recall {hits / max(true.sum(), 1):.2f}, Brier {np.mean((p - true) ** 2):.3f};",
        f"{np.median(cost[1:]) * 1e3:.1f} ms a grouping, first call {cost[0] * 15:.0f} s",
        flush=True,
    )


def groups(sets, steps=300):
    """Eight inputs in three groups, parameters known, by the climb."""
    from tests.benchmarks.structure import adjusted_rand

    rng, graph, parent = np.random.default_rng(5), make_graph(8, -1.5), make_parent(-1.5)
    agreement, cost, tried = [], [], []
    for _ in range(sets):
        label = rng.permutation([0, 0, 0, 1, 1, 1, 2, 2])
        grouping = tuple(int(np.flatnonzero(label == one)[0]) for one in label)
        seen = draw_walks(rng, grouping, steps, -1.5, -1.5)
        began = time.perf_counter()
        found = structure.share(graph, {f"u{i}": seen[:, i] for i in range(8)}, parent=parent)
        cost.append(time.perf_counter() - began)
        tried.append(len(found.groupings))
        best = np.array([g if g >= 0 else 100 + i for i, g in enumerate(found.best)])
        agreement.append(adjusted_rand(np.array(grouping), best))
    print(
        f"eight inputs, {sets} sets: adjusted Rand {np.mean(agreement):.3f}, least {min(agreement):.2f};",
        f"{np.mean(tried):.0f} groupings a set, {np.median(cost[1:] or cost):.1f} s,",
        f"{np.median(np.divide(cost, tried)[1:]) * 1e3:.1f} ms each",
    )


def log_evidence_by_particles(rng, seen, states=-2.0, parents=-2.0, particles=2000):
    """Log evidence of a series whose state has a parent: particles of the parent, Kalman for the state."""
    v, mean, variance = rng.normal(size=particles), np.zeros(particles), np.ones(particles)
    total = 0.0
    for value in seen:
        v = KEEP * v + np.sqrt(innovation(parents)) * rng.normal(size=particles)
        variance = variance + np.exp(states + v)
        spread = variance + NOISE
        log = -0.5 * (np.log(2 * np.pi * spread) + (value - mean) ** 2 / spread)
        most = log.max()
        weight = np.exp(log - most)
        total += most + np.log(weight.mean())
        gain = variance / spread
        mean, variance = mean + gain * (value - mean), variance * (1 - gain)
        offsets = (rng.random() + np.arange(particles)) / particles
        kept = np.searchsorted(np.cumsum(weight) / weight.sum(), offsets).clip(max=particles - 1)
        v, mean, variance = v[kept], mean[kept], variance[kept]
    return total


def volatile(sets, steps=200):
    """Is there a volatility parent? Parameters known; log Bayes factors beside a particle filter's."""
    whole = make_graph(1).add(v=make_parent()).couple("v", "x0", pn.Volatility())
    bare = make_graph(1).compile()
    for expansion in ("standard", "enhanced", "unbounded", "structured"):
        rng, network = np.random.default_rng(6), whole.compile(expansion=expansion)
        ours, exact, truth = [], [], []
        for number in range(sets):
            truth.append(number % 2 == 0)
            seen = draw_walks(rng, (0,) if truth[-1] else (-1,), steps)[:, 0]
            without = float(bare.surprise({"u0": seen}))
            try:
                ours.append(without - float(network.surprise({"u0": seen})))
            except pn.FilterError:
                ours.append(-np.inf)
            exact.append(log_evidence_by_particles(rng, seen) + without)
        on, ours, exact = np.array(truth), np.array(ours), np.array(exact)
        gap = ours - exact
        fine = np.isfinite(gap)
        print(
            f"volatility edge, {expansion}, {sets} sets: decides right {np.mean((ours > 0) == on):.3f},",
            f"particle filter {np.mean((exact > 0) == on):.3f}; log Bayes factor off by",
            f"{gap[on & fine].mean():+.1f} (sd {gap[on & fine].std():.1f}) with a parent,",
            f"{gap[~on & fine].mean():+.1f} (sd {gap[~on & fine].std():.1f}) without",
            flush=True,
        )
