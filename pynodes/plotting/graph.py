"""The graph: nodes by level, value and volatility edges told apart."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from pynodes._core.modules import is_default
from pynodes._geometry.layout import layered
from pynodes._geometry.routes import Route, routed
from pynodes._graph.check import check_whole
from pynodes._graph.graph import Graph
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling
from pynodes.couplings.functions import identity, name_of
from pynodes.nodes import AbstractNode
from pynodes.plotting import style
from pynodes.plotting.page import FITS, Page, page_for, wrapped

BUSY = 40
"""Larger graphs are drawn without names and strengths, smaller."""

CROWDED = 0.6
"""At smaller scales names stand upright above their nodes, if they are asked for."""


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

    Raises
    ------
    GraphError
        A graph without nodes.
    """
    check_whole(graph.nodes)
    places = layered(graph)
    written = len(graph) <= BUSY if names is None else names
    page = page_for(places, [wrapped(name) for name in places] if written else [])
    with plt.rc_context(style.RULES):
        if ax is None:
            _, ax = plt.subplots(figsize=page.size, layout="constrained")
        pairs = [(parent, child) for parent, child, _ in graph.edges]
        routes = routed({name: page.inches(place) for name, place in places.items()}, pairs)
        for (parent, child, coupling), route in zip(graph.edges, routes, strict=True):
            draw_edge(ax, places[parent], places[child], coupling, route, page)
            if written:
                draw_remark(ax, coupling, page.place(route.remark))
        for name, place in places.items():
            draw_node(ax, name if written else "", graph.nodes[name], place, page)
        ax.legend(handles=legend(graph), loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        ax.set(xlim=page.across, ylim=page.upward)
        ax.set_axis_off()
    return ax


def draw_node(
    ax: Axes, name: str, node: AbstractNode, place: tuple[float, float], page: Page
) -> None:
    """One node: a marker for its kind, its name inside or, if that is long, beside it."""
    ax.scatter(*place, s=620 * page.scale**2, marker=marker_of(node), zorder=3, **colours_of(node))
    if not name:
        return
    inside = len(name) <= FITS and page.scale > CROWDED
    upright = page.scale > CROWDED
    ax.annotate(
        name if inside or not upright else wrapped(name),
        place,
        xytext=(0, 0) if inside else (15 * page.scale, 0) if upright else (0, 14 * page.scale),
        textcoords="offset points",
        rotation=0 if upright else 90,
        ha="center" if inside or not upright else "left",
        va="center_baseline" if inside else "center" if upright else "bottom",
        zorder=5,
        fontsize=min(style.TEXT, 34 / len(name)) * page.scale if inside else page.text,
        linespacing=0.95,
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
    route: Route,
    page: Page,
) -> None:
    """One edge, from parent to child."""
    volatile = isinstance(coupling, AbstractVolatilityCoupling)
    arrow = FancyArrowPatch(
        parent,
        child,
        arrowstyle="->" if volatile else "-|>",
        mutation_scale=11 * page.scale,
        shrinkA=14 * page.scale,
        shrinkB=14 * page.scale,
        linestyle=(0, (4, 2)) if volatile else "-",
        color=style.VOLATILITY_COLOUR if volatile else style.VALUE_COLOUR,
        linewidth=1.3 * max(page.scale, 0.4),
        connectionstyle=f"arc3,rad={route.bend}",
        zorder=2,
    )
    ax.add_patch(arrow)


def draw_remark(ax: Axes, coupling: AbstractCoupling, place: tuple[float, float]) -> None:
    """What is unusual about an edge, written on it."""
    text = remark(coupling)
    if text:
        ax.annotate(
            text,
            place,
            ha="center",
            va="center",
            fontsize=style.TEXT - 2,
            color=style.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
            zorder=4,
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
