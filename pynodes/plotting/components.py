"""Components: panels of nodes whose beliefs are arrays, and of learners, a line for every number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._geometry import thinned
from pynodes.plotting import style

if TYPE_CHECKING:
    from pynodes._results.node_beliefs import NodeBeliefs

NAMED = 8
"""Lines of a panel that are told apart by a legend; more would not fit."""


def shown_field(node: NodeBeliefs) -> str:
    """The field that stands for what a node believes: its mean, or the first that it also predicts."""
    if "mean" in node.fields:
        return "mean"
    return next((field for field in node.fields if f"predicted_{field}" in node.fields), "surprise")


def is_array(node: NodeBeliefs) -> bool:
    """Whether a node's beliefs are arrays."""
    return np.ndim(getattr(node, shown_field(node))) > 1


def draw_components(ax: Axes, time: np.ndarray, values: np.ndarray) -> list[Any]:
    """A line for every component of an array over time; the colours in order."""
    flat = values.reshape(len(values), -1)
    colours = [style.MANY[place % len(style.MANY)] for place in range(flat.shape[1])]
    for place, colour in enumerate(colours):
        at = thinned(flat[:, place])
        marker = "o" if len(time) == 1 else ""
        label = str(place) if len(colours) > 1 else None
        ax.plot(time[at], flat[at, place], color=colour, lw=1.2, marker=marker, label=label)
    if 1 < len(colours) <= NAMED:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, handlelength=1.0)
    return colours


def draw_outcomes(ax: Axes, time: np.ndarray, node: NodeBeliefs) -> None:
    """An input of several outcomes: their predicted probabilities, and above them what happened."""
    colours = draw_components(ax, time, np.asarray(node.predicted_mean))
    happened = np.argmax(np.asarray(node.mean), axis=-1)
    seen = np.asarray(node.observed)
    for code, colour in enumerate(colours):
        when = time[seen & (happened == code)]
        ax.plot(when, np.full(len(when), 1.06), "|", color=colour, ms=4, mew=1.0)
    ax.set_ylim(-0.03, 1.12)
