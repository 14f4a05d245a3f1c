"""Marks: how one node or edge of a graph is drawn, what is written beside it, and what fits on a page."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from matplotlib.text import Annotation
from matplotlib.transforms import ScaledTranslation

from pynodes._core.functions import identity, name_function
from pynodes._core.modules import is_default
from pynodes._geometry import Route, layer_shape, loop
from pynodes._graph.edges import is_feedback
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling
from pynodes.nodes import AbstractNode
from pynodes.plotting import style
from pynodes.plotting.node_panel import shown_field

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


FITS = 5
"""Letters of a name that fit inside a node; longer names stand beside it."""

COLUMN, ROW = 0.95, 1.1
"""Inches from node to node, sideways and upwards, where there is room."""

FLATTEST = 0.13
"""Least height of a row as a share of the width, so that no fan becomes too flat to follow."""

MARGIN = 0.45
"""Inches around the outermost nodes."""

LEGEND = 1.35
"""Inches for the legend beside the drawing."""

LONGEST, HIGHEST = 2 * style.WIDTH, 12.0
"""Inches that no drawing exceeds: two pages side by side."""

LETTER = 0.07
"""Inches that a letter of a name takes."""


@dataclasses.dataclass(frozen=True)
class Page:
    """A drawing's measures.

    Attributes
    ----------
    unit
        Inches from column to column and from level to level.
    across, upward
        Limits of the axes.
    scale
        Size of nodes and lines, 1 where there is room.
    text
        Size of the names beside nodes, in points.
    """

    unit: tuple[float, float]
    across: tuple[float, float]
    upward: tuple[float, float]
    scale: float
    text: float

    @property
    def size(self) -> tuple[float, float]:
        """Inches of the whole figure."""
        width = (self.across[1] - self.across[0]) * self.unit[0] + LEGEND
        return width, max((self.upward[1] - self.upward[0]) * self.unit[1], 1.3)

    def inches(self, place: tuple[float, float]) -> tuple[float, float]:
        """A place of the layout in inches."""
        return place[0] * self.unit[0], place[1] * self.unit[1]

    def place(self, inches: tuple[float, float]) -> tuple[float, float]:
        """The place of the layout behind some inches."""
        return inches[0] / self.unit[0], inches[1] / self.unit[1]


def page_for(places: Mapping[str, tuple[float, float]], names: Sequence[str]) -> Page:
    """A page for nodes at these places, wider where names are long, as far as pages go.

    Parameters
    ----------
    places
        Where the nodes are, in columns and levels.
    names
        What is written, wrapped; empty if nothing is.
    """
    xs, ys = zip(*places.values(), strict=True)
    longest = max((len(line) for name in names for line in name.splitlines()), default=0)
    beside = LETTER * longest if longest > FITS else 0.0
    wanted = max(COLUMN, 0.5 + beside)
    margin = 2 * MARGIN + beside + LEGEND
    width = min(wanted, (LONGEST - margin) / max(max(xs) - min(xs), 1))
    row = max(ROW, FLATTEST * width * (max(xs) - min(xs)))
    height = min(row, (HIGHEST - 2 * MARGIN) / max(max(ys) - min(ys), 1))
    return Page(
        unit=(width, height),
        across=(min(xs) - MARGIN / width, max(xs) + (MARGIN + beside) / width),
        upward=(min(ys) - MARGIN / height, max(ys) + MARGIN / height),
        scale=min(1.0, max(min(width, height) / 0.45, 0.05)),
        text=(style.TEXT - 1) * min(1.0, max(width / wanted, 0.5)),
    )


def wrap_name(name: str) -> str:
    """A name in lines of at most fourteen letters, where it can be broken."""
    if len(name) <= FITS:
        return name
    return "\n".join(textwrap.wrap(name, 14, break_long_words=False)) or name


BOX = FancyBboxPatch((-0.85, -0.55), 1.7, 1.1, boxstyle="round,pad=0,rounding_size=0.3").get_path()
"""The marker of a layer."""

CROWDED = 0.6
"""At smaller scales names stand upright above their nodes, if they are asked for."""


def draw_node_mark(
    ax: Axes, node: AbstractNode, place: tuple[float, float], page: Page
) -> PathCollection:
    """One node: a marker for its kind."""
    size = 620 * page.scale**2
    return ax.scatter(*place, s=size, marker=marker_of(node), zorder=3, **colours_of(node))


def draw_copies(ax: Axes, node: AbstractNode, place: tuple[float, float], page: Page) -> None:
    """Two more markers behind a node, for its copies."""
    for depth in (2, 1):
        away = ScaledTranslation(
            0.045 * depth * page.scale, 0.045 * depth * page.scale, ax.figure.dpi_scale_trans
        )
        ax.scatter(
            *place,
            s=620 * page.scale**2,
            marker=marker_of(node),
            zorder=1.9 - 0.1 * depth,
            transform=ax.transData + away,
            **colours_of(node),
        )


def write_inside(ax: Axes, name: str, place: tuple[float, float], page: Page) -> None:
    """A short name, in the middle of its node, or above it where nodes are too small."""
    inside = page.scale > CROWDED
    ax.annotate(
        name,
        place,
        xytext=(0, 0) if inside else (0, 14 * page.scale),
        textcoords="offset points",
        rotation=0 if inside else 90,
        ha="center",
        va="center_baseline" if inside else "bottom",
        zorder=5,
        fontsize=min(style.TEXT, 34 / len(name)) * page.scale if inside else page.text,
        linespacing=0.95,
    )


def write_beside_node(
    ax: Axes, text: str, place: tuple[float, float], page: Page, *, away: float = 15.0
) -> Annotation:
    """A long name, or what is said of a node, to its right, or above it where nodes are too small."""
    upright = page.scale > CROWDED
    return ax.annotate(
        text,
        place,
        xytext=(away * page.scale, 0) if upright else (0, 14 * page.scale),
        textcoords="offset points",
        rotation=0 if upright else 90,
        ha="left" if upright else "center",
        va="center" if upright else "bottom",
        zorder=5,
        fontsize=page.text,
        linespacing=0.95,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.75},
    )


def marker_of(node: AbstractNode) -> str | Path:
    """Square for inputs, diamond for what is known, box for layers and other arrays, circle for states."""
    if node.observable:
        return "s"
    if node.learns:
        return BOX if layer_shape(node) else "o"
    return "D"


def colours_of(node: AbstractNode) -> dict[str, Any]:
    """Inputs are filled darker than states; what is known is only outlined."""
    face = style.PALE if node.observable else "#F2F7FB" if node.learns else "white"
    return {"facecolor": face, "edgecolor": style.INK, "linewidth": 1.0}


def draw_edge_mark(
    ax: Axes,
    parent: tuple[float, float],
    child: tuple[float, float],
    coupling: AbstractCoupling,
    route: Route,
    page: Page,
) -> FancyArrowPatch:
    """One edge, from parent to child."""
    volatile = isinstance(coupling, AbstractVolatilityCoupling)
    ends: dict[str, Any] = {"posA": parent, "posB": child}
    if parent == child:
        points = loop(np.array(page.inches(parent)))
        ends = {"path": Path([page.place((x, y)) for x, y in points])}
    dashes: Any = (0, (4, 2)) if volatile else (0, (1, 1.2)) if is_feedback(coupling) else "-"
    arrow = FancyArrowPatch(
        **ends,
        arrowstyle="->" if volatile else "-|>",
        mutation_scale=11 * page.scale,
        shrinkA=14 * page.scale,
        shrinkB=14 * page.scale,
        linestyle=dashes,
        color=style.VOLATILITY_COLOUR if volatile else style.VALUE_COLOUR,
        linewidth=1.3 * max(page.scale, 0.4),
        connectionstyle=f"arc3,rad={route.bend}",
        zorder=2,
        clip_on=parent != child,
    )
    ax.add_patch(arrow)
    return arrow


def draw_remark(ax: Axes, coupling: AbstractCoupling, place: tuple[float, float]) -> None:
    """What is unusual about an edge, written on it."""
    text = describe_edge(coupling)
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


def describe_edge(coupling: AbstractCoupling) -> str:
    """A coupling's strength unless it is 1, and its function unless it is the identity."""
    strength, function = getattr(coupling, "strength", 1.0), getattr(coupling, "function", identity)
    parts = (
        [] if is_default(strength, 1.0) else [f"{strength:.3g}" if np.ndim(strength) == 0 else "…"]
    )
    return " ".join([*parts, *([] if function is identity else [name_function(function)])])


WIDE = 2.5
"""Deviations at which the colours end."""

MAP = "PuOr_r"
"""From purple, below what was predicted, over white to orange, above it."""


@dataclasses.dataclass(frozen=True)
class Shown:
    """What is shown of a node: some words, and its colour."""

    words: str
    colour: Any


def overlay_beliefs(
    beliefs: Trajectories, name: str, step: int, *, predicted: bool = False
) -> Shown:
    """One node's belief at one step: mean and standard deviation, coloured by its move."""
    if name not in beliefs:
        return Shown("", "white")
    node = beliefs[name]
    field = shown_field(node)
    field = f"predicted_{field}" if predicted and f"predicted_{field}" in node.fields else field
    value = np.asarray(getattr(node, field))[step]
    if value.ndim or not {"mean", "precision", "predicted_precision"} <= set(node.fields):
        flat = value.ravel()
        words = " ".join(format_digits(part) for part in flat[:3]) + (" …" if flat.size > 3 else "")
        return Shown(words, style.PALE)
    observable = beliefs.labels.graph.nodes[name].observable
    if observable and not predicted:
        seen = bool(np.asarray(node.observed)[step])
        words = format_digits(value) if seen else "missing"
    else:
        precision = node.predicted_precision if predicted or observable else node.precision
        variance = 1 / float(np.asarray(precision)[step])
        known = not np.isfinite(variance) or variance <= 0
        words = format_digits(value) + ("" if known else f" ± {format_digits(np.sqrt(variance))}")
    if predicted:
        return Shown(words, "white")
    return Shown(words, colour_of(move(beliefs, name, step)))


def move(beliefs: Trajectories, name: str, step: int) -> float:
    """How far the mean moved from its prediction, in standard deviations of that."""
    node = beliefs[name]
    moved = np.asarray(node.mean)[step] - np.asarray(node.predicted_mean)[step]
    found = float(moved * np.sqrt(np.asarray(node.predicted_precision)[step]))
    return found if np.isfinite(found) else 0.0


def format_digits(value: float) -> str:
    """Three digits, and no minus zero."""
    return f"{float(f'{float(value):.3g}') + 0.0:.3g}"


def colour_of(moved: float) -> Any:
    """The colour of a move; the ends of the map are too dark to write on."""
    place = 0.5 + 0.26 * float(np.clip(moved / WIDE, -1, 1))
    return mpl.colormaps[MAP](place)


def key() -> list[Line2D]:
    """What the colours mean, for a legend."""
    return [
        Line2D(
            [],
            [],
            marker="o",
            ls="",
            ms=8,
            mfc=colour_of(moved),
            mec=style.INK,
            label=label,
        )
        for moved, label in ((2.0, "moved up 2 SD"), (0.0, "as predicted"), (-2.0, "down 2 SD"))
    ]
