"""Arithmetic that beliefs, messages and kinds share, with derivatives that stay cheap and finite.

JAX differentiates ``a / b`` and ``log(b)`` with further divisions, one for every tangent that the loop
over time carries. Here the reciprocal that the value needs, or one more, serves all of them.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._typing import Array, Scalar


@jax.custom_jvp
def reciprocal(x: Array) -> Array:
    """``1 / x``."""
    return 1 / x


@reciprocal.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    inverse = reciprocal(primals[0])
    return inverse, -(inverse * inverse) * tangents[0]


@jax.custom_jvp
def log(x: Array) -> Array:
    """The natural logarithm."""
    return jnp.log(x)


@log.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return log(primals[0]), reciprocal(primals[0]) * tangents[0]


@jax.custom_jvp
def inverse_root(x: Array) -> Array:
    """``1 / sqrt(x)``, of what is not near zero: its derivative is a product."""
    return lax.rsqrt(x)


@inverse_root.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    root = inverse_root(primals[0])
    return root, -0.5 * root * root * root * tangents[0]


def root(x: Array) -> Array:
    """A square root whose derivative is zero, not infinite, at zero."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


@jax.custom_jvp
def seam(values: Any) -> Any:
    """The same values; their tangents are materialised.

    XLA's CPU compiler fuses cheap arithmetic into whoever uses it. A long chain of it with several
    users, which is what the derivative of a blend is, is then computed once per user, recursively.
    A seam ends the chain. It costs nothing where nothing is differentiated.
    """
    return values


@seam.defjvp
def _(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    return primals[0], lax.optimization_barrier(tangents[0])


@jax.custom_jvp
def stage(values: Any) -> Any:
    """The same values; where something is differentiated they are materialised, and their tangents too.

    As :func:`seam`, for values that all tangents need and that are dear although every operation in them
    is cheap, such as a polynomial: XLA would compute them once per tangent.
    """
    return values


@stage.defjvp
def _(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    return materialise(primals[0]), materialise(tangents[0])


def materialise(values: Any) -> Any:
    """The same values, materialised.

    One by one: going backward, JAX cannot split a barrier of which some operands do not depend on anything.
    """
    if drops_barriers():
        return materialise_by_branch(values)
    return jax.tree.map(lax.optimization_barrier, values)


def drops_barriers() -> bool:
    """Whether XLA takes barriers out before it fuses, as its CPU compiler did before JAX 0.12."""
    return jax.__version_info__ < (0, 12) and jax.default_backend() == "cpu"


def materialise_by_branch(values: Any) -> Any:
    """The same values, out of a branch that is always taken, since nothing is fused across a branch.

    That it is taken is a barrier's secret until it is too late to simplify. The other branch computes
    something, or XLA would make a fusible selection of the two.
    """
    leaves, tree = jax.tree.flatten(values)
    taken = lax.optimization_barrier(jnp.array(True))
    kept = lax.cond(taken, lambda *xs: xs, lambda *xs: tuple(-x for x in xs), *leaves)
    return jax.tree.unflatten(tree, kept)


LIMIT = 64.0
"""Log growth up to here is untouched. exp(64) is 6e27 per step: no unit of measurement needs it."""

REACH = 16.0
"""How far above the limit log growth may still rise."""

REACH_SINGLE = 4.0
"""The same in single precision, where exp(80) times the precision of an input of 6,000 is infinite."""

CEILING = LIMIT + REACH
"""No log growth exceeds this."""


def bound_log_growth(log_growth: Array) -> Array:
    """Log growth, bent smoothly above :data:`LIMIT` so that it never exceeds it by more than ``REACH``.

    The identity below the limit; above it a parabola of slope one that levels off, so that value
    and first derivative are continuous and no parameter draw makes a variance infinite.
    """
    reach = REACH if jnp.result_type(log_growth) == jnp.float64 else REACH_SINGLE
    top = LIMIT + 2 * reach
    capped = jnp.where(log_growth < top, log_growth, top)
    excess = jnp.where(capped > LIMIT, capped - LIMIT, 0.0)
    return capped - excess * excess / (4 * reach)


def clipped_sigmoid(logit: Array, clip: float) -> Array:
    """A probability from its logit, kept within [clip, 1 - clip]."""
    probability = jax.nn.sigmoid(logit)
    return jnp.where(
        probability > clip, jnp.where(probability < 1 - clip, probability, 1 - clip), clip
    )


def categorical_probabilities(logits: Array, clip: float, *, normalised: bool) -> Array:
    """Probabilities of several outcomes: of one softmax, or each of its own sigmoid."""
    return clipped_softmax(logits, clip) if normalised else clipped_sigmoid(logits, clip)


def clipped_softmax(logits: Array, clip: float) -> Array:
    """Probabilities from their logits, none less than clip times the largest; they sum to one."""
    below, floor = logits - jnp.max(logits), math.log(clip)
    return jax.nn.softmax(jnp.where(below > floor, below, floor))


def to_logit(probability: Array) -> Array:
    """The logit of a probability that is neither 0 nor 1."""
    return log(probability) - log(1 - probability)


def log_probability_of_shift(value: Array, probability: Array, shift: Scalar) -> Array:
    """Log probability of a value, had its logit been higher by a shift, up to a constant.

    ``value`` is what happened, or its expectation. ``log(1 - p + p exp(shift))`` is the change of the
    log partition, of one sigmoid and of one logit in a softmax alike.
    """
    partition = jnp.logaddexp(jnp.log1p(-probability), jnp.log(probability) + shift)
    return value * shift - partition
