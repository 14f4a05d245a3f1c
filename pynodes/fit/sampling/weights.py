"""Pareto-smoothed weights of importance sampling, by ArviZ, and densities of items left out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from pynodes._results.tables import extra

FEWEST = 25
"""Draws below which no tail is fitted: it would have fewer than five of them."""

SAME = 1e-7
"""Relative difference below which weights are the same but for rounding."""

AT_ONCE = 2**22
"""Numbers that are looked at together."""


def smooth_weights(log_weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normalised log weights with smooth tails, of shape (items, draws), and the Pareto k of every item.

    ArviZ refuses tails whose weights are all the same, as those of an observation are that no parameter
    bears on. They need no smoothing, and their k is minus infinity. It is not a number where no tail is
    fitted: with few draws, or with fewer that have a weight at all.

    Source: Vehtari, Simpson, Gelman, Yao and Gabry (2024), JMLR 25(72).
    """
    smooth = log_weights - logsumexp(log_weights, axis=1, keepdims=True)
    items, count = smooth.shape
    if count < FEWEST:
        return smooth, np.full(items, np.nan)
    relative = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    tail = min(count // 5, int(3 * np.sqrt(count)))
    largest = np.partition(relative, count - tail, axis=1)[:, -tail:]
    varied = np.ptp(largest, axis=1) > SAME
    shapes = np.where(varied, np.nan, -np.inf)
    fitted = np.flatnonzero(varied & (largest.min(axis=1) > 0))
    if len(fitted):
        # ArviZ takes log likelihoods of observations, whose negatives are the weights without them.
        smooth[fitted], shapes[fitted] = extra("arviz_stats.base").array_stats.psislw(
            -log_weights[fitted]
        )
    return smooth, shapes


class Left(NamedTuple):
    """What is expected of items when each is left out.

    Attributes
    ----------
    elpd
        Log predictive density of every item given all others.
    effective
        How much less than under the posterior that has seen it.
    pareto_k
        Shape of the tail of the weights; above 0.7 they are not to be relied on.
    watanabe
        What ``elpd`` would be by Watanabe (2010), JMLR 11: the log predictive density under the posterior
        that has seen the item, less the variance of its log likelihood.
    """

    elpd: np.ndarray
    effective: np.ndarray
    pareto_k: np.ndarray
    watanabe: np.ndarray


def leave_out(log_likelihoods: np.ndarray) -> Left:
    """What is expected of every item when it is left out, from log likelihoods of shape (draws, items)."""
    size = max(1, AT_ONCE // len(log_likelihoods))
    parts = [
        leave_few_out(np.asarray(log_likelihoods[:, start : start + size].T, float))
        for start in range(0, log_likelihoods.shape[1], size)
    ]
    return Left(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def leave_few_out(rows: np.ndarray) -> Left:
    """The same of a few items, whose log likelihoods have shape (items, draws)."""
    log_weights, shapes = smooth_weights(-rows)
    elpd = np.asarray(logsumexp(log_weights + rows, axis=1))
    seen = np.asarray(logsumexp(rows, axis=1)) - np.log(rows.shape[1])
    return Left(elpd, seen - elpd, shapes, seen - rows.var(axis=1, ddof=1))
