"""Wiring: who is attached to whom, as integer arrays laid out beside the nodes that hear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.schedule import Selection
from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray


class Wiring(Module):
    """The arrays of one bundle; None where the layout says it all.

    Attributes
    ----------
    ends
        For every place, which element of the groups at the other end.
    couplings
        For every place, which coupling of the stacks.
    present
        Whether a place is taken, by an edge that is on.
    switched
        Whether edges may be off: what such an edge would say then stays out of derivatives too.
    """

    ends: AnyArray | None = None
    couplings: AnyArray | None = None
    present: AnyArray | None = None
    switched: bool = choice(False)

    @property
    def switches(self) -> AnyArray | None:
        """Which places are on; None where no edge may be off."""
        return self.present if self.switched else None


def places(size: int, fan: int) -> tuple[int, ...]:
    """Shape of a bundle's arrays: nodes by places, axes of length one left out."""
    return tuple(length for length in (size, fan) if length > 1)


def laid_out(rows: Sequence[Sequence[Any]], fan: int, blank: Any) -> list[Any]:
    """Rows of unequal length as one flat list with ``fan`` places each."""
    return [item for row in rows for item in (*row, *([blank] * (fan - len(row))))]


def selected(
    where: Sequence[tuple[int, int]], size_of: Callable[[int], int], shape: tuple[int, ...]
) -> tuple[Selection, np.ndarray | None]:
    """The selection of (source, position) pairs, and its index array if it needs one."""
    sources = tuple(sorted({source for source, _ in where}))
    offset = dict(zip(sources, np.cumsum([0, *map(size_of, sources)])[:-1].tolist(), strict=True))
    index = np.array([offset[source] + position for source, position in where], dtype=np.int32)
    if len(sources) == 1:
        size = size_of(sources[0])
        if size == 1 or (len(index) == size and np.array_equal(index, np.arange(size))):
            return Selection(sources, listed=False), None
    return Selection(sources, listed=True), index.reshape(shape)


def stacked(modules: Sequence[Module], shape: tuple[int, ...]) -> Any:
    """Modules of one structure as one, their leaves stacked to a shape.

    Plain numbers stay on the host as float64; what jit makes of them follows the user's precision.
    """

    def stack(*values: Any) -> Any:
        if any(isinstance(value, jax.Array) for value in values):
            whole = jnp.stack([jnp.asarray(value, dtype=float) for value in values])
        else:
            whole = np.array(values, dtype=np.float64)
        return whole.reshape((*shape, *whole.shape[1:]))

    return jax.tree.map(stack, *modules)
