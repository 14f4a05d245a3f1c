"""Summary: a graph in words."""

from __future__ import annotations

from collections import Counter

import numpy as np

from pynodes._core.html import table
from pynodes._core.modules import indices_of, parameters_in, parameters_of
from pynodes._graph.graph import Graph
from pynodes._graph.settings import name_expansion
from pynodes.couplings import AbstractArrayCoupling, AbstractCoupling

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
        *list_weights(graph),
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
    size = [f"shape {format_shape(node.value_shape)}"] if node.value_shape else []
    values = ", ".join(
        size + [f"{f} {format_parameter(getattr(node, f))}" for f in parameters_of(node)]
    )
    parents = ", ".join(
        f"{parent} ({title_coupling(coupling)}{describe_strength(coupling)})"
        for parent, child, coupling in graph.edges
        if child == name
    )
    return name, type(node).__name__, values, f"<- {parents}" if parents else ""


def list_weights(graph: Graph) -> list[str]:
    """How many weights the edges have, as a line if they have any."""
    count = sum(map(count_weights, (coupling for _, _, coupling in graph.edges)))
    return [f"  weights    {count:,}"] if count else []


def count_weights(coupling: AbstractCoupling) -> int:
    """How many numbers the arrays of a coupling have that training may change."""
    if not isinstance(coupling, AbstractArrayCoupling):
        return 0
    arrays = [name for name, spec in parameters_in(coupling).items() if spec["rank"] != 0]
    return sum(np.size(getattr(coupling, name)) for name in arrays if name not in coupling.constant)


def describe_strength(coupling: AbstractCoupling) -> str:
    """How strong an edge is; of arrays, how many weights it has."""
    if isinstance(coupling, AbstractArrayCoupling):
        count = count_weights(coupling)
        return f" of {count_noun(count, 'weight', ',')}" if count else ""
    return f" {format_parameter(getattr(coupling, 'strength', 1.0))}"


def format_shape(shape: tuple[int, ...]) -> str:
    """A shape in words: ``28 x 28``."""
    return " x ".join(map(str, shape))


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


def count_noun(count: int, noun: str, separator: str = "") -> str:
    """A number and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count:{separator}} {noun}s"
