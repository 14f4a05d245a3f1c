"""Plates: a graph repeated, with some of its nodes shared by all copies."""

from __future__ import annotations

import numbers
from collections.abc import Iterable

from pynodes._errors import GraphError
from pynodes._graph.check import check_known
from pynodes._graph.graph import Graph


def repeated(graph: Graph, times: int, shared: Iterable[str]) -> Graph:
    """Copies of a graph side by side; see :meth:`Graph.repeat`."""
    if isinstance(times, bool) or not isinstance(times, numbers.Integral) or times < 1:
        raise GraphError(f"A graph is repeated a positive whole number of times, not {times!r}.")
    if isinstance(shared, str) or not isinstance(shared, Iterable):
        raise GraphError(f"shared must be a list of names, as in [{shared!r}].")
    common = set(shared)
    for name in common:
        check_known(name, graph.nodes)

    def copy(name: str, number: int) -> str:
        return name if name in common else f"{name}[{number}]"

    nodes = {name: node for name, node in graph.nodes.items() if name in common}
    nodes |= {
        copy(name, number): node
        for number in range(times)
        for name, node in graph.nodes.items()
        if name not in common
    }
    edges = {
        (copy(parent, number), copy(child, number), coupling.inlet): coupling
        for number in range(times)
        for parent, child, coupling in graph.edges
    }
    empty = Graph().with_settings(**vars(graph.settings))
    return empty.extend(nodes, [(parent, child, c) for (parent, child, _), c in edges.items()])
