"""A particle smoother for hierarchies of Gaussian random walks: exact but for sampling.

Histories are drawn backward through the particles of a bootstrap filter. Numpy in float64.
Source: Godsill, Doucet and West (2004), doi 10.1198/016214504000000151.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tests.oracles.particle_filter import LARGEST_LOG_VARIANCE, Hierarchy, systematic


class Smoothed(NamedTuple):
    """Beliefs given the whole series, and those of the filter: moments of shape (time, levels)."""

    mean: np.ndarray
    variance: np.ndarray
    filtered_mean: np.ndarray
    filtered_variance: np.ndarray


def particle_smoother(
    hierarchy: Hierarchy, observations, *, particles=2_000, histories=400, seed=0
) -> Smoothed:
    """Smooth observations, NaN where missing, by drawing some histories among the particles."""
    random = np.random.default_rng(seed)
    states = hierarchy.start(particles, random)
    clouds, weights = [], []
    for observation in observations:
        states = hierarchy.moved(states, random)
        logs = hierarchy.log_likelihood(observation, states[0])
        found = np.exp(logs - logs.max())
        clouds.append(states)
        weights.append(found / found.sum())
        states = states[:, systematic(weights[-1], random)]
    drawn = [clouds[-1][:, random.choice(particles, histories, p=weights[-1])]]
    for cloud, weight in zip(clouds[-2::-1], weights[-2::-1], strict=True):
        drawn.append(cloud[:, ancestors(hierarchy, cloud, weight, drawn[-1], random)])
    series = np.array(drawn[::-1])
    filtered = [moments(cloud, weight) for cloud, weight in zip(clouds, weights, strict=True)]
    return Smoothed(
        series.mean(axis=-1), series.var(axis=-1), *map(np.array, zip(*filtered, strict=True))
    )


def ancestors(hierarchy, cloud, weight, after, random):
    """For every history an index into the particles of the step before it, drawn by probability."""
    density = transition_log_density(hierarchy, cloud[:, :, None], after[:, None, :])
    probability = weight[:, None] * np.exp(density - density.max(axis=0))
    cumulative = np.cumsum(probability, axis=0)
    below = cumulative < random.random(after.shape[1]) * cumulative[-1]
    return np.minimum(below.sum(axis=0), len(weight) - 1)


def transition_log_density(hierarchy, before, after):
    """Log density of a move, but for a constant: of states (levels, ...) before and after it."""
    levels = len(after)
    strengths = (*(hierarchy.volatility_strength or (1.0,) * (levels - 1)), 0.0)
    total = 0.0
    for level in range(levels):
        above = after[level + 1] if level < levels - 1 else 0.0
        log_variance = hierarchy.tonic_volatility[level] + strengths[level] * above
        log_variance = np.minimum(log_variance, LARGEST_LOG_VARIANCE)
        squared = (after[level] - before[level]) ** 2
        total = total - 0.5 * (log_variance + squared * np.exp(-log_variance))
    return total


def moments(cloud, weight):
    """Mean and variance of weighted particles, by level."""
    mean = cloud @ weight
    return mean, (cloud - mean[:, None]) ** 2 @ weight
