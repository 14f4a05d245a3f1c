"""Runs: what several networks believed about the same data, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import InputError, listed
from pynodes._geometry import thinned
from pynodes.plotting import style
from pynodes.plotting.batch import numbers_of, shown_values
from pynodes.plotting.beliefs import finish
from pynodes.plotting.missing import anything_seen, shade
from pynodes.plotting.node_panel import alone
from pynodes.plotting.panels import Given, Panels, arranged
from pynodes.plotting.selection import chosen, one_run, times

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories

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
    names = shared(runs) if nodes is None else nodes
    first = next(iter(runs.values()))
    found = {run: shown_values(one, chosen(one, names)) for run, one in runs.items()}
    shown = [*chosen(first, names), *(["evidence"] if evidence else [])]
    with style.rules():
        size = (style.WIDTH, 0.8 + 1.15 * len(shown))
        panels = arranged(shown, axes, size=size, sharex=True)
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
        finish(panels, "step" if time is None else "time", title)
    return panels


def shared(runs: Mapping[str, Trajectories]) -> list[str]:
    """Nodes of the first run that all others have, and that hold a number in all."""
    first, *others = (numbers_of(run) for run in runs.values())
    names = [name for name in first if all(name in other for other in others)]
    if not names:
        raise InputError(
            f"The runs share no node: the first has {listed(first)}. Name the nodes alike in all networks."
        )
    return names


def draw_run(ax: Axes, time: np.ndarray, values: np.ndarray, place: int, label: str) -> None:
    """One run's line."""
    at = thinned(values)
    ax.plot(
        time[at],
        values[at],
        color=style.MANY[place % len(style.MANY)],
        ls=DASHES[place % len(DASHES)],
        lw=1.2,
        marker=alone(time),
        label=label,
    )
