"""Program: a static schedule with its wiring and numbers. The runtime executes it; it knows no names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import Module, Undrawn, choice, evaluate_now
from pynodes._typing import AnyArray


@dataclasses.dataclass(frozen=True)
class Selection:
    """How the elements of some stacks are laid beside the edges of a bundle.

    Attributes
    ----------
    sources
        The stacks they come from, concatenated in this order.
    layout
        ``"listed"``: an array of the wiring says which element goes where. Otherwise there is one source:
        ``"aligned"`` is taken as it is, or, if it has one element, beside every edge; of ``"shared"`` every
        node hears all elements in their order; ``"transposed"`` lies the other way round.
    """

    sources: tuple[int, ...]
    layout: Literal["listed", "aligned", "shared", "transposed"] = "aligned"


@dataclasses.dataclass(frozen=True)
class Bundle:
    """Edges of one coupling structure that meet in one group, ``fan`` places for each node.

    Attributes
    ----------
    ends
        The groups at the other end: the parents when predicting, the children when updating.
    couplings
        The stacks of couplings.
    fan
        Places per node; not all need be taken.
    volatile
        Whether it carries volatility messages, rather than value evidence.
    repredicts
        Groups that hear their value parents again before this bundle is heard.
    conditional
        If the belief of the children is kept conditional on the parents: by which kind of edge.
    lagged
        Whether the parents' values of the step before count.
    """

    ends: Selection
    couplings: Selection
    fan: int
    volatile: bool = False
    repredicts: tuple[int, ...] = ()
    conditional: Literal["volatility", "value"] | None = None
    lagged: bool = False


@dataclasses.dataclass(frozen=True)
class Group:
    """Nodes of one level, kind and role, stacked; a group of one is not stacked at all.

    Attributes
    ----------
    size
        Number of nodes.
    level
        Its level.
    down, up
        Bundles from its parents, and from its children if it learns from them.
    """

    size: int
    level: int
    down: tuple[Bundle, ...]
    up: tuple[Bundle, ...]

    @property
    def conditional_shapes(self) -> tuple[tuple[int, ...] | None, ...] | None:
        """Places per node of every bundle of parents on which its belief is conditional; None for the others.

        None for groups without any.
        """
        if not any(bundle.conditional for bundle in self.down):
            return None
        shapes = [(bundle.fan,) if bundle.fan > 1 else () for bundle in self.down]
        marked = zip(self.down, shapes, strict=True)
        return tuple(shape if bundle.conditional else None for bundle, shape in marked)


@dataclasses.dataclass(frozen=True)
class Turn:
    """What comes next where inputs are taken in turn: a group predicts, or its parents hear it."""

    group: int
    predicts: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Schedule:
    """The groups in the order in which they are updated, level 0 first.

    Attributes
    ----------
    groups
        What is computed together.
    stacks
        Shapes of the stacked couplings, by the number that bundles refer to.
    turns
        In which order groups predict and are heard, if inputs are taken in turn.
    """

    groups: tuple[Group, ...]
    stacks: tuple[tuple[int, ...], ...]
    turns: tuple[Turn, ...] | None = None

    @cached_property
    def _hash(self) -> int:
        return hash((self.groups, self.stacks, self.turns))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Schedule) or hash(self) != hash(other):
            return False
        mine, theirs = (self.groups, self.stacks), (other.groups, other.stacks)
        return mine == theirs and self.turns == other.turns

    @property
    def count(self) -> int:
        """Number of nodes."""
        return sum(group.size for group in self.groups)

    @property
    def upward(self) -> range:
        """Indices of the groups, children first."""
        return range(len(self.groups))

    @property
    def downward(self) -> range:
        """Indices of the groups, parents first."""
        return range(len(self.groups) - 1, -1, -1)


LARGE = 1_000
"""Numbers in one parameter from which on it is kept on the device."""


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

    Plain numbers stay on the host as float64; what jit makes of them follows the user's precision. Large
    arrays lie on the device, in that of the moment.
    """

    def stack(*values: Any) -> Any:
        if any(isinstance(value, Undrawn) for value in values):
            return Undrawn((*shape, *np.shape(values[0])))
        if np.size(values[0]) > LARGE or any(isinstance(value, jax.Array) for value in values):
            with evaluate_now(values):
                rows = [jnp.asarray(value, dtype=float) for value in values]
                whole = rows[0][None] if len(rows) == 1 else jnp.stack(rows)
        else:
            whole = np.array(values, dtype=np.float64)
        return whole.reshape((*shape, *whole.shape[1:]))

    return jax.tree.map(stack, *modules)


class Program(Module):
    """A compiled graph without names: a pytree whose leaves are parameters and wiring.

    Attributes
    ----------
    schedule
        What is done in which order.
    scheme
        How beliefs are found between the sweeps.
    structured
        The Structured expansion, if it is the graph's; None under the others.
    nodes
        For every group, its nodes as one stacked node.
    couplings
        Stacked couplings, by the number that bundles refer to.
    down, up
        For every group, the wiring of its bundles.
    edges_on
        Whether every edge is on, in the graph's order; None if no edge can be switched.
    """

    schedule: Schedule = choice()
    scheme: Any = choice()
    structured: Any = choice()
    nodes: tuple[Any, ...]
    couplings: tuple[Any, ...]
    down: tuple[tuple[Wiring, ...], ...]
    up: tuple[tuple[Wiring, ...], ...]
    edges_on: AnyArray | None = None


def switches_of(program: Program, wiring: Wiring) -> Any:
    """Which places of a bundle hold an edge that is on; None if no edge can be switched.

    Padding is off, so that what it would say stays out of derivatives too.
    """
    if wiring.switches is not None or program.edges_on is None:
        return wiring.switches
    on = jnp.asarray(program.edges_on)[wiring.edges]
    return on if wiring.present is None else on & wiring.present


def active_places(program: Program, wiring: Wiring) -> Any:
    """Which places of a bundle hold an edge, and one that is on; None if all do."""
    switches = switches_of(program, wiring)
    return wiring.present if switches is None else switches


def distribute_switches(program: Program) -> Program:
    """The program with a switch beside every place of its wiring, for a loop that looks at them often."""
    if program.edges_on is None:
        return program

    def distribute(wirings: tuple[tuple[Wiring, ...], ...]) -> tuple[tuple[Wiring, ...], ...]:
        return tuple(
            tuple(dataclasses.replace(one, switches=switches_of(program, one)) for one in group)
            for group in wirings
        )

    return dataclasses.replace(program, down=distribute(program.down), up=distribute(program.up))
