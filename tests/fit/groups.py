"""Studies of which everything is Gaussian, and their marginal likelihood by another way."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import linalg, stats

import pynodes as pn
from pynodes.fit import Agent, Normal, Trials

VARIANCE = 0.4
"""Of every rating around what is believed and the unit's own offset."""

LONGEST = 6
"""Trials that a unit has at most."""

CENTRE, SPREAD = -0.3, 1.7
"""Of the prior of offsets."""


@cache
def rater() -> Agent:
    """An agent whose ratings lie around known beliefs, with an offset that is not known."""
    rating = pn.responses.GaussianResponse(belief="x1.predicted_mean", variance=VARIANCE)
    return Agent(pn.models.continuous_hgf(2), rating, free={"offset": Normal(CENTRE, SPREAD)})


@cache
def twofold() -> Agent:
    """The same with two ratings, each with an offset of its own."""
    ratings = {
        name: pn.responses.GaussianResponse(belief="x1.predicted_mean", variance=VARIANCE)
        for name in "ab"
    }
    free = {"a.offset": Normal(CENTRE, SPREAD), "b.offset": Normal(1.0, 0.8)}
    return Agent(pn.models.continuous_hgf(2), ratings, free=free)


def frame(units=24, seed=3):
    """A study: sites, groups and ages of units, and ratings; units have from 1 to 6 trials."""
    random = np.random.default_rng(seed)
    counts = 1 + np.arange(units) % LONGEST
    site = np.arange(units) % 6
    group = (np.arange(units) // 2) % 2
    age = random.normal(40, 9, units)
    offset = 0.4 + 0.9 * group + 0.5 * random.normal(size=6)[site] + 0.8 * random.normal(size=units)
    owner = np.repeat(np.arange(units), counts)
    total = len(owner)
    return {
        "subject": owner,
        "site": np.array(list("pqrstu"))[site][owner],
        "group": np.array(["control", "patient"])[group][owner],
        "age": age[owner],
        "u": random.normal(size=total),
        "a": offset[owner] + random.normal(0, VARIANCE**0.5, total),
        "b": 0.7 * offset[owner] + random.normal(0, 0.9, total),
    }


def trials(data, actions="a", **options):
    return Trials(data, inputs="u", actions=actions, by="subject", **options)


def errors(data, column="a"):
    """Ratings less what is believed, in which offsets are all that is unknown."""
    found = np.empty(len(data["u"]))
    for subject in np.unique(data["subject"]):
        rows = data["subject"] == subject
        # What comes after a trial does not matter in it; runs of one length are compiled once.
        longer = np.resize(data["u"][rows], LONGEST)
        beliefs = rater().network.filter({"u": longer})
        found[rows] = data[column][rows] - np.asarray(beliefs["x1"].predicted_mean)[: rows.sum()]
    return found


def indicators(values):
    """A column of ones and zeros for every distinct value, in their order."""
    return (values[:, None] == np.unique(values)[None]).astype(float)


def log_half_normal(log_deviation, spread):
    """Log density of a logarithm whose exponential is half normal."""
    return stats.halfnorm(scale=spread).logpdf(np.exp(log_deviation)) + log_deviation


def conditional(covariance, cross, prior, away):
    """Mean and covariance of what has some prior covariance, given numbers that covary with it."""
    gain = linalg.solve(covariance, cross, assume_a="pos").T
    return gain @ away, prior - gain @ cross
