"""Batches: what many subjects, or a model under many parameters, believed at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import FieldError, InputError
from pynodes._geometry import thinned
from pynodes.plotting import style
from pynodes.plotting.beliefs import finish
from pynodes.plotting.node_panel import alone
from pynodes.plotting.panels import Given, Panels, arranged
from pynodes.plotting.selection import check_mass, chosen, scalar, times

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories

FEW = 12
"""Runs of a group up to which each has a line of its own."""


@boundary
def plot_batch(
    beliefs: Trajectories,
    nodes: Iterable[str] | None = None,
    *,
    groups: Sequence[Any] | None = None,
    mass: float = 0.8,
    time: Any = None,
    surprise: bool = True,
    title: str | None = None,
    axes: Given = None,
) -> Panels:
    """Draw many runs at once, of subjects or of parameter sets: the median, and a band that holds most runs.

    The band is about how runs differ, not about how uncertain any of them is. A state is shown by its
    posterior mean, an input by its prediction. Up to twelve runs of a group have thin lines of their own.

    Parameters
    ----------
    beliefs
        A batch of runs, as ``jax.vmap`` of ``network.filter`` returns it.
    nodes
        Names of the nodes; by default all that were kept and hold a number, at most thirty.
    groups
        The group of every run, in their order: a median and a band for each, in colours of their own.
    mass
        The share of the runs that the band holds, between 0 and 1.
    time
        What to write on the horizontal axis, of shape (time,); by default the step.
    surprise
        Whether a last panel shows the surprise of every step.
    title
        Title of the figure.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by the names of the nodes, and ``"surprise"``; nothing is shown or saved.

    Raises
    ------
    FieldError
        A single run, or a node whose beliefs were not kept, or are arrays.
    InputError
        No node, too many to draw, as many groups as there are not, a mass that is none.
    """
    shape = np.shape(beliefs.status.alive)
    if len(shape) < 2:
        raise FieldError(
            "This draws a batch of runs, and was given one. Draw it with beliefs.plot(), or filter many "
            "series at once with jax.vmap."
        )
    check_mass("mass", mass)
    axis, members = times(time, shape[-1]), members_of(groups, int(np.prod(shape[:-1])))
    found = shown_values(beliefs, chosen(beliefs, numbers_of(beliefs) if nodes is None else nodes))
    if surprise:
        found["surprise"] = np.asarray(beliefs.surprise)
    with style.rules():
        size = (style.WIDTH, 0.6 + 1.15 * len(found))
        panels = arranged(list(found), axes, size=size, sharex=True)
        for name, ax in panels.items():
            rows = found[name].reshape(-1, shape[-1])
            for place, (group, mine) in enumerate(members.items()):
                colour = style.MANY[place % len(style.MANY)]
                draw_many(ax, axis, rows[mine], mass, colour, str(group))
            ax.set_ylabel(name)
        runs = int(np.prod(shape[:-1]))
        said = f"median and {100 * mass:.4g}% of {runs} runs"
        panels.axes[0].set_title(said, loc="right", color=style.GREY, pad=2)
        if groups is not None:
            panels.explain_below(min(len(members), 6))
        finish(panels, "step" if time is None else "time", title)
    return panels


def numbers_of(beliefs: Trajectories) -> list[str]:
    """The nodes that learn, and whose beliefs are summarised by a number."""
    rank, kinds = np.ndim(beliefs.status.alive), beliefs.labels.graph.nodes
    return [
        name
        for name in beliefs.names
        if kinds[name].learns
        and "mean" in beliefs[name].fields
        and np.ndim(beliefs[name].mean) == rank
    ]


def shown_values(beliefs: Trajectories, names: list[str]) -> dict[str, np.ndarray]:
    """What stands for every node: predictions of inputs, posterior means of others."""
    kinds = beliefs.labels.graph.nodes
    return {
        name: scalar(beliefs, [name], "predicted_mean" if kinds[name].observable else "mean")[name]
        for name in names
    }


def members_of(groups: Sequence[Any] | None, runs: int) -> dict[Any, np.ndarray]:
    """Which runs are in every group, in the order in which groups come."""
    if groups is None:
        return {"all": np.arange(runs)}
    labels = np.asarray(groups)
    if labels.shape != (runs,):
        raise InputError(
            f"groups must name the group of each of the {runs} runs, not have shape {labels.shape}."
        )
    return {label: np.flatnonzero(labels == label) for label in dict.fromkeys(labels.tolist())}


def draw_many(
    ax: Axes, time: np.ndarray, rows: np.ndarray, mass: float, colour: str, label: str
) -> None:
    """One group's median and band, and its runs if they are few."""
    with np.errstate(invalid="ignore"):
        low, middle, high = np.quantile(rows, (0.5 - mass / 2, 0.5, 0.5 + mass / 2), axis=0)
    at = np.union1d(np.union1d(thinned(low), thinned(high)), thinned(middle))
    if len(rows) > 1:
        ax.fill_between(time[at], low[at], high[at], color=colour, alpha=0.22, lw=0)
    for row in rows if 1 < len(rows) <= FEW else []:
        own = thinned(row)
        ax.plot(time[own], row[own], color=colour, lw=0.5, alpha=0.45)
    ax.plot(time[at], middle[at], color=colour, lw=1.4, marker=alone(time), label=label)
