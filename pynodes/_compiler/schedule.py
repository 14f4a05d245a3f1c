"""Schedule: what a compiled network does, without names or numbers. Static, hashable."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Literal


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
    """

    ends: Selection
    couplings: Selection
    fan: int
    volatile: bool = False
    repredicts: tuple[int, ...] = ()


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


@dataclasses.dataclass(frozen=True, eq=False)
class Schedule:
    """The groups in the order in which they are updated, level 0 first.

    Attributes
    ----------
    groups
        What is computed together.
    stacks
        Shapes of the stacked couplings, by the number that bundles refer to.
    """

    groups: tuple[Group, ...]
    stacks: tuple[tuple[int, ...], ...]

    @cached_property
    def _hash(self) -> int:
        return hash((self.groups, self.stacks))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Schedule) or hash(self) != hash(other):
            return False
        return (self.groups, self.stacks) == (other.groups, other.stacks)

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
