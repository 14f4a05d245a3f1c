"""The logistic function averaged over a Gaussian, in closed form: as a mixture of normal distributions.

``σ(x) ≈ Σ_k weight_k Φ(slope_k x)`` with two parts, to an absolute error of 0.003, so that its average over
a Gaussian, and all derivatives of that, are sums of normal distribution functions and densities.

Source: the idea is Monahan and Stefanski's (1991; Stefanski 1991, doi 10.1016/0167-7152(91)90181-P); the
coefficients are our own fit (docs/theory/structured.md).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc

from pynodes._core.arithmetic import inverse_root, materialise, reciprocal, stage
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
        probability = stage(jnp.where(low < 1 - floor, low, 1 - floor))
        return cls(
            mean=mean, variance=variance, floor=floor, probability=probability, hidden=hidden
        )


def average_logistic(logit: Array, variance: Array) -> Array:
    """The logistic function averaged over N(logit, variance)."""
    return differentiate_average(logit, variance, 0)[0]


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def differentiate_average(logit: Array, variance: Array, order: int) -> tuple[Array, ...]:
    """The average of the logistic function over N(logit, variance), and so many derivatives in the logit."""
    found: list[Any] = [0.0] * (order + 1)
    for weight, slope in zip(WEIGHTS, SLOPES, strict=True):
        scale = inverse_root(variance + 1 / slope**2)
        reach = scale * logit
        parts = [0.5 * weight * erfc(-math.sqrt(0.5) * reach)]
        bend, square = scale * reach, scale * scale
        if order:
            parts.append(
                (weight * math.sqrt(0.5 / math.pi)) * scale * jnp.exp(-0.5 * reach * reach)
            )
        # Each derivative of a density follows from the two before it, as those of exp(-x^2 / 2) do.
        for number in range(1, order):
            further = bend * parts[-1]
            if number > 1:
                further = further + (number - 1) * square * parts[-2]
            parts.append(-further)
        found = [total + part for total, part in zip(found, parts, strict=True)]
    return materialise(tuple(found))


@differentiate_average.defjvp
def _(order: int, primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Any, Any]:
    # As one step for all tangents: XLA would compute the many products of erfc anew for each of them.
    found = differentiate_average(*primals, order + 2)
    across, wider = tangents[0], 0.5 * tangents[1]
    # An average over a Gaussian obeys the heat equation: its derivative in the variance is half its second
    # one in the mean. So tangents are products of derivatives that are polynomials times one density.
    moved = [found[n + 1] * across + found[n + 2] * wider for n in range(order + 1)]
    return found[: order + 1], tuple(moved)


@jax.custom_jvp
def differentiate_log_average(logit: Array, variance: Array) -> tuple[Array, Array, Array]:
    """The same average; the slope of its log in the logit, and minus the second derivative, within bounds.

    Both are what they are of every mixture of logistic functions: lost to rounding and to the fit in the
    tails, the slope lies between 0 and 1, and the curvature is at most ``slope (1 - slope)``.
    """
    value, first, second = differentiate_average(logit, variance, 2)
    far, inverse = value <= FAR, reciprocal(jnp.where(value > FAR, value, FAR))
    raw = inverse * first
    far_slope, far_curvature = tail(logit, variance)
    slope = jnp.clip(jnp.where(far, far_slope, raw), 0.0, 1.0)
    curvature = jnp.where(far, far_curvature, raw * raw - inverse * second)
    return value, slope, jnp.clip(curvature, 0.0, slope * (1 - slope))


@differentiate_log_average.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Any, Any]:
    # Written out, since all tangents share these derivatives, and each would carry the bounds along.
    value, first, second, third, fourth = differentiate_average(*primals, 4)
    far, inverse = value <= FAR, reciprocal(jnp.where(value > FAR, value, FAR))
    ratios = tuple(inverse * one for one in (first, second, third, fourth))
    slope, bent, third, fourth = materialise(ratios)
    curvature, skew = materialise((slope * slope - bent, third - slope * bent))
    across, wider = (
        (-curvature, 0.5 * skew),
        (
            -2 * slope * curvature - skew,
            slope * skew - 0.5 * (fourth - bent * bent),
        ),
    )
    near = (slope, across, curvature, wider)
    slope, across, curvature, wider = jax.tree.map(
        lambda one, other: jnp.where(far, one, other),
        materialise(differentiate_tail(*primals)),
        near,
    )
    inside = (slope > 0) & (slope < 1)
    top = jnp.clip(slope, 0.0, 1.0)
    across = tuple(jnp.where(inside, one, 0.0) for one in across)
    bound = top * (1 - top)
    bounded = curvature > bound
    wider = tuple(
        jnp.where(bounded, (1 - 2 * top) * one, jnp.where(curvature > 0, other, 0.0))
        for one, other in zip(across, wider, strict=True)
    )
    found, slopes = materialise(
        (
            (value, top, jnp.clip(curvature, 0.0, bound)),
            ((first, 0.5 * second), across, wider),
        )
    )
    moved = [one * tangents[0] + other * tangents[1] for one, other in slopes]
    return found, tuple(moved)


def tilt_by_outcome(
    outcome: Array, logit: Array, variance: Array, expected: Array, floor: Scalar
) -> Tilt:
    """The tilt of N(logit, variance) by an outcome that is 1 or 0, in half of the arithmetic.

    Parameters are those of :func:`tilt_by_guess`.
    """
    sign = 2 * outcome - 1
    predicted = 0.5 * (1 - sign) + sign * expected
    value, slope, curvature = differentiate_log_average(sign * logit, variance)
    return stage(
        Tilt(
            log_evidence=jnp.zeros_like(value),
            gradient=sign * slope,
            curvature=curvature,
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
    value, first, second = differentiate_average(sign * logit, variance, 2)
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


def differentiate_tail(logit: Array, variance: Array) -> tuple[Any, Any, Any, Any]:
    """Slope and curvature as in :func:`tail`, each with its derivatives in logit and variance."""
    scale = inverse_root(variance + 1 / SLOPES[0] ** 2)
    square, depth = scale * scale, scale * jnp.maximum(-logit, 0.0)
    far = jnp.sqrt(depth * depth + 8)
    slope, deep = scale * (0.75 * depth + 0.25 * far), scale * depth
    steep = 0.75 + 0.25 * depth * reciprocal(far)
    across = (-square * steep, -0.5 * square * (slope + deep * steep))
    ahead = 2 * slope - deep
    wider = (across[0] * ahead + slope * square, across[1] * ahead + slope * square * deep)
    return slope, across, slope * (slope - deep), wider
