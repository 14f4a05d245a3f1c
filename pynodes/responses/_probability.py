"""Probabilities and exponentials that stay inside the numbers that a computer can tell apart."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import bound_log_growth
from pynodes._typing import Array, Scalar
from pynodes.responses._fields import Reader


def inside(probability: Array) -> Array:
    """A probability away from 0 and 1, flat beyond.

    The lower end is the square root of the smallest number, since derivatives divide by it once or
    twice; the upper end is the largest number below one.
    """
    limits = jnp.finfo(probability.dtype)
    low = jnp.sqrt(limits.tiny).astype(probability.dtype)
    high = (1 - limits.epsneg).astype(probability.dtype)
    # Not jnp.clip: its derivative multiplies by zero where this one selects. A NaN stays one.
    above = jnp.where(probability <= low, low, probability)
    return jnp.where(above >= high, high, above)


def clipped_logit(probability: Array) -> Array:
    """The logit of a probability; finite, with finite derivatives, at 0 and 1 too."""
    return _logit(inside(probability))


@jax.custom_jvp
def _logit(probability: Array) -> Array:
    """The logit; one logarithm, since 1 - p is exact where it is small."""
    return jnp.log(probability / (1 - probability))


_logit.defjvps(lambda change, _, p: change / (p * (1 - p)))


@jax.custom_jvp
def log_sigmoid(logit: Array) -> Array:
    """Log probability of an outcome of some log odds, whose derivative needs no further exponential."""
    return jnp.minimum(logit, 0) - jnp.log1p(jnp.exp(-jnp.abs(logit)))


@log_sigmoid.defjvp
def _log_sigmoid_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """Its slope is the probability of the other outcome."""
    (logit,), (change,) = primals, tangents
    small = jnp.exp(-jnp.abs(logit))
    other = jnp.where(logit < 0, 1.0, small) / (1 + small)
    return log_sigmoid(logit), other * change


def exponential(x: Array) -> Array:
    """The exponential up to 32, where it is 8e13; above, it levels off below exp(40).

    So that in float32 too it may be divided by the smallest probability of :func:`inside`.
    """
    return jnp.exp(bound_log_growth(2 * x) / 2)


def sharpness(beliefs: Reader, inverse_temperature: Scalar, log_temperature: str | None) -> Any:
    """The inverse temperature of every trial: a number, lowered by a belief where one is named.

    Source: Diaconescu et al. (2014), doi 10.1371/journal.pcbi.1003810: β = exp(-μ̂₃).
    """
    if log_temperature is None:
        return inverse_temperature
    return inverse_temperature * exponential(-beliefs(log_temperature))


def beside_options(sharp: Any) -> Array | Scalar:
    """An inverse temperature per trial, shaped to multiply values whose last axis is the options."""
    return sharp[..., None] if getattr(sharp, "ndim", 0) else sharp
