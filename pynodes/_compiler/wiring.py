"""Wiring: who is attached to whom, as integer arrays laid out beside the nodes that hear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.schedule import Selection
from pynodes._core.modules import Module
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
        Whether a place holds an edge, rather than padding.
    edges
        For every place, the number of its edge, in a program whose edges can be switched.
    switches
        For every place, whether its edge is on. Only inside the loop over time.
    """

    ends: AnyArray | None = None
    couplings: AnyArray | None = None
    present: AnyArray | None = None
    edges: AnyArray | None = None
    switches: AnyArray | None = None


def places(size: int, fan: int) -> tuple[int, ...]:
    """Shape of a bundle's arrays: nodes by places, axes of length one left out."""
    return tuple(length for length in (size, fan) if length > 1)


def pad(rows: Sequence[Sequence[Any]], fan: int, blank: Any) -> list[Any]:
    """Rows of unequal length as one flat list with ``fan`` places each."""
    return [item for row in rows for item in (*row, *([blank] * (fan - len(row))))]


def index_into(
    where: Sequence[tuple[int, int]], size_of: Callable[[int], int], shape: tuple[int, ...]
) -> tuple[Selection, np.ndarray | None]:
    """The selection of (source, position) pairs, and its index array if it needs one."""
    sources = tuple(sorted({source for source, _ in where}))
    offset = dict(zip(sources, np.cumsum([0, *map(size_of, sources)])[:-1].tolist(), strict=True))
    index = np.array([offset[source] + position for source, position in where], dtype=np.int32)
    layout = find_layout(index, size_of(sources[0]), shape) if len(sources) == 1 else "listed"
    return Selection(sources, layout), index.reshape(shape) if layout == "listed" else None


def find_layout(
    index: np.ndarray, size: int, shape: tuple[int, ...]
) -> Literal["listed", "aligned", "shared", "transposed"]:
    """How the elements of one source of some size lie at the places of a shape."""
    everything = np.arange(size)
    if size == 1 or np.array_equal(index, everything):
        return "aligned"
    if len(shape) == 2 and shape[1] == size and (index.reshape(shape) == everything).all():
        return "shared"
    if len(shape) == 2 and len(index) == size:
        turned = everything.reshape(shape[::-1]).T
        return "transposed" if np.array_equal(index.reshape(shape), turned) else "listed"
    return "listed"


def stack_modules(modules: Sequence[Module], shape: tuple[int, ...]) -> Any:
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
