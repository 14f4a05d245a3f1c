"""Sampling: the generative model, run forward, once or as many futures."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Kept
from pynodes._compiler.program import Program
from pynodes._engine import sweeps
from pynodes._engine.conditionals import given_parents
from pynodes._engine.edges import Beliefs, apply_to_group
from pynodes._engine.feed import Feed
from pynodes._engine.loop import Now, scan
from pynodes._engine.sweeps import State
from pynodes._errors import InputError
from pynodes._typing import Array, Scalar
from pynodes.nodes import AbstractNode

World = tuple[Any, ...]
"""Every group that remembers, as it truly is; None for the others."""


@jax.jit
def sample_series(
    program: Program, feed: Feed, state: State | None, key: Array
) -> dict[int, Array]:
    """A value of every node at every step, by group, time first.

    The values before the first step are drawn from the state's beliefs. From there on every node
    is drawn from its prediction with all its parents known, each node with randomness of its own.
    """

    def take(now: Now, before: World) -> tuple[World, bool, dict[int, Array]]:
        after, drawn = sample_step(now.program, before, now.dt, now.beside)
        return after, True, drawn

    first, key = jax.random.split(key)
    world = sample_world(program, sweeps.start(program) if state is None else state, first)
    keys = jax.random.split(key, feed.steps)
    return scan(program, feed, world, take, lambda now, drawn, _: drawn, beside=keys).emitted


@partial(jax.jit, static_argnames=("kept", "draws"))
def sample_futures(
    program: Program, feed: Feed, state: State | None, key: Array, *, kept: Kept, draws: int
) -> dict[int, Array]:
    """Many draws of the nodes that are kept, by group, of shape (draws, time, ...)."""

    def future(key: Array) -> dict[int, Array]:
        drawn = sample_series(program, feed, state, key)
        return {
            index: drawn[index] if positions is None else drawn[index][:, jnp.array(positions)]
            for index, positions in kept
        }

    return jax.vmap(future)(jax.random.split(key, draws))


def sample_world(program: Program, state: State, key: Array) -> World:
    """Every node that remembers, as it is before the first step: parents first.

    Under Structured a child is drawn from what is believed of it given its parents as they were drawn.
    """
    keys = jax.random.split(key, len(state))

    def sample(index: int, belief: Any) -> Any:
        node, own = program.nodes[index], split_keys(program, index, keys[index])
        return apply_to_group(program, index, type(node).sample_initial)(node, own, belief)

    world: Beliefs = {}
    for index in program.schedule.downward:
        belief = state[index]
        if belief is not None:
            if getattr(belief, "structured", None) is not None:
                belief = given_parents(program, index, belief, state, world)
            world[index] = sample(index, belief)
    return tuple(world.get(index) for index in range(len(state)))


def sample_step(
    program: Program, before: World, dt: Scalar, key: Array
) -> tuple[World, dict[int, Array]]:
    """Every node as it is after one step, parents first, and the values that were drawn."""
    keys = jax.random.split(key, len(program.nodes))
    drawn: dict[int, Array] = {}

    def view(index: int, belief: Any) -> Any:
        kind = type(program.nodes[index])

        def apply(rule: Any, *arguments: Any) -> Any:
            return apply_to_group(program, index, rule)(program.nodes[index], *arguments)

        if kind.sample_hidden is not AbstractNode.sample_hidden:
            besides = split_keys(program, index, jax.random.fold_in(keys[index], 1))
            belief = apply(kind.sample_hidden, besides, belief)
        drawn[index] = apply(kind.sample, split_keys(program, index, keys[index]), belief)
        return apply(kind.known_as, belief, drawn[index])

    points = sweeps.predict(program, before, dt, view)
    nodes = enumerate(program.nodes)
    return tuple(points[g] if node.has_memory else None for g, node in nodes), drawn


def split_keys(program: Program, index: int, key: Array) -> Array:
    """A key for a group of one; one for every node of a larger group."""
    size = program.schedule.groups[index].size
    return key if size == 1 else jax.random.split(key, size)


def check_key(key: object) -> None:
    """Chance comes from one JAX key."""
    kind, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    new = kind is not None and jnp.issubdtype(kind, jax.dtypes.prng_key) and shape == ()
    old = kind == np.uint32 and len(shape or ()) == 1
    if not new and not old:
        raise InputError(
            f"key must be one JAX random key, such as jax.random.key(0), not {key!r}. For many runs, use "
            "jax.vmap over jax.random.split(key, runs)."
        )
