"""Drawing: where the nodes and edges of a graph stand on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from pynodes._core.functions import identity, name_function
from pynodes._core.modules import is_default
from pynodes._geometry import Route, curve, lay_out_levels, route_edges
from pynodes._graph.graph import Graph
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling

UPWARD, LOFTY = 1.3, 1.75
"""Inches between levels; more where numbers stand below their nodes."""

ACROSS, CLOSE = 1.5, 1.05
"""Inches between neighbours of a level; closer where numbers stand below their nodes, not beside."""

CROWD = 6
"""With more nodes than this on a level, numbers stand below."""

PIXELS = 100
"""Pixels per inch."""

RADIUS = 36
"""Pixels from the middle of a node to where its edges end."""

MARGIN, BESIDE, BELOW = 60, 105, 30
"""Pixels around the outermost nodes, and those that the numbers to the right of a node, or below, need."""


NUMBERS = (36, 84)
"""Pixels to the side and down from a node's middle that a name and numbers below it take."""


def place_nodes(graph: Graph) -> tuple[dict[str, tuple[float, float]], bool]:
    """Where every node is, in inches, the highest level on top; and whether some level is crowded."""
    places = lay_out_levels(graph)
    crowded = max(Counter(level for _, level in places.values()).values()) > CROWD
    across, upward = (CLOSE, LOFTY) if crowded else (ACROSS, UPWARD)
    return {name: (across * x, upward * level) for name, (x, level) in places.items()}, crowded


def draw_paths(graph: Graph) -> dict[str, Any]:
    """Size of the drawing, places of nodes and paths of edges, in pixels, downwards."""
    places, crowded = place_nodes(graph)
    inches = np.array(list(places.values()))
    left, top = inches[:, 0].min(), inches[:, 1].max()

    def pixels(spot: Any) -> list[float]:
        across, down = (
            (spot[0] - left) * PIXELS + MARGIN,
            (top - spot[1]) * PIXELS + MARGIN,
        )
        return [round(float(across), 1), round(float(down), 1)]

    spots = {name: np.array(pixels(place)) for name, place in places.items()}

    def way(parent: str, child: str, route: Route) -> np.ndarray:
        return dense(curve(spots[parent], spots[child], -route.bend))

    edges = list(graph.edges)
    routes = route_edges(places, [(parent, child) for parent, child, _ in edges])
    paths = [
        {
            "path": path(way(parent, child, route), crowded),
            "remark": remark(coupling),
            "spot": free_spot(
                way(parent, child, route), np.array(pixels(route.remark)), spots, crowded
            ),
            "volatile": isinstance(coupling, AbstractVolatilityCoupling),
        }
        for (parent, child, coupling), route in zip(edges, routes, strict=True)
    ]
    size = (
        np.ptp(inches, axis=0) * PIXELS
        + 2 * MARGIN
        + np.array([0, BELOW] if crowded else [BESIDE, 0])
    )
    return {
        "size": [round(float(length), 1) for length in size],
        "places": {name: pixels(place) for name, place in places.items()},
        "paths": paths,
        "crowded": crowded,
    }


def free_spot(
    way: np.ndarray, spot: np.ndarray, nodes: Mapping[str, np.ndarray], crowded: bool
) -> list[float]:
    """The place of a remark on its edge, off the numbers that stand to the right of nodes."""
    if not crowded:
        inner = way[len(way) // 4 : -len(way) // 4]
        aside = inner[:, None] - np.array(list(nodes.values()))
        covered = (aside[..., 0] > 20) & (aside[..., 0] < 115) & (np.abs(aside[..., 1]) < 34)
        free = inner[~covered.any(axis=1)]
        if len(free):
            spot = free[np.argmin(np.linalg.norm(free - spot, axis=1))]
    return [round(float(place), 1) for place in spot]


def path(way: np.ndarray, crowded: bool) -> str:
    """An edge as SVG takes it, cut where it meets the two nodes, or the numbers below the first."""
    from_start, to_end = way - way[0], way - way[-1]
    free = (np.hypot(*from_start.T) >= RADIUS) & (np.hypot(*to_end.T) >= RADIUS)
    if crowded:
        free &= (np.abs(from_start[:, 0]) > NUMBERS[0]) | (from_start[:, 1] > NUMBERS[1])
    outside = way[free]
    first, middle, last = outside[0], outside[len(outside) // 2], outside[-1]
    control = 2 * middle - (first + last) / 2
    spots = [f"{x:.1f} {y:.1f}" for x, y in (first, control, last)]
    return f"M{spots[0]}Q{spots[1]} {spots[2]}"


def dense(way: np.ndarray) -> np.ndarray:
    """More points along a way."""
    fine = np.linspace(0, len(way) - 1, 10 * len(way))
    return np.stack([np.interp(fine, np.arange(len(way)), way[:, axis]) for axis in (0, 1)], axis=1)


def remark(coupling: AbstractCoupling) -> str:
    """A coupling's strength unless it is 1, and its function unless it is the identity."""
    strength, function = (
        getattr(coupling, "strength", 1.0),
        getattr(coupling, "function", identity),
    )
    shown = (
        "" if is_default(strength, 1.0) else f"{strength:.3g}" if np.ndim(strength) == 0 else "…"
    )
    return " ".join(
        part for part in (shown, "" if function is identity else name_function(function)) if part
    )
