"""Correlations: of parameters in the posterior, and of nodes' beliefs over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import InputError
from pynodes.plotting import style
from pynodes.plotting.panels import name_sides, one_panel
from pynodes.plotting.runs import numbers_of
from pynodes.plotting.scales import ParameterLabels, check_labels
from pynodes.plotting.selection import one_run, scalar, select_nodes

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories
    from pynodes.fit.mode.map_fit import MapFit
    from pynodes.fit.sampling.samples import Samples


@boundary
def plot_correlation(
    fit: MapFit | Samples, *, labels: ParameterLabels = None, ax: Axes | None = None
) -> Axes:
    """Draw the posterior correlation of every two parameters of a subject; its mean over several subjects.

    Parameters
    ----------
    fit
        A fit by MAP, or samples.
    labels
        What to call parameters, by their names.
    ax
        Where to draw; by default new axes in a figure of suitable size.

    Returns
    -------
    The axes; nothing is shown or saved.

    Raises
    ------
    InputError
        A fit with one parameter, or a label for one that is not there.
    """
    check_labels(labels, fit.names)
    names = tuple((labels or {}).get(name, name) for name in fit.names)
    if len(names) < 2:
        raise InputError("There are no two parameters that could correlate.")
    each = correlations(fit)
    said = "posterior correlation" + (f", mean of {len(each)} subjects" if len(each) > 1 else "")
    return correlation_panel(ax, each.mean(axis=0), names, said)


def correlations(fit: MapFit | Samples) -> np.ndarray:
    """Posterior correlations in unconstrained space, of shape (subjects, values, values)."""
    from pynodes.fit.mode.map_fit import MapFit

    if isinstance(fit, MapFit):
        covariance = np.asarray(fit.posterior.covariance)
    else:
        drawn = np.moveaxis(fit.unconstrained, 2, 0)
        drawn = drawn.reshape(len(drawn), -1, drawn.shape[-1])
        centred = drawn - drawn.mean(axis=1, keepdims=True)
        covariance = np.einsum("sdi,sdj->sij", centred, centred)
    widths = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    return covariance / (widths[:, :, None] * widths[:, None, :])


def correlation_panel(
    ax: Axes | None, values: np.ndarray, names: tuple[str, ...], title: str
) -> Axes:
    """A panel that is as large as some correlations and their names need, with these in it."""
    side = 0.6 + 0.55 * len(names) + 0.05 * max(len(name) for name in names)
    with style.rules():
        ax = one_panel(ax, size=(side + 0.5, side))
        draw_correlations(ax, values, names)
        ax.set_title(title, color=style.GREY)
    return ax


def draw_correlations(ax: Axes, values: np.ndarray, names: tuple[str, ...]) -> None:
    """The lower triangle of a matrix of correlations, numbers in its cells."""
    below = np.tri(len(names), k=-1, dtype=bool)[1:, :-1]
    shown = np.where(below, values[1:, :-1], np.nan)
    ax.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1)
    for row, column in np.argwhere(below):
        value = shown[row, column]
        colour = "white" if abs(value) > 0.6 else style.INK
        known = bool(np.isfinite(value))
        ax.text(
            column,
            row,
            f"{round(float(value), 2) + 0.0:.2f}" if known else "–",
            ha="center",
            va="center",
            color=colour,
        )
    name_sides(ax, names[:-1], names[1:])


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
    names = select_nodes(beliefs, numbers_of(beliefs) if nodes is None else nodes)
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
