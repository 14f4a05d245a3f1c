"""Beliefs over time: a panel for every node."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pynodes._errors import FieldError, InputError
from pynodes._geometry.thinning import thinned
from pynodes.nodes import AbstractLearner
from pynodes.plotting import style
from pynodes.plotting.components import draw_components, draw_outcomes, is_array, shown_field

if TYPE_CHECKING:
    from pynodes._results.node_beliefs import NodeBeliefs
    from pynodes._results.trajectories import Trajectories

VISIBLE = 300
"""Missing stretches are shaded from this fraction of the series on; shorter ones would not show."""


def plot_beliefs(
    beliefs: Trajectories,
    nodes: Iterable[str] | None = None,
    *,
    time: np.ndarray | None = None,
    credible: float = 0.9,
    surprise: bool = True,
    title: str | None = None,
) -> Figure:
    """Draw what nodes believed, a panel each, highest level on top.

    A state is drawn as its posterior mean with a credible band; an input as its prediction, with
    its observations as points. Stretches without an observation are shaded, and the surprise, which
    is then zero, is left out. A band that grows very wide in such a stretch is cut by the panel. Long
    series are thinned without hiding an extreme.

    Parameters
    ----------
    beliefs
        One run.
    nodes
        Names of the nodes; by default all that were kept, at most thirty.
    time
        What to write on the horizontal axis, of shape (time,); by default the step.
    credible
        Probability of the band, between 0 and 1.
    surprise
        Whether a last panel shows the surprise of every step.
    title
        Title of the figure.

    Returns
    -------
    The figure; nothing is shown or saved.

    Raises
    ------
    InputError
        No node, too many to draw, a band of no probability, or times of another length.
    FieldError
        A batch of runs, or a node whose beliefs were not kept.
    """
    if np.ndim(beliefs.status.alive) != 1:
        raise FieldError(
            "This draws one run. Index the batch first, with jax.tree.map(lambda x: x[0], beliefs)."
        )
    names = chosen(beliefs, nodes)
    steps = np.shape(beliefs.status.alive)[0]
    axis = np.arange(steps) if time is None else np.asarray(time)
    if axis.shape != (steps,):
        raise InputError(f"time must have shape ({steps},), one entry per step, not {axis.shape}.")
    if not isinstance(credible, float) or not 0 < credible < 1:
        raise InputError(
            f"credible must be a probability between 0 and 1, such as 0.9, not {credible!r}."
        )
    count = len(names) + bool(surprise)
    with plt.rc_context(style.RULES):
        figure, grid = plt.subplots(
            count,
            1,
            sharex=True,
            figsize=(style.WIDTH, 0.6 + 1.15 * count),
            squeeze=False,
            layout="constrained",
        )
        axes = list(grid[:, 0])
        said: set[str] = set()
        for name, ax in zip(names, axes, strict=False):
            note = draw_node(ax, beliefs, name, axis, credible)
            if note not in said:
                ax.set_title(note, loc="right", color=style.GREY, pad=2)
            said.add(note)
        if surprise:
            draw_surprise(axes[-1], axis, np.asarray(beliefs.surprise), anything_seen(beliefs))
        for ax in axes:
            ax.margins(x=0.01)
        axes[-1].set_xlabel("step" if time is None else "time")
        figure.align_ylabels(axes)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=style.TEXT + 1)
    return figure


def chosen(beliefs: Trajectories, nodes: Iterable[str] | None) -> list[str]:
    """The nodes to draw, highest level first."""
    if isinstance(nodes, str):
        nodes = [nodes]
    names = (
        [name for name in beliefs.names if drawable(beliefs, name)]
        if nodes is None
        else list(nodes)
    )
    for name in names:
        beliefs[name]
    if not names:
        raise InputError("There is no node to draw.")
    if len(names) > 30:
        raise InputError(
            f"{len(names)} panels are too many to read. Name some nodes, as in plot(['x1', 'x2'])."
        )
    return sorted(names, key=lambda name: -beliefs.labels.nodes[name][0])


def drawable(beliefs: Trajectories, name: str) -> bool:
    """Whether a node's beliefs are worth a panel: constants' are not."""
    return beliefs.labels.graph.nodes[name].learns


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
        draw_input(ax, time, np.asarray(node.predicted_mean), seen(node))
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
    at = thinned(mean, half)
    ax.plot(time[at], mean[at], color=style.BLUE, lw=1.2, marker=alone(time))
    if kind.support is not None:
        return "posterior probability"
    return f"posterior mean, {100 * credible:.4g}% band" if kind.learns else "known value"


def draw_band(ax: Axes, time: np.ndarray, mean: np.ndarray, half: np.ndarray) -> None:
    """A credible band, and limits that leave the mean readable where the band grows very wide."""
    at = thinned(mean, half)
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
    at = thinned(prediction)
    ax.plot(time[at], prediction[at], color=style.GREEN, lw=1.2, zorder=3, marker=alone(time))
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


def shade(ax: Axes, time: np.ndarray, missing: np.ndarray) -> None:
    """Shades the longer stretches without an observation."""
    for start, stop in gaps(missing):
        ax.axvspan(time[start], time[stop], color=style.PALE, alpha=0.5, lw=0, zorder=0)


def alone(time: np.ndarray) -> str:
    """The marker of a line: none, unless there is one point only, which no line would show."""
    return "o" if len(time) == 1 else ""


def isolated(series: np.ndarray) -> np.ndarray:
    """Which values have no neighbour that a line could lead to."""
    there = np.concatenate([[False], np.isfinite(series), [False]])
    return there[1:-1] & ~there[:-2] & ~there[2:]


def gaps(missing: np.ndarray) -> list[tuple[int, int]]:
    """The observations before and after every stretch of missing ones that is long enough to be seen."""
    edges = np.concatenate([[False], missing, [False]])
    starts, stops = np.flatnonzero(np.diff(edges.astype(int)).reshape(-1)).reshape(-1, 2).T
    last = len(missing) - 1
    return [
        (max(int(start) - 1, 0), min(int(stop), last))
        for start, stop in zip(starts, stops, strict=True)
        if stop - start >= len(missing) / VISIBLE
    ]


def seen(node: NodeBeliefs) -> np.ndarray:
    """An input's observations; NaN, which matplotlib leaves out, where nothing was observed."""
    return np.where(np.asarray(node.observed), np.asarray(node.mean), np.nan)


def anything_seen(beliefs: Trajectories) -> np.ndarray:
    """Whether any input was observed, by step."""
    found = np.zeros(np.shape(beliefs.status.alive), bool)
    for group in beliefs.surprises:
        mask = np.asarray(beliefs.observed.get(group, True))
        found |= mask.any(axis=-1) if mask.ndim == 2 else mask
    return found


def draw_surprise(ax: Axes, time: np.ndarray, surprise: np.ndarray, observed: np.ndarray) -> None:
    """The surprise of every step, in nats, where there was anything to be surprised at."""
    shown = np.where(np.isfinite(surprise) & observed, surprise, np.nan)
    at = thinned(shown)
    ax.plot(time[at], shown[at], color=style.PURPLE, lw=0.9)
    single = at[isolated(shown[at])]
    ax.plot(time[single], shown[single], ".", color=style.PURPLE, ms=3)
    ax.set_ylabel("surprise")
    ax.set_title(f"total {np.sum(surprise):.4g} nats", loc="right", color=style.GREY, pad=2)
