"""The graph: nodes by level, value and volatility edges told apart, copies of a plate drawn as one."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Annotation

from pynodes._boundary import boundary
from pynodes._compiler.groups import levels_of
from pynodes._errors import GraphError, InputError
from pynodes._geometry import lay_out_levels, layer_shape, route_edges, write_shape
from pynodes._graph.checks import check_node_exists, check_not_empty
from pynodes._graph.edges import is_feedback
from pynodes._graph.graph import Graph
from pynodes.couplings import AbstractVolatilityCoupling
from pynodes.plotting import style
from pynodes.plotting.marks import (
    BOX,
    FITS,
    Shown,
    draw_copies,
    draw_edge_mark,
    draw_node_mark,
    draw_remark,
    key,
    marker_of,
    overlay_beliefs,
    page_for,
    wrap_name,
    write_beside_node,
    write_inside,
)
from pynodes.plotting.panels import one_panel
from pynodes.plotting.selection import a_step, one_run

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


@boundary
def plot_graph(
    graph: Graph,
    ax: Axes | None = None,
    *,
    names: bool | None = None,
    fold: bool = False,
    beliefs: Trajectories | None = None,
    step: int = -1,
) -> Axes:
    """Draw a graph, inputs at the bottom, every parent above its children.

    States are circles, inputs squares, constants and regressors diamonds; a layer, or another array, is one
    box with its shape beside it. Value edges are solid,
    those that are fed back dotted, volatility edges dashed with an open arrow; strengths other than 1 and
    functions are written beside them.

    Parameters
    ----------
    graph
        The graph.
    ax
        Where to draw; by default new axes in a figure of suitable size.
    names
        Whether to write names and strengths; by default up to 40 nodes.
    fold
        Whether the copies that :meth:`~pynodes.Graph.repeat` made are drawn as one, with their number; in a
        graph without such, equal layers that follow one another.
    beliefs
        A run of the graph's network. Beside every node that was kept stands what it believed, mean and
        standard deviation, or observed; its colour is the move from its prediction, in deviations of that.
    step
        The step of the run; negative ones count from its end.

    Returns
    -------
    The axes; nothing is shown or saved.

    Raises
    ------
    GraphError
        A graph without nodes, or without plates that could be folded.
    UnknownNodeError
        Beliefs about a node that the graph does not have.
    FieldError
        A batch of runs.
    InputError
        A step that the run does not have, or beliefs of a graph that is folded.
    """
    check_not_empty(graph.nodes)
    shown: dict[str, Shown] = {}
    if beliefs is not None:
        if fold:
            raise InputError(
                "Copies that are drawn as one have different beliefs. Leave out fold or beliefs."
            )
        place = a_step(step, one_run(beliefs))
        for name in beliefs.names:
            check_node_exists(name, graph.nodes)
        shown = {
            name: overlay_beliefs(beliefs, name, place) for name in graph.nodes if name in beliefs
        }
    graph, copies = fold_copies(graph) if fold else (graph, {})
    return draw_graph(graph, ax, names=names, shown=shown, copies=copies)[0]


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
    places = lay_out_levels(graph)
    written = len(graph) <= BUSY if names is None else names
    sizes = {name: write_shape(layer_shape(graph.nodes[name])) for name in places}
    labels = {
        name: label_of(name, sizes[name], shown, copies) if written else ("", "") for name in places
    }
    page = page_for(places, [beside for _, beside in labels.values()] if written else [])
    with style.rules():
        ax = one_panel(ax, size=page.size, fits=False)
        pairs = [(parent, child) for parent, child, _ in graph.edges]
        routes = route_edges({name: page.inches(place) for name, place in places.items()}, pairs)
        arrows: list[FancyArrowPatch] = []
        for (parent, child, coupling), route in zip(graph.edges, routes, strict=True):
            arrows.append(draw_edge_mark(ax, places[parent], places[child], coupling, route, page))
            if written:
                draw_remark(ax, coupling, page.place(route.remark))
        nodes: dict[str, PathCollection] = {}
        beside: dict[str, Annotation] = {}
        for name, place in places.items():
            node = graph.nodes[name]
            if copies.get(name, 1) > 1:
                draw_copies(ax, node, place, page)
            nodes[name] = draw_node_mark(ax, node, place, page)
            if name in shown:
                nodes[name].set_facecolor(shown[name].colour)
            within, beyond = labels[name]
            if within:
                write_inside(ax, within, place, page)
            if beyond or name in shown:
                away = 23.0 if copies.get(name, 1) > 1 else 15.0
                beside[name] = write_beside_node(ax, beyond, place, page, away=away)
        marks = [*legend(graph), *(key() if shown else [])]
        ax.legend(handles=marks, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        ax.set(xlim=page.across, ylim=page.upward)
        ax.set_axis_off()
    return ax, Drawing(nodes=nodes, beside=beside, edges=arrows)


def label_of(
    name: str, size: str, shown: dict[str, Shown], copies: dict[str, int]
) -> tuple[str, str]:
    """What is written inside a node, and what beside it: long names, sizes, numbers of copies, beliefs."""
    count = copies.get(name, 1)
    times = "" if count == 1 else f"{count} copies" if size else f"× {count}"
    more = [part for part in (size, times, shown[name].words if name in shown else "") if part]
    if len(name) <= FITS:
        return name, "\n".join(more)
    return "", "\n".join([wrap_name(name), *more])


def legend(graph: Graph) -> list[Line2D]:
    """An entry for every sort of node and edge that the graph has."""
    nodes = list(graph.nodes.values())
    volatile = [isinstance(coupling, AbstractVolatilityCoupling) for _, _, coupling in graph.edges]
    known = [node for node in nodes if not node.learns]
    shapes = [
        ("state", "o", [node for node in nodes if marker_of(node) == "o"]),
        ("layer", BOX, [node for node in nodes if marker_of(node) is BOX]),
        ("input", "s", [node for node in nodes if node.observable]),
        ("known value", "D", known),
    ]
    marks = [
        Line2D([], [], marker=marker, ls="", ms=8, mfc="white", mec=style.INK, label=label)
        for label, marker, found in shapes
        if found
    ]
    back = [is_feedback(coupling) for _, _, coupling in graph.edges]
    if sum(volatile) + sum(back) < len(graph.edges):
        marks.append(Line2D([], [], color=style.VALUE_COLOUR, lw=1.5, label="value"))
    if any(back):
        marks.append(
            Line2D([], [], color=style.VALUE_COLOUR, lw=1.5, ls=(0, (1, 1.2)), label="feedback")
        )
    if any(volatile):
        marks.append(
            Line2D(
                [], [], color=style.VOLATILITY_COLOUR, lw=1.5, ls=(0, (4, 2)), label="volatility"
            )
        )
    return marks


COPY = re.compile(r"(.+)\[(\d+)\]")
"""What :meth:`~pynodes.Graph.repeat` makes of a name; the last number is that of the outermost plate."""

Ties = set[tuple[str, str, str]]


def fold_copies(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """A graph with one copy of what was repeated, and how many copies each of its nodes stands for.

    Plates within plates are folded too; of a graph without plates, equal layers that follow one another.
    Copies must be joined alike; their parameters, which are not drawn,
    may differ.

    Raises
    ------
    GraphError
        A graph without a plate, or with copies that are joined differently.
    """
    counts = dict.fromkeys(graph.nodes, 1)
    once, times = one_plate(graph)
    if not times:
        stacked, runs = fold_levels(graph)
        if runs:
            return stacked, runs
        raise GraphError(
            "There is no plate to fold: no node is named as graph.repeat names copies, x[0], x[1], ..., and "
            "no equal layers follow one another."
        )
    while times:
        counts = {
            name: times.get(name, 1) * counts[f"{name}[0]" if name in times else name]
            for name in once.nodes
        }
        once, times = one_plate(once)
    return once, counts


def fold_levels(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """A graph with one box for every run of equal layers, and for how many layers each stands."""
    edges = list(graph.edges)
    above = {name: [edge for edge in edges if edge[1] == name] for name in graph.nodes}
    below = {name: {child for parent, child, _ in edges if parent == name} for name in graph.nodes}
    first: dict[str, str] = {}
    tie: dict[str, list[str]] = {}
    levels = levels_of(graph)
    for name in sorted(levels, key=levels.__getitem__, reverse=True):
        parents = {parent for parent, _, _ in above[name]}
        parent = next(iter(parents), "")
        alone = (
            len(parents) == 1 and below[parent] == {name} and bool(layer_shape(graph.nodes[name]))
        )
        if not alone or repr(graph.nodes[parent]) != repr(graph.nodes[name]):
            continue
        stem, joined = first.get(parent, parent), [repr(coupling) for *_, coupling in above[name]]
        if tie.setdefault(stem, joined) == joined:
            first[name] = stem
    counts = Counter(first.get(name, name) for name in graph.nodes)
    kept = [
        (first.get(parent, parent), child, coupling)
        for parent, child, coupling in edges
        if child not in first
    ]
    nodes = {name: node for name, node in graph.nodes.items() if name not in first}
    once = Graph().with_settings(**vars(graph.settings)).extend(nodes, kept)
    return once, {name: count for name, count in counts.items() if count > 1}


def one_plate(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """A graph whose outermost copies are folded, and how many there were, by the names that they leave."""
    copies: dict[str, list[int]] = {}
    for name in graph.nodes:
        found = COPY.fullmatch(name)
        if found:
            copies.setdefault(found[1], []).append(int(found[2]))
    times = {
        stem: len(numbers)
        for stem, numbers in copies.items()
        if sorted(numbers) == list(range(len(numbers))) and stem not in graph.nodes
    }
    if not times:
        return graph, {}
    check_alike(graph, times)
    keep = {
        name: folded_name(name, times)
        for name in graph.nodes
        if number_of(name, times) in (None, 0)
    }
    edges = [
        (keep[parent], keep[child], coupling)
        for parent, child, coupling in graph.edges
        if parent in keep and child in keep
    ]
    nodes = {new: graph.nodes[old] for old, new in keep.items()}
    empty = Graph().with_settings(**vars(graph.settings))
    return empty.extend(nodes, edges), times


def folded_name(name: str, times: dict[str, int]) -> str:
    """A name without the number of its copy."""
    found = COPY.fullmatch(name)
    return found[1] if found and found[1] in times else name


def number_of(name: str, times: dict[str, int]) -> int | None:
    """The number of a copy; None of what is no copy."""
    found = COPY.fullmatch(name)
    return int(found[2]) if found and found[1] in times else None


def check_alike(graph: Graph, times: dict[str, int]) -> None:
    """That all copies are joined to one another and to the rest as the first is."""
    ties: dict[int, Ties] = {}
    for parent, child, coupling in graph.edges:
        numbers = {number_of(parent, times), number_of(child, times)} - {None}
        if len(numbers) > 1:
            raise GraphError(
                f"{parent!r} and {child!r} join two copies, so that the plate cannot be drawn as one. "
                "Draw the graph without fold=True."
            )
        for number in numbers:
            tie = (folded_name(parent, times), folded_name(child, times), coupling.inlet)
            ties.setdefault(number or 0, set()).add(tie)
    for stem, count in times.items():
        own = [{tie for tie in ties.get(k, set()) if stem in tie[:2]} for k in range(count)]
        odd = next((k for k, found in enumerate(own) if found != own[0]), None)
        if odd is not None:
            raise GraphError(
                f"'{stem}[{odd}]' is not joined as '{stem}[0]' is, so that the plate cannot be drawn as one. "
                "Draw the graph without fold=True."
            )
