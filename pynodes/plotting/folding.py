"""Folding: the copies of a plate drawn as one."""

from __future__ import annotations

import re

from pynodes._errors import GraphError
from pynodes._graph.graph import Graph

COPY = re.compile(r"(.+)\[(\d+)\]")
"""What :meth:`~pynodes.Graph.repeat` makes of a name; the last number is that of the outermost plate."""

Ties = set[tuple[str, str, str]]


def folded(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """A graph with one copy of what was repeated, and how many copies each of its nodes stands for.

    Plates within plates are folded too. Copies must be joined alike; their parameters, which are not drawn,
    may differ.

    Raises
    ------
    GraphError
        A graph without a plate, or with copies that are joined differently.
    """
    counts = dict.fromkeys(graph.nodes, 1)
    once, times = one_plate(graph)
    if not times:
        raise GraphError(
            "There is no plate to fold: no node is named as graph.repeat names copies, x[0], x[1], ..."
        )
    while times:
        counts = {
            name: times.get(name, 1) * counts[f"{name}[0]" if name in times else name]
            for name in once.nodes
        }
        once, times = one_plate(once)
    return once, counts


def one_plate(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """A graph whose outermost copies are folded, and how many there were, by the names that they leave."""
    copies: dict[str, list[int]] = {}
    for name in graph.nodes:
        found = COPY.fullmatch(name)
        if found:
            copies.setdefault(found[1], []).append(int(found[2]))
    times = {
        stem: len(numbers)
        for stem, numbers in copies.items()
        if sorted(numbers) == list(range(len(numbers))) and stem not in graph.nodes
    }
    if not times:
        return graph, {}
    check_alike(graph, times)
    keep = {
        name: folded_name(name, times)
        for name in graph.nodes
        if number_of(name, times) in (None, 0)
    }
    edges = [
        (keep[parent], keep[child], coupling)
        for parent, child, coupling in graph.edges
        if parent in keep and child in keep
    ]
    nodes = {new: graph.nodes[old] for old, new in keep.items()}
    empty = Graph().with_settings(**vars(graph.settings))
    return empty.extend(nodes, edges), times


def folded_name(name: str, times: dict[str, int]) -> str:
    """A name without the number of its copy."""
    found = COPY.fullmatch(name)
    return found[1] if found and found[1] in times else name


def number_of(name: str, times: dict[str, int]) -> int | None:
    """The number of a copy; None of what is no copy."""
    found = COPY.fullmatch(name)
    return int(found[2]) if found and found[1] in times else None


def check_alike(graph: Graph, times: dict[str, int]) -> None:
    """That all copies are joined to one another and to the rest as the first is."""
    ties: dict[int, Ties] = {}
    for parent, child, coupling in graph.edges:
        numbers = {number_of(parent, times), number_of(child, times)} - {None}
        if len(numbers) > 1:
            raise GraphError(
                f"{parent!r} and {child!r} join two copies, so that the plate cannot be drawn as one. "
                "Draw the graph without fold=True."
            )
        for number in numbers:
            tie = (folded_name(parent, times), folded_name(child, times), coupling.inlet)
            ties.setdefault(number or 0, set()).add(tie)
    for stem, count in times.items():
        own = [{tie for tie in ties.get(k, set()) if stem in tie[:2]} for k in range(count)]
        odd = next((k for k, found in enumerate(own) if found != own[0]), None)
        if odd is not None:
            raise GraphError(
                f"'{stem}[{odd}]' is not joined as '{stem}[0]' is, so that the plate cannot be drawn as one. "
                "Draw the graph without fold=True."
            )
