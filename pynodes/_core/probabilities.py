"""Probabilities from logits, kept away from zero and one, and what a shift of a logit says."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import log
from pynodes._typing import Array


def clipped_sigmoid(logit: Array, clip: float) -> Array:
    """A probability from its logit, kept within [clip, 1 - clip]."""
    probability = jax.nn.sigmoid(logit)
    return jnp.where(
        probability > clip, jnp.where(probability < 1 - clip, probability, 1 - clip), clip
    )


def clipped_softmax(logits: Array, clip: float) -> Array:
    """Probabilities that sum to one, none less than clip times the largest."""
    below = logits - jnp.max(logits, axis=-1, keepdims=True)
    return jax.nn.softmax(jnp.maximum(below, jnp.log(clip)), axis=-1)


def categorical_probabilities(logits: Array, clip: float, *, normalised: bool) -> Array:
    """Probabilities of several outcomes, of one softmax or each by itself."""
    return clipped_softmax(logits, clip) if normalised else clipped_sigmoid(logits, clip)


def log_odds(probability: Array) -> Array:
    """The logit of a probability that is neither zero nor one."""
    return log(probability) - jnp.log1p(-probability)


def shifted(value: Array, probability: Array, shift: Array) -> Array:
    """Log probability of an outcome had its logit been shifted, less that at the predicted logit."""
    # log(1 - p + p exp(shift)) is the change of the log partition from the predicted logit.
    partition = jnp.logaddexp(jnp.log1p(-probability), jnp.log(probability) + shift)
    return value * shift - partition
