"""Calls: how a network's methods enter compiled code.

Plain numbers take the short way, packed, as a single kernel and with no guard inside the loop: should a
belief break down, the call is made again with the guard. Traced numbers (under ``jit``, ``grad``,
``vmap``) become part of the caller's program.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._compiler.labels import Kept
from pynodes._compiler.program import Program
from pynodes._core.modules import Module, choice, evaluate_now, is_traced
from pynodes._engine import sweeps
from pynodes._engine.feed import Feed
from pynodes._engine.filter import Run, run_with_guard, run_without_guard
from pynodes._engine.sweeps import State
from pynodes._results.edge_beliefs import keep_couplings
from pynodes._runtime.derivatives import Each, total_surprise
from pynodes._typing import AnyArray, Array

initial_state = jax.jit(sweeps.start)


@partial(jax.jit, static_argnames="kept")
def filter_fast(program: PackedTree, feed: Feed, state: State | None, kept: Kept) -> PackedTree:
    """A run as it comes, packed."""

    def run(program: PackedTree, feed: Feed, state: State | None) -> PackedTree:
        return PackedTree.of(run_without_guard(program.unpack(), feed, state, kept), 1, jnp.stack)

    return as_single_kernel(run, program, feed, state)


@partial(jax.jit, static_argnames="kept")
def filter_with_guard(program: Program, feed: Feed, state: State | None, kept: Kept) -> Run:
    """A run that holds what it believed before a failure."""
    return run_with_guard(program, feed, state, kept)


@partial(jax.jit, static_argnames="each")
def differentiable_surprise(program: Program, feed: Feed, state: State | None, each: Each) -> Array:
    """The total surprise, to be differentiated."""
    return total_surprise(program, feed, state, each)


@partial(jax.jit, static_argnames="each")
def surprise_fast(program: PackedTree, feed: Feed, state: State | None, each: Each) -> Array:
    """The total surprise, of plain numbers."""

    def total(program: PackedTree, feed: Feed, state: State | None) -> Array:
        return total_surprise(program.unpack(), feed, state, each)

    return as_single_kernel(total, program, feed, state)


def call_now(compiled: Callable[..., Any], *arguments: Any) -> Any:
    """What compiled code finds from plain numbers, now, also where JAX traces a function around the call.

    There it would become a part of that function's program, computed anew whenever that is called. That it
    has is seen by the result: the setting that prevents it takes as long as to filter with a small network.
    """
    found = compiled(*arguments)
    if not is_traced(jax.tree.leaves(found)[0]):
        return found
    with jax.ensure_compile_time_eval():
        return compiled(*arguments)


def to_pack(leaf: Any) -> Any:
    """A number on the host, where it is packed; a whole array on the device as it is."""
    if isinstance(leaf, jax.Array) and leaf.ndim and leaf.dtype.kind == "f":
        return leaf.astype(jnp.result_type(float))
    return np.asarray(leaf)


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
        if is_traced(program):
            return cls(program, None)
        with evaluate_now(program):
            leaves = jax.tree.map(to_pack, program)
            return cls(program, jax.device_put(PackedTree.of(leaves, 0, np.stack)))

    @functools.cached_property
    def couplings(self) -> tuple[Any, ...]:
        """What beliefs keep of the network's couplings."""
        return keep_couplings(self.program.couplings)

    def filter(self, feed: Feed, state: State | None, kept: Kept) -> Run:
        """A run that holds what it believed before a failure, and rests at frozen steps."""
        if self.packed is None or is_traced((feed, state)):
            return filter_with_guard(self.program, feed, state, kept)
        if feed.series.frozen is None:
            run = call_now(filter_fast, self.packed, feed, state, kept).to_host()
            if run.alive[-1] and not run.bounded.any():
                return run
        run = call_now(filter_with_guard, self.program, feed, state, kept)
        return jax.tree.map(np.asarray, run)

    def surprise(self, feed: Feed, state: State | None, each: Each = None) -> Array:
        """The total surprise."""
        if self.packed is None or is_traced((feed, state)):
            return differentiable_surprise(self.program, feed, state, each)
        return surprise_fast(self.packed, feed, state, each)


SMALL = 65_536
"""Results of more numbers than this are not made as a single kernel: the loop first fills them with zeros."""


@dataclasses.dataclass(frozen=True, eq=False)
class Packing:
    """How a tree is packed: one object for all that are packed alike, so that comparing costs nothing.

    Attributes
    ----------
    tree
        Structure of the tree.
    places
        For every leaf of the tree, its stack and its row in it, or None where it is the whole of it.
    """

    tree: Any
    places: tuple[tuple[int, int | None], ...]

    def unpack(self, stacks: Sequence[AnyArray]) -> Any:
        """The tree, its leaves rows of some stacks."""
        leaves = [stacks[at] if row is None else stacks[at][row] for at, row in self.places]
        return jax.tree.unflatten(self.tree, leaves)


shared_layout = functools.cache(Packing)


class PackedTree(Module):
    """A tree whose arrays of equal shape and type are stacked.

    Attributes
    ----------
    stacks
        The stacked arrays.
    layout
        How the tree is packed in them.
    """

    stacks: tuple[AnyArray, ...]
    layout: Packing = choice()

    @classmethod
    def of(cls, tree: Any, rank: int, stack: Callable[..., Any]) -> PackedTree:
        """Pack a tree; arrays of a higher rank than ``rank`` are put in by themselves, as they are."""
        leaves, structure = jax.tree.flatten(tree)
        parts: dict[Any, list[Any]] = {}
        places = []
        for number, leaf in enumerate(leaves):
            shape = np.shape(leaf)
            key = (shape, jnp.result_type(leaf)) if len(shape) <= rank else number
            rows = parts.setdefault(key, [])
            places.append((list(parts).index(key), None if key == number else len(rows)))
            rows.append(leaf)
        alone = {at for at, row in places if row is None}
        stacks = tuple(
            rows[0] if at in alone else stack(rows) for at, rows in enumerate(parts.values())
        )
        return cls(stacks=stacks, layout=shared_layout(structure, tuple(places)))

    def unpack(self) -> Any:
        """The tree, its leaves rows of the stacks."""
        return self.layout.unpack(self.stacks)

    def to_host(self) -> Any:
        """The tree with numpy arrays, which share the memory of the stacks where they can."""
        return self.layout.unpack(list(map(np.asarray, self.stacks)))


def as_single_kernel(compute: Callable[..., Any], *arguments: Any) -> Any:
    """What a function computes from arrays, as the one turn of a loop. Not differentiable backward.

    XLA's CPU runtime runs a program as a graph of kernels. If there are more than a handful, and a loop
    comes with many that unpack its parameters and lay out its results, it hands them to other threads and
    waits, which can take longer than a small network takes to filter a series. But a loop over little
    data becomes one kernel. So the computation is made the body of a loop of one turn (docs/performance.md).

    Barriers hide from the compiler that there is one turn, and that the arguments are the same in
    all: it would unroll the loop, or move its contents out, and leave nothing in one piece.
    """
    compute = jax.jit(compute)  # so that finding the shapes does not trace it twice
    shapes = jax.eval_shape(compute, *arguments)
    if sum(int(np.prod(part.shape)) for part in jax.tree.leaves(shapes)) > SMALL:
        return compute(*arguments)

    def turn(number: Any, _: Any) -> Any:
        _, here = lax.optimization_barrier((number, arguments))
        return compute(*here)

    begin = jax.tree.map(lambda part: jnp.zeros(part.shape, part.dtype), shapes)
    return lax.fori_loop(0, lax.optimization_barrier(jnp.int32(1)), turn, begin)
