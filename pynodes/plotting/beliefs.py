"""Beliefs over time: a panel for every node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pynodes._errors import FieldError, InputError
from pynodes.plotting import style
from pynodes.plotting.thinning import thinned

if TYPE_CHECKING:
    from pynodes._results.trajectories import NodeBeliefs, Trajectories

NORMAL_QUANTILE = {0.5: 0.6745, 0.8: 1.2816, 0.9: 1.6449, 0.95: 1.96, 0.99: 2.5758}
"""Half-widths, in standard deviations, of the central intervals of these probabilities."""


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
    its observations as points. Stretches without an observation are left without points. Long
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
        Probability of the band: 0.5, 0.8, 0.9, 0.95 or 0.99.
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
        No node, too many to draw, a band that is not tabulated, or times of another length.
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
    if credible not in NORMAL_QUANTILE:
        raise InputError(f"credible must be one of {list(NORMAL_QUANTILE)}, not {credible!r}.")
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
        for name, ax in zip(names, axes, strict=False):
            draw_node(ax, beliefs, name, axis, credible)
        if surprise:
            draw_surprise(axes[-1], axis, np.asarray(beliefs.surprise))
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


def draw_node(
    ax: Axes, beliefs: Trajectories, name: str, time: np.ndarray, credible: float
) -> None:
    """One node's panel."""
    node = beliefs[name]
    if beliefs.labels.graph.nodes[name].observable:
        draw_input(ax, time, np.asarray(node.predicted_mean), seen(node), name)
        return
    mean, precision = np.asarray(node.mean), np.asarray(node.precision)
    half = NORMAL_QUANTILE[credible] / np.sqrt(precision)
    at = thinned(mean, half)
    ax.fill_between(
        time[at], (mean - half)[at], (mean + half)[at], color=style.BLUE, alpha=0.2, lw=0
    )
    ax.plot(time[at], mean[at], color=style.BLUE, lw=1.2)
    ax.set_ylabel(name)
    ax.margins(x=0.01)
    ax.set_title(f"posterior mean, {credible:.0%} band", loc="right", color=style.GREY, pad=2)


def draw_input(
    ax: Axes, time: np.ndarray, prediction: np.ndarray, observed: np.ndarray, name: str
) -> None:
    """An input's panel: prediction as a line, observations as points."""
    at = thinned(prediction)
    ax.plot(time[at], prediction[at], color=style.GREEN, lw=1.2, zorder=3)
    few = len(time) <= 1000
    ax.plot(
        time,
        observed,
        ".",
        color=style.INK,
        ms=3 if few else 1,
        alpha=0.6,
        zorder=2,
        rasterized=not few,
    )
    ax.set_ylabel(name)
    ax.margins(x=0.01)
    ax.set_title("prediction, observations", loc="right", color=style.GREY, pad=2)


def seen(node: NodeBeliefs) -> np.ndarray:
    """An input's observations; NaN, which matplotlib leaves out, where nothing was observed."""
    return np.where(np.asarray(node.observed), np.asarray(node.mean), np.nan)


def draw_surprise(ax: Axes, time: np.ndarray, surprise: np.ndarray) -> None:
    """The surprise of every step, in nats."""
    shown = np.where(np.isfinite(surprise), surprise, np.nan)
    at = thinned(shown)
    ax.plot(time[at], shown[at], color=style.PURPLE, lw=0.9)
    ax.set_ylabel("surprise")
    ax.margins(x=0.01)
    ax.set_title(f"total {np.nansum(shown):.4g} nats", loc="right", color=style.GREY, pad=2)
