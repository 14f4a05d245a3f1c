"""Edits: graphs made from graphs, by adding, taking away, renaming, reattaching, merging and repeating.

Every edit returns a new graph, in the old order, and checks what is new in it.
"""

from __future__ import annotations

import copy
import numbers
from collections import Counter
from collections.abc import Iterable, Mapping
from graphlib import CycleError as Loop
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from pynodes._core.modules import indices_of, same_module
from pynodes._errors import (
    CouplingError,
    CycleError,
    DuplicateNodeError,
    GraphError,
    UnknownEdgeError,
)
from pynodes._graph.checks import (
    check_acyclic,
    check_name_is_free,
    check_node_exists,
    check_node_is_valid,
    check_node_name,
    check_nodes_by_name,
    describe_cycle,
    list_names,
)
from pynodes._graph.edges import (
    Key,
    check_edge,
    check_edge_is_new,
    check_edge_is_triple,
    describe_missing_edge,
    find_couplings,
    find_edge,
    is_feedback,
    make_coupling,
    match_couplings,
    suggest_feedback,
)
from pynodes._graph.settings import Settings
from pynodes.couplings import AbstractArrayCoupling, AbstractCoupling
from pynodes.nodes import AbstractNode

if TYPE_CHECKING:
    from pynodes._graph.graph import Graph


def copy_graph(graph: Graph) -> Graph:
    """A copy that may be changed in place, as long as nobody else has seen it."""
    twin = copy.copy(graph)
    twin.__dict__.pop("_hash", None)
    twin._nodes, twin._edges = dict(graph._nodes), dict(graph._edges)
    twin._parents, twin._children = dict(graph._parents), dict(graph._children)
    twin._slots = dict(graph._slots)
    return twin


def replace_content(
    graph: Graph, nodes: Mapping[str, AbstractNode], edges: Mapping[Key, AbstractCoupling]
) -> Graph:
    """A graph with these nodes and edges, which are known to be right, and this one's settings."""
    twin = copy_graph(graph)
    twin._nodes, twin._edges = dict(nodes), dict(edges)
    twin._parents, twin._children, twin._slots = {}, {}, {}
    for parent, child, slot in edges:
        twin._slots.setdefault((parent, child), []).append(slot)
        twin._parents.setdefault(child, []).append(parent)
        twin._children.setdefault(parent, []).append(child)
    return twin


def change_settings(graph: Graph, settings: Mapping[str, Any]) -> Graph:
    """A graph with other settings; see :meth:`Graph.with_settings`."""
    twin = copy_graph(graph)
    twin._settings = graph._settings.revise(**settings)
    return twin


def extend_graph(
    graph: Graph, nodes: Mapping[str, AbstractNode], edges: Iterable[tuple[str, str, Any]]
) -> Graph:
    """A graph with more nodes and edges; see :meth:`Graph.extend`."""
    check_nodes_by_name(nodes)
    twin = copy_graph(graph)
    for name, node in nodes.items():
        check_node_name(name)
        check_name_is_free(name, twin._nodes)
        check_node_is_valid(name, node)
        twin._nodes[name] = node
    for edge in edges:
        check_edge_is_triple(edge)
        join_in_place(twin, *edge)
    return twin


def join_in_place(graph: Graph, parent: str, child: str, coupling: Any) -> None:
    """Add one edge to a graph that nobody else has seen."""
    check_node_exists(parent, graph._nodes)
    check_node_exists(child, graph._nodes)
    coupling = make_coupling(coupling, graph._nodes[child], child)
    if isinstance(coupling, AbstractArrayCoupling):  # what it feeds follows from its ends
        coupling = bind_array_coupling(graph._nodes, parent, child, coupling)
    check_edge(parent, child, coupling, graph._nodes)
    key = (parent, child, coupling.slot)
    check_edge_is_new(graph._edges, key)
    if not may_close_cycles(coupling):
        hint = suggest_feedback(coupling)
        near = WithinStep(graph, up=True), WithinStep(graph, up=False)
        check_acyclic(parent, child, *near, hint)
    graph._edges[key] = bind_coupling(graph, parent, child, coupling)
    graph._parents[child] = [*graph._parents.get(child, ()), parent]
    graph._children[parent] = [*graph._children.get(parent, ()), child]
    graph._slots[parent, child] = [*graph._slots.get((parent, child), ()), coupling.slot]


class WithinStep(dict[str, list[str]]):
    """Parents of every node, or its children, through edges that act within a step; looked up one by one."""

    def __init__(self, graph: Graph, *, up: bool) -> None:
        super().__init__()
        self.graph, self.up = graph, up

    def get(self, key: str, default: Any = ()) -> Any:
        """The neighbours of a node."""
        graph, up = self.graph, self.up
        near: Any = (graph._parents if up else graph._children).get(key, default)
        return [one for one in near if self.joins(*((one, key) if up else (key, one)))]

    def joins(self, parent: str, child: str) -> bool:
        """Whether any edge between two nodes acts within a step."""
        slots = self.graph._slots[parent, child]
        return any(not may_close_cycles(self.graph._edges[parent, child, slot]) for slot in slots)


def may_close_cycles(coupling: AbstractCoupling) -> bool:
    """Whether an edge is no part of the order of levels: it leads from the step before, or is fed back."""
    return is_lagged(coupling) or is_feedback(coupling)


def is_lagged(coupling: AbstractCoupling) -> bool:
    """Whether an edge leads from a value of the step before."""
    return bool(getattr(coupling, "lag", 0))


def bind_array_coupling(
    nodes: Mapping[str, AbstractNode], parent: str, child: str, coupling: AbstractArrayCoupling
) -> AbstractArrayCoupling:
    """An array coupling that knows the shapes of its ends.

    Raises
    ------
    CouplingError
        It cannot join them; names both.
    """
    try:
        return coupling.bind(nodes[parent], nodes[child], 0)
    except CouplingError as error:
        raise CouplingError(f"{parent!r} -> {child!r}: {error}") from error


def bind_coupling(
    graph: Graph, parent: str, child: str, coupling: AbstractCoupling
) -> AbstractCoupling:
    """A coupling that knows its child, and the first place at its inlet that nobody has taken.

    Edges that say which of several things they mean have taken that one, so that what is free
    after an edge has gone is free again; otherwise one place each, in their order.
    """
    if type(coupling).bind is AbstractCoupling.bind or isinstance(coupling, AbstractArrayCoupling):
        return coupling
    keys = [(other, child, coupling.inlet) for other in graph._parents.get(child, ())]
    there = [graph._edges[key] for key in dict.fromkeys(keys) if key in graph._edges]
    means = next(iter(indices_of(coupling)), None)
    taken = [getattr(c, means, None) if means else place for place, c in enumerate(there)]
    first = next(place for place in range(len(there) + 1) if place not in taken)
    return coupling.bind(graph._nodes[parent], graph._nodes[child], first)


def remove_nodes(graph: Graph, names: str | Iterable[str]) -> Graph:
    """A graph without some nodes; see :meth:`Graph.remove`."""
    gone = list_known_names(graph, names)
    return keep_nodes(graph, [name for name in graph._nodes if name not in gone])


def keep_nodes(graph: Graph, names: str | Iterable[str]) -> Graph:
    """The nodes of some names, and the edges between them; see :meth:`Graph.subgraph`."""
    kept = list_known_names(graph, names)
    nodes = {name: node for name, node in graph._nodes.items() if name in kept}
    edges = {key: c for key, c in graph._edges.items() if key[0] in kept and key[1] in kept}
    return replace_content(graph, nodes, edges)


def list_known_names(graph: Graph, names: str | Iterable[str]) -> set[str]:
    """Names of nodes that are there."""
    names = list_names(names)
    for name in names:
        check_node_exists(name, graph._nodes)
    return set(names)


def rename_nodes(graph: Graph, names: Mapping[str, str]) -> Graph:
    """A graph in which some nodes have other names; see :meth:`Graph.rename`."""
    if not isinstance(names, Mapping):
        raise GraphError(f"Give new names by old ones, as in {{'x': 'y'}}, not {names!r}.")
    nodes: dict[str, AbstractNode] = {}
    for old, new in names.items():
        check_node_exists(old, graph._nodes)
        check_node_name(new)
    for name, node in graph._nodes.items():
        new = names.get(name, name)
        check_name_is_free(new, nodes)
        nodes[new] = node
    edges = {
        (names.get(parent, parent), names.get(child, child), slot): coupling
        for (parent, child, slot), coupling in graph._edges.items()
    }
    return replace_content(graph, nodes, edges)


def remove_edges(
    graph: Graph,
    parent: str | Iterable[str],
    child: str | Iterable[str],
    coupling: type[AbstractCoupling] | str | None,
) -> Graph:
    """A graph without the edges between some nodes; see :meth:`Graph.uncouple`."""
    matches = match_couplings(coupling)
    gone: set[Key] = set()
    for one in list_names(parent):
        for other in list_names(child):
            found = {k for k, c in find_couplings(graph, one, other).items() if matches(c)}
            if not found:
                kind = "" if coupling is None else getattr(coupling, "__name__", str(coupling))
                raise UnknownEdgeError(describe_missing_edge(graph, one, other, kind))
            gone |= found
    edges = {key: value for key, value in graph._edges.items() if key not in gone}
    return replace_content(graph, graph._nodes, edges)


def rewire_edge(
    graph: Graph, edge: str, parent: str | None, child: str | None, coupling: Any
) -> Graph:
    """A graph in which an edge has another end or another coupling; see :meth:`Graph.rewire`."""
    old = find_edge(graph, edge)
    if parent is None and child is None and coupling is None:
        raise GraphError(f"Say what becomes of {edge!r}: give parent=, child= or coupling=.")
    begin, end = old[0] if parent is None else parent, old[1] if child is None else child
    check_node_exists(begin, graph._nodes)
    check_node_exists(end, graph._nodes)
    new_coupling = make_coupling(
        graph._edges[old] if coupling is None else coupling, graph._nodes[end], end
    )
    others = {key: c for key, c in graph._edges.items() if key != old}
    without = replace_content(graph, graph._nodes, others)
    rewired = extend_graph(without, {}, [(begin, end, new_coupling)])
    [*_, (new, new_coupling)] = rewired._edges.items()
    edges = {
        (new if key == old else key): new_coupling if key == old else coupling_there
        for key, coupling_there in graph._edges.items()
    }
    return replace_content(graph, graph._nodes, edges)


def revise_nodes(
    graph: Graph, nodes: Mapping[str, AbstractNode] | None, named: Mapping[str, AbstractNode]
) -> Graph:
    """A graph in which some nodes are others; see :meth:`Graph.revise`."""
    if nodes is not None:
        check_nodes_by_name(nodes)
    revised = {**(nodes or {}), **named}
    for name, node in revised.items():
        check_node_exists(name, graph._nodes)
        check_node_is_valid(name, node)
    whole = {name: revised.get(name, node) for name, node in graph._nodes.items()}
    edges, feeding = dict(graph._edges), Counter[tuple[str, str]]()
    for key, coupling in graph._edges.items():
        parent, child, inlet = *key[:2], coupling.inlet
        if isinstance(coupling, AbstractArrayCoupling) and {parent, child} & revised.keys():
            coupling = edges[key] = bind_array_coupling(whole, parent, child, coupling)
        if parent in revised or child in revised:
            check_edge(parent, child, coupling, whole)
        if child in revised:
            edges[key] = coupling.bind(whole[parent], whole[child], feeding[child, inlet])
        feeding[child, inlet] += 1
    return replace_content(graph, whole, edges)


def merge_graphs(graph: Graph, other: Any, shared: str | Iterable[str]) -> Graph:
    """Two graphs as one; see :meth:`Graph.merge`."""
    if not isinstance(other, type(graph)):
        raise GraphError(f"A graph is merged with a graph, not with {other!r}.")
    check_same_settings(graph._settings, other._settings)
    names = list_names(shared)
    check_others_differ(graph, other, set(names))
    check_shared_are_equal(graph, other, names)
    new = {name: node for name, node in other._nodes.items() if name not in graph._nodes}
    edges = {key: coupling for key, coupling in other._edges.items() if key not in graph._edges}
    whole = replace_content(graph, graph._nodes | new, graph._edges | edges)
    if len(names) > 1:
        check_no_cycle(whole)
    return whole


def check_same_settings(one: Settings, other: Settings) -> None:
    """Graphs that are merged have the same settings: each node goes on doing what it did."""
    for name in Settings.names():
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine != theirs:
            raise GraphError(
                f"The graphs differ in their setting {name!r}: {mine!r} here, {theirs!r} there. Give one of "
                f"them the other's with with_settings({name}=...), or give nodes a choice of their own."
            )


def check_shared_are_equal(one: Graph, other: Graph, shared: list[str]) -> None:
    """A shared name, and an edge between two of them, stands for the same in both graphs."""
    for name in shared:
        check_node_exists(name, one.nodes)
        check_node_exists(name, other.nodes)
        mine, theirs = one.nodes[name], other.nodes[name]
        if not same_module(mine, theirs):
            raise GraphError(
                f"The graphs share {name!r}, but it is {mine!r} here and {theirs!r} there. Make it the same "
                "in both with revise, or rename one of them."
            )
    for key, coupling in other._edges.items():
        if key in one._edges and not same_module(one._edges[key], coupling):
            raise GraphError(
                f"Both graphs couple {key[0]!r} to {key[1]!r}, by {one._edges[key]!r} here and "
                f"{coupling!r} there. Uncouple them in one of the graphs."
            )


def check_others_differ(one: Graph, other: Graph, shared: set[str]) -> None:
    """A name that is not shared is in one of the graphs only."""
    for name in other.nodes:
        if name in one.nodes and name not in shared:
            raise DuplicateNodeError(
                f"Both graphs have a node {name!r}. If it is the same in both, say so: shared=[{name!r}]; "
                "if not, rename one of them."
            )


def check_no_cycle(graph: Graph) -> None:
    """Graphs that were joined at several nodes form no cycle together."""
    within = WithinStep(graph, up=False)
    below = {name: within.get(name) for name in graph.nodes}
    try:
        TopologicalSorter(below).prepare()
    except Loop as error:
        raise CycleError(describe_cycle(error.args[1][:0:-1])) from None


def repeat_graph(graph: Graph, times: int, shared: Iterable[str]) -> Graph:
    """Copies of a graph side by side, a plate; see :meth:`Graph.repeat`."""
    if isinstance(times, bool) or not isinstance(times, numbers.Integral) or times < 1:
        raise GraphError(f"A graph is repeated a positive whole number of times, not {times!r}.")
    if isinstance(shared, str) or not isinstance(shared, Iterable):
        raise GraphError(f"shared must be a list of names, as in [{shared!r}].")
    common = set(shared)
    for name in common:
        check_node_exists(name, graph.nodes)

    def name_copy(name: str, number: int) -> str:
        return name if name in common else f"{name}[{number}]"

    nodes = {name: node for name, node in graph.nodes.items() if name in common}
    nodes |= {
        name_copy(name, number): node
        for number in range(times)
        for name, node in graph.nodes.items()
        if name not in common
    }
    edges = {
        (name_copy(parent, number), name_copy(child, number), coupling.slot): coupling
        for number in range(times)
        for parent, child, coupling in graph.edges
    }
    triples = [(parent, child, coupling) for (parent, child, _), coupling in edges.items()]
    return extend_graph(replace_content(graph, {}, {}), nodes, triples)
