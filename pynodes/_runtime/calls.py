"""Calls: how a network's methods enter compiled code.

Plain numbers take the short way, packed, as a single kernel and with no guard inside the loop: should a
belief break down, the call is made again with the guard. Traced numbers (under ``jit``, ``grad``,
``vmap``) become part of the caller's program.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Kept
from pynodes._compiler.program import Program
from pynodes._core.tracing import traced
from pynodes._engine import sweeps
from pynodes._engine.feed import Feed
from pynodes._engine.filter import Run, run_guarded, run_unguarded
from pynodes._engine.sweeps import State
from pynodes._runtime.derivatives import Each, total_surprise
from pynodes._runtime.packing import PackedTree, as_single_kernel
from pynodes._typing import Array

initial_state = jax.jit(sweeps.start)


@partial(jax.jit, static_argnames="kept")
def filter_fast(program: PackedTree, feed: Feed, state: State | None, kept: Kept) -> PackedTree:
    """A run as it comes, packed."""

    def run(program: PackedTree, feed: Feed, state: State | None) -> PackedTree:
        return PackedTree.of(run_unguarded(program.unpack(), feed, state, kept), 1, jnp.stack)

    return as_single_kernel(run, program, feed, state)


@partial(jax.jit, static_argnames="kept")
def filter_guarded(program: Program, feed: Feed, state: State | None, kept: Kept) -> Run:
    """A run that holds what it believed before a failure."""
    return run_guarded(program, feed, state, kept)


@partial(jax.jit, static_argnames="each")
def surprise_traced(program: Program, feed: Feed, state: State | None, each: Each) -> Array:
    """The total surprise, to be differentiated."""
    return total_surprise(program, feed, state, each)


@partial(jax.jit, static_argnames="each")
def surprise_fast(program: PackedTree, feed: Feed, state: State | None, each: Each) -> Array:
    """The total surprise, of plain numbers."""

    def total(program: PackedTree, feed: Feed, state: State | None) -> Array:
        return total_surprise(program.unpack(), feed, state, each)

    return as_single_kernel(total, program, feed, state)


@dataclasses.dataclass(frozen=True, eq=False)
class Calls:
    """The compiled calls of one program.

    Attributes
    ----------
    program
        The program.
    packed
        Its numbers packed and on the device; None if they are traced.
    """

    program: Program
    packed: PackedTree | None

    @classmethod
    def of(cls, program: Program) -> Calls:
        """The calls of a program, in the floating-point precision of the moment."""
        if traced(program):
            return cls(program, None)
        leaves = jax.tree.map(np.asarray, program)
        # Made once and kept, so it must not belong to a trace that happens to be under way.
        with jax.ensure_compile_time_eval():
            return cls(program, jax.device_put(PackedTree.of(leaves, 0, np.stack)))

    def filter(self, feed: Feed, state: State | None, kept: Kept) -> Run:
        """A run that holds what it believed before a failure, and rests at frozen steps."""
        if self.packed is not None and feed.series.frozen is None and not traced((feed, state)):
            run = filter_fast(self.packed, feed, state, kept).to_host()
            if run.alive[-1] and not run.bounded.any():
                return run
        run = filter_guarded(self.program, feed, state, kept)
        return run if traced(run) else jax.tree.map(np.asarray, run)

    def surprise(self, feed: Feed, state: State | None, each: Each = None) -> Array:
        """The total surprise."""
        if self.packed is None or traced((feed, state)):
            return surprise_traced(self.program, feed, state, each)
        return surprise_fast(self.packed, feed, state, each)
