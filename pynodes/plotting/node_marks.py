"""Node marks: how one node of a graph is drawn, and what is written in it and beside it."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.text import Annotation
from matplotlib.transforms import ScaledTranslation

from pynodes.nodes import AbstractNode
from pynodes.plotting import style
from pynodes.plotting.page import Page

CROWDED = 0.6
"""At smaller scales names stand upright above their nodes, if they are asked for."""


def draw_node(
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


def write_beside(
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


def marker_of(node: AbstractNode) -> str:
    """Square for inputs, diamond for what is known, circle for states."""
    if node.observable:
        return "s"
    return "o" if node.learns else "D"


def colours_of(node: AbstractNode) -> dict[str, Any]:
    """Inputs are filled darker than states; what is known is only outlined."""
    face = style.PALE if node.observable else "#F2F7FB" if node.learns else "white"
    return {"facecolor": face, "edgecolor": style.INK, "linewidth": 1.0}
