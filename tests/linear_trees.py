"""States joined by drifts: as a graph, and all at once as the state of a Kalman filter."""

import numpy as np

import pynodes as pn
from tests.oracles.kalman import kalman_filter

NOISE = 0.25
"""Variance with which a state is seen."""


ALL = pn.Structured(edges="all")


def build_tree(volatility, edges, seen, expansion=ALL):
    """States by their log volatilities, drift edges by their strengths, and an input for every state seen."""
    graph = pn.Graph(expansion=expansion)
    for name, value in volatility.items():
        graph = graph.add(**{name: pn.ContinuousState(tonic_volatility=value)})
    for (parent, child), strength in edges.items():
        graph = graph.couple(parent, child, pn.Drift(strength=strength))
    for name, state in seen.items():
        graph = graph.add(**{name: pn.ContinuousInput(precision=1 / NOISE)}).couple(state, name)
    return graph


def tree_matrices(volatility, edges, seen):
    """What a step makes of all states and their noises, what inputs show, and the variances of the noises."""
    names = list(volatility)
    drift, show = np.zeros((len(names),) * 2), np.zeros((len(seen), len(names)))
    for (parent, child), strength in edges.items():
        drift[names.index(child), names.index(parent)] = strength
    for row, state in enumerate(seen.values()):
        show[row, names.index(state)] = 1.0
    return np.linalg.inv(np.eye(len(names)) - drift), show, np.exp(list(volatility.values()))


def filter_tree(volatility, edges, seen, u):
    """The exact filter of such states, from observations (time, inputs)."""
    move, show, noise = tree_matrices(volatility, edges, seen)
    start = np.zeros(len(noise)), np.eye(len(noise))
    spread = move @ np.diag(noise) @ move.T
    return kalman_filter(move, spread, show, NOISE * np.eye(len(show)), *start, u)


def moments_of(beliefs, names):
    """Means and variances of some states, (time, states) each."""
    return tuple(
        np.stack([value(beliefs[name]) for name in names], -1)
        for value in (lambda one: one.mean, lambda one: 1 / one.precision)
    )
