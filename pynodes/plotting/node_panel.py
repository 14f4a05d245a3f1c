"""Node panel: what one node believed over time, drawn as suits its kind."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._geometry import thin
from pynodes.nodes import AbstractLearner
from pynodes.plotting import style
from pynodes.plotting.selection import find_lone_points, observed_values, shade

if TYPE_CHECKING:
    from pynodes._results.node_beliefs import NodeBeliefs
    from pynodes._results.trajectories import Trajectories


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
        at = thin(flat[:, place])
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


def draw_node(ax: Axes, beliefs: Trajectories, name: str, time: np.ndarray, credible: float) -> str:
    """One node's panel; says what it shows."""
    node, kind = beliefs[name], beliefs.labels.graph.nodes[name]
    ax.set_ylabel(name)
    if isinstance(kind, AbstractLearner):
        draw_components(ax, time, np.asarray(getattr(node, shown_field(node))))
        shade(ax, time, ~np.asarray(node.observed))
        return "what was learned"
    if kind.observable and is_array(node):
        draw_outcomes(ax, time, node)
        shade(ax, time, ~np.asarray(node.observed))
        return "predicted probabilities, outcomes"
    if kind.observable:
        draw_input(ax, time, np.asarray(node.predicted_mean), observed_values(node))
        return "prediction, observations"
    mean = np.asarray(node.mean)
    if is_array(node):
        draw_components(ax, time, mean)
        return "posterior probabilities"
    if kind.support is not None or not kind.learns:
        half = np.zeros_like(mean)
    else:
        half = NormalDist().inv_cdf(0.5 + credible / 2) / np.sqrt(np.asarray(node.precision))
        draw_band(ax, time, mean, half)
    at = thin(mean, half)
    ax.plot(time[at], mean[at], color=style.BLUE, lw=1.2, marker=marker_of_line(time))
    if kind.support is not None:
        return "posterior probability"
    return f"posterior mean, {100 * credible:.4g}% band" if kind.learns else "known value"


def draw_band(ax: Axes, time: np.ndarray, mean: np.ndarray, half: np.ndarray) -> None:
    """A credible band, and limits that leave the mean readable where the band grows very wide."""
    at = thin(mean, half)
    low, high = mean - half, mean + half
    ax.fill_between(time[at], low[at], high[at], color=style.BLUE, alpha=0.2, lw=0)
    usual = np.median(half)
    floor, ceiling = np.min(mean - usual), np.max(mean + usual)
    room = ceiling - floor
    if room > 0:
        ax.set_ylim(
            max(np.min(low), floor - room) - 0.05 * room,
            min(np.max(high), ceiling + room) + 0.05 * room,
        )


def draw_input(ax: Axes, time: np.ndarray, prediction: np.ndarray, observed: np.ndarray) -> None:
    """An input's panel: prediction as a line, observations as points, longer gaps shaded."""
    at = thin(prediction)
    ax.plot(
        time[at], prediction[at], color=style.GREEN, lw=1.2, zorder=3, marker=marker_of_line(time)
    )
    few = len(time) <= 1000
    ax.plot(
        time,
        observed,
        ".",
        color=style.INK,
        ms=3 if few else 1.5,
        alpha=0.6,
        zorder=2,
        rasterized=not few,
    )
    shade(ax, time, np.isnan(observed))


def marker_of_line(time: np.ndarray) -> str:
    """The marker of a line: none, unless there is one point only, which no line would show."""
    return "o" if len(time) == 1 else ""


def draw_surprise(ax: Axes, time: np.ndarray, surprise: np.ndarray, observed: np.ndarray) -> None:
    """The surprise of every step, in nats, where there was anything to be surprised at."""
    shown = np.where(np.isfinite(surprise) & observed, surprise, np.nan)
    at = thin(shown)
    ax.plot(time[at], shown[at], color=style.PURPLE, lw=0.9)
    single = at[find_lone_points(shown[at])]
    ax.plot(time[single], shown[single], ".", color=style.PURPLE, ms=3)
    ax.set_ylabel("surprise")
    ax.set_title(f"total {np.sum(surprise):.4g} nats", loc="right", color=style.GREY, pad=2)
