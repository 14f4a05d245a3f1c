"""Trajectory correlations: which nodes' beliefs move together over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import InputError
from pynodes.plotting.batch import numbers_of
from pynodes.plotting.correlations import correlation_panel
from pynodes.plotting.selection import chosen, one_run, scalar

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


@boundary
def plot_trajectory_correlation(
    beliefs: Trajectories,
    nodes: Iterable[str] | None = None,
    *,
    field: str = "mean",
    ax: Axes | None = None,
) -> Axes:
    """Draw how much the beliefs of every two nodes move together over the steps of a run.

    Regressors that correlate cannot be told apart in a later analysis, such as one of images of the
    brain. A dash stands where a series does not move at all.

    Parameters
    ----------
    beliefs
        One run.
    nodes
        Names of the nodes; by default all that were kept and hold a number.
    field
        What of them: ``"mean"``, ``"precision"``, ``"value_error"``, ...
    ax
        Where to draw; by default new axes in a figure of suitable size.

    Returns
    -------
    The axes; nothing is shown or saved.

    Raises
    ------
    InputError
        Fewer than two nodes, or too few steps to correlate.
    FieldError
        A batch of runs, or a node that does not have the field as a number.
    """
    steps = one_run(beliefs)
    names = chosen(beliefs, numbers_of(beliefs) if nodes is None else nodes)
    if len(names) < 2 or steps < 3:
        raise InputError(
            f"{len(names)} nodes over {steps} steps cannot be correlated. Name two nodes or more, of a run "
            "of three steps or more."
        )
    series = np.stack(list(scalar(beliefs, names, field).values()))
    still = np.ptp(series, axis=1) == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.corrcoef(series)
    values[still] = values[:, still] = np.nan
    return correlation_panel(ax, values, tuple(names), f"correlation over time: {field}")
