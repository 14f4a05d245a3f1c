"""A filter on a dense grid: numerical integration, for one state or a state and its volatility."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Axis(NamedTuple):
    """A random walk and the equally spaced values at which its density is kept.

    ``tonic_volatility`` is the log variance of a step; ``strength`` is what the state above, if there
    is one, adds to it per unit.
    """

    values: np.ndarray
    tonic_volatility: float
    initial_mean: float
    initial_precision: float
    strength: float = 1.0


class Gridded(NamedTuple):
    """Posterior moments, of shape (time, states), lowest first, and log evidence, (time,)."""

    mean: np.ndarray
    variance: np.ndarray
    log_evidence: np.ndarray


def grid_filter(observations, likelihood, lower, upper=None):
    """Filter observations of a random walk, whose log volatility may be a random walk itself.

    Parameters
    ----------
    observations
        Shape (time,).
    likelihood
        Density of an observation at every value of the observed state: ``likelihood(u, values)``.
    lower, upper
        The observed state, and the one that drives its volatility. The upper one moves first. The
        spacing of a grid must not exceed the standard deviation of the smallest step that matters.
    """
    above = np.zeros(1) if upper is None else upper.values
    climb = np.ones((1, 1)) if upper is None else kernel(upper, upper.tonic_volatility)
    moves = np.stack([kernel(lower, lower.tonic_volatility + lower.strength * h) for h in above])
    density = np.outer(np.ones(1) if upper is None else start(upper), start(lower))
    rows = []
    for observation in observations:
        density = (climb.T @ density)[:, None, :] @ moves
        joint = density[:, 0] * likelihood(observation, lower.values)
        evidence = joint.sum()
        density = joint / evidence
        moments = [moment(density.sum(axis=0), lower.values)]
        if upper is not None:
            moments.append(moment(density.sum(axis=1), above))
        rows.append((*zip(*moments, strict=True), np.log(evidence)))
    return Gridded(*(np.array(column) for column in zip(*rows, strict=True)))


def bernoulli(outcome, logit):
    """Probability of an outcome, 0 or 1, at every logit."""
    return 1 / (1 + np.exp(-np.where(outcome == 1, logit, -logit)))


def start(axis):
    """The initial belief on the grid, summing to one."""
    weights = np.exp(-0.5 * axis.initial_precision * (axis.values - axis.initial_mean) ** 2)
    return weights / weights.sum()


def kernel(axis, log_variance):
    """Probabilities of moving from each value (row) to each other (column)."""
    distance = axis.values[:, None] - axis.values
    weights = np.exp(-0.5 * distance**2 * np.exp(-log_variance))
    return weights / weights.sum(axis=1, keepdims=True)


def moment(weights, values):
    """Mean and variance of a distribution on the grid."""
    mean = weights @ values
    return mean, weights @ (values - mean) ** 2
