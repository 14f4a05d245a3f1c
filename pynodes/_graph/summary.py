"""Summary: a graph in words."""

from __future__ import annotations

from collections import Counter

from pynodes._core.modules import indices_of, parameters_of
from pynodes._graph.described import Described
from pynodes._graph.settings import name_of
from pynodes._html import table
from pynodes.couplings import AbstractCoupling

SHOWN = 40
"""Larger graphs show this many nodes, then say how many more there are."""


def summary(graph: Described) -> str:
    """Counts, settings, and a line for every node with its kind, parameters and parents."""
    kinds = Counter(type(node).__name__ for node in graph.nodes.values())
    couplings = Counter(type(coupling).__name__ for _, _, coupling in graph.edges)
    lines = [
        f"Graph of {counted(len(graph.nodes), 'node')} and {counted(len(graph.edges), 'edge')}",
        f"  kinds      {tally(kinds)}",
        f"  couplings  {tally(couplings)}",
        f"  settings   {settled(graph)}",
        "",
    ]
    rows = [row(graph, name) for name in list(graph.nodes)[:SHOWN]]
    widths = [max((len(line[i]) for line in rows), default=0) for i in range(3)]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(r, [*widths, 0], strict=True)).rstrip()
        for r in rows
    ]
    if len(graph.nodes) > SHOWN:
        lines.append(f"... and {len(graph.nodes) - SHOWN} more")
    return "\n".join(lines)


def settled(graph: Described) -> str:
    """The settings in words."""
    settings = graph._settings
    return (
        f"expansion {name_of(settings.expansion)}, marginalise {settings.marginalise}, "
        f"probability_clip {settings.probability_clip:g}"
    )


def to_html(graph: Described) -> str:
    """The graph as a table, a row for every node."""
    counts = f"{counted(len(graph.nodes), 'node')}, {counted(len(graph.edges), 'edge')}"
    rows = [row(graph, name) for name in list(graph.nodes)[:SHOWN]]
    return table(
        f"Graph of {counts}; {settled(graph)}",
        ("node", "kind", "parameters", "parents"),
        [(name, kind, values, parents.removeprefix("<- ")) for name, kind, values, parents in rows],
        more=len(graph.nodes) - SHOWN,
    )


def row(graph: Described, name: str) -> tuple[str, str, str, str]:
    """Name, kind, parameters and parents of a node."""
    node = graph.nodes[name]
    values = ", ".join(f"{field} {short(getattr(node, field))}" for field in parameters_of(node))
    parents = ", ".join(
        f"{parent} ({titled(coupling)} {short(getattr(coupling, 'strength', 1.0))})"
        for parent, child, coupling in graph.edges
        if child == name
    )
    return name, type(node).__name__, values, f"<- {parents}" if parents else ""


def titled(coupling: AbstractCoupling) -> str:
    """The kind of a coupling, and which one of several it means: ``Category[1]``."""
    which = [str(int(getattr(coupling, field))) for field in indices_of(coupling)]
    return type(coupling).__name__ + "".join(f"[{number}]" for number in which)


def short(value: object) -> str:
    """A parameter in a few digits; a traced one by its type."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def tally(counts: Counter[str]) -> str:
    """Counts in words."""
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def counted(count: int, noun: str) -> str:
    """A number and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
