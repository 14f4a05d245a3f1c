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

from pynodes._typing import Array

NEWTON_STEPS = 12
"""Iterations for several children. In the logarithm each step is nearly exact, so that twelve reach
rounding error from any start (tests/test_surrogate.py draws adversarial ones)."""


def mode_for_one(precision: Array, strength: Array, log_ratio: Array) -> Array:
    """Mode of the shift for one child: ``(strength/2P)(exp(log_ratio - strength shift) - 1)``.

    ``log_ratio`` is the log of the child's squared move over its growth at shift zero.
    """
    scale = strength**2 / (2 * precision)
    log_ratio = jnp.minimum(log_ratio, 0.9 * jnp.log(jnp.finfo(log_ratio.dtype).max))
    rise = lambert_rise(scale, log_ratio)
    return strength / (2 * precision) * (jnp.exp(log_ratio - rise) - 1)


@jax.custom_jvp
def lambert_rise(scale: Array, log_ratio: Array) -> Array:
    """The solution u of ``u = scale (exp(log_ratio - u) - 1)``, for scale >= 0.

    With W = u + scale it reads ``W exp(W) = scale exp(scale + log_ratio)``: Lambert's function, here
    solved in the logarithm, where no argument overflows.
    """
    tiny = jnp.finfo(jnp.result_type(scale)).tiny
    target = jnp.log(jnp.maximum(scale, tiny)) + scale + log_ratio
    return lambert_of_exponential(target) - scale


@lambert_rise.defjvp
def _(primals, tangents):
    (scale, log_ratio), (d_scale, d_log_ratio) = primals, tangents
    rise = lambert_rise(scale, log_ratio)
    ratio = jnp.exp(log_ratio - rise)
    return rise, ((ratio - 1) * d_scale + scale * ratio * d_log_ratio) / (1 + scale * ratio)


def lambert_of_exponential(z: Array) -> Array:
    """W with ``W + log W = z``, for any real z.

    Winitzki's approximation, then two steps of Fritsch, Shafer and Crowley (1973),
    doi 10.1145/361952.361970: fourth order, so that two steps reach rounding error.
    """
    small = jnp.exp(jnp.minimum(z, 0.0))
    soft = jnp.where(z < -8, small, jnp.maximum(z, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(z))))
    log_soft = jnp.log1p(soft)
    w = soft * (1 - log_soft / (2 + soft))
    return fritsch_step(fritsch_step(w, z), z)


def fritsch_step(w: Array, z: Array) -> Array:
    """One step of Fritsch's iteration for ``w + log w = z``."""
    miss = z - w - jnp.log(w)
    q = 2 * (1 + w) * (1 + w + 2 / 3 * miss)
    return w * (1 + miss / (1 + w) * (q - miss) / (q - 2 * miss))


def mode_for_many(precision: Array, strength: Array, log_ratio: Array) -> Array:
    """Mode of the shift for several children along the last axis.

    The equation is solved in the logarithm without derivatives, then two ordinary Newton steps
    from the solution carry first and second derivatives, at any strength, zero included.
    """
    log_ratio = jnp.minimum(log_ratio, 0.9 * jnp.log(jnp.finfo(log_ratio.dtype).max))
    shift = lax.stop_gradient(_solved(*lax.stop_gradient((precision, strength, log_ratio))))
    for _ in range(2):
        pull, slope = _slope(shift, precision, strength, log_ratio)
        shift = shift + pull / slope
    return shift


def _slope(shift: Array, precision: Array, strength: Array, log_ratio: Array):
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
        d_up = jnp.where(shift < 0, precision, 0) + jnp.sum(jnp.where(upward, force * strength, 0), -1)
        d_down = jnp.where(shift < 0, 0, precision) - jnp.sum(jnp.where(upward, 0, force * strength), -1)
        shift = shift + jnp.log(up / down) / (d_up / up + d_down / down)
    return shift
