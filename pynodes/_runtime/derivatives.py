"""Derivatives of the surprise: forward for a few parameters, backward for many.

A cognitive model has a handful of free parameters. Carrying their tangents through the loop costs
little more than the loop and no memory in time, where going backward would store every step. So the
total surprise has a derivative rule of its own: it looks at which numbers are perturbed at all and,
if they are few, computes the whole gradient forward. What the caller asked for (``jax.grad``,
``jax.jvp``, ``jax.hessian``, under ``jit`` and ``vmap``) makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap
from jax.custom_derivatives import SymbolicZero

from pynodes._compiler.program import Program
from pynodes._runtime.feed import Feed
from pynodes._runtime.filter import totalled
from pynodes._runtime.sweeps import State
from pynodes._typing import Array

FORWARD_LIMIT = 16
"""Up to so many perturbed numbers the gradient is computed forward (docs/performance.md)."""

CACHED = 1024
"""Of a large batch so many bytes of every number are computed at a time on a CPU. What a step needs of more
does not stay near the processor: a thousand subjects take half as long again (docs/performance.md)."""

Outcome = Callable[..., tuple[Array, Array]]
"""Total surprise, and whether the filter stayed healthy, from perturbed and fixed leaves."""


@jax.custom_jvp
def total_surprise(program: Program, feed: Feed, state: State | None) -> Array:
    """Sum of all surprises over a series; infinite, with gradient zero, where the filter failed.

    Without a state it starts from the program's initial beliefs.
    """
    return guarded(*totalled(program, feed, state))


def guarded(total: Array, alive: Array) -> Array:
    """The total where the filter stayed healthy, infinity elsewhere."""
    return jnp.where(alive, total, jnp.inf)


def _rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    """Value and tangent of the total surprise."""
    leaves, tree = jax.tree.flatten(primals)
    directions = jax.tree.leaves(tangents, is_leaf=lambda leaf: isinstance(leaf, SymbolicZero))
    moves = [not isinstance(direction, SymbolicZero) for direction in directions]
    at = [leaf for leaf, move in zip(leaves, moves, strict=True) if move]
    fixed = [leaf for leaf, move in zip(leaves, moves, strict=True) if not move]
    along = [direction for direction, move in zip(directions, moves, strict=True) if move]

    def outcome(at: list[Array], fixed: list[Array], lean: bool = False) -> tuple[Array, Array]:
        moving, resting = iter(at), iter(fixed)
        filled = [next(moving if move else resting) for move in moves]
        return totalled(*jax.tree.unflatten(tree, filled), lean=lean)

    few = sum(int(np.prod(jnp.shape(leaf), dtype=int)) for leaf in at) <= FORWARD_LIMIT
    return forward(outcome, at, fixed, along) if few else backward(outcome, at, fixed, along)


def forward(
    outcome: Outcome, at: list[Array], fixed: list[Array], along: list[Array]
) -> tuple[Array, Array]:
    """The whole gradient by one pass that carries a tangent for every perturbed number."""
    total, alive, slopes = gradient_of(outcome)(at, fixed)
    slopes = jnp.where(alive, slopes, 0.0)
    return guarded(total, alive), jnp.dot(slopes, jnp.concatenate([jnp.ravel(a) for a in along]))


def gradient_of(
    outcome: Outcome,
) -> Callable[[list[Array], list[Array]], tuple[Array, Array, Array]]:
    """Total, health and gradient of an outcome; over a batch, tangents come before the batch.

    Left to itself ``vmap`` would put the batch first and the few tangents last, where a loop over
    them cannot use vector instructions.
    """

    def plain(at: list[Array], fixed: list[Array]) -> tuple[Array, Array, Array]:
        return pushed(lambda at: outcome(at, fixed), at, at)

    gradient = custom_vmap(plain)

    @gradient.def_vmap
    def _(size: int, batched: Any, at: list[Array], fixed: list[Array]) -> tuple[Any, Any]:
        if not any(jax.tree.leaves(batched)):
            return plain(at, fixed), (False, False, False)
        found = in_parts(partial(together, outcome, batched), size, batched, at, fixed)
        return found, (True, True, True)

    return gradient


def together(
    outcome: Outcome, batched: Any, size: int, at: list[Array], fixed: list[Array]
) -> tuple[Array, Array, Array]:
    """Totals, health and gradients of a batch."""
    axes = jax.tree.map(lambda is_batched: 0 if is_batched else None, batched)
    whole = jax.vmap(outcome, in_axes=tuple(axes), axis_size=size)
    one = [leaf[0] if is_batched else leaf for leaf, is_batched in zip(at, batched[0], strict=True)]
    total, alive, slopes = pushed(lambda at: whole(at, fixed), at, one)
    return total, alive, jnp.moveaxis(slopes, 0, -1)


def in_parts(
    compute: Callable[..., Any], size: int, batched: Any, at: list[Array], fixed: list[Array]
) -> Any:
    """What is computed of a batch, one part of it after the other if it is large."""
    parts = parts_of(size)
    if parts == 1:
        return compute(size, at, fixed)
    each = -(-size // parts)
    leaves, tree = jax.tree.flatten((at, fixed))
    flags = jax.tree.leaves(batched)

    def dealt(leaf: Array) -> Array:
        padding = [(0, each * parts - size)] + [(0, 0)] * (leaf.ndim - 1)
        whole = jnp.pad(leaf, padding, mode="edge")
        return whole.reshape(parts, each, *leaf.shape[1:])

    def gathered(leaf: Array) -> Array:
        return leaf.reshape(each * parts, *leaf.shape[2:])[:size]

    def part(members: list[Array]) -> Any:
        among = iter(members)
        filled = [next(among) if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
        return compute(each, *jax.tree.unflatten(tree, filled))

    members = [dealt(leaf) for leaf, flag in zip(leaves, flags, strict=True) if flag]
    return jax.tree.map(gathered, lax.map(part, members))


def parts_of(size: int) -> int:
    """How many parts a batch is computed in.

    Several only where it pays: on a CPU, and with a JAX that makes one kernel of a loop over a batch. Where
    there are several devices a batch may be spread over them, and how it lies there is not changed.
    """
    one_kernel = jax.default_backend() == "cpu" and jax.__version_info__[:2] >= (0, 12)
    if not one_kernel or jax.device_count() > 1:
        return 1
    return -(-size * jnp.dtype(jnp.result_type(float)).itemsize // CACHED)


def pushed(
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

    return jax.vmap(along, out_axes=(None, None, 0))(units(one))


def units(at: list[Array]) -> list[Array]:
    """A unit direction for every number in some arrays, along a new first axis."""
    sizes = [int(np.prod(jnp.shape(leaf), dtype=int)) for leaf in at]
    parts = np.split(np.eye(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    return [
        jnp.asarray(part.reshape((-1, *jnp.shape(leaf))), dtype=jnp.result_type(leaf))
        for part, leaf in zip(parts, at, strict=True)
    ]


def backward(
    outcome: Outcome, at: list[Array], fixed: list[Array], along: list[Array]
) -> tuple[Array, Array]:
    """The tangent by ordinary differentiation, which JAX may transpose.

    Whether the filter fails is found out first: tangents are silenced on their way in as well as
    on their way out, so that going backward through a failure yields zeros, not NaN.
    """
    total, alive = outcome(at, fixed)
    quiet = [jnp.where(alive, direction, jnp.zeros_like(direction)) for direction in along]
    _, slope, _ = jax.jvp(lambda at: outcome(at, fixed, lean=True), (at,), (quiet,), has_aux=True)
    return guarded(total, alive), jnp.where(alive, slope, 0.0)


total_surprise.defjvp(_rule, symbolic_zeros=True)
