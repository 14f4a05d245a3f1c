"""Sampling: the generative model, run forward."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._compiler.program import Program
from pynodes._errors import InputError
from pynodes._runtime import sweeps
from pynodes._runtime.edges import inlets
from pynodes._runtime.feed import Feed, Moment
from pynodes._runtime.groupwise import each
from pynodes._runtime.sweeps import State
from pynodes._typing import Array, Scalar
from pynodes.nodes import AbstractNode

World = tuple[Any, ...]
"""Every group that remembers, as it truly is; None for the others."""


@jax.jit
def sampled(program: Program, feed: Feed, state: State | None, key: Array) -> dict[int, Array]:
    """A value of every node at every step, by group, time first.

    The values before the first step are drawn from the state's beliefs. From there on every node
    is drawn from its prediction with all its parents known, each node with randomness of its own.
    """
    first, key = jax.random.split(key)
    begin = sweeps.start(program) if state is None else state
    world = imagined(program, begin, first)

    def advance(before: World, moment: tuple[Moment, Array]) -> tuple[World, dict[int, Array]]:
        now = moment[0].program(program)
        return drawn_step(now, before, feed.dt(moment[0]), moment[1])

    _, series = lax.scan(
        advance, world, (feed.series, jax.random.split(key, feed.steps)), feed.steps
    )
    return series


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


def imagined(program: Program, state: State, key: Array) -> World:
    """Every node that remembers, as it is before the first step."""
    keys = jax.random.split(key, len(state))
    return tuple(
        None
        if belief is None
        else each(program, g, type(node).imagine)(node, own_keys(program, g, keys[g]), belief)
        for g, (node, belief) in enumerate(zip(program.nodes, state, strict=True))
    )


def drawn_step(
    program: Program, before: World, dt: Scalar, key: Array
) -> tuple[World, dict[int, Array]]:
    """Every node as it is after one step, parents first, and the values that were drawn."""
    keys = jax.random.split(key, len(program.nodes))
    points: dict[int, Any] = {}
    drawn: dict[int, Array] = {}
    for index in program.schedule.downward:
        node = program.nodes[index]
        known = each(program, index, type(node).init)(node)
        if before[index] is not None:
            known = before[index]
        inlet = inlets(program, index, points, dt)
        belief = each(program, index, type(node).predict)(node, known, inlet, dt)
        own = own_keys(program, index, keys[index])
        if type(node).realise is not AbstractNode.realise:
            besides = own_keys(program, index, jax.random.fold_in(keys[index], 1))
            belief = each(program, index, type(node).realise)(node, besides, belief)
        drawn[index] = each(program, index, type(node).draw)(node, own, belief)
        points[index] = each(program, index, type(node).become)(node, belief, drawn[index])
    nodes = enumerate(program.nodes)
    return tuple(points[g] if node.remembers else None for g, node in nodes), drawn


def own_keys(program: Program, index: int, key: Array) -> Array:
    """A key for a group of one; one for every node of a larger group."""
    size = program.schedule.groups[index].size
    return key if size == 1 else jax.random.split(key, size)
