"""Summary: a graph in words."""

from __future__ import annotations

from collections import Counter

from pynodes._core.html import table
from pynodes._core.modules import indices_of, parameters_of
from pynodes._graph.graph import Graph
from pynodes._graph.settings import name_expansion
from pynodes.couplings import AbstractCoupling

SHOWN = 40
"""Larger graphs show this many nodes, then say how many more there are."""


def summarise(graph: Graph) -> str:
    """Counts, settings, and a line for every node with its kind, parameters and parents."""
    kinds = Counter(type(node).__name__ for node in graph.nodes.values())
    couplings = Counter(type(coupling).__name__ for _, _, coupling in graph.edges)
    lines = [
        f"Graph of {count_nodes_and_edges(graph, ' and ')}",
        f"  kinds      {list_counts(kinds)}",
        f"  couplings  {list_counts(couplings)}",
        f"  settings   {describe_settings(graph)}",
        "",
    ]
    rows = [list_cells(graph, name) for name in list(graph.nodes)[:SHOWN]]
    widths = [max((len(line[i]) for line in rows), default=0) for i in range(3)]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(r, [*widths, 0], strict=True)).rstrip()
        for r in rows
    ]
    if len(graph.nodes) > SHOWN:
        lines.append(f"... and {len(graph.nodes) - SHOWN} more")
    return "\n".join(lines)


def describe_settings(graph: Graph) -> str:
    """The settings in words."""
    settings = graph._settings
    return (
        f"expansion {name_expansion(settings.expansion)}, marginalise {settings.marginalise}, "
        f"probability_clip {settings.probability_clip:g}"
    )


def graph_to_html(graph: Graph) -> str:
    """The graph as a table, a row for every node."""
    rows = [list_cells(graph, name) for name in list(graph.nodes)[:SHOWN]]
    return table(
        f"Graph of {count_nodes_and_edges(graph, ', ')}; {describe_settings(graph)}",
        ("node", "kind", "parameters", "parents"),
        [(name, kind, values, parents.removeprefix("<- ")) for name, kind, values, parents in rows],
        more=len(graph.nodes) - SHOWN,
    )


def list_cells(graph: Graph, name: str) -> tuple[str, str, str, str]:
    """Name, kind, parameters and parents of a node."""
    node = graph.nodes[name]
    values = ", ".join(
        f"{field} {format_parameter(getattr(node, field))}" for field in parameters_of(node)
    )
    parents = ", ".join(
        f"{parent} ({title_coupling(coupling)} {format_parameter(getattr(coupling, 'strength', 1.0))})"
        for parent, child, coupling in graph.edges
        if child == name
    )
    return name, type(node).__name__, values, f"<- {parents}" if parents else ""


def title_coupling(coupling: AbstractCoupling) -> str:
    """The kind of a coupling, and which one of several it means: ``Category[1]``."""
    which = [str(int(getattr(coupling, field))) for field in indices_of(coupling)]
    return type(coupling).__name__ + "".join(f"[{number}]" for number in which)


def format_parameter(value: object) -> str:
    """A parameter in a few digits; a traced one by its type."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def list_counts(counts: Counter[str]) -> str:
    """Counts in words."""
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def count_nodes_and_edges(graph: Graph, between: str) -> str:
    """How large a graph is, in words."""
    return between.join(
        [count_noun(len(graph.nodes), "node"), count_noun(len(graph.edges), "edge")]
    )


def count_noun(count: int, noun: str) -> str:
    """A number and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
