"""Layout: which nodes of a graph are computed together by schemes on points, and in which order.

A step that moves all nodes at once knows no levels, so nodes are put together by structure alone: equal
layers of a deep chain are one block, one batched product. Static and hashable: one layout, one program.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Hashable, Mapping
from typing import TypeAlias

from pynodes._compiler.groups import static_signature, strip_names, with_settings
from pynodes._compiler.labels import Labels
from pynodes._graph.edges import Key, is_feedback, name_edges
from pynodes._graph.edits import WithinStep
from pynodes._graph.graph import Graph
from pynodes.couplings import AbstractCoupling

Where: TypeAlias = tuple[int, int]
"""A block, and the position of a node in it."""

GIVEN, FREE, PARTLY, LEAF, BARREN = "given", "free", "partly", "leaf", "barren"
"""What a node is in a question that is put to a graph.

Given, it is data. Free, it is a variable; partly so where some of its elements are data. A leaf of which
some elements are given weighs those alone. Barren, it has nothing given below it: nothing depends on it,
and it follows from the others at the end. A node that is predicted twice, from above and by feedback, is
never at rest at one of both, and so never barren.
"""

VARIABLE = (FREE, PARTLY)
"""Nodes that a scheme moves."""


@dataclasses.dataclass(frozen=True)
class Slot:
    """One incoming edge of every node of a block.

    Attributes
    ----------
    edges
        Parent, child and inlet of each.
    names
        Their names.
    parents
        Where their parents are.
    feedback
        Whether it is fed back: no part of the forward pass.
    """

    edges: tuple[Key, ...]
    names: tuple[str, ...]
    parents: tuple[Where, ...]
    feedback: bool = False


@dataclasses.dataclass(frozen=True)
class Block:
    """Nodes of one kind with the same kinds of incoming edges, in the same role.

    Attributes
    ----------
    names
        Their names.
    role
        What they are in this question.
    slots
        Their incoming edges.
    turn
        When a scheme moves them, if it does not move all at once.
    """

    names: tuple[str, ...]
    role: str
    slots: tuple[Slot, ...]
    turn: int = 0

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.names)

    @property
    def ahead(self) -> tuple[int, ...]:
        """Numbers of the slots along which the forward pass goes."""
        return tuple(number for number, slot in enumerate(self.slots) if not slot.feedback)

    @property
    def bidirectional(self) -> bool:
        """Whether its nodes are predicted by feedback too."""
        return len(self.ahead) < len(self.slots)


@dataclasses.dataclass(frozen=True)
class Layout:
    """The blocks of a graph, and the order in which its nodes may be predicted.

    Attributes
    ----------
    blocks
        What is computed together.
    order
        Every node, parents first.
    """

    blocks: tuple[Block, ...]
    order: tuple[Where, ...]

    @property
    def places(self) -> dict[str, Where]:
        """Where every node is, by name."""
        return {
            name: (index, position)
            for index, block in enumerate(self.blocks)
            for position, name in enumerate(block.names)
        }

    @property
    def variables(self) -> tuple[int, ...]:
        """Blocks that a scheme moves."""
        return tuple(i for i, block in enumerate(self.blocks) if block.role in VARIABLE)

    @property
    def terms(self) -> tuple[int, ...]:
        """Blocks whose energy counts."""
        return tuple(i for i, block in enumerate(self.blocks) if block.role != BARREN)

    def children(self, indices: Collection[int]) -> tuple[int, ...]:
        """Blocks whose energy counts and that have parents in some blocks."""
        return tuple(
            index
            for index in self.terms
            if any(parent in indices for s in self.blocks[index].slots for parent, _ in s.parents)
        )


def lay_out(
    labels: Labels,
    given: Collection[str] = (),
    partly: Collection[str] = (),
    turns: Mapping[str, int] | None = None,
    draws: bool = False,
) -> Layout:
    """The layout of a graph for a question.

    Parameters
    ----------
    labels
        The compiled graph.
    given
        Names of the nodes that are data.
    partly
        Names of the nodes of which some elements are.
    turns
        When a scheme moves each node, by name; all at once by default.
    draws
        Whether values are drawn.
    """
    graph, keys = labels.graph, list(labels.edges)
    names = dict(zip(keys, name_edges(graph.edges), strict=True))
    couplings = {
        key: strip_names(with_settings(coupling, labels.settings))
        for key, (_, _, coupling) in zip(keys, graph.edges, strict=True)
    }
    order, roles = sort_nodes(labels), find_roles(labels, given, partly, draws)
    incoming: dict[str, list[tuple[Hashable, Key]]] = {name: [] for name in graph.nodes}
    for key in keys:
        incoming[key[1]].append((edge_signature(labels, key, couplings[key]), key))
    members: dict[Hashable, list[str]] = {}
    for name in order:
        incoming[name].sort(key=lambda pair: repr(pair[0]))
        node = with_settings(graph.nodes[name], labels.settings).bind(graph.inlets_fed(name))
        signature = (
            static_signature(node),
            node.value_shape,
            tuple(sign for sign, _ in incoming[name]),
            roles[name],
            0 if turns is None else turns.get(name, 0),
        )
        members.setdefault(signature, []).append(name)
    places = {
        name: (index, position)
        for index, block in enumerate(members.values())
        for position, name in enumerate(block)
    }
    blocks = []
    for block in members.values():
        slots = []
        for number in range(len(incoming[block[0]])):
            edges = tuple(incoming[name][number][1] for name in block)
            slots.append(
                Slot(
                    edges=edges,
                    names=tuple(names[edge] for edge in edges),
                    parents=tuple(places[edge[0]] for edge in edges),
                    feedback=is_feedback(couplings[edges[0]]),
                )
            )
        turn = 0 if turns is None else turns.get(block[0], 0)
        blocks.append(Block(tuple(block), roles[block[0]], tuple(slots), turn))
    return Layout(blocks=tuple(blocks), order=tuple(places[name] for name in order))


def edge_signature(labels: Labels, key: Key, coupling: AbstractCoupling) -> Hashable:
    """What edges must share to be computed together."""
    return static_signature(coupling), labels.graph.nodes[key[0]].value_shape


def sort_nodes(labels: Labels) -> list[str]:
    """Names of all nodes by their longest way from a root, then in the order of definition."""
    graph = labels.graph
    above, below = WithinStep(graph, up=True), WithinStep(graph, up=False)
    depth: dict[str, int] = {}
    waiting = {name: len(set(above.get(name))) for name in graph.nodes}
    ready = [name for name, count in waiting.items() if not count]
    depth = dict.fromkeys(ready, 0)
    for name in ready:
        for child in dict.fromkeys(below.get(name)):
            depth[child] = max(depth.get(child, 0), depth[name] + 1)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return sorted(graph.nodes, key=depth.__getitem__)


def find_roles(
    labels: Labels, given: Collection[str], partly: Collection[str], draws: bool = False
) -> dict[str, str]:
    """What every node is, given which are data and which of them in part.

    Where values are drawn, nodes that nothing depends on are variables too.
    """
    graph = labels.graph
    twice = {child for _, child, coupling in graph.edges if is_feedback(coupling)}
    informative = find_ancestors(graph, {*given, *partly, *twice}) | (twice - {*given})
    roles = {}
    for name in graph.nodes:
        if name in given:
            roles[name] = GIVEN
        elif name in partly:
            drawn = draws and not graph.nodes[name].discrete
            roles[name] = PARTLY if name in informative or drawn else LEAF
        else:
            drawn = draws and not graph.nodes[name].discrete
            roles[name] = FREE if name in informative or drawn else BARREN
    return roles


def find_ancestors(graph: Graph, names: Collection[str]) -> set[str]:
    """All nodes from which edges, also those that are fed back, lead to some of these."""
    found: set[str] = set()
    waiting = list(names)
    for name in waiting:
        fresh = [parent for parent in graph.parents(name) if parent not in found]
        found.update(fresh)
        waiting += fresh
    return found
