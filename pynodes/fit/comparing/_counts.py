"""Counts: how often each of several models is the right one, when every subject may have its own.

Arrays are NumPy's in double precision, whatever JAX is set to: probabilities near one matter here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import digamma, gammainc, gammaln, logsumexp

PASSES = 10_000
"""The iteration ends long before; its fixed point attracts geometrically."""

FINE = 0.01
"""Step of the grid over the logarithm on which exceedance is integrated."""


def attributed(evidence: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dirichlet counts of the models, and the probability of every model for every subject.

    The variational solution of Stephan et al. (2009), doi 10.1016/j.neuroimage.2009.03.025, equation 14.
    """
    counts = prior + len(evidence) * prior / prior.sum()
    shares = np.empty_like(evidence)
    for _ in range(PASSES):
        shares = shared(evidence, counts)
        now = prior + shares.sum(axis=0)
        if np.max(np.abs(now - counts)) < 1e-13 * now.sum():
            counts = now
            break
        counts = now
    return counts, shared(evidence, counts)


def shared(evidence: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Probability of every model for every subject, given counts."""
    scores = evidence + expected_logs(counts)
    return np.exp(scores - logsumexp(scores, axis=1, keepdims=True))


def expected_logs(counts: np.ndarray) -> np.ndarray:
    """Expected logarithms of Dirichlet frequencies."""
    return digamma(counts) - digamma(counts.sum())


def free_energy(
    evidence: np.ndarray, prior: np.ndarray, counts: np.ndarray, shares: np.ndarray
) -> float:
    """Lower bound of the log evidence that models differ between subjects."""
    logs = expected_logs(counts)
    entropy = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)))
    expected = np.sum(shares * (evidence + logs)) + entropy
    divergence = log_beta(prior) - log_beta(counts) + np.sum((counts - prior) * logs)
    return float(expected - divergence)


def log_beta(counts: np.ndarray) -> float:
    """Log normaliser of a Dirichlet density."""
    return float(np.sum(gammaln(counts)) - gammaln(counts.sum()))


def chance_energy(evidence: np.ndarray, prior: np.ndarray) -> float:
    """Log evidence that all models are as frequent as expected, differences being chance."""
    each: Any = logsumexp(evidence + np.log(prior / prior.sum()), axis=1)
    return float(np.sum(each))


def exceeding(counts: np.ndarray) -> np.ndarray:
    """Probability of every model that it is the most frequent one.

    Dirichlet frequencies are gamma variables over their sum, so that the largest is that of the largest
    gamma variable: an integral over one number, on a grid of its logarithm, where trapezia converge
    geometrically.
    """
    if len(counts) == 1:
        return np.ones(1)
    largest = counts.max()
    logs = np.arange(-40 / counts.min(), np.log(largest + 12 * np.sqrt(largest) + 60), FINE)
    logs = logs[logs > -700]
    values = np.exp(logs)
    below = np.stack([gammainc(count, values) for count in counts])
    densities = np.exp(counts[:, None] * logs - values - gammaln(counts)[:, None])
    found = [
        np.sum(densities[k] * np.prod(np.delete(below, k, axis=0), axis=0))
        for k in range(len(counts))
    ]
    # What the grid leaves out on the left, where all are small, goes the same way.
    return np.array(found) / np.sum(found)
