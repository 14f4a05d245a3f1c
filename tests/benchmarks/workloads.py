"""What both sides of the comparison share: the series, and how a call is timed.

Imported by ``ours.py`` and ``peer.py``, each in its own interpreter, so it needs numpy alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SERIES = Path(__file__).parents[2] / "pynodes" / "data" / "binary_input.txt"
START = (-3.0, -4.0, 0.0)
"""Tonic volatility of levels two and three, initial mean of level two."""

FAN_STEPS = 300


def outcomes() -> np.ndarray:
    """The 320 binary outcomes."""
    return np.loadtxt(SERIES)


def cohort(subjects: int) -> np.ndarray:
    """Parameters of some subjects around the start, (subjects, 3)."""
    noise = np.random.default_rng(0).normal(size=(subjects, 3))
    return (np.array(START) + 0.1 * noise).astype(np.float32)


def fan_series(width: int) -> np.ndarray:
    """Standard normal observations, (steps, width)."""
    return np.random.default_rng(1).normal(size=(FAN_STEPS, width)).astype(np.float32)


def timed(call: Callable[[], object], repetitions: int) -> float:
    """Median time of a call in seconds, after three warm-up calls."""
    for _ in range(3):
        call()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def once(call: Callable[[], object]) -> float:
    """Time of a single first call in seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
