"""Packing: small computations that enter and leave compiled code as few arrays, and run as one kernel.

Every array that goes into or comes out of a compiled call costs a microsecond or two. So a small
network's parameters travel as one vector, and its trajectories come back as one matrix.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray

SMALL = 65_536
"""Results of more numbers than this are not made as a single kernel: the loop first fills them with zeros."""


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """How a tree is packed: one object for all that are packed alike, so that comparing costs nothing.

    Attributes
    ----------
    tree
        Structure of the tree.
    places
        For every leaf of the tree, its stack and its row in it.
    """

    tree: Any
    places: tuple[tuple[int, int], ...]

    def unpack(self, stacks: Sequence[AnyArray]) -> Any:
        """The tree, its leaves rows of some stacks."""
        return jax.tree.unflatten(self.tree, [stacks[stack][row] for stack, row in self.places])


shared_layout = functools.cache(Layout)


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
    layout: Layout = choice()

    @classmethod
    def of(cls, tree: Any, rank: int, stack: Callable[..., Any]) -> PackedTree:
        """Pack a tree; arrays of a higher rank than ``rank`` are put in by themselves."""
        leaves, structure = jax.tree.flatten(tree)
        parts: dict[Any, list[Any]] = {}
        places = []
        for number, leaf in enumerate(leaves):
            shape = np.shape(leaf)
            key = (shape, jnp.result_type(leaf)) if len(shape) <= rank else number
            rows = parts.setdefault(key, [])
            places.append((list(parts).index(key), len(rows)))
            rows.append(leaf)
        stacks = tuple(stack(rows) for rows in parts.values())
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
