"""Overlay: what nodes believe at one step, as words and colours for a drawing of their graph."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.lines import Line2D

from pynodes.plotting import style
from pynodes.plotting.components import shown_field

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories

WIDE = 2.5
"""Deviations at which the colours end."""

MAP = "PuOr_r"
"""From purple, below what was predicted, over white to orange, above it."""


@dataclasses.dataclass(frozen=True)
class Shown:
    """What is shown of a node: some words, and its colour."""

    words: str
    colour: Any


def overlaid(beliefs: Trajectories, name: str, step: int, *, predicted: bool = False) -> Shown:
    """One node's belief at one step: mean and standard deviation, coloured by its move."""
    if name not in beliefs:
        return Shown("", "white")
    node = beliefs[name]
    field = shown_field(node)
    field = f"predicted_{field}" if predicted and f"predicted_{field}" in node.fields else field
    value = np.asarray(getattr(node, field))[step]
    if value.ndim or not {"mean", "precision", "predicted_precision"} <= set(node.fields):
        flat = value.ravel()
        words = " ".join(number(part) for part in flat[:3]) + (" …" if flat.size > 3 else "")
        return Shown(words, style.PALE)
    observable = beliefs.labels.graph.nodes[name].observable
    if observable and not predicted:
        seen = bool(np.asarray(node.observed)[step])
        words = number(value) if seen else "missing"
    else:
        precision = node.predicted_precision if predicted or observable else node.precision
        variance = 1 / float(np.asarray(precision)[step])
        known = not np.isfinite(variance) or variance <= 0
        words = number(value) + ("" if known else f" ± {number(np.sqrt(variance))}")
    if predicted:
        return Shown(words, "white")
    return Shown(words, colour_of(move(beliefs, name, step)))


def move(beliefs: Trajectories, name: str, step: int) -> float:
    """How far the mean moved from its prediction, in standard deviations of that."""
    node = beliefs[name]
    moved = np.asarray(node.mean)[step] - np.asarray(node.predicted_mean)[step]
    found = float(moved * np.sqrt(np.asarray(node.predicted_precision)[step]))
    return found if np.isfinite(found) else 0.0


def number(value: float) -> str:
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
