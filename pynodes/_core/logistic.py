"""The logistic function averaged over a Gaussian, in closed form: as a mixture of normal distributions.

``σ(x) ≈ Σ_k weight_k Φ(slope_k x)`` with two parts, to an absolute error of 0.003, so that its average over
a Gaussian, and all derivatives of that, are sums of normal distribution functions and densities.

Source: the idea is Monahan and Stefanski's (1991; Stefanski 1991, doi 10.1016/0167-7152(91)90181-P); the
coefficients are our own fit (docs/theory/structured.md).
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import erfc

from pynodes._core.arithmetic import inverse_root, reciprocal, stage
from pynodes._core.modules import Module, choice
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
    probability
        Of 1, averaged over the logit.
    hidden
        Whether the outcome itself may be known by its probability only.
    """

    mean: Array
    variance: Array
    floor: Array
    probability: Array
    hidden: bool = choice(True)

    @classmethod
    def of(cls, mean: Array, variance: Array, floor: Array, *, hidden: bool = True) -> LogitBelief:
        """With the probability that follows."""
        found = average_logistic(mean, variance)
        low = jnp.where(found > floor, found, floor)
        probability = jnp.where(low < 1 - floor, low, 1 - floor)
        return cls(
            mean=mean, variance=variance, floor=floor, probability=probability, hidden=hidden
        )


def average_logistic(logit: Array, variance: Array) -> Array:
    """The logistic function averaged over N(logit, variance)."""
    return sum_parts(logit, variance)[0]


@jax.custom_jvp
def sum_parts(logit: Array, variance: Array) -> tuple[Array, Array, Array]:
    """The average of the logistic function over N(logit, variance), and two derivatives in the logit."""
    value, first, second, _, _ = differentiate_parts(logit, variance)
    return lax.optimization_barrier((value, first, second))


@sum_parts.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Any, Any]:
    # As one step for all tangents: XLA would compute the many products of erfc anew for each of them.
    found = lax.optimization_barrier(differentiate_parts(*primals))
    across, wider = tangents[0], 0.5 * tangents[1]
    # An average over a Gaussian obeys the heat equation: its derivative in the variance is half its second
    # one in the mean. So tangents are products of derivatives that are polynomials times one density.
    moved = [found[n + 1] * across + found[n + 2] * wider for n in range(3)]
    return found[:3], tuple(moved)


def differentiate_parts(logit: Array, variance: Array) -> tuple[Array, Array, Array, Array, Array]:
    """The same average, and four derivatives in the logit."""
    value, first, second, third, fourth = (jnp.zeros_like(logit),) * 5
    for weight, slope in zip(WEIGHTS, SLOPES, strict=True):
        scale = inverse_root(variance + 1 / slope**2)
        reach = scale * logit
        density = (weight * math.sqrt(0.5 / math.pi)) * scale * jnp.exp(-0.5 * reach * reach)
        bend, square = scale * reach, scale * scale
        value = value + 0.5 * weight * erfc(-math.sqrt(0.5) * reach)
        first, second = first + density, second - bend * density
        third = third + (bend * bend - square) * density
        fourth = fourth - bend * (bend * bend - 3 * square) * density
    return value, first, second, third, fourth


def tilt_by_outcome(
    outcome: Array, logit: Array, variance: Array, expected: Array, floor: Scalar
) -> Tilt:
    """The tilt of N(logit, variance) by an outcome that is 1 or 0, in half of the arithmetic.

    Parameters are those of :func:`tilt_by_guess`.
    """
    sign = 2 * outcome - 1
    predicted = 0.5 * (1 - sign) + sign * expected
    value, first, second = stage(sum_parts(sign * logit, variance))
    inverse = reciprocal(jnp.where(value > FAR, value, FAR))
    slope = inverse * first
    far, (far_slope, far_curvature) = value <= FAR, stage(tail(sign * logit, variance))
    curvature = jnp.where(far, far_curvature, slope * slope - inverse * second)
    top = jnp.clip(jnp.where(far, far_slope, slope), 0.0, 1.0)
    return stage(
        Tilt(
            log_evidence=jnp.zeros_like(value),
            gradient=sign * top,
            curvature=jnp.clip(curvature, 0.0, top * (1 - top)),
            factor=jnp.where(value > floor, value, floor) * reciprocal(predicted),
        )
    )


def tilt_by_guess(
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
        log_evidence=jnp.zeros_like(total),
        gradient=sign * jnp.where(seen, top, slope),
        curvature=jnp.where(seen, bounded, curvature),
        factor=total,
    )


def tail(logit: Array, variance: Array) -> tuple[Array, Array]:
    """Slope and curvature of the log of the average far below zero, where the widest part is all."""
    scale = inverse_root(variance + 1 / SLOPES[0] ** 2)
    depth = scale * jnp.maximum(-logit, 0.0)
    slope = scale * (0.75 * depth + 0.25 * jnp.sqrt(depth * depth + 8))
    return slope, slope * (slope - scale * depth)
