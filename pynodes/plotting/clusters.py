"""Clusters: which observations a Dirichlet process takes for one sort, and how sorts come and grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import FieldError, InputError
from pynodes.nodes import DirichletProcessState
from pynodes.plotting import style
from pynodes.plotting.beliefs import finish_figure
from pynodes.plotting.panels import Given, Panels, arrange_panels
from pynodes.plotting.selection import one_run, times

if TYPE_CHECKING:
    from pynodes._results.node_beliefs import NodeBeliefs
    from pynodes._results.trajectories import Trajectories

SHAPES = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Marks of the components, so that readers without colour can tell them apart too."""


@boundary
def plot_clusters(
    beliefs: Trajectories,
    name: str,
    values: Any,
    *,
    time: Any = None,
    axes: Given = None,
) -> Panels:
    """Draw what a Dirichlet process made of its observations: clusters, weights, and how many.

    Observations have the colour and the mark of the component that took most of them, by the most
    probable partition at their time; lines are the components' means, bands a standard deviation.

    Parameters
    ----------
    beliefs
        One run.
    name
        A :class:`~pynodes.DirichletProcessState`.
    values
        What it observed, of shape (time,); NaN where nothing.
    time
        What to write on the horizontal axis, of shape (time,); by default the step.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels ``"observations"``, ``"weights"`` and ``"components"``; nothing is shown or saved.

    Raises
    ------
    FieldError
        A batch of runs, or a node of another kind, or one that observes vectors.
    InputError
        Observations or times of another length.
    UnknownNodeError
        A name that the network does not have.
    """
    axis = times(time, one_run(beliefs))
    node, kind = beliefs[name], beliefs.labels.graph.nodes[name]
    if not isinstance(kind, DirichletProcessState) or kind.event_shape:
        what = "observes vectors" if kind.event_shape else f"is a {type(kind).__name__}"
        raise FieldError(
            f"{name!r} {what}; clusters are drawn of a DirichletProcessState that observes numbers."
        )
    observed = np.asarray(values, float)
    if observed.shape != axis.shape:
        raise InputError(f"values must have shape {axis.shape}, not {observed.shape}.")
    with style.rules():
        panels = arrange_panels(
            ["observations", "weights", "components"],
            axes,
            size=(style.WIDTH, 4.6),
            sharex=True,
            height_ratios=(3, 1, 1),
        )
        ever = np.flatnonzero(np.asarray(node.counts).max(axis=0) > 0)
        for place in ever:
            draw_component(panels, axis, node, observed, int(place))
        panels["observations"].set_ylabel(name)
        panels["weights"].set(ylabel="weight", ylim=(0, 1))
        draw_numbers(panels["components"], axis, node)
        finish_figure(panels, "step" if time is None else "time")
    return panels


def draw_component(
    panels: Panels, time: np.ndarray, node: NodeBeliefs, observed: np.ndarray, place: int
) -> None:
    """One component: its observations, its mean while it is open, and its weight."""
    colour, mark = style.MANY[place % len(style.MANY)], SHAPES[place % len(SHAPES)]
    own = np.asarray(node.assigned) == place
    there = np.asarray(node.counts)[:, place] > 0
    mean = np.where(there, np.asarray(node.means)[:, place], np.nan)
    half = np.sqrt(np.where(there, np.asarray(node.variances)[:, place], np.nan))
    top = panels["observations"]
    top.fill_between(time, mean - half, mean + half, color=colour, alpha=0.15, lw=0)
    top.plot(time, mean, color=colour, lw=1.2)
    top.plot(time[own], observed[own], mark, color=colour, ms=2.8, mew=0)
    panels["weights"].plot(time, np.asarray(node.weights)[:, place], color=colour, lw=1.2)


def draw_numbers(ax: Axes, time: np.ndarray, node: NodeBeliefs) -> None:
    """How many components are open, and how sure the partition is."""
    active = np.asarray(node.active)
    ax.step(time, active, color=style.INK, where="post", lw=1.2, label="open components")
    ax.plot(time, np.asarray(node.certainty), color=style.GREY, lw=0.9, ls="--", label="certainty")
    ax.set(ylabel="number", ylim=(0, 1.5 * active.max() + 0.5))
    ax.legend(frameon=False, loc="upper left", ncols=2, handlelength=1.4, borderpad=0)
