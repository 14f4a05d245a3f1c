"""Regressors: what may move a reaction time, as functions of the beliefs of one node.

Each takes beliefs of a trial, ``beliefs["u"]`` for a node u, and returns a number per trial.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from pynodes._typing import Array
from pynodes.responses._probability import exponential, inside


def surprise(outcome: Any) -> Array:
    """Minus the log probability of a binary outcome, in nats.

    Of an outcome that is itself uncertain, its expectation under what is believed of it now.
    """
    probability, now = inside(outcome.predicted_mean), outcome.mean
    return -(now * jnp.log(probability) + (1 - now) * jnp.log1p(-probability))


def outcome_uncertainty(outcome: Any) -> Array:
    """Variance of a binary outcome as predicted: what no learning removes."""
    probability = outcome.predicted_mean
    return probability * (1 - probability)


def informational_uncertainty(state: Any) -> Array:
    """Posterior variance of a logit, as a variance of its outcome: what further trials remove."""
    return logistic_slope(state.mean) / state.precision


def environmental_uncertainty(state: Any, volatility: Any) -> Array:
    """How fast a logit is believed to change, as a variance of its outcome per trial."""
    return logistic_slope(state.mean) * exponential(volatility.mean)


def logistic_slope(logit: Array) -> Array:
    """Derivative of the logistic function."""
    return jax.nn.sigmoid(logit) * jax.nn.sigmoid(-logit)
