"""Parcels: a tree of many small arrays as a few larger ones, to cross into and out of compiled code.

Every array that goes into or comes out of a compiled call costs a microsecond or two. So a small
network's parameters travel as one vector, and its trajectories come back as one matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray


class Parcel(Module):
    """A tree whose arrays of equal shape and type are stacked.

    Attributes
    ----------
    stacks
        The stacked arrays.
    tree
        Structure of the tree.
    places
        For every leaf of the tree, its stack and its row in it.
    """

    stacks: tuple[AnyArray, ...]
    tree: Any = choice()
    places: tuple[tuple[int, int], ...] = choice()

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
        return cls(stacks=stacks, tree=structure, places=tuple(places))

    def opened(self) -> Any:
        """The tree, its leaves rows of the stacks."""
        return jax.tree.unflatten(
            self.tree, [self.stacks[stack][row] for stack, row in self.places]
        )

    def on_host(self) -> Any:
        """The tree with numpy arrays, which share the memory of the stacks where they can."""
        here = Parcel(
            stacks=tuple(map(np.asarray, self.stacks)), tree=self.tree, places=self.places
        )
        return here.opened()
