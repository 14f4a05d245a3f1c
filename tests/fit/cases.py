"""Small data and agents that the tests of fitting share."""

from __future__ import annotations

from functools import cache

import numpy as np

import pynodes as pn
from pynodes.fit import Agent, LogNormal, Normal

FREE = {
    "x2.tonic_volatility": Normal(-3.0, 2.0),
    "inverse_temperature": LogNormal(1.0, 1.0),
}
"""What is free in the agents here."""

VALUES = {"x2.tonic_volatility": -2.5, "inverse_temperature": 3.0}
"""Some values of it."""


@cache
def chooser(levels: int = 2) -> Agent:
    """An agent that learns the probability of an outcome and bets on it."""
    return Agent(pn.models.binary_hgf(levels), pn.responses.UnitSquareSigmoid(), free=FREE)


@cache
def watcher(levels: int = 2) -> Agent:
    """An agent that learns and does nothing."""
    free = {"x2.tonic_volatility": Normal(-3.0, 2.0)}
    return Agent(pn.models.binary_hgf(levels), free=free)


def table(lengths=((9, 7), (5, 9), (8, 3)), seed=0):
    """Columns of a study: per subject, the number of trials of every session."""
    random = np.random.default_rng(seed)
    rows = [
        (f"s{subject}", session, trial)
        for subject, sessions in enumerate(lengths)
        for session, count in enumerate(sessions)
        for trial in range(count)
    ]
    subject, session, trial = (np.array(column) for column in zip(*rows, strict=True))
    count = len(rows)
    return {
        "subject": subject,
        "session": session,
        "trial": trial,
        "u": random.integers(0, 2, count).astype(float),
        "y": random.integers(0, 2, count).astype(float),
        "age": np.repeat(
            [30.0, 41.0, 25.0][: len(lengths)], [sum(sessions) for sessions in lengths]
        ),
    }


def sessions_of(data, by=("subject", "session")):
    """The rows of every session, in order."""
    keys = list(zip(*(data[name].tolist() for name in by), strict=True))
    return [np.array([k == key for k in keys]) for key in dict.fromkeys(keys)]
