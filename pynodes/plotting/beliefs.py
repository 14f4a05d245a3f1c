"""Beliefs over time: a panel for every node."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import InputError
from pynodes._geometry import thin
from pynodes._graph.edges import find_edge
from pynodes.plotting import style
from pynodes.plotting.node_panel import draw_node, draw_surprise, marker_of_line
from pynodes.plotting.panels import Given, Panels, arrange_panels
from pynodes.plotting.selection import (
    anything_seen,
    check_mass,
    one_run,
    select_nodes,
    shade,
    times,
)

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


LINE = 100
"""Characters of a line of words below a figure."""


@boundary
def plot_beliefs(
    beliefs: Trajectories,
    nodes: Iterable[str] | None = None,
    *,
    time: Any = None,
    credible: float = 0.9,
    surprise: bool = True,
    rates: str | Iterable[str] = (),
    responses: Mapping[str, Any] | None = None,
    title: str | None = None,
    axes: Given = None,
) -> Panels:
    """Draw what nodes believed, a panel each, highest level on top.

    A state is drawn as its posterior mean with a credible band; an input as its prediction, with
    its observations as points. Stretches without an observation are shaded; the surprise, which is then
    zero, and rates, at which nothing was then learned, are left out. A band that grows very wide in such a
    stretch is cut by the panel. Long series are thinned without hiding an extreme.

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
    rates
        Edges whose effective learning rates have a panel each, as in ``"x2->u"``; see
        :meth:`~pynodes.Trajectories.edge`.
    responses
        What an agent did, by name, each of shape (time,) with NaN where nothing; a panel each.
    title
        Title of the figure.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by the names of nodes, edges and responses, and ``"surprise"``; nothing is shown or saved.

    Raises
    ------
    InputError
        No node, too many to draw, a band of no probability, times or responses of another length.
    FieldError
        A batch of runs, a node whose beliefs were not kept, an edge without a learning rate.
    """
    steps = one_run(beliefs)
    names = select_nodes(beliefs, nodes)
    axis = times(time, steps)
    check_mass("credible", credible)
    learned = {
        name: observed_rate(beliefs, name)
        for name in ([rates] if isinstance(rates, str) else rates)
    }
    done = {
        name: check_responses(name, values, steps) for name, values in (responses or {}).items()
    }
    shown = [*names, *done, *learned, *(["surprise"] if surprise else [])]
    with style.rules():
        size = (style.WIDTH, 0.6 + 1.15 * len(shown))
        panels = arrange_panels(shown, axes, size=size, sharex=True)
        said: set[str] = set()
        for name in names:
            note = draw_node(panels[name], beliefs, name, axis, credible)
            if note not in said:
                panels[name].set_title(note, loc="right", color=style.GREY, pad=2)
            said.add(note)
        for name, values in done.items():
            draw_responses(panels[name], axis, values)
        for name, values in learned.items():
            draw_rate(panels[name], axis, values)
        seen = anything_seen(beliefs)
        if surprise:
            draw_surprise(panels["surprise"], axis, np.asarray(beliefs.surprise), seen)
        for name in shown:
            if name not in beliefs or not beliefs.labels.graph.nodes[name].observable:
                shade(panels[name], axis, ~seen)
        finish_figure(panels, "step" if time is None else "time", title)
        warn_below(panels, axis, beliefs)
        for name in shown:
            panels[name].set_ylabel(name)
    return panels


def finish_figure(panels: Panels, label: str, title: str | None = None) -> None:
    """What all figures over time have in common: narrow margins, one label, a title."""
    for ax in panels.axes:
        ax.margins(x=0.01)
    panels.axes[-1].set_xlabel(label)
    if panels.own:
        panels.figure.align_ylabels(panels.axes)
    panels.entitle(title)


def warn_below(panels: Panels, axis: np.ndarray, beliefs: Trajectories) -> None:
    """What the status says of a run that did not go well, below it, and a line where that began."""
    status = beliefs.status
    if status.step is None:
        return
    for ax in panels.axes:
        ax.axvline(axis[status.step], color=style.ORANGE, lw=0.8, ls=":")
    lower = panels.axes[-1]
    lower.set_xlabel(f"{lower.get_xlabel()}\n\n{textwrap.fill(status.message, LINE)}")


def observed_rate(beliefs: Trajectories, edge: str) -> np.ndarray:
    """The learning rate of an edge; NaN where its child is an input that observed nothing."""
    rate, child = (
        np.asarray(beliefs.edge(edge).learning_rate),
        find_edge(beliefs.labels.graph, edge)[1],
    )
    if not beliefs.labels.graph.nodes[child].observable:
        return rate
    return np.where(np.asarray(beliefs[child].observed), rate, np.nan)


def check_responses(name: str, values: Any, steps: int) -> np.ndarray:
    """Responses of one kind, as many as there are steps."""
    found = np.asarray(values, float)
    if found.shape != (steps,):
        raise InputError(
            f"responses[{name!r}] must have shape ({steps},), one entry per step, not {found.shape}. "
            "Write NaN where there was none."
        )
    return found


def draw_responses(ax: Axes, time: np.ndarray, values: np.ndarray) -> None:
    """What an agent did, a point each."""
    few = len(time) <= 1000
    ax.plot(time, values, ".", color=style.ORANGE, ms=3 if few else 1.5, rasterized=not few)
    ax.set_title("responses", loc="right", color=style.GREY, pad=2)


def draw_rate(ax: Axes, time: np.ndarray, rate: np.ndarray) -> None:
    """How much a parent moved per unit of its child's error."""
    at = thin(rate)
    ax.plot(time[at], rate[at], color=style.ORANGE, lw=1.0, marker=marker_of_line(time))
    ax.set_title("effective learning rate", loc="right", color=style.GREY, pad=2)
