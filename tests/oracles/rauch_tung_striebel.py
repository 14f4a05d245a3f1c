"""The Rauch-Tung-Striebel smoother: exact beliefs of linear Gaussian models given a whole series."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tests.oracles.kalman import Filtered, per_step


class Smoothed(NamedTuple):
    """Exact beliefs of n states given all observations: (time, n) and (time, n, n)."""

    mean: np.ndarray
    covariance: np.ndarray


def rauch_tung_striebel(filtered: Filtered, transition) -> Smoothed:
    """Smooth what a Kalman filter found, with the ``transition`` that it was given.

    Source: Rauch, Tung and Striebel (1965), doi 10.2514/3.3166.
    """
    transition = per_step(transition, len(filtered.mean))
    mean, covariance = filtered.mean.copy(), filtered.covariance.copy()
    for step in reversed(range(len(mean) - 1)):
        kept, ahead = transition[step + 1], filtered.predicted_covariance[step + 1]
        gain = np.linalg.solve(ahead, kept @ filtered.covariance[step]).T
        mean[step] += gain @ (mean[step + 1] - filtered.predicted_mean[step + 1])
        covariance[step] += gain @ (covariance[step + 1] - ahead) @ gain.T
    return Smoothed(mean, covariance)
