"""Forecasts: many draws of the future at once."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from pynodes._compiler.labels import Kept
from pynodes._compiler.program import Program
from pynodes._runtime.feed import Feed
from pynodes._runtime.sample import sampled
from pynodes._runtime.sweeps import State
from pynodes._typing import Array


@partial(jax.jit, static_argnames=("kept", "draws"))
def foretold(
    program: Program, feed: Feed, state: State | None, key: Array, *, kept: Kept, draws: int
) -> dict[int, Array]:
    """Values of the nodes that are kept, by group, of shape (draws, time, ...)."""

    def future(key: Array) -> dict[int, Array]:
        drawn = sampled(program, feed, state, key)
        return {
            index: drawn[index] if positions is None else drawn[index][:, jnp.array(positions)]
            for index, positions in kept
        }

    return jax.vmap(future)(jax.random.split(key, draws))
