"""Drawing: where the nodes and edges of a graph stand on the page."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from pynodes._core.modules import is_default
from pynodes._geometry.layout import layered
from pynodes._geometry.routes import curve, routed
from pynodes._graph.graph import Graph
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling
from pynodes.couplings.functions import identity, name_of

UPWARD = 1.3
"""Inches between levels."""

ACROSS, CLOSE = 1.5, 1.05
"""Inches between neighbours of a level; closer where numbers stand below their nodes, not beside."""

CROWD = 6
"""With more nodes than this on a level, numbers stand below."""

PIXELS = 100
"""Pixels per inch."""

RADIUS = 36
"""Pixels from the middle of a node to where its edges end."""

MARGIN, BESIDE, BELOW = 60, 75, 15
"""Pixels around the outermost nodes, and those that the numbers to the right of a node, or below, need."""


def placed(graph: Graph) -> tuple[dict[str, tuple[float, float]], bool]:
    """Where every node is, in inches, the highest level on top; and whether some level is crowded."""
    places = layered(graph)
    crowded = max(Counter(level for _, level in places.values()).values()) > CROWD
    across = CLOSE if crowded else ACROSS
    return {
        name: (across * x, UPWARD * level) for name, (x, level) in places.items()
    }, crowded


def drawn(graph: Graph) -> dict[str, Any]:
    """Size of the drawing, places of nodes and paths of edges, in pixels, downwards."""
    places, crowded = placed(graph)
    inches = np.array(list(places.values()))
    left, top = inches[:, 0].min(), inches[:, 1].max()

    def pixels(spot: Any) -> list[float]:
        across, down = (
            (spot[0] - left) * PIXELS + MARGIN,
            (top - spot[1]) * PIXELS + MARGIN,
        )
        return [round(float(across), 1), round(float(down), 1)]

    edges = list(graph.edges)
    routes = routed(places, [(parent, child) for parent, child, _ in edges])
    paths = [
        {
            "path": path(
                np.array(pixels(places[parent])),
                np.array(pixels(places[child])),
                -route.bend,
            ),
            "remark": remark(coupling),
            "spot": pixels(route.remark),
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


def path(start: np.ndarray, end: np.ndarray, bend: float) -> str:
    """An edge as SVG takes it, cut where it meets the two nodes."""
    way = curve(start, end, bend)
    outside = [
        spot
        for spot in dense(way)
        if np.linalg.norm(spot - start) >= RADIUS
        and np.linalg.norm(spot - end) >= RADIUS
    ]
    first, middle, last = outside[0], outside[len(outside) // 2], outside[-1]
    control = 2 * middle - (first + last) / 2
    spots = [f"{x:.1f} {y:.1f}" for x, y in (first, control, last)]
    return f"M{spots[0]}Q{spots[1]} {spots[2]}"


def dense(way: np.ndarray) -> np.ndarray:
    """More points along a way."""
    fine = np.linspace(0, len(way) - 1, 10 * len(way))
    return np.stack(
        [np.interp(fine, np.arange(len(way)), way[:, axis]) for axis in (0, 1)], axis=1
    )


def remark(coupling: AbstractCoupling) -> str:
    """A coupling's strength unless it is 1, and its function unless it is the identity."""
    strength, function = (
        getattr(coupling, "strength", 1.0),
        getattr(coupling, "function", identity),
    )
    shown = (
        ""
        if is_default(strength, 1.0)
        else f"{strength:.3g}"
        if np.ndim(strength) == 0
        else "…"
    )
    return " ".join(
        part
        for part in (shown, "" if function is identity else name_of(function))
        if part
    )
