"""Likelihood: what every subject's data say about its own parameters, with a derivative that is cheap.

A subject has a handful of free values, so its gradient is carried forward through the loop over time, as
that of the surprise is (``pynodes/_runtime/derivatives.py``), for all subjects at once and with tangents
before the subjects. Whoever builds on it may differentiate backward, through thousands of positions, and
pays for one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.custom_derivatives import SymbolicZero

from pynodes._typing import Array
from pynodes.fit.agent._model import Model
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.mode._newton import pushed

Likelihoods = Callable[..., Array]
"""A number per lane from positions, of shape (lanes, values), and from arrays that stay as they are."""


@jax.custom_jvp
def log_likelihoods(model: Model, positions: Array, sequences: Sequences) -> Array:
    """Log likelihood of every subject's data at positions of its own.

    Parameters
    ----------
    model
        What all subjects have in common.
    positions
        On the lines of the priors, of shape (subjects, free values).
    sequences
        What was seen and done.

    Returns
    -------
    Of shape (subjects,): minus infinity, with gradient zero, where filtering fails before a response. It
    can be batched and differentiated in either direction, and then forward as often as one likes.
    """
    return plainly(positions, model, sequences)


def plainly(positions: Array, model: Model, sequences: Sequences) -> Array:
    """The same without a derivative rule."""

    def one(position: Array, blocks: Sequences) -> Array:
        return model.log_likelihood(model.constrained(position), blocks)

    return jax.vmap(one)(positions, sequences)


def _rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    """Values and their changes: through the gradients, unless more than positions changes."""
    model, positions, sequences = primals
    others = jax.tree.leaves((tangents[0], tangents[2]), is_leaf=rests)
    if not all(map(rests, others)):
        return changed(primals, tangents)
    # Flat, since JAX loses its way in trees with None when it differentiates through custom batching.
    leaves, tree = jax.tree.flatten((model, sequences))

    def likelihoods(positions: Array, *leaves: Any) -> Array:
        return plainly(positions, *jax.tree.unflatten(tree, leaves))

    values, slopes = gradients(likelihoods)(positions, *leaves)
    return values, jnp.sum(slopes * tangents[1], axis=-1)


log_likelihoods.defjvp(_rule, symbolic_zeros=True)


def gradients(function: Likelihoods) -> Callable[..., tuple[Array, Array]]:
    """Values and gradients of many lanes; over a batch, tangents come before batch and lanes.

    Left to itself ``vmap`` would put the batch first, and loops would run over tangents or a few lanes.
    """

    def plain(positions: Array, *fixed: Array) -> tuple[Array, Array]:
        values, slopes = pushed(lambda at: function(at, *fixed), positions)(positions)
        return values, jnp.moveaxis(slopes, 0, -1)

    found = custom_vmap(plain)

    @found.def_vmap
    def _(size: int, batched: Any, positions: Array, *fixed: Array) -> tuple[Any, Any]:
        if not any(batched):
            return plain(positions, *fixed), (False, False)
        if not batched[0]:
            positions = jnp.broadcast_to(positions, (size, *positions.shape))
        axes = [0 if is_batched else None for is_batched in batched[1:]]
        whole = jax.vmap(function, in_axes=(0, *axes), axis_size=size)
        return gradients(whole)(positions, *fixed), (True, True)

    return found


def changed(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    """Values and their changes with anything, by ordinary differentiation."""
    leaves, tree = jax.tree.flatten(primals)
    directions = jax.tree.leaves(tangents, is_leaf=rests)
    moves = [not rests(direction) for direction in directions]
    at = [leaf for leaf, move in zip(leaves, moves, strict=True) if move]
    along = [direction for direction, move in zip(directions, moves, strict=True) if move]

    def moved(at: list[Array]) -> Array:
        moving = iter(at)
        filled = [next(moving) if move else leaf for leaf, move in zip(leaves, moves, strict=True)]
        model, positions, sequences = jax.tree.unflatten(tree, filled)
        return plainly(positions, model, sequences)

    return jax.jvp(moved, (at,), (along,))


def rests(tangent: Any) -> bool:
    """Whether a tangent is known to be zero."""
    return isinstance(tangent, SymbolicZero)
