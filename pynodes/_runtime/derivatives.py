"""Derivatives of the surprise: forward for a few parameters, backward for many.

A cognitive model has a handful of free parameters. Carrying their tangents through the loop costs
little more than the loop and no memory in time, where going backward would store every step. So the
total surprise has a derivative rule of its own: it looks at which inputs are perturbed at all and,
if they are few, computes the whole gradient forward. What the caller asked for (``jax.grad``,
``jax.jvp``, ``jax.hessian``, under ``jit`` and ``vmap``) makes no difference.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from pynodes._compiler.program import Program
from pynodes._runtime.feed import Feed
from pynodes._runtime.filter import totalled
from pynodes._runtime.sweeps import State
from pynodes._typing import Array

FORWARD_LIMIT = 16
"""Up to so many perturbed numbers the gradient is computed forward (docs/performance.md)."""


@jax.custom_jvp
def total_surprise(program: Program, feed: Feed, state: State) -> Array:
    """Sum of all surprises over a series; infinite, with gradient zero, where the filter failed."""
    return guarded(*totalled(program, feed, state))


def guarded(total: Array, alive: Array) -> Array:
    """The total where the filter stayed healthy, infinity elsewhere."""
    return jnp.where(alive, total, jnp.inf)


def _rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    """Value and tangent of the total surprise."""
    leaves, tree = jax.tree.flatten(primals)
    directions = jax.tree.leaves(tangents, is_leaf=lambda leaf: isinstance(leaf, SymbolicZero))
    moved = [i for i, direction in enumerate(directions) if not isinstance(direction, SymbolicZero)]

    def outcome(*values: Array, lean: bool = False) -> tuple[Array, Array]:
        filled = list(leaves)
        for i, value in zip(moved, values, strict=True):
            filled[i] = value
        return totalled(*jax.tree.unflatten(tree, filled), lean=lean)

    at, along = [leaves[i] for i in moved], [directions[i] for i in moved]
    count = sum(int(np.prod(jnp.shape(leaf), dtype=int)) for leaf in at)
    return forward(outcome, at, along) if count <= FORWARD_LIMIT else backward(outcome, at, along)


def forward(outcome: Any, at: list[Array], along: list[Array]) -> tuple[Array, Array]:
    """The gradient by one pass that carries a tangent for every perturbed number."""

    def one(direction: list[Array]) -> tuple[Array, Array, Array]:
        total, slope, alive = jax.jvp(outcome, at, direction, has_aux=True)
        return total, alive, slope

    total, alive, slopes = jax.vmap(one, out_axes=(None, None, 0))(basis(at))
    slopes = jnp.where(alive, slopes, 0.0)
    return guarded(total, alive), jnp.dot(slopes, jnp.concatenate([jnp.ravel(a) for a in along]))


def basis(at: list[Array]) -> list[Array]:
    """A unit direction for every number in some arrays, along a new first axis."""
    sizes = [int(np.prod(jnp.shape(leaf), dtype=int)) for leaf in at]
    whole = np.eye(sum(sizes))
    parts = np.split(whole, np.cumsum(sizes)[:-1], axis=1)
    return [
        jnp.asarray(part.reshape((-1, *jnp.shape(leaf))), dtype=jnp.result_type(leaf))
        for part, leaf in zip(parts, at, strict=True)
    ]


def backward(outcome: Any, at: list[Array], along: list[Array]) -> tuple[Array, Array]:
    """The tangent by ordinary differentiation, which JAX may transpose.

    Whether the filter fails is found out first: tangents are silenced on their way in as well as
    on their way out, so that going backward through a failure yields zeros, not NaN.
    """
    total, alive = outcome(*at)
    quiet = [jnp.where(alive, direction, jnp.zeros_like(direction)) for direction in along]
    lean = jax.tree_util.Partial(outcome, lean=True)
    _, slope, _ = jax.jvp(lean, at, quiet, has_aux=True)
    return guarded(total, alive), jnp.where(alive, slope, 0.0)


total_surprise.defjvp(_rule, symbolic_zeros=True)
