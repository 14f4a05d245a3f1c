"""Probabilities and exponentials that stay inside the numbers that a computer can tell apart."""

from __future__ import annotations

import jax.numpy as jnp

from pynodes._core.growth import bounded
from pynodes._typing import Array


def inside(probability: Array) -> Array:
    """A probability away from 0 and 1, flat beyond.

    The lower end is the square root of the smallest number, since derivatives divide by it once or
    twice; the upper end is the largest number below one.
    """
    limits = jnp.finfo(probability.dtype)
    low = jnp.sqrt(limits.tiny).astype(probability.dtype)
    high = (1 - limits.epsneg).astype(probability.dtype)
    # Not jnp.clip: its derivative multiplies by zero where this one selects.
    above = jnp.where(probability > low, probability, low)
    return jnp.where(above < high, above, high)


def log_odds(probability: Array) -> Array:
    """The logit of a probability; finite, with finite derivatives, at 0 and 1 too."""
    safe = inside(probability)
    return jnp.log(safe) - jnp.log1p(-safe)


def exponential(x: Array) -> Array:
    """The exponential up to 32, where it is 8e13; above, it levels off below exp(40).

    So that in float32 too it may be divided by the smallest probability of :func:`inside`.
    """
    return jnp.exp(bounded(2 * x) / 2)
