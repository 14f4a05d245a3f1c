"""Where a belief would settle if growth were all the variance: the second point of Unbounded.

A parent with prior N(m, 1/P) hears children whose log growth it shifts by ``strength * shift``. If
the variance a child carries over is negligible, the log posterior of the shift is

    -P shift²/2 - Σ (strength shift + exp(log_ratio - strength shift)) / 2,

strictly concave, with one mode. For one child the mode is a Lambert W; for several it is found by
Newton's method. Derived in docs/theory/unbounded.md.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._core.arithmetic import reciprocal
from pynodes._typing import Array

NEWTON_STEPS, NEAR = 8, 1e-4
"""At most so many steps for several children; fewer if one moves by no more than this part. In the
logarithm each step is nearly exact and the guess is good: six reach rounding error in every one of the
adversarial draws of tests/test_surrogate.py, mostly two do."""

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
    if jnp.ndim(precision):  # an array hears each of its elements apart
        return jax.vmap(mode_for_many)(precision, strength, log_ratio)
    log_ratio = jnp.minimum(log_ratio, 0.75 * jnp.log(jnp.finfo(log_ratio.dtype).max))
    shift = lax.stop_gradient(_solve(*lax.stop_gradient((precision, strength, log_ratio))))
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


def _solve(precision: Array, strength: Array, log_ratio: Array) -> Array:
    """The mode, between bounds that close in on it.

    Newton's method is applied to the log of all that pulls up over the log of all that pulls down,
    which is nearly straight however large the exponentials; a step out of the bounds goes halfway.
    """

    def closer(state: _Search) -> _Search:
        excess, slope = _balance(state.shift, precision, strength, log_ratio)
        low = jnp.where(excess > 0, state.shift, state.low)
        high = jnp.where(excess < 0, state.shift, state.high)
        step = state.shift + excess / slope
        shift = jnp.where((step >= low) & (step <= high), step, 0.5 * (low + high))
        near = jnp.abs(shift - state.shift) <= NEAR * jnp.abs(shift)
        return _Search(shift=shift, low=low, high=high, near=near, steps=state.steps + 1)

    low, high = _bounds(precision, strength, log_ratio)
    guess = jnp.clip(_guess(precision, strength, log_ratio), low, high)
    start = _Search(shift=guess, low=low, high=high, near=guess != guess, steps=0)
    found = lax.while_loop(lambda s: ~s.near & (s.steps < NEWTON_STEPS), closer, start)
    return found.shift


class _Search(NamedTuple):
    """Where the search for a mode stands: a value, bounds, whether it hardly moved, and the steps."""

    shift: Array
    low: Array
    high: Array
    near: Array
    steps: Array | int


def _guess(precision: Array, strength: Array, log_ratio: Array) -> Array:
    """The mode as if the children that pull along were one, and the others linear.

    Exact for children of one strength.
    """
    ratio = jnp.exp(log_ratio)
    upward = jnp.sum(strength * (ratio - 1), axis=-1) > 0
    along = jnp.where(upward[..., None], strength, -strength)
    with_it, against = jnp.maximum(along, 0), jnp.maximum(-along, 0)
    force = jnp.sum(0.5 * with_it * ratio, axis=-1)
    tiny = jnp.finfo(log_ratio.dtype).tiny
    rate = jnp.sum(0.5 * with_it**2 * ratio, axis=-1) / jnp.maximum(force, tiny)
    spring = precision + jnp.sum(0.5 * against**2 * ratio, axis=-1)
    rest = jnp.sum(0.5 * with_it + 0.5 * against * (ratio - 1), axis=-1)
    rest = jnp.maximum(rest, 1e-6 * force + tiny)
    excess = lambert_excess(rate * rest / spring, jnp.maximum(force / rest, 1e-6))
    shift = rest / spring * (excess - 1)
    return jnp.where(upward, shift, -shift)


def _bounds(precision: Array, strength: Array, log_ratio: Array) -> tuple[Array, Array]:
    """Values below and above the mode.

    Beyond the last child's own mode everything pulls back; and no pull at shift zero can move the
    parent further than its prior lets it.
    """
    heard = jnp.where(strength == 0, 1.0, strength)
    own = jnp.where(strength == 0, 0.0, log_ratio / heard)
    reach = 0.5 * jnp.abs(strength) * jnp.exp(jnp.maximum(log_ratio, 0))
    furthest = jnp.sum(reach, axis=-1) / precision
    low = jnp.maximum(jnp.minimum(jnp.min(own, axis=-1), 0), -furthest)
    return low, jnp.minimum(jnp.maximum(jnp.max(own, axis=-1), 0), furthest)


def _balance(
    shift: Array, precision: Array, strength: Array, log_ratio: Array
) -> tuple[Array, Array]:
    """Log of what pulls up over what pulls down, and how fast it falls with the shift."""
    floor = jnp.finfo(log_ratio.dtype).eps * precision
    force = 0.5 * jnp.abs(strength) * jnp.exp(log_ratio - strength * shift[..., None])
    upward, rest = strength > 0, 0.5 * jnp.abs(strength)
    spring = precision * shift
    up = floor + jnp.maximum(-spring, 0) + jnp.sum(jnp.where(upward, force, rest), axis=-1)
    down = floor + jnp.maximum(spring, 0) + jnp.sum(jnp.where(upward, rest, force), axis=-1)
    falling = jnp.where(shift < 0, precision, 0) + jnp.sum(
        jnp.where(upward, force * strength, 0), -1
    )
    rising = jnp.where(shift < 0, 0, precision) - jnp.sum(
        jnp.where(upward, 0, force * strength), -1
    )
    return jnp.log(up / down), falling / up + rising / down
