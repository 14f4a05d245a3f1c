"""Logits: probabilities of several outcomes, and what a shift of one logit does to them."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import log
from pynodes._core.probabilities import clipped_sigmoid
from pynodes._typing import Array, Scalar


def categorical_probabilities(logits: Array, clip: float, *, normalised: bool) -> Array:
    """Probabilities of several outcomes: of one softmax, or each of its own sigmoid."""
    return clipped_softmax(logits, clip) if normalised else clipped_sigmoid(logits, clip)


def clipped_softmax(logits: Array, clip: float) -> Array:
    """Probabilities from their logits, none less than clip times the largest; they sum to one."""
    below, floor = logits - jnp.max(logits), math.log(clip)
    return jax.nn.softmax(jnp.where(below > floor, below, floor))


def log_odds(probability: Array) -> Array:
    """The logit of a probability that is neither 0 nor 1."""
    return log(probability) - log(1 - probability)


def shifted(value: Array, probability: Array, shift: Scalar) -> Array:
    """Log probability of a value, had its logit been higher by a shift, up to a constant.

    ``value`` is what happened, or its expectation. ``log(1 - p + p exp(shift))`` is the change of the
    log partition, of one sigmoid and of one logit in a softmax alike.
    """
    partition = jnp.logaddexp(jnp.log1p(-probability), jnp.log(probability) + shift)
    return value * shift - partition
