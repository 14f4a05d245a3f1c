"""Calls: how a network's methods enter compiled code.

Plain numbers take the short way, in parcels, in one piece and with no guard inside the loop: should a
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
from pynodes._runtime import filter as loops
from pynodes._runtime import sweeps
from pynodes._runtime.derivatives import total_surprise
from pynodes._runtime.feed import Feed
from pynodes._runtime.filter import Run
from pynodes._runtime.one_piece import in_one_piece
from pynodes._runtime.parcel import Parcel
from pynodes._runtime.sweeps import State
from pynodes._typing import Array

initial_state = jax.jit(sweeps.start)


@partial(jax.jit, static_argnames="kept")
def _swift(program: Parcel, feed: Feed, state: State | None, kept: Kept) -> Parcel:
    """A run as it comes, in a parcel."""

    def run(program: Parcel, feed: Feed, state: State | None) -> Parcel:
        found = loops.filtered(program.opened(), feed, state, kept, hold=False)
        return Parcel.of(found, 1, jnp.stack)

    return in_one_piece(run, program, feed, state)


@partial(jax.jit, static_argnames="kept")
def _careful(program: Program, feed: Feed, state: State | None, kept: Kept) -> Run:
    """A run that holds the last belief that counted."""
    return loops.masked(feed, loops.filtered(program, feed, state, kept, hold=True))


@jax.jit
def _surprise(program: Program, feed: Feed, state: State | None) -> Array:
    """The total surprise, to be differentiated."""
    return total_surprise(program, feed, state)


@jax.jit
def _plain_surprise(program: Parcel, feed: Feed, state: State | None) -> Array:
    """The total surprise, of plain numbers."""

    def total(program: Parcel, feed: Feed, state: State | None) -> Array:
        return total_surprise(program.opened(), feed, state)

    return in_one_piece(total, program, feed, state)


@dataclasses.dataclass(frozen=True, eq=False)
class Calls:
    """The compiled calls of one program.

    Attributes
    ----------
    program
        The program.
    parcel
        Its numbers packed and on the device; None if they are traced.
    """

    program: Program
    parcel: Parcel | None

    @classmethod
    def of(cls, program: Program) -> Calls:
        """The calls of a program, in the floating-point precision of the moment."""
        if traced(program):
            return cls(program, None)
        leaves = jax.tree.map(np.asarray, program)
        # Made once and kept, so it must not belong to a trace that happens to be under way.
        with jax.ensure_compile_time_eval():
            return cls(program, jax.device_put(Parcel.of(leaves, 0, np.stack)))

    def filter(self, feed: Feed, state: State | None, kept: Kept) -> Run:
        """A run whose records and state are held where steps did not count."""
        if self.parcel is not None and feed.series.frozen is None and not traced((feed, state)):
            run = _swift(self.parcel, feed, state, kept).on_host()
            if run.alive[-1]:
                return run
        return _careful(self.program, feed, state, kept)

    def surprise(self, feed: Feed, state: State | None) -> Array:
        """The total surprise."""
        if self.parcel is None or traced((feed, state)):
            return _surprise(self.program, feed, state)
        return _plain_surprise(self.parcel, feed, state)
