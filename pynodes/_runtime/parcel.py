"""Parcels: a tree of many small arrays as a few larger ones, to cross into and out of compiled code.

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

from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray


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

    def opened(self, stacks: Sequence[AnyArray]) -> Any:
        """The tree, its leaves rows of some stacks."""
        return jax.tree.unflatten(self.tree, [stacks[stack][row] for stack, row in self.places])


layout = functools.cache(Layout)


class Parcel(Module):
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
    def of(cls, tree: Any, rank: int, stack: Callable[..., Any]) -> Parcel:
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
        return cls(stacks=stacks, layout=layout(structure, tuple(places)))

    def opened(self) -> Any:
        """The tree, its leaves rows of the stacks."""
        return self.layout.opened(self.stacks)

    def on_host(self) -> Any:
        """The tree with numpy arrays, which share the memory of the stacks where they can."""
        return self.layout.opened(list(map(np.asarray, self.stacks)))
