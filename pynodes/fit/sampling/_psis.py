"""Pareto-smoothed importance sampling: averages over a posterior that some data were left out of.

Source: Vehtari, Simpson, Gelman, Yao and Gabry (2024), JMLR 25(72); the tail is fitted as by Zhang and
Stephens (2009), doi 10.1198/tech.2009.08017.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

AT_ONCE = 2**22
"""Numbers that are looked at together."""


class Left(NamedTuple):
    """What is expected of items when each is left out.

    Attributes
    ----------
    elpd
        Log predictive density of every item given all others.
    effective
        How much less than under the posterior that has seen it.
    shape
        Shape of the tail of the weights; above 0.7 they are not to be relied on.
    watanabe
        What ``elpd`` would be by Watanabe (2010), JMLR 11: the log predictive density under the posterior
        that has seen the item, less the variance of its log likelihood.
    """

    elpd: np.ndarray
    effective: np.ndarray
    shape: np.ndarray
    watanabe: np.ndarray


def left_out(likelihoods: np.ndarray) -> Left:
    """What is expected of every item when it is left out, from log likelihoods of shape (draws, items)."""
    size = max(1, AT_ONCE // len(likelihoods))
    parts = [
        few_left_out(np.asarray(likelihoods[:, start : start + size].T, float))
        for start in range(0, likelihoods.shape[1], size)
    ]
    return Left(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def few_left_out(rows: np.ndarray) -> Left:
    """The same of a few items, whose log likelihoods have shape (items, draws)."""
    weights, shape = smoothed(-rows)
    elpd = log_sum(weights + rows) - log_sum(weights)
    seen = log_sum(rows) - np.log(rows.shape[1])
    return Left(elpd, seen - elpd, shape, seen - rows.var(axis=1, ddof=1))


def smoothed(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log weights, of shape (items, draws), with smooth tails, and the shapes of these.

    Weights that are all the same need no smoothing: their shape is minus infinity.
    """
    weights = weights - weights.max(axis=1, keepdims=True)
    count = weights.shape[1]
    tail = tail_length(count)
    if tail < FEWEST:
        return weights, np.full(len(weights), np.nan)
    order = np.argpartition(weights, count - tail - 1, axis=1)
    cutoff = np.exp(np.take_along_axis(weights, order[:, -tail - 1 : -tail], axis=1))
    largest = order[:, -tail:]
    values = np.take_along_axis(weights, largest, axis=1)
    sorting = np.argsort(values, axis=1)
    places = np.take_along_axis(largest, sorting, axis=1)
    above = np.exp(np.take_along_axis(values, sorting, axis=1)) - cutoff
    varied = above[:, -1] - above[:, 0] > LEAST
    shape, scale = pareto(np.where(varied[:, None], above, np.arange(1.0, tail + 1)))
    levels = (np.arange(tail) + 0.5) / tail
    quantiles = cutoff + scale[:, None] * pareto_quantiles(levels, shape[:, None])
    found = np.minimum(np.log(quantiles), 0.0)
    put = np.where(varied[:, None], found, np.take_along_axis(weights, places, axis=1))
    np.put_along_axis(weights, places, put, axis=1)
    return weights, np.where(varied, shape, -np.inf)


FEWEST = 5
"""Draws in the tail below which it is not fitted."""

LEAST = 1e-7
"""Relative difference below which weights are the same but for rounding."""


def tail_length(count: int) -> int:
    """How many of the largest weights are the tail."""
    return int(min(count / 5, 3 * np.sqrt(count)))


def pareto(above: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shape and scale of generalised Pareto distributions, from sorted values (items, tail)."""
    count = above.shape[1]
    grid = 30 + int(np.sqrt(count))
    quarter = above[:, int(count / 4 + 0.5) - 1, None]
    quarter = np.maximum(quarter, np.finfo(float).tiny)
    steps = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    rates = steps / (3 * quarter) + 1 / above[:, -1:]
    shapes = np.stack([mean_log(rates[:, j : j + 1], above) for j in range(grid)], axis=1)
    profile = count * (np.log(-rates / shapes) - shapes - 1)
    away = np.exp(profile - profile.max(axis=1, keepdims=True))
    rate = np.sum(rates * away / away.sum(axis=1, keepdims=True), axis=1)
    shape = mean_log(rate[:, None], above)
    # As if ten more values of shape one half had been seen, which steadies short tails.
    return (count * shape + 5) / (count + 10), -shape / rate


def mean_log(rate: np.ndarray, above: np.ndarray) -> np.ndarray:
    """The shape that goes with a rate."""
    return np.mean(np.log1p(-rate * above), axis=1)


def pareto_quantiles(levels: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Quantiles of generalised Pareto distributions of scale one."""
    near = np.abs(shape) < 1e-12
    safe = np.where(near, 1.0, shape)
    return np.where(near, -np.log1p(-levels), np.expm1(-safe * np.log1p(-levels)) / safe)


def log_sum(rows: np.ndarray) -> np.ndarray:
    """Logarithm of the sum of exponentials along the last axis."""
    top = rows.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(rows - top), axis=-1)) + top[..., 0]
