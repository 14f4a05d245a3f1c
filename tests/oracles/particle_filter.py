"""A bootstrap particle filter for hierarchies of Gaussian random walks: exact but for sampling.

Numpy in float64 and nothing else, so that it shares no code with what it is the measure of.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

LARGEST_LOG_VARIANCE = 100.0
"""A step's log variance stays below this: an infinite particle would have no weight, but would make
weighted means NaN."""


@dataclasses.dataclass(frozen=True)
class Hierarchy:
    """A chain of random walks, each the log volatility of the one below, observed at the lowest.

    The top state takes steps of variance ``exp(tonic_volatility)``; below it, of variance
    ``exp(strength * above + tonic_volatility)``, where *above* has already moved in the same step.

    Parameters
    ----------
    tonic_volatility, initial_mean, initial_precision
        One value per state, lowest first.
    volatility_strength
        One value per state but the top one, lowest first; 1 by default.
    input_precision
        Precision of a continuous observation; None if it is 0 or 1 with the lowest state as logit.
    probability_strength
        Logits per unit of the lowest state.
    """

    tonic_volatility: tuple[float, ...]
    initial_mean: tuple[float, ...]
    initial_precision: tuple[float, ...]
    volatility_strength: tuple[float, ...] | None = None
    input_precision: float | None = None
    probability_strength: float = 1.0

    def start(self, size, random):
        """States before the first step, of shape (levels, size)."""
        noise = random.standard_normal((len(self.tonic_volatility), size))
        precision = np.array(self.initial_precision)[:, None]
        return np.array(self.initial_mean)[:, None] + noise / np.sqrt(precision)

    def moved(self, states, random):
        """States one step later, of shape (levels, size)."""
        levels = len(states)
        strengths = self.volatility_strength or (1.0,) * (levels - 1)
        after = np.empty_like(states)
        for level in reversed(range(levels)):
            log_variance = self.tonic_volatility[level]
            if level < levels - 1:
                log_variance = log_variance + strengths[level] * after[level + 1]
            deviation = np.exp(0.5 * np.minimum(log_variance, LARGEST_LOG_VARIANCE))
            after[level] = states[level] + deviation * random.standard_normal(states.shape[1])
        return after

    def log_likelihood(self, observation, lowest):
        """Log density of an observation at each value of the lowest state; zero if it is missing."""
        if np.isnan(observation):
            return np.zeros_like(lowest)
        if self.input_precision is None:
            sign = 1.0 if observation == 1 else -1.0
            return -np.logaddexp(0.0, -sign * self.probability_strength * lowest)
        error = self.input_precision * (observation - lowest) ** 2
        return 0.5 * (np.log(self.input_precision / (2 * np.pi)) - error)

    def observed(self, lowest, random):
        """An observation of each value of the lowest state."""
        if self.input_precision is None:
            logistic = random.logistic(size=lowest.shape)
            return (logistic < self.probability_strength * lowest).astype(float)
        return lowest + random.standard_normal(lowest.shape) / np.sqrt(self.input_precision)


class Filtered(NamedTuple):
    """Beliefs at every step, exact as the number of particles grows; states lowest first.

    Moments have shape (time, levels), quantiles (time, levels, probabilities), ``log_evidence`` and
    ``effective_size`` (time,). *Predicted* is before a step's observation, the rest after it.
    """

    predicted_mean: np.ndarray
    predicted_variance: np.ndarray
    predicted_quantiles: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    quantiles: np.ndarray
    log_evidence: np.ndarray
    effective_size: np.ndarray


def simulate(hierarchy, steps, seed):
    """True states of shape (steps, levels), and observations of shape (steps,)."""
    random = np.random.default_rng(seed)
    state = hierarchy.start(1, random)
    series = []
    for _ in range(steps):
        state = hierarchy.moved(state, random)
        series.append(state[:, 0])
    states = np.array(series)
    return states, hierarchy.observed(states[:, 0], random)


def particle_filter(
    hierarchy, observations, *, particles=20_000, probabilities=(0.05, 0.95), seed=0
):
    """Filter observations, NaN where missing.

    Particles move by the generative model, are weighted by the likelihood, and are resampled after a
    step that leaves an effective sample size below half their number.
    """
    random = np.random.default_rng(seed)
    states = hierarchy.start(particles, random)
    log_weights = np.full(particles, -np.log(particles))
    rows = []
    for observation in observations:
        states = hierarchy.moved(states, random)
        orders = np.argsort(states, axis=1) if probabilities else None
        before = summary(states, np.exp(log_weights), orders, probabilities)
        joint = log_weights + hierarchy.log_likelihood(observation, states[0])
        log_evidence = log_sum(joint)
        log_weights = joint - log_evidence
        weights = np.exp(log_weights)
        after = summary(states, weights, orders, probabilities)
        effective_size = np.exp(-log_sum(2 * log_weights))
        rows.append((*before, *after, log_evidence, effective_size))
        if effective_size < 0.5 * particles:
            states = states[:, systematic(weights, random)]
            log_weights = np.full(particles, -np.log(particles))
    return Filtered(*(np.array(column) for column in zip(*rows, strict=True)))


def summary(states, weights, orders, probabilities):
    """Means, variances and quantiles of weighted particles, by level."""
    mean = states @ weights
    variance = (states - mean[:, None]) ** 2 @ weights
    quantiles = np.empty((len(states), len(probabilities)))
    for level, order in enumerate(orders if probabilities else ()):
        ordered = weights[order]
        # A particle stands for the weight on both sides of it: half of its own counts as below.
        below = np.cumsum(ordered) - 0.5 * ordered
        quantiles[level] = np.interp(probabilities, below, states[level, order])
    return mean, variance, quantiles


def log_sum(logarithms):
    """Logarithm of the sum of what has these logarithms."""
    largest = logarithms.max()
    return largest + np.log(np.exp(logarithms - largest).sum())


def systematic(weights, random):
    """Indices of the particles to keep, each about as often as its share of the weight."""
    positions = (np.arange(len(weights)) + random.random()) / len(weights)
    cumulative = np.cumsum(weights)
    return np.searchsorted(cumulative / cumulative[-1], positions)
