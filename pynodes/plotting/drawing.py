"""Drawing: a whole graph on a page, and the artists that it is made of."""

from __future__ import annotations

import dataclasses

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Annotation

from pynodes._geometry import layered, routed
from pynodes._graph.graph import Graph
from pynodes.couplings import AbstractVolatilityCoupling
from pynodes.plotting import style
from pynodes.plotting.edge_marks import draw_edge, draw_remark
from pynodes.plotting.node_marks import draw_copies, draw_node, write_beside, write_inside
from pynodes.plotting.overlay import Shown, key
from pynodes.plotting.page import FITS, page_for, wrapped
from pynodes.plotting.panels import one_panel

BUSY = 40
"""Larger graphs are drawn without names and strengths, smaller."""


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A graph that was drawn: the artists of its nodes, of what stands beside them, and of its edges."""

    nodes: dict[str, PathCollection]
    beside: dict[str, Annotation]
    edges: list[FancyArrowPatch]


def draw_graph(
    graph: Graph,
    ax: Axes | None,
    *,
    names: bool | None,
    shown: dict[str, Shown],
    copies: dict[str, int],
) -> tuple[Axes, Drawing]:
    """Draw a graph with what is shown of its nodes; returns the axes and the artists."""
    places = layered(graph)
    written = len(graph) <= BUSY if names is None else names
    labels = {name: label_of(name, shown, copies) if written else ("", "") for name in places}
    page = page_for(places, [beside for _, beside in labels.values()] if written else [])
    with style.rules():
        ax = one_panel(ax, size=page.size, fits=False)
        pairs = [(parent, child) for parent, child, _ in graph.edges]
        routes = routed({name: page.inches(place) for name, place in places.items()}, pairs)
        arrows: list[FancyArrowPatch] = []
        for (parent, child, coupling), route in zip(graph.edges, routes, strict=True):
            arrows.append(draw_edge(ax, places[parent], places[child], coupling, route, page))
            if written:
                draw_remark(ax, coupling, page.place(route.remark))
        nodes: dict[str, PathCollection] = {}
        beside: dict[str, Annotation] = {}
        for name, place in places.items():
            node = graph.nodes[name]
            if copies.get(name, 1) > 1:
                draw_copies(ax, node, place, page)
            nodes[name] = draw_node(ax, node, place, page)
            if name in shown:
                nodes[name].set_facecolor(shown[name].colour)
            within, beyond = labels[name]
            if within:
                write_inside(ax, within, place, page)
            if beyond or name in shown:
                away = 23.0 if copies.get(name, 1) > 1 else 15.0
                beside[name] = write_beside(ax, beyond, place, page, away=away)
        marks = [*legend(graph), *(key() if shown else [])]
        ax.legend(handles=marks, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        ax.set(xlim=page.across, ylim=page.upward)
        ax.set_axis_off()
    return ax, Drawing(nodes=nodes, beside=beside, edges=arrows)


def label_of(name: str, shown: dict[str, Shown], copies: dict[str, int]) -> tuple[str, str]:
    """What is written inside a node, and what beside it: long names, numbers of copies, beliefs."""
    times = f"× {copies[name]}" if copies.get(name, 1) > 1 else ""
    more = [part for part in (times, shown[name].words if name in shown else "") if part]
    if len(name) <= FITS:
        return name, "\n".join(more)
    return "", "\n".join([wrapped(name), *more])


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
