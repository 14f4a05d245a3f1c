"""The graph: nodes by level, value and volatility edges told apart."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from pynodes._core.modules import is_default
from pynodes._graph.graph import Graph
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling
from pynodes.couplings.functions import identity, name_of
from pynodes.nodes import AbstractNode
from pynodes.plotting import style
from pynodes.plotting.layout import layered

BUSY = 40
"""Larger graphs are drawn without names and strengths, smaller."""


def plot_graph(graph: Graph, ax: Axes | None = None, *, names: bool | None = None) -> Axes:
    """Draw a graph, inputs at the bottom, every parent above its children.

    States are circles, inputs squares, constants and regressors diamonds. Value edges are solid,
    volatility edges dashed with an open arrow; strengths other than 1 and functions are written
    beside them.

    Parameters
    ----------
    graph
        The graph.
    ax
        Where to draw; by default new axes in a figure of suitable size.
    names
        Whether to write names and strengths; by default up to 40 nodes.

    Returns
    -------
    The axes; nothing is shown or saved.
    """
    places = layered(graph)
    written = len(graph) <= BUSY if names is None else names
    with plt.rc_context(style.RULES):
        if ax is None:
            _, ax = plt.subplots(figsize=size_for(places), layout="constrained")
        scale = 1.0 if written else max(0.12, 6 / np.sqrt(max(len(graph), 1)))
        for parent, child, coupling in graph.edges:
            draw_edge(ax, places[parent], places[child], coupling, written, scale)
        for name, place in places.items():
            draw_node(ax, name if written else "", graph.nodes[name], place, scale)
        ax.legend(handles=legend(graph), loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        ax.set_axis_off()
        ax.margins(0.12)
    return ax


def size_for(places: dict[str, tuple[float, float]]) -> tuple[float, float]:
    """Inches for a graph: wider with its rows, higher with its levels, within a page."""
    across = {x for x, _ in places.values()}
    levels = {y for _, y in places.values()}
    width = 2.8 + 0.95 * (max(across, default=0) - min(across, default=0))
    return min(width, 2 * style.WIDTH), min(1.2 + 0.95 * len(levels), 12.0)


def draw_node(
    ax: Axes, name: str, node: AbstractNode, place: tuple[float, float], scale: float
) -> None:
    """One node: a marker for its kind with its name inside."""
    ax.scatter(*place, s=620 * scale**2, marker=marker_of(node), zorder=3, **colours_of(node))
    ax.annotate(
        name,
        place,
        ha="center",
        va="center",
        zorder=4,
        fontsize=min(style.TEXT, 34 / max(len(name), 1)),
    )


def marker_of(node: AbstractNode) -> str:
    """Square for inputs, diamond for what is known, circle for states."""
    if node.observable:
        return "s"
    return "o" if node.learns else "D"


def colours_of(node: AbstractNode) -> dict[str, Any]:
    """Inputs are filled darker than states; what is known is only outlined."""
    face = style.PALE if node.observable else "#F2F7FB" if node.learns else "white"
    return {"facecolor": face, "edgecolor": style.INK, "linewidth": 1.0}


def draw_edge(
    ax: Axes,
    parent: tuple[float, float],
    child: tuple[float, float],
    coupling: AbstractCoupling,
    written: bool,
    scale: float,
) -> None:
    """One edge, from parent to child, with what is unusual about it."""
    volatile = isinstance(coupling, AbstractVolatilityCoupling)
    bend = 0.0 if abs(parent[1] - child[1]) <= 1 else 0.18
    arrow = FancyArrowPatch(
        parent,
        child,
        arrowstyle="->" if volatile else "-|>",
        mutation_scale=11 * scale,
        shrinkA=14 * scale,
        shrinkB=14 * scale,
        linestyle=(0, (4, 2)) if volatile else "-",
        color=style.VOLATILITY_COLOUR if volatile else style.VALUE_COLOUR,
        linewidth=1.3 * max(scale, 0.4),
        connectionstyle=f"arc3,rad={bend}",
        zorder=2,
    )
    ax.add_patch(arrow)
    text = remark(coupling)
    if written and text:
        middle = ((parent[0] + child[0]) / 2, (parent[1] + child[1]) / 2)
        ax.annotate(
            text,
            middle,
            ha="center",
            va="center",
            fontsize=style.TEXT - 2,
            color=style.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
            zorder=3,
        )


def remark(coupling: AbstractCoupling) -> str:
    """A coupling's strength unless it is 1, and its function unless it is the identity."""
    strength, function = getattr(coupling, "strength", 1.0), getattr(coupling, "function", identity)
    parts = (
        [] if is_default(strength, 1.0) else [f"{strength:.3g}" if np.ndim(strength) == 0 else "…"]
    )
    return " ".join([*parts, *([] if function is identity else [name_of(function)])])


def legend(graph: Graph) -> list[Line2D]:
    """An entry for every sort of node and edge that the graph has."""
    nodes = list(graph.nodes.values())
    volatile = [isinstance(coupling, AbstractVolatilityCoupling) for _, _, coupling in graph.edges]
    known = [node for node in nodes if not node.learns]
    shapes = [
        ("state", "o", [node for node in nodes if node.learns and not node.observable]),
        ("input", "s", [node for node in nodes if node.observable]),
        ("known value", "D", known),
    ]
    marks = [
        Line2D([], [], marker=marker, ls="", ms=8, mfc="white", mec=style.INK, label=label)
        for label, marker, found in shapes
        if found
    ]
    if not all(volatile):
        marks.append(Line2D([], [], color=style.VALUE_COLOUR, lw=1.5, label="value"))
    if any(volatile):
        marks.append(
            Line2D(
                [], [], color=style.VOLATILITY_COLOUR, lw=1.5, ls=(0, (4, 2)), label="volatility"
            )
        )
    return marks
