"""Compile: from a graph to a program, and the labels that lead back to names."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from pynodes._compiler.drawing import draw_weights
from pynodes._compiler.groups import (
    form_groups,
    levels_of,
    order_turns,
    static_signature,
    strip_names,
    with_settings,
)
from pynodes._compiler.labels import Labels, Place, Wire
from pynodes._compiler.program import (
    Bundle,
    Group,
    Program,
    Schedule,
    Selection,
    Turn,
    Wiring,
    index_into,
    pad,
    places,
    stack_modules,
)
from pynodes._compiler.structured import check_structured, find_structured, mark_conditionals
from pynodes._core.expansions import Enhanced
from pynodes._core.modules import Module
from pynodes._core.scheme import AbstractScheme
from pynodes._core.structured import Structured
from pynodes._errors import GraphError, quote
from pynodes._graph.checks import check_not_empty, check_ready_to_filter
from pynodes._graph.edits import is_lagged
from pynodes._graph.graph import Graph
from pynodes._graph.settings import Settings
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling, Noise
from pynodes.nodes import AbstractNode

MANY_READINGS = 6
"""So many readings under one parent of their noise lost it in every run (docs/theory/expansions.md)."""


@dataclasses.dataclass
class Edge:
    """One edge by place: its two ends, its coupling, where that was stacked, and where it is wired."""

    parent: Place
    child: Place
    coupling: AbstractCoupling
    stack: Place = (-1, -1)
    down: tuple[int, int, int] = (-1, -1, -1)
    up: tuple[int, int, int] | None = None


def compile_program(
    graph: Graph, settings: Settings, default: AbstractScheme, key: Any = None
) -> tuple[Program, Labels]:
    """Program and labels of a graph under some settings, its weights drawn with a key unless that is None.

    Raises
    ------
    GraphError
        A graph without nodes.
    ParameterError
        A node that lacks what its parameters need.
    """
    check_not_empty(graph.nodes)
    settings = settings.revise(scheme=settings.scheme or default)
    nodes = bind_nodes(graph, settings)
    check_in_turn(settings, default)
    structured = find_structured(settings, nodes, default)
    check_structured(graph, structured, nodes)
    members = form_groups(graph, nodes, levels_of(graph), apart=settings.evidence == "in_turn")
    place = {n: (g, i) for g, group in enumerate(members) for i, n in enumerate(group.names)}
    drawn = draw_weights(graph, key)
    edges = [
        Edge(place[parent], place[child], strip_names(with_settings(coupling, settings)))
        for (parent, child, _), coupling in drawn.items()
    ]

    stacks = [[nodes[name] for name in group.names] for group in members]
    sizes = [len(stack) for stack in stacks]
    couplings: list[Module] = []
    shapes: list[tuple[int, ...]] = []
    down = [
        incoming_bundles(g, sizes, edges_at, couplings, shapes)
        for g, edges_at in by_end(edges, sizes, "child")
    ]
    up = [
        outgoing_bundles(g, sizes, edges_at, shapes, stacks) if stacks[g][0].learns else []
        for g, edges_at in by_end(edges, sizes, "parent")
    ]
    if structured is not None:
        kinds = [stack[0] for stack in stacks]
        down, up = mark_conditionals(structured, kinds, couplings, down, up)
    groups = tuple(
        Group(size=size, level=m.level, down=tuple(b for b, _ in d), up=tuple(b for b, _ in u))
        for m, size, d, u in zip(members, sizes, down, up, strict=True)
    )
    program = Program(
        schedule=Schedule(
            groups=groups, stacks=tuple(shapes), turns=find_turns(settings, groups, stacks)
        ),
        scheme=settings.scheme,
        structured=structured,
        nodes=tuple(stack_modules(stack, places(len(stack), 1)) for stack in stacks),
        couplings=tuple(couplings),
        down=tuple(tuple(wiring for _, wiring in bundles) for bundles in down),
        up=tuple(tuple(wiring for _, wiring in bundles) for bundles in up),
    )
    keys = list(drawn)
    labels = Labels(
        graph=graph,
        nodes={name: place[name] for name in graph.nodes},
        edges={key: edge.stack for key, edge in zip(keys, edges, strict=True)},
        groups=tuple(group.names for group in members),
        wires={
            key: Wire(number, edge.down, edge.up)
            for number, (key, edge) in enumerate(zip(keys, edges, strict=True))
        },
        settings=settings,
        stacks=tuple(shapes),
        conditionals=tuple(group.conditional_shapes for group in groups),
    )
    return program, labels


def bind_nodes(graph: Graph, settings: Settings) -> dict[str, AbstractNode]:
    """The nodes of a graph under its settings, once they know what their parents feed."""
    check_long_steps(graph, settings)
    bound: dict[str, AbstractNode] = {}
    for name, node in graph.nodes.items():
        fed = graph.inlets_fed(name)
        check_ready_to_filter(name, node, fed)
        bound[name] = with_settings(node, settings).bind(fed)
    return bound


def check_long_steps(graph: Graph, settings: Settings) -> None:
    """Refuse Enhanced for a parent of the noise of many readings that has a volatility parent itself.

    Its steps are then several of Newton's, and the volatility parent keeps them long: it runs away, as
    derived in docs/theory/expansions.md. A node that names its expansion keeps it. Runs of fewer
    readings may be short enough to end well: where one does not, its status says so.

    Raises
    ------
    GraphError
        Names the nodes and the remedy.
    """
    if not isinstance(settings.expansion, Enhanced):
        return
    noisy: dict[str, list[str]] = {}
    above: dict[str, list[str]] = {}
    for parent, child, coupling in graph.edges:
        if isinstance(coupling, Noise):
            noisy.setdefault(parent, []).append(child)
        elif isinstance(coupling, AbstractVolatilityCoupling):
            above.setdefault(child, []).append(parent)
    for name in filter(above.__contains__, noisy):
        kind = type(graph.nodes[name]).__name__
        shapes = [getattr(graph.nodes[child], "shape", ()) for child in noisy[name]]
        readings = sum(map(math.prod, shapes))
        if readings >= MANY_READINGS and getattr(graph.nodes[name], "expansion", "") is None:
            raise GraphError(
                f"{name!r} is the parent of the noise of {quote(noisy[name])}, {readings} readings at once, "
                f"and {quote(above[name])} of its own volatility. Under Enhanced its steps are then too "
                "long, and it runs away. Give it an expansion of its own, as in "
                f"{name}=pynodes.{kind}(expansion='unbounded'), or compile the graph with "
                f"expansion='structured'. With {kind}(expansion='enhanced') it takes its "
                "published steps all the same."
            )


def by_end(
    edges: Sequence[Edge], sizes: Sequence[int], end: str
) -> list[tuple[int, list[list[Edge]]]]:
    """For every group its number and, for every node of it, the edges that end there."""
    found: list[list[list[Edge]]] = [[[] for _ in range(size)] for size in sizes]
    for edge in edges:
        group, position = getattr(edge, end)
        found[group][position].append(edge)
    return list(enumerate(found))


def partition(
    rows: Sequence[Sequence[Edge]], kind: Callable[[Edge], Hashable]
) -> list[list[list[Edge]]]:
    """The edges of every node, apart by what ``kind`` says of them."""
    parts: dict[Hashable, list[list[Edge]]] = {}
    for position, row in enumerate(rows):
        for edge in row:
            key = kind(edge)
            if key not in parts:
                parts[key] = [[] for _ in rows]
            parts[key][position].append(edge)
    return list(parts.values())


def incoming_bundles(
    group: int,
    sizes: Sequence[int],
    rows: Sequence[Sequence[Edge]],
    couplings: list[Module],
    shapes: list[tuple[int, ...]],
) -> list[tuple[Bundle, Wiring]]:
    """The bundles from a group's parents; their couplings are stacked here."""
    bundles = []
    for parts in partition(rows, lambda edge: static_signature(edge.coupling)):
        fan, some = max(map(len, parts)), next(row[0] for row in parts if row)
        shape = places(sizes[group], fan)
        flat: list[Edge] = pad(parts, fan, some)
        ends, index = index_into([edge.parent for edge in flat], sizes.__getitem__, shape)
        taken = present(parts, fan)
        for position, edge in enumerate(flat):
            if taken is None or taken.flat[position]:
                edge.stack = (len(couplings), position)
                edge.down = (group, len(bundles), position)
        bundle = Bundle(
            ends=ends,
            couplings=Selection((len(couplings),)),
            fan=fan,
            lagged=is_lagged(some.coupling),
        )
        bundles.append((bundle, Wiring(ends=index, present=reshape_mask(taken, shape))))
        couplings.append(stack_modules([edge.coupling for edge in flat], shape))
        shapes.append(shape)
    return bundles


def check_in_turn(settings: Settings, default: AbstractScheme) -> None:
    """Refuse inputs in turn where a scheme takes all of a step together.

    Raises
    ------
    GraphError
        Both were asked for.
    """
    if settings.evidence == "in_turn" and settings.scheme != default:
        raise GraphError(
            f"evidence='in_turn' is for updates in closed form, and the scheme {settings.scheme!r} takes the "
            "inputs of a step together. Leave out one of the two."
        )


def find_turns(
    settings: Settings, groups: tuple[Group, ...], stacks: Sequence[Sequence[AbstractNode]]
) -> tuple[Turn, ...] | None:
    """In which order groups predict and are heard, if inputs are taken in turn."""
    if settings.evidence != "in_turn":
        return None
    return order_turns(groups, lambda group: stacks[group][0].observable)


def outgoing_bundles(
    group: int,
    sizes: Sequence[int],
    rows: Sequence[Sequence[Edge]],
    shapes: Sequence[tuple[int, ...]],
    stacks: Sequence[Sequence[AbstractNode]],
) -> list[tuple[Bundle, Wiring]]:
    """The bundles from a group's children, apart by coupling and by kind of child."""

    def kind(edge: Edge) -> Hashable:
        child = stacks[edge.child[0]][0]
        own = getattr(child, "expansion", None)
        # What is below a child differs from group to group, and so does what it makes of a Gaussian.
        apart = edge.child[0] if isinstance(own, Structured) else None
        return static_signature(edge.coupling), static_signature(child), apart

    bundles = []
    rows = [[edge for edge in row if getattr(edge.coupling, "upward", True)] for row in rows]
    for parts in partition(rows, kind):
        fan, some = max(map(len, parts)), next(row[0] for row in parts if row)
        shape = places(sizes[group], fan)
        flat: list[Edge] = pad(parts, fan, some)
        ends, ends_index = index_into([edge.child for edge in flat], sizes.__getitem__, shape)
        which, which_index = index_into(
            [edge.stack for edge in flat],
            lambda stack: int(np.prod(shapes[stack], dtype=int)),
            shape,
        )
        volatile = isinstance(some.coupling, AbstractVolatilityCoupling)
        repredicts = ends.sources if waits_for_value_parents(some.coupling) else ()
        bundle = Bundle(
            ends=ends,
            couplings=which,
            fan=fan,
            volatile=volatile,
            repredicts=repredicts,
            lagged=is_lagged(some.coupling),
        )
        taken = present(parts, fan)
        for position, edge in enumerate(flat):
            if taken is None or taken.flat[position]:
                edge.up = (group, len(bundles), position)
        wiring = Wiring(ends=ends_index, couplings=which_index, present=reshape_mask(taken, shape))
        bundles.append((bundle, wiring))
    return bundles


def waits_for_value_parents(coupling: AbstractCoupling) -> bool:
    """Whether a coupling wants its child to hear its value parents again first."""
    return isinstance(coupling, AbstractVolatilityCoupling) and coupling.after_value_parents


def present(rows: Sequence[Sequence[Edge]], fan: int) -> np.ndarray | None:
    """Which of the places are taken; None if all are."""
    if all(len(row) == fan for row in rows):
        return None
    return np.array([[place < len(row) for place in range(fan)] for row in rows])


def reshape_mask(taken: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """An array in the shape of its bundle."""
    return None if taken is None else taken.reshape(shape)
