"""Layout: where the nodes of a graph are drawn."""

from __future__ import annotations

import numpy as np

from pynodes._compiler.levels import levels_of
from pynodes._graph.graph import Graph

ROUNDS = 4
"""Sweeps that move nodes towards the middle of their neighbours."""


def layered(graph: Graph) -> dict[str, tuple[float, float]]:
    """Position of every node: its level upwards, and sideways near its neighbours.

    Each level is one row. Within a row nodes are ordered by the mean position of their neighbours,
    level after level up and down, which keeps crossings few.
    """
    levels = levels_of(graph)
    rows: dict[int, list[str]] = {}
    for name, level in levels.items():
        rows.setdefault(level, []).append(name)
    order = {name: centred(i, len(row)) for row in rows.values() for i, name in enumerate(row)}
    for sweep in range(ROUNDS):
        for level in sorted(rows, reverse=bool(sweep % 2)):
            pull = {name: pulled(graph, name, order) for name in rows[level]}
            rows[level].sort(key=lambda name: (pull[name], order[name]))
            order |= {name: centred(i, len(rows[level])) for i, name in enumerate(rows[level])}
    return {name: (order[name], float(levels[name])) for name in graph.nodes}


def centred(index: int, count: int) -> float:
    """Position of one of several things side by side, around zero."""
    return index - (count - 1) / 2


def pulled(graph: Graph, name: str, order: dict[str, float]) -> float:
    """Mean position of a node's neighbours; its own if it has none."""
    neighbours = [*graph.parents(name), *graph.children(name)]
    return float(np.mean([order[other] for other in neighbours])) if neighbours else order[name]
