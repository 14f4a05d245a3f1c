"""Stages: the order of a forward pass, where equal levels in a row are one loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pynodes.deep.layout import Block, Layout, Where

LEAST, PERIODS = 3, 4
"""Repetitions from which on a loop is worth it, and nodes that one of them may have at most."""


@dataclasses.dataclass(frozen=True)
class Link:
    """Where the parent along one slot is, in every repetition of a run.

    Attributes
    ----------
    member, lag
        In the run: which node of a repetition, and how many repetitions before; -1 if it is outside.
    outside
        The parents outside of the run: of all repetitions, or of the first ones, which reach back before
        it.
    """

    member: int
    lag: int
    outside: tuple[Where, ...]


@dataclasses.dataclass(frozen=True)
class Repetition:
    """Repetitions of the same few nodes, each with the same parents before it.

    Attributes
    ----------
    blocks
        The blocks of one repetition's nodes.
    positions
        For each of them, its positions in all repetitions.
    links
        For each of them and every slot along which the pass goes, where the parents are.
    """

    blocks: tuple[int, ...]
    positions: tuple[tuple[int, ...], ...]
    links: tuple[tuple[Link, ...], ...]

    @property
    def length(self) -> int:
        """Number of repetitions."""
        return len(self.positions[0])

    @property
    def reach(self) -> int:
        """How many repetitions back parents are, at most."""
        return max((link.lag for links in self.links for link in links), default=0)


Stage = Where | Repetition
"""One node, or many that are computed in a loop."""


def find_stages(layout: Layout, skipped: frozenset[int]) -> tuple[Stage, ...]:
    """The nodes of some blocks in their order, runs of equal ones together.

    Parameters
    ----------
    layout
        The graph.
    skipped
        Blocks that are known.
    """
    order = [where for where in layout.order if where[0] not in skipped]
    stages: list[Stage] = []
    begin = 0
    while begin < len(order):
        runs = [find_run(layout.blocks, order[begin:], period) for period in range(1, PERIODS + 1)]
        best = max((run for run in runs if run is not None), key=count_nodes, default=None)
        stages.append(order[begin] if best is None else best)
        begin += 1 if best is None else count_nodes(best)
    return tuple(stages)


def count_nodes(run: Repetition) -> int:
    """How many nodes a run has."""
    return run.length * len(run.blocks)


def find_run(blocks: Sequence[Block], order: Sequence[Where], period: int) -> Repetition | None:
    """The longest run of a period at the beginning of an order; None if it is too short."""
    kinds = [index for index, _ in order[:period]]
    length = 0
    while [index for index, _ in order[length * period : (length + 1) * period]] == kinds:
        length += 1
    while length >= LEAST:
        members = order[: length * period]
        run = link_run(blocks, members, period)
        if run is not None:
            return run
        length -= 1
    return None


def link_run(blocks: Sequence[Block], members: Sequence[Where], period: int) -> Repetition | None:
    """A run of some nodes, if each of its repetitions has its parents in the same places."""
    number = {where: divmod(i, period) for i, where in enumerate(members)}
    length = len(members) // period
    before: dict[tuple[int, int], Where] = {}
    links: list[tuple[Link, ...]] = []
    for member in range(period):
        own = [members[r * period + member] for r in range(length)]
        found: list[Link] = []
        block = blocks[own[0][0]]
        for slot in (block.slots[number] for number in block.ahead):
            parents = [slot.parents[position] for _, position in own]
            link = link_slot(parents, number)
            if link is None:
                return None
            for repetition, where in enumerate(link.outside if link.lag > 0 else ()):
                if before.setdefault((link.member, repetition - link.lag), where) != where:
                    return None
            found.append(link)
        links.append(tuple(found))
    positions = tuple(
        tuple(members[r * period + m][1] for r in range(length)) for m in range(period)
    )
    return Repetition(tuple(members[m][0] for m in range(period)), positions, tuple(links))


def link_slot(parents: Sequence[Where], number: dict[Where, tuple[int, int]]) -> Link | None:
    """Where the parents along a slot are; None if that differs between repetitions."""
    inside = [parent in number for parent in parents]
    if not any(inside):
        return Link(-1, -1, tuple(parents))
    first = inside.index(True)
    reached, member = number[parents[first]]
    lag = first - reached
    if lag != first or not all(inside[first:]):
        return None
    for repetition in range(first, len(parents)):
        if number[parents[repetition]] != (repetition - lag, member):
            return None
    return Link(member, lag, tuple(parents[:first]))
