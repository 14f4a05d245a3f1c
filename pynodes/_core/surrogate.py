"""Where a belief would settle if growth were all the variance: the second point of Unbounded.

A parent with prior N(m, 1/P) hears children whose log growth it shifts by ``strength * shift``. If
the variance a child carries over is negligible, the log posterior of the shift is

    -P shift²/2 - Σ (strength shift + exp(log_ratio - strength shift)) / 2,

strictly concave, with one mode. For one child the mode is a Lambert W; for several it is found by
Newton's method. Derived in docs/theory/unbounded.md.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._core.arithmetic import reciprocal
from pynodes._typing import Array

NEWTON_STEPS = 12
"""Iterations for several children. In the logarithm each step is nearly exact, so that twelve reach
rounding error from any start (tests/test_surrogate.py draws adversarial ones)."""


LARGEST_SCALE = 1e6
"""A prior so weak that ``strength²/2P`` exceeds this is taken as this strong: the mode no longer
depends on it, and products must not overflow in float32."""


def mode_for_one(precision: Array, strength: Array, ratio: Array) -> tuple[Array, Array]:
    """Mode of the shift for one child, and its squared move over its growth there.

    ``ratio`` is the squared move over the growth at shift zero.
    """
    info = jnp.finfo(ratio.dtype)
    low, high = float(info.tiny) ** 0.5, float(info.max) ** 0.75
    weakest = 0.5 * strength**2 / LARGEST_SCALE
    precision = jnp.where(precision > weakest, precision, weakest)
    ratio = jnp.where(ratio > low, jnp.where(ratio < high, ratio, high), low)
    half = 0.5 * strength * reciprocal(precision)
    excess = lambert_excess(strength * half, ratio)
    return half * (excess - 1), excess


@jax.custom_jvp
def lambert_excess(scale: Array, ratio: Array) -> Array:
    """The solution E of ``E exp(scale (E - 1)) = ratio``, for scale >= 0 and ratio > 0.

    W = scale E is Lambert's function of ``scale ratio exp(scale)``. It is solved in the logarithm,
    where nothing overflows, and nothing is divided by a vanishing scale, so that value and
    derivatives are finite where a strength is zero. A rational function of ``log(1 + argument)``,
    fitted to a relative error below 8e-4 everywhere, is followed by one step of Fritsch, Shafer and
    Crowley (1973), doi 10.1145/361952.361970, which is of fourth order.
    """
    scale = jnp.maximum(scale, float(jnp.finfo(ratio.dtype).tiny) ** 0.5)
    product, shrunk = scale * ratio, jnp.exp(-scale)
    argument = product / shrunk
    soft = jnp.where(
        product < 1e-3 * shrunk, argument * (1 - 0.5 * argument), scale + jnp.log(product + shrunk)
    )
    above = 1 + soft * (2.84078147 + soft * (1.01504456 + soft * 0.23765811))
    below = 1 + soft * (3.36177498 + soft * (1.89002852 + soft * 0.24148229))
    w = soft * above / below
    miss = scale - w + jnp.log(product / w)
    q = 2 * (1 + w) * (1 + w + 2 / 3 * miss)
    return w * (1 + miss * (q - miss) / ((1 + w) * (q - 2 * miss))) / scale


@lambert_excess.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (scale, ratio), (d_scale, d_ratio) = primals, tangents
    excess = lambert_excess(scale, ratio)
    slope = excess * reciprocal(1 + scale * excess)
    return excess, slope * ((1 - excess) * d_scale + reciprocal(ratio) * d_ratio)


def mode_for_many(precision: Array, strength: Array, log_ratio: Array) -> Array:
    """Mode of the shift for several children along the last axis.

    The equation is solved in the logarithm without derivatives, then two ordinary Newton steps
    from the solution carry first and second derivatives, at any strength, zero included.
    """
    log_ratio = jnp.minimum(log_ratio, 0.75 * jnp.log(jnp.finfo(log_ratio.dtype).max))
    shift = lax.stop_gradient(_solved(*lax.stop_gradient((precision, strength, log_ratio))))
    for _ in range(2):
        pull, slope = _slope(shift, precision, strength, log_ratio)
        shift = shift + pull / slope
    return shift


def _slope(
    shift: Array, precision: Array, strength: Array, log_ratio: Array
) -> tuple[Array, Array]:
    """First derivative of the log posterior at a shift, and minus its second."""
    ratio = jnp.exp(log_ratio - strength * shift[..., None])
    pull = jnp.sum(0.5 * strength * (ratio - 1), axis=-1) - precision * shift
    return pull, precision + jnp.sum(0.5 * strength**2 * ratio, axis=-1)


def _solved(precision: Array, strength: Array, log_ratio: Array) -> Array:
    """The mode by Newton's method on the log of what pulls up over the log of what pulls down."""
    floor = jnp.finfo(log_ratio.dtype).eps * precision
    shift = jnp.zeros_like(precision)
    for _ in range(NEWTON_STEPS):
        force = 0.5 * jnp.abs(strength) * jnp.exp(log_ratio - strength * shift[..., None])
        upward, rest = strength > 0, 0.5 * jnp.abs(strength)
        spring = precision * shift
        up = floor + jnp.maximum(-spring, 0) + jnp.sum(jnp.where(upward, force, rest), axis=-1)
        down = floor + jnp.maximum(spring, 0) + jnp.sum(jnp.where(upward, rest, force), axis=-1)
        d_up = jnp.where(shift < 0, precision, 0) + jnp.sum(
            jnp.where(upward, force * strength, 0), -1
        )
        d_down = jnp.where(shift < 0, 0, precision) - jnp.sum(
            jnp.where(upward, 0, force * strength), -1
        )
        shift = shift + jnp.log(up / down) / (d_up / up + d_down / down)
    return shift
