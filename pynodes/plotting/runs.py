"""Runs: what several networks, subjects or parameters believed of their data, side by side or at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import FieldError, InputError, quote
from pynodes._geometry import thin
from pynodes.plotting import style
from pynodes.plotting.beliefs import finish_figure
from pynodes.plotting.node_panel import marker_of_line
from pynodes.plotting.panels import Given, Panels, arrange_panels
from pynodes.plotting.selection import (
    anything_seen,
    check_mass,
    one_run,
    scalar,
    select_nodes,
    shade,
    times,
)

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
    Steps at which no run saw anything are shaded.

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
    found = shown_values(
        beliefs, select_nodes(beliefs, numbers_of(beliefs) if nodes is None else nodes)
    )
    unseen = ~anything_seen(beliefs).reshape(-1, shape[-1]).any(axis=0)
    if surprise:
        found["surprise"] = np.where(unseen, np.nan, np.asarray(beliefs.surprise))
    with style.rules():
        size = (style.WIDTH, 0.6 + 1.15 * len(found))
        panels = arrange_panels(list(found), axes, size=size, sharex=True)
        for name, ax in panels.items():
            rows = found[name].reshape(-1, shape[-1])
            for place, (group, mine) in enumerate(members.items()):
                colour = style.MANY[place % len(style.MANY)]
                draw_many(ax, axis, rows[mine], mass, colour, str(group))
            shade(ax, axis, unseen)
            ax.set_ylabel(name)
        runs = int(np.prod(shape[:-1]))
        said = f"median and {100 * mass:.4g}% of {runs} runs"
        panels.axes[0].set_title(said, loc="right", color=style.GREY, pad=2)
        if groups is not None:
            panels.explain_below(min(len(members), 6))
        finish_figure(panels, "step" if time is None else "time", title)
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
    at = np.union1d(np.union1d(thin(low), thin(high)), thin(middle))
    if len(rows) > 1:
        ax.fill_between(time[at], low[at], high[at], color=colour, alpha=0.22, lw=0)
    for row in rows if 1 < len(rows) <= FEW else []:
        own = thin(row)
        ax.plot(time[own], row[own], color=colour, lw=0.5, alpha=0.45)
    ax.plot(time[at], middle[at], color=colour, lw=1.4, marker=marker_of_line(time), label=label)


DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
"""Lines of the runs, so that readers without colour can tell them apart too."""


@boundary
def plot_runs(
    runs: Mapping[str, Trajectories],
    nodes: Iterable[str] | None = None,
    *,
    time: Any = None,
    evidence: bool = True,
    title: str | None = None,
    axes: Given = None,
) -> Panels:
    """Draw what several networks believed about the same data, a line each.

    A state is shown by its posterior mean, an input by its prediction. The last panel says which network
    expected the data better: the log evidence that it has gained on the first one so far, in nats.

    Parameters
    ----------
    runs
        Two runs or more by name, over as many steps. That they saw the same data is not checked.
    nodes
        Names of the nodes; by default those that all runs have and that hold a number.
    time
        What to write on the horizontal axis, of shape (time,); by default the step.
    evidence
        Whether there is the last panel.
    title
        Title of the figure.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by the names of the nodes, and ``"evidence"``; nothing is shown or saved.

    Raises
    ------
    InputError
        Fewer than two runs, runs of different lengths, or no node that all of them have.
    FieldError
        A batch of runs, or a node whose beliefs were not kept, or are arrays.
    """
    if not isinstance(runs, Mapping) or len(runs) < 2:
        raise InputError(
            "Name two runs or more, as in plot_runs({'one': beliefs, 'other': others})."
        )
    lengths = {name: one_run(run) for name, run in runs.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"The runs must have the same number of steps, not {lengths}.")
    axis = times(time, next(iter(lengths.values())))
    names = find_common_nodes(runs) if nodes is None else nodes
    first = next(iter(runs.values()))
    found = {run: shown_values(one, select_nodes(one, names)) for run, one in runs.items()}
    shown = [*select_nodes(first, names), *(["evidence"] if evidence else [])]
    with style.rules():
        size = (style.WIDTH, 0.8 + 1.15 * len(shown))
        panels = arrange_panels(shown, axes, size=size, sharex=True)
        for place, (run, one) in enumerate(runs.items()):
            for name, values in found[run].items():
                draw_run(panels[name], axis, values, place, run)
            if evidence:
                gained = np.cumsum(np.asarray(first.surprise - one.surprise))
                draw_run(panels["evidence"], axis, gained, place, run)
        unseen = ~np.any([anything_seen(one) for one in runs.values()], axis=0)
        for name, ax in panels.items():
            ax.set_ylabel(name)
            shade(ax, axis, unseen)
        if evidence:
            said = f"log evidence gained on {next(iter(runs))}, in nats"
            panels["evidence"].set_title(said, loc="right", color=style.GREY, pad=2)
        panels.explain_below(min(len(runs), 4))
        finish_figure(panels, "step" if time is None else "time", title)
    return panels


def find_common_nodes(runs: Mapping[str, Trajectories]) -> list[str]:
    """Nodes of the first run that all others have, and that hold a number in all."""
    first, *others = (numbers_of(run) for run in runs.values())
    names = [name for name in first if all(name in other for other in others)]
    if not names:
        raise InputError(
            f"The runs share no node: the first has {quote(first)}. Name the nodes alike in all networks."
        )
    return names


def draw_run(ax: Axes, time: np.ndarray, values: np.ndarray, place: int, label: str) -> None:
    """One run's line."""
    at = thin(values)
    ax.plot(
        time[at],
        values[at],
        color=style.MANY[place % len(style.MANY)],
        ls=DASHES[place % len(DASHES)],
        lw=1.2,
        marker=marker_of_line(time),
        label=label,
    )
