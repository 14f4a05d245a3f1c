"""Sampling: the generative model, run forward."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._compiler.program import Program
from pynodes._core.beliefs import Gaussian
from pynodes._errors import InputError
from pynodes._runtime import sweeps
from pynodes._runtime.edges import inlets
from pynodes._runtime.feed import Feed, Moment
from pynodes._runtime.groupwise import each
from pynodes._runtime.sweeps import State
from pynodes._typing import Array, Scalar


@jax.jit
def sampled(program: Program, feed: Feed, state: State | None, key: Array) -> dict[int, Array]:
    """A value of every node at every step, by group, time first.

    The values before the first step are drawn from the state's beliefs. From there on every node
    is drawn from its prediction with all its parents known, each node with randomness of its own.
    """
    first, key = jax.random.split(key)
    begin = sweeps.start(program) if state is None else state
    values = tuple(
        None if belief is None else begun(k, belief) for k, belief in keyed(first, begin)
    )

    def advance(before: tuple[Any, ...], moment: tuple[Moment, Array]) -> tuple[Any, Any]:
        now = moment[0].program(program)
        drawn = drawn_step(now, before, feed.dt(moment[0]), moment[1])
        nodes = enumerate(program.nodes)
        return tuple(drawn[g] if node.remembers else None for g, node in nodes), drawn

    _, series = lax.scan(
        advance, values, (feed.series, jax.random.split(key, feed.steps)), feed.steps
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


def drawn_step(
    program: Program, before: tuple[Any, ...], dt: Scalar, key: Array
) -> dict[int, Array]:
    """A value of every node at one step, parents first."""
    keys = jax.random.split(key, len(program.nodes))
    points: dict[int, Gaussian] = {}
    for index in program.schedule.downward:
        node = program.nodes[index]
        known = each(program, index, type(node).init)(node)
        if before[index] is not None:
            known = Gaussian.certain(before[index])
        inlet = inlets(program, index, points, dt)
        belief = each(program, index, type(node).predict)(node, known, inlet, dt)
        size = program.schedule.groups[index].size
        own = keys[index] if size == 1 else jax.random.split(keys[index], size)
        points[index] = Gaussian.certain(each(program, index, type(node).draw)(node, own, belief))
    return {index: point.mean for index, point in points.items()}


def keyed(key: Array, state: State) -> list[tuple[Array, Any]]:
    """The groups of a state, each with a key of its own."""
    return list(zip(jax.random.split(key, len(state)), state, strict=True))


def begun(key: Array, belief: Gaussian) -> Array:
    """A value drawn from a belief."""
    noise = jax.random.normal(key, jnp.shape(belief.mean), belief.mean.dtype)
    return belief.mean + jnp.sqrt(belief.variance) * noise
