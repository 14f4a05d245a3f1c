"""Derivatives of the surprise: forward for a few parameters, backward for many.

A cognitive model has a handful of free parameters. Carrying their tangents through the loop costs
little more than the loop and no memory in time, where going backward would store every step. So the
total surprise has a derivative rule of its own: it looks at which numbers are perturbed at all and,
if they are few, computes the whole gradient forward. What the caller asked for (``jax.grad``,
``jax.jvp``, ``jax.hessian``, under ``jit`` and ``vmap``) makes no difference.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap
from jax.custom_derivatives import SymbolicZero

from pynodes._compiler.program import Program
from pynodes._engine.feed import Feed
from pynodes._engine.filter import sum_surprise
from pynodes._engine.sweeps import State
from pynodes._typing import Array

Each: TypeAlias = Literal["input", "step"] | None
"""Of what the surprise is wanted: of every input, of every step, or of all together."""

FORWARD_LIMIT = 16
"""Up to so many perturbed numbers the gradient is computed forward (docs/performance.md)."""

CACHED = 1024
"""Of a large batch so many bytes of every number are computed at a time on a CPU. What a step needs of more
does not stay near the processor: a thousand subjects take half as long again (docs/performance.md)."""

Outcome = Callable[..., tuple[Array, Array]]
"""Surprise, and whether the filter stayed valid, from perturbed and fixed leaves."""


def total_surprise(program: Program, feed: Feed, state: State | None, each: Each = None) -> Array:
    """Sum of all surprises over a series; infinite, with gradient zero, where the filter failed.

    Without a state it starts from the program's initial beliefs.
    """
    return surprise_of(each)(program, feed, state)


@functools.cache
def surprise_of(each: Each) -> Callable[[Program, Feed, State | None], Array]:
    """The surprise as a function with a derivative rule of its own."""

    @jax.custom_jvp
    def surprise(program: Program, feed: Feed, state: State | None) -> Array:
        leaves, tree = jax.tree.flatten((program, feed, state))

        def outcome(at: list[Array], fixed: list[Array]) -> tuple[Array, Array]:
            return sum_surprise(*jax.tree.unflatten(tree, fixed), each=each)

        return guard_total(*compute_outcome(outcome)([], leaves))

    surprise.defjvp(partial(differentiate, each), symbolic_zeros=True)
    return surprise


def guard_total(total: Array, alive: Array) -> Array:
    """The total where the filter stayed valid, infinity elsewhere."""
    return jnp.where(alive, total, jnp.inf)


def differentiate(
    each: Each, primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Array, Array]:
    """Value and tangent of the surprise."""
    leaves, tree = jax.tree.flatten(primals)
    directions = jax.tree.leaves(tangents, is_leaf=lambda leaf: isinstance(leaf, SymbolicZero))
    moves = [not isinstance(direction, SymbolicZero) for direction in directions]
    at = [leaf for leaf, move in zip(leaves, moves, strict=True) if move]
    fixed = [leaf for leaf, move in zip(leaves, moves, strict=True) if not move]
    along = [direction for direction, move in zip(directions, moves, strict=True) if move]

    def outcome(at: list[Array], fixed: list[Array], remake: bool = False) -> tuple[Array, Array]:
        moving, resting = iter(at), iter(fixed)
        filled = [next(moving if move else resting) for move in moves]
        return sum_surprise(*jax.tree.unflatten(tree, filled), each=each, remake=remake)

    few = sum(int(np.prod(jnp.shape(leaf), dtype=int)) for leaf in at) <= FORWARD_LIMIT
    return forward(outcome, at, fixed, along) if few else backward(outcome, at, fixed, along)


def forward(
    outcome: Outcome, at: list[Array], fixed: list[Array], along: list[Array]
) -> tuple[Array, Array]:
    """The whole gradient by one pass that carries a tangent for every perturbed number."""
    total, alive, slopes = gradient_of(outcome)(at, fixed)
    slopes = jnp.where(alive, slopes, 0.0)
    direction = jnp.concatenate([jnp.ravel(part) for part in along])
    return guard_total(total, alive), jnp.tensordot(direction, slopes, 1)


def backward(
    outcome: Outcome, at: list[Array], fixed: list[Array], along: list[Array]
) -> tuple[Array, Array]:
    """The tangent by ordinary differentiation, which JAX may transpose.

    Whether the filter fails is found out first: tangents are silenced on their way in as well as
    on their way out, so that going backward through a failure yields zeros, not NaN.
    """
    total, alive = outcome(at, fixed)
    quiet = [jnp.where(alive, direction, jnp.zeros_like(direction)) for direction in along]
    _, slope, _ = jax.jvp(lambda at: outcome(at, fixed, remake=True), (at,), (quiet,), has_aux=True)
    return guard_total(total, alive), jnp.where(alive, slope, 0.0)


def compute_outcome(outcome: Outcome) -> Callable[[list[Array], list[Array]], tuple[Array, Array]]:
    """An outcome, of which a large batch is computed in parts."""
    value = custom_vmap(outcome)

    @value.def_vmap
    def _(size: int, batched: Any, at: list[Array], fixed: list[Array]) -> tuple[Any, Any]:
        if not any(jax.tree.leaves(batched)):
            return outcome(at, fixed), (False, False)

        def batch(size: int, at: list[Array], fixed: list[Array]) -> tuple[Array, Array]:
            return jax.vmap(outcome, in_axes=batch_axes(batched), axis_size=size)(at, fixed)

        return compute_in_parts(batch, size, batched, at, fixed), (True, True)

    return value


def gradient_of(
    outcome: Outcome,
) -> Callable[[list[Array], list[Array]], tuple[Array, Array, Array]]:
    """Total, validity and gradient of an outcome; over a batch, tangents come before the batch.

    Left to itself ``vmap`` would put the batch first and the few tangents last, where a loop over
    them cannot use vector instructions.
    """

    def single(at: list[Array], fixed: list[Array]) -> tuple[Array, Array, Array]:
        return forward_gradient(lambda at: outcome(at, fixed), at, at)

    gradient = custom_vmap(single)

    @gradient.def_vmap
    def _(size: int, batched: Any, at: list[Array], fixed: list[Array]) -> tuple[Any, Any]:
        if not any(jax.tree.leaves(batched)):
            return single(at, fixed), (False, False, False)
        batch = partial(batched_gradient, outcome, batched)
        return compute_in_parts(batch, size, batched, at, fixed), (True, True, True)

    return gradient


def batched_gradient(
    outcome: Outcome, batched: Any, size: int, at: list[Array], fixed: list[Array]
) -> tuple[Array, Array, Array]:
    """Totals, validity and gradients of a batch."""
    whole = jax.vmap(outcome, in_axes=batch_axes(batched), axis_size=size)
    one = [leaf[0] if is_batched else leaf for leaf, is_batched in zip(at, batched[0], strict=True)]
    total, alive, slopes = forward_gradient(lambda at: whole(at, fixed), at, one)
    return total, alive, jnp.moveaxis(slopes, 0, 1)


def batch_axes(batched: Any) -> Any:
    """The axes along which the leaves of a batch lie."""
    return tuple(jax.tree.map(lambda is_batched: 0 if is_batched else None, batched))


def compute_in_parts(
    compute: Callable[..., Any], size: int, batched: Any, at: list[Array], fixed: list[Array]
) -> Any:
    """What is computed of a batch, one part of it after the other if it is large."""
    parts = count_parts(size)
    if parts == 1:
        return compute(size, at, fixed)
    each = -(-size // parts)
    leaves, tree = jax.tree.flatten((at, fixed))
    flags = jax.tree.leaves(batched)

    def divide(leaf: Array) -> Array:
        padding = [(0, each * parts - size)] + [(0, 0)] * (leaf.ndim - 1)
        whole = jnp.pad(leaf, padding, mode="edge")
        return whole.reshape(parts, each, *leaf.shape[1:])

    def join(leaf: Array) -> Array:
        return leaf.reshape(each * parts, *leaf.shape[2:])[:size]

    def part(members: list[Array]) -> Any:
        among = iter(members)
        filled = [next(among) if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
        return compute(each, *jax.tree.unflatten(tree, filled))

    members = [divide(leaf) for leaf, flag in zip(leaves, flags, strict=True) if flag]
    return jax.tree.map(join, lax.map(part, members))


def count_parts(size: int) -> int:
    """How many parts a batch is computed in.

    Several only where it pays: on a CPU, and with a JAX that makes one kernel of a loop over a batch. Where
    there are several devices a batch may be spread over them, and how it lies there is not changed.
    """
    one_kernel = jax.default_backend() == "cpu" and jax.__version_info__[:2] >= (0, 12)
    if not one_kernel or jax.device_count() > 1:
        return 1
    return -(-size * jnp.dtype(jnp.result_type(float)).itemsize // CACHED)


def forward_gradient(
    outcome: Callable[[list[Array]], tuple[Array, Array]], at: list[Array], one: list[Array]
) -> tuple[Array, Array, Array]:
    """An outcome and its derivatives along a unit of every number in ``one``, which ``at`` may batch."""

    def along(unit: list[Array]) -> tuple[Array, Array, Array]:
        spread = [
            jnp.broadcast_to(direction, jnp.shape(leaf))
            for direction, leaf in zip(unit, at, strict=True)
        ]
        total, slope, alive = jax.jvp(outcome, (at,), (spread,), has_aux=True)
        return total, alive, slope

    return jax.vmap(along, out_axes=(None, None, 0))(basis(one))


def basis(at: list[Array]) -> list[Array]:
    """A unit direction for every number in some arrays, along a new first axis."""
    sizes = [int(np.prod(jnp.shape(leaf), dtype=int)) for leaf in at]
    parts = np.split(np.eye(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    return [
        jnp.asarray(part.reshape((-1, *jnp.shape(leaf))), dtype=jnp.result_type(leaf))
        for part, leaf in zip(parts, at, strict=True)
    ]
