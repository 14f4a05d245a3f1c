"""Geometry: layouts of graphs, routes of edges and thinned series, for whatever draws them."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pynodes._compiler.groups import levels_of
from pynodes._graph.graph import Graph
from pynodes.nodes import AbstractNode

ROUNDS = 4
"""Sweeps that move nodes towards the middle of their neighbours."""


def lay_out_levels(graph: Graph) -> dict[str, tuple[float, float]]:
    """Position of every node: its level upwards, and sideways near its neighbours.

    Each level is one row. Within a row nodes are ordered by the mean position of their neighbours,
    level after level up and down, which keeps crossings few.
    """
    levels = levels_of(graph)
    rows: dict[int, list[str]] = {}
    for name, level in levels.items():
        rows.setdefault(level, []).append(name)
    order = {name: centre(i, len(row)) for row in rows.values() for i, name in enumerate(row)}
    for sweep in range(ROUNDS):
        for level in sorted(rows, reverse=bool(sweep % 2)):
            pull = {name: mean_of_neighbours(graph, name, order) for name in rows[level]}
            rows[level].sort(key=lambda name: (pull[name], order[name]))
            order |= {name: centre(i, len(rows[level])) for i, name in enumerate(rows[level])}
    return {name: (order[name], float(levels[name])) for name in graph.nodes}


def centre(index: int, count: int) -> float:
    """Position of one of several things side by side, around zero."""
    return index - (count - 1) / 2


def mean_of_neighbours(graph: Graph, name: str, order: dict[str, float]) -> float:
    """Mean position of a node's neighbours; its own if it has none."""
    neighbours = [*graph.parents(name), *graph.children(name)]
    return float(np.mean([order[other] for other in neighbours])) if neighbours else order[name]


BENDS = (0.0, 0.12, -0.12, 0.22, -0.22, 0.34, -0.34)
"""How far an edge may swing out beside the straight line, as shares of its length; nearer ones first."""

CLEAR = 0.24
"""Inches that an edge keeps from a node that it does not join, if it can."""

MANY = 60
"""With more nodes than this, edges do not look out for others: there is no room anyway."""


@dataclasses.dataclass(frozen=True)
class Route:
    """One edge: its bend, as matplotlib's ``arc3`` takes it, and the place of its remark in inches."""

    bend: float
    remark: tuple[float, float]


def route_edges(
    places: Mapping[str, tuple[float, float]], pairs: Sequence[tuple[str, str]]
) -> list[Route]:
    """A route for every edge, past the other nodes and beside its twin.

    Parameters
    ----------
    places
        Where the nodes are, in inches.
    pairs
        Parent and child of every edge.
    """
    points = {name: np.array(place) for name, place in places.items()}
    twins, used = Counter(pairs), set[tuple[str, str, float]]()
    remarks: list[np.ndarray] = []
    routes: list[Route] = []
    for parent, child in pairs:
        others = [] if len(points) > MANY else without(points, parent, child)
        twin = twins[parent, child] > 1 or (parent != child and twins[child, parent])
        free = [b for b in BENDS if (parent, child, b) not in used and (b or not twin)]
        ends = points[parent], points[child]
        ways = {b: loop(ends[0]) if parent == child else curve(*ends, b) for b in free}
        bend = min(free, key=lambda b: crowding(ways[b], others) + straying(ways[b]) + abs(b))
        used.add((parent, child, bend))
        inner = ways[bend][6:15]
        crowd = [crowding(spot[None], [*others, *remarks]) for spot in inner]
        spot = inner[min(range(len(inner)), key=lambda i: (round(crowd[i], 2), abs(i - 4)))]
        if len(points) <= MANY:
            remarks.append(spot)
        routes.append(Route(bend=bend, remark=(float(spot[0]), float(spot[1]))))
    return routes


def without(points: Mapping[str, np.ndarray], *names: str) -> list[np.ndarray]:
    """The points of all other nodes."""
    return [point for name, point in points.items() if name not in names]


def curve(start: np.ndarray, end: np.ndarray, bend: float) -> np.ndarray:
    """Points along an edge, from parent to child, as matplotlib's ``arc3`` bends it."""
    along = end - start
    middle = (start + end) / 2 + bend * np.array([along[1], -along[0]])
    t = np.linspace(0, 1, 21)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end


LOOP = 0.14
"""Inches from the middle to the rim of an edge from a node to itself."""


def loop(place: np.ndarray) -> np.ndarray:
    """Points along an edge from a node to itself: a circle beside it, open towards it; in inches."""
    turn = np.radians(np.linspace(150, -150, 21))
    return place + LOOP * np.column_stack([2.0 + np.cos(turn), np.sin(turn)])


def straying(way: np.ndarray) -> float:
    """How far a way leaves the strip between its two ends, where it might leave the page; in inches."""
    low, high = sorted((way[0, 1], way[-1, 1]))
    return float(max(low - way[:, 1].min(), way[:, 1].max() - high))


def crowding(way: np.ndarray, others: Sequence[np.ndarray]) -> float:
    """How near a way comes to things it should keep clear of; zero if it does."""
    if not len(others):
        return 0.0
    distance = np.linalg.norm(way[:, None] - np.array(others), axis=-1).min(axis=0)
    return float(np.maximum(0.0, 1 - distance / CLEAR).sum())


MOST = 4000
"""Points of a line that is not thinned; more than a page can tell apart."""


def thin(series: np.ndarray, spread: np.ndarray | None = None) -> np.ndarray:
    """Indices that draw a series, with its highest and lowest point in every bin kept.

    Parameters
    ----------
    series
        Values over time.
    spread
        Half-width of a band around them, whose extremes are kept as well.
    """
    steps = len(series)
    if steps <= MOST:
        return np.arange(steps)
    bands = [series] if spread is None else [series - spread, series, series + spread]
    bins = MOST // (2 * len(bands))
    edges = np.linspace(0, steps, bins + 1).astype(int)
    kept = {0, steps - 1}
    for start, stop in itertools.pairwise(edges):
        for band in bands:
            part = band[start:stop]
            if np.isfinite(part).any():
                kept |= {start + int(np.nanargmin(part)), start + int(np.nanargmax(part))}
            else:
                kept.add(int(start))  # or the line would run straight across the gap
    return np.array(sorted(kept))


def layer_shape(node: AbstractNode) -> tuple[int, ...]:
    """Shape of a layer, or of another node that holds an array; () of any other."""
    own = getattr(node, "shape", ())
    if own or node.has_memory or node.observable:
        return own
    return node.value_shape


def write_shape(shape: tuple[int, ...]) -> str:
    """A shape, as it is written beside a node."""
    return " × ".join(map(str, shape))
