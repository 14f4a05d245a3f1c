"""The Kalman filter: exact beliefs of linear Gaussian models."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Filtered(NamedTuple):
    """Exact beliefs of n states at every step.

    Means have shape (time, n), covariances (time, n, n); ``log_evidence``, of shape (time,), is the
    log density of each step's observations given those before.
    """

    predicted_mean: np.ndarray
    predicted_covariance: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    log_evidence: np.ndarray


def kalman_filter(
    transition, noise, observe, observation_noise, mean0, covariance0, observations, *, drift=0.0
):
    """Filter observations ``y = observe x + e`` of a state ``x = transition x' + drift + w``.

    Parameters
    ----------
    transition, noise
        What is kept of the previous state, and the covariance of w: a matrix or one per step, of
        shape (n, n) or (time, n, n); for a single state also numbers, () or (time,).
    observe, observation_noise
        What the m observations show, of shape (m, n), and the covariance of e; likewise.
    mean0, covariance0
        The belief before the first step, which moves once before the first observation.
    observations
        Shape (time,) or (time, m); NaN is a missing value.
    drift
        Known shift of the state: a number, or of shape (n,) or (time, n).
    """
    series = np.asarray(observations, dtype=float).reshape(len(observations), -1)
    arrays = (transition, noise, observe, observation_noise)
    steps = zip(series, *(per_step(array, len(series)) for array in arrays), strict=True)
    mean = np.atleast_1d(np.asarray(mean0, dtype=float))
    covariance = np.reshape(np.asarray(covariance0, dtype=float), (len(mean), len(mean)))
    shifts = np.broadcast_to(np.asarray(drift, dtype=float), (len(series), len(mean)))
    rows = []
    for shift, (values, kept, added, seen, error) in zip(shifts, steps, strict=True):
        mean = kept @ mean + shift
        covariance = kept @ covariance @ kept.T + added
        posterior = conditioned(mean, covariance, values, seen, error)
        rows.append((mean, covariance, *posterior))
        mean, covariance = posterior[:2]
    return Filtered(*(np.array(column) for column in zip(*rows, strict=True)))


def conditioned(mean, covariance, values, seen, error):
    """A Gaussian belief given those values that are there, and the log density of these."""
    there = np.isfinite(values)
    seen, residual = seen[there], values[there] - seen[there] @ mean
    spread = seen @ covariance @ seen.T + error[np.ix_(there, there)]
    gain = np.linalg.solve(spread, seen @ covariance).T
    distance = residual @ np.linalg.solve(spread, residual)
    log_evidence = -0.5 * (distance + np.linalg.slogdet(2 * np.pi * spread)[1])
    return mean + gain @ residual, covariance - gain @ spread @ gain.T, log_evidence


def per_step(array, steps):
    """A matrix for every step, from one of the shapes that say so."""
    array = np.asarray(array, dtype=float)
    if array.ndim < 2:
        array = np.broadcast_to(array, (steps,))[:, None, None]
    return np.broadcast_to(array, (steps, *array.shape[-2:]))
