"""The logistic function averaged over a Gaussian, in closed form: as a mixture of normal distributions.

``σ(x) ≈ Σ_k weight_k Φ(slope_k x)`` with two parts, to an absolute error of 0.003, so that its average over
a Gaussian, and all derivatives of that, are sums of normal distribution functions and densities.

Source: the idea is Monahan and Stefanski's (1991; Stefanski 1991, doi 10.1016/0167-7152(91)90181-P); the
coefficients are our own fit (docs/theory/structured.md).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc

from pynodes._core.arithmetic import log, reciprocal
from pynodes._core.modules import Module
from pynodes._core.tilts import Tilt
from pynodes._typing import Array, Scalar

WEIGHTS = (0.29338255834, 0.70661744166)
SLOPES = (0.39732204276, 0.70390262324)
"""Parts of the mixture, the widest first."""

FAR = 1e-9
"""Below this probability of what happened, ratios come from bounds instead of quotients of tails."""


class LogitBelief(Module):
    """The Gaussian over a logit from which a binary outcome was predicted.

    Attributes
    ----------
    mean, variance
        Of the logit; of several, one for each outcome, had the others' logits been known.
    floor
        Predicted probabilities are within [floor, 1 - floor].
    """

    mean: Array
    variance: Array
    floor: Array

    def probability(self) -> Array:
        """The probability of 1, averaged over the logit."""
        found = average(self.mean, self.variance)
        low = jnp.where(found > self.floor, found, self.floor)
        return jnp.where(low < 1 - self.floor, low, 1 - self.floor)


def average(logit: Array, variance: Array) -> Array:
    """The logistic function averaged over N(logit, variance)."""
    return sum_parts(logit, variance)[0]


def sum_parts(logit: Array, variance: Array) -> tuple[Array, Array, Array]:
    """The average of the logistic function over N(logit, variance), and two derivatives in the logit."""
    value, first, second = 0.0, 0.0, 0.0
    for weight, slope in zip(WEIGHTS, SLOPES, strict=True):
        scale = jax.lax.rsqrt(variance + 1 / slope**2)
        reach = scale * logit
        density = weight * scale * math.sqrt(0.5 / math.pi) * jnp.exp(-0.5 * reach * reach)
        value = value + 0.5 * weight * erfc(-math.sqrt(0.5) * reach)
        first, second = first + density, second - scale * reach * density
    return jnp.asarray(value), jnp.asarray(first), jnp.asarray(second)


def tilt_by_outcome(
    outcome: Array, logit: Array, variance: Array, expected: Array, floor: Scalar
) -> Tilt:
    """The tilt of N(logit, variance) by an outcome, or by the posterior probability that it was 1.

    Parameters
    ----------
    outcome
        1 or 0; in between where the outcome itself is hidden.
    logit, variance
        The Gaussian over the logit.
    expected
        The probability of 1 that was predicted: the log evidence is relative to it.
    floor
        No outcome that was seen is less probable than this.
    """
    upward = outcome > 0.5
    sign = jnp.where(upward, 1.0, -1.0)
    likely = jnp.where(upward, outcome, 1 - outcome)
    predicted = jnp.where(upward, expected, 1 - expected)
    value, first, second = sum_parts(sign * logit, variance)
    near = likely * reciprocal(predicted)
    other = (1 - likely) * reciprocal(1 - predicted)
    total = near * jnp.where(value > floor, value, floor) + other * (1 - value)
    ratio = (near - other) * reciprocal(
        near * jnp.where(value > FAR, value, FAR) + other * (1 - value)
    )
    slope, bend = ratio * first, ratio * second
    curvature = slope * slope - bend
    seen = likely == 1
    far_slope, far_curvature = tail(sign * logit, variance)
    far = seen & (value <= FAR)
    slope = jnp.where(far, far_slope, slope)
    curvature = jnp.where(far, far_curvature, curvature)
    # True of every mixture of logistic functions, lost to rounding and to the fit in the tails.
    top = jnp.clip(slope, 0.0, 1.0)
    bounded = jnp.clip(curvature, 0.0, top * (1 - top))
    return Tilt(
        log_evidence=log(total),
        gradient=sign * jnp.where(seen, top, slope),
        curvature=jnp.where(seen, bounded, curvature),
    )


def tail(logit: Array, variance: Array) -> tuple[Array, Array]:
    """Slope and curvature of the log of the average far below zero, where the widest part is all."""
    scale = jax.lax.rsqrt(variance + 1 / SLOPES[0] ** 2)
    depth = scale * jnp.maximum(-logit, 0.0)
    slope = scale * (0.75 * depth + 0.25 * jnp.sqrt(depth * depth + 8))
    return slope, slope * (slope - scale * depth)
