"""Structure: edges as wide as they are probable, and how often they are there."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from pynodes._boundary import boundary
from pynodes._errors import InputError
from pynodes.plotting import style
from pynodes.plotting.panels import arrange_panels
from pynodes.structure.lagged import CONSTANT, find_lagged_source

if TYPE_CHECKING:
    from pynodes.structure.calibration import Calibration
    from pynodes.structure.found import Found

Arrows = dict[tuple[str, str], list[tuple[str, float]]]
"""Label and probability of every arrow from one place to another."""


@boundary
def plot_structure(found: Found, ax: Axes | None = None, *, least: float = 0.1) -> Axes:
    """Draw what a search found: arrows are as wide as their edges are probable.

    Series and what they were before are one place; beside an arrow stand the lag, if it is more than
    one, and the probability. Edges that are taken for granted are thin and grey.

    Parameters
    ----------
    found
        What a search found.
    ax
        Where to draw; by default new axes.
    least
        Edges that are less probable are not drawn.

    Returns
    -------
    The axes; nothing is shown or saved.

    Raises
    ------
    InputError
        Something else than a probability.
    """
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
        raise InputError(f"least must be a probability, not {least!r}.")
    arrows, granted, names = gather_arrows(found, least)
    with style.rules():
        if ax is None:
            ax = arrange_panels(["structure"], None, size=(4.2, 4.2)).axes[0]
        spots = place_on_circle(names)
        for ends in granted:
            draw_arrow(ax, spots, ends, 0.0, 0.5, style.PALE)
        for ends, lines in arrows.items():
            for number, (label, probability) in enumerate(sorted(lines, key=lambda one: one[1])):
                colour = style.BLUE if probability > 0.5 else style.GREY
                draw_arrow(ax, spots, ends, number, 0.5 + 3 * probability, colour)
                write_beside(ax, spots, ends, number, label, colour)
        for name, (x, y) in spots.items():
            ax.text(
                x,
                y,
                name,
                ha="center",
                va="center",
                zorder=3,
                bbox={"boxstyle": "circle,pad=0.35", "fc": "white", "ec": style.INK, "lw": 0.8},
            )
        ax.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), xticks=[], yticks=[], aspect="equal")
        ax.spines[:].set_visible(False)
        false = found.expected_false()
        said = f"{false:.2g}" if false >= 0.01 else "fewer than 0.01"
        ax.set_title(f"{said} of the edges in blue are expected to be false")
    return ax


@boundary
def plot_edge_calibration(calibration: Calibration, ax: Axes | None = None) -> Axes:
    """Draw how often edges are there over the probabilities that a search reported.

    On the diagonal probabilities are right. Bars are two standard deviations of the share if they are; points
    are as large as there are edges.

    Parameters
    ----------
    calibration
        What ``found.calibrate()`` returned.
    ax
        Where to draw; by default new axes.

    Returns
    -------
    The axes; nothing is shown or saved.
    """
    bins = calibration.bins()
    with style.rules():
        if ax is None:
            ax = arrange_panels(["calibration"], None, size=(4.2, 4.2)).axes[0]
        ax.plot([0, 1], [0, 1], color=style.PALE, zorder=1)
        ax.errorbar(
            bins["reported"], bins["true"], 2 * bins["sd"], fmt="none", color=style.GREY, zorder=2
        )
        sizes = 12 + 110 * bins["edges"] / bins["edges"].max()
        ax.scatter(bins["reported"], bins["true"], sizes, color=style.BLUE, lw=0, zorder=3)
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        ax.set(xlabel="reported probability", ylabel="share of edges that are there")
        ax.set_title(f"{len(calibration.truth)} simulations, z = {calibration.z:+.1f}")
    return ax


def gather_arrows(found: Found, least: float) -> tuple[Arrows, list[tuple[str, str]], list[str]]:
    """Arrows between places, those that are taken for granted, and the places."""
    graph, probability = found.space.graph, found.edge_probability
    names = [name for name in graph.nodes if not is_copy(name, graph.nodes) and name != CONSTANT]
    arrows: Arrows = defaultdict(list)
    granted = []
    candidates = {
        key[:2]: edge for edge, key in zip(found.space.edges, found.space.keys, strict=True)
    }
    for parent, child, _ in graph.edges:
        source, lag = find_lagged_source(parent) if is_copy(parent, graph.nodes) else (parent, 0)
        edge = candidates.get((parent, child))
        if edge is None:
            granted += [(source, child)] if source in names else []
        elif probability[edge] >= least:
            label = f"{f'lag {lag}: ' if lag > 1 else ''}{probability[edge]:.2f}"
            arrows[source, child].append((label, probability[edge]))
    return arrows, granted, names


def is_copy(name: str, known: object) -> bool:
    """Whether a node holds what another one was before."""
    return find_lagged_source(name)[0] in known  # type: ignore[operator]


def place_on_circle(names: list[str]) -> dict[str, tuple[float, float]]:
    """A place for every name, clockwise from the top."""
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(names)) / max(len(names), 1)
    return {
        name: (float(np.cos(angle)), float(np.sin(angle)))
        for name, angle in zip(names, angles, strict=True)
    }


def draw_arrow(
    ax: Axes,
    spots: dict[str, tuple[float, float]],
    ends: tuple[str, str],
    number: float,
    width: float,
    colour: str,
) -> None:
    """An arrow; one from a place to itself is a loop on the outside."""
    begin, end = (np.array(spots[name]) for name in ends)
    shrink, bend = 14.0, 0.12 + 0.12 * number
    if ends[0] == ends[1]:
        side = np.array([-begin[1], begin[0]]) * (0.10 + 0.02 * number)
        begin, end, shrink, bend = begin + side + 0.1 * begin, end - side + 0.1 * end, 6.0, -1.8
    ax.add_patch(
        FancyArrowPatch(
            tuple(begin),
            tuple(end),
            arrowstyle="-|>",
            mutation_scale=6 + 2 * width,
            lw=width,
            color=colour,
            alpha=0.85,
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=shrink,
            shrinkB=shrink,
            zorder=1,
        )
    )


def write_beside(
    ax: Axes,
    spots: dict[str, tuple[float, float]],
    ends: tuple[str, str],
    number: int,
    label: str,
    colour: str,
) -> None:
    """The label of an arrow, at its bend."""
    begin, end = (np.array(spots[name]) for name in ends)
    if ends[0] == ends[1]:
        at = begin * (1.42 + 0.1 * number)
    else:
        away = np.array([end[1] - begin[1], begin[0] - end[0]])
        at = 0.45 * begin + 0.55 * end + away * (0.11 + 0.06 * number)
    ax.text(
        float(at[0]),
        float(at[1]),
        label,
        ha="center",
        va="center",
        fontsize=style.TEXT - 2,
        color=colour,
        zorder=2,
        bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
    )
