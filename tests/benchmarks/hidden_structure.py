"""Structure of hidden states: inputs in turn beside the exact evidence of the joint state.

A part of tests/benchmarks/structure.py. Three states keep a share of their value, drive one another within a
step, and are seen through noise (recipe C). The exact evidence is that of Kalman's filter of all three; in
both strengths are integrated by Laplace's method.
"""

from __future__ import annotations

import itertools
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import pynodes as pn
from pynodes import structure
from pynodes._inference.laplace import approximate_posteriors, find_modes

SPREAD = 0.4
"""Standard deviation of a strength."""

CELLS = [(i, j) for i in range(3) for j in range(3) if i != j]
"""Edges between three states, from and to."""


def list_graphs():
    """The 25 graphs of three states that have no cycle, as matrices from and to."""
    found = {}
    for order in itertools.permutations(range(3)):
        for on in itertools.product([0, 1], repeat=3):
            graph = np.zeros((3, 3), int)
            for flag, (i, j) in zip(on, [(0, 1), (0, 2), (1, 2)], strict=True):
                graph[order[i], order[j]] = flag
            found[graph.tobytes()] = graph
    return list(found.values())


GRAPHS = list_graphs()


def make_space(keep, noise):
    """Three states in one order, with every edge that it allows."""
    rate = -np.log(keep)
    state = pn.ContinuousState(
        memory="exact",
        autoconnection=keep,
        tonic_volatility=-np.log((1 - keep**2) / (2 * rate)),
    )
    entry = pn.ContinuousInput(precision=1 / noise)
    nodes = {f"s{i}": state for i in range(3)} | {f"u{i}": entry for i in range(3)}
    drift = pn.Drift(strength=rate / (1 - keep))
    edges = [(f"s{i}", f"u{i}", "value") for i in range(3)]
    edges += [(f"s{i}", f"s{j}", drift) for i, j in ((0, 1), (0, 2), (1, 2))]
    strength = pn.Normal(0.0, SPREAD * rate / (1 - keep))
    graph = pn.Graph(evidence="in_turn").extend(nodes, edges)
    return structure.space(graph, "s*->s*", probability=0.3, strength=strength)


def draw_series(rng, graph, keep, noise, steps=200):
    """Series of one graph, strengths from their prior."""
    strengths = graph * SPREAD * rng.normal(size=(3, 3))
    passes = np.linalg.inv(np.eye(3) - strengths.T)
    x, values = rng.normal(size=3), np.zeros((steps, 3))
    for step in range(steps):
        x = passes @ (keep * x + rng.normal(size=3))
        values[step] = x + np.sqrt(noise) * rng.normal(size=3)
    return values


@partial(jax.jit, static_argnums=(2, 3))
def find_exact_modes(masks, values, keep, noise):
    """Modes of the strengths under some graphs, by Kalman's filter of the joint state."""
    priors = [pn.Normal(0.0, SPREAD)] * len(CELLS)
    rows, columns = (jnp.array(part) for part in zip(*CELLS, strict=True))

    def log_joint(strengths, mask):
        matrix = jnp.zeros((3, 3)).at[columns, rows].set(strengths * mask)
        # A matrix without cycles: its third power is zero.
        passes = jnp.eye(3) + matrix + matrix @ matrix

        def step(carry, value):
            mean, cover = carry
            mean = keep * passes @ mean
            cover = passes @ (keep**2 * cover + jnp.eye(3)) @ passes.T
            spread = cover + noise * jnp.eye(3)
            inverse = invert(spread)
            error = value - mean
            log = -0.5 * (error @ inverse @ error + jnp.log(2 * jnp.pi) * 3)
            log -= 0.5 * jnp.log(determinant(spread))
            gain = cover @ inverse
            return (mean + gain @ error, cover - gain @ cover), log

        parts = lax.scan(step, (jnp.zeros(3), jnp.eye(3)), values)[1]
        prior = -0.5 * jnp.sum((strengths / SPREAD) ** 2)
        return parts.sum() + prior - len(CELLS) * (0.5 * jnp.log(2 * jnp.pi) + jnp.log(SPREAD))

    return find_modes(log_joint, masks, priors, jax.random.key(0), starts=1, refine=1)


def determinant(m):
    """Of a matrix of three rows, whose derivatives are cheap."""
    return m[0] @ jnp.cross(m[1], m[2])


def invert(m):
    """A matrix of three rows, inverted by its cofactors."""
    rows = [jnp.cross(m[1], m[2]), jnp.cross(m[2], m[0]), jnp.cross(m[0], m[1])]
    return jnp.stack(rows, axis=1) / determinant(m)


def score_exactly(values, keep, noise):
    """Log evidence of all 25 graphs."""
    masks = np.array([[graph[i, j] for i, j in CELLS] for graph in GRAPHS], float)
    modes = find_exact_modes(masks, values, keep, noise)
    return np.asarray(
        approximate_posteriors(modes, np.full(len(CELLS), SPREAD)).log_evidence, float
    )


def score_in_turn(space, values, orders):
    """Log evidence of all graphs that some orders allow; the others are NaN."""
    known = {graph.tobytes(): i for i, graph in enumerate(GRAPHS)}
    found = np.full(len(GRAPHS), np.nan)
    masks = space.masks()
    for order in orders:
        data = {f"u{place}": values[:, who] for place, who in enumerate(order)}
        evidence = structure.search(space, data, by="all").score.evidence(masks)
        for mask, log in zip(masks, evidence, strict=True):
            graph = np.zeros((3, 3), int)
            for (parent, child, _), on in zip(space.keys, mask, strict=True):
                graph[order[int(parent[1])], order[int(child[1])]] = on
            found[known[graph.tobytes()]] = log
    return found


def hidden(sets, memories=(0.8, 0.05)):
    """Order known: Brier's score and F1 of edges; order unknown: how often the right one of 25 graphs."""
    forward = [g for g in GRAPHS if not np.tril(g).any()]
    places = [i for i, g in enumerate(GRAPHS) if not np.tril(g).any()]
    edges = np.array([[g[0, 1], g[0, 2], g[1, 2]] for g in forward])
    prior = np.sum(np.where(edges, np.log(0.3), np.log(0.7)), axis=1)
    for keep in memories:
        space, rng = make_space(keep, 0.25), np.random.default_rng(int(100 * keep))
        truth, reported, best, cost, gaps = [], [], [], [], []
        for _ in range(sets):
            on = rng.random(3) < 0.3
            graph = forward[[e.tolist() for e in edges.astype(bool)].index(on.tolist())]
            values = draw_series(rng, graph, keep, 0.25)
            logs = (
                score_in_turn(space, values, [(0, 1, 2)])[places],
                score_exactly(values, keep, 0.25)[places],
            )
            weights = [np.exp(log + prior - np.max(log + prior)) for log in logs]
            reported.append([w @ edges / w.sum() for w in weights])
            truth.append(on)
            gaps.append((logs[0] - logs[0][0]) - (logs[1] - logs[1][0]))
            number = rng.integers(len(GRAPHS))
            values = draw_series(rng, GRAPHS[number], keep, 0.25)
            began = time.perf_counter()
            ours = score_in_turn(space, values, list(itertools.permutations(range(3))))
            cost.append((time.perf_counter() - began) / 48)
            exact = score_exactly(values, keep, 0.25)
            best.append([ours.argmax() == number, exact.argmax() == number])
        p, on = np.array(reported), np.array(truth)[:, None, :]
        brier = np.mean((p - on) ** 2, axis=(0, 2))
        hits = np.sum((p > 0.5) & on, axis=(0, 2))
        f1 = 2 * hits / (np.sum(p > 0.5, axis=(0, 2)) + on.sum())
        right = np.mean(best, axis=0)
        print(
            f"hidden, memory {keep}, order known: Brier {brier[0]:.4f} in turn, {brier[1]:.4f} exact;",
            end=" ",
        )
        print(
            f"F1 {f1[0]:.3f}, {f1[1]:.3f}; log Bayes factors differ by {np.abs(gaps).max():.2f} at most"
        )
        print(f"  25 graphs: right {right[0]:.2f} in turn, {right[1]:.2f} exact;", end=" ")
        print(f"{np.median(cost) * 1e3:.1f} ms a graph", flush=True)
