"""Forecasts: fans of what may come, behind what has been."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import FieldError, InputError
from pynodes._geometry import thin
from pynodes.plotting import style
from pynodes.plotting.beliefs import finish_figure
from pynodes.plotting.node_panel import marker_of_line
from pynodes.plotting.panels import Given, Panels, arrange_panels
from pynodes.plotting.selection import (
    MOST,
    anything_seen,
    check_mass,
    observed_values,
    one_run,
    shade,
)

if TYPE_CHECKING:
    from pynodes._results.simulations import Forecast
    from pynodes._results.trajectories import Trajectories

MASSES = (0.5, 0.8, 0.95)
"""Shares of the draws that the bands of a fan hold."""


@boundary
def plot_forecast(
    forecast: Forecast,
    nodes: Iterable[str] | None = None,
    *,
    history: Trajectories | None = None,
    masses: Sequence[float] = MASSES,
    draws: int = 0,
    time: Any = None,
    last: int | None = None,
    title: str | None = None,
    axes: Given = None,
) -> Panels:
    """Draw a forecast as fans: the median, and central bands that hold a half and more of the draws.

    Of a node that is either 0 or 1 the share of ones is drawn. With draws of parameters from priors, and no
    history, this is a prior predictive check.

    Parameters
    ----------
    forecast
        Draws of the future, as ``network.forecast`` makes them.
    nodes
        Names of the nodes; by default all that were kept, at most thirty.
    history
        The run that the forecast started from, drawn before it: means of states, observations of inputs.
    masses
        Shares of the draws that the bands hold, each between 0 and 1.
    draws
        How many draws are also shown, as thin lines.
    time
        What to write on the horizontal axis: of history and forecast, one entry per step of both; or of the
        history alone, which then goes on with its usual interval. By default the step.
    last
        How many steps of the history are shown, counted from its end; by default all.
    title
        Title of the figure.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by the names of the nodes; nothing is shown or saved. Gaps of the history are shaded.

    Raises
    ------
    InputError
        No node, too many to draw, a share that is none, more draws than there are, or times of another
        length.
    FieldError
        A node that was not kept, or whose values are arrays; a history that is a batch of runs.
    """
    names = [nodes] if isinstance(nodes, str) else list(forecast.names if nodes is None else nodes)
    found = {name: np.asarray(forecast[name]) for name in names}
    check_past(found, masses, draws)
    steps = 0 if history is None else one_run(history)
    ahead = next(iter(found.values())).shape[1]
    axis, first = extend_times(time, steps, ahead), first_shown(last, steps)
    for name in names if history is not None else []:
        history[name]  # type: ignore[index]
    with style.rules():
        panels = arrange_panels(
            names, axes, size=(style.WIDTH, 0.7 + 1.4 * len(names)), sharex=True
        )
        for name, ax in panels.items():
            if history is not None:
                draw_history(ax, history, name, axis[:steps], first)
                ax.axvline(axis[steps - 1], color=style.GREY, lw=0.8, ls=":")
            draw_fan(ax, axis[steps:], found[name], masses, draws)
            ax.set_ylabel(name)
        said = ", ".join(f"{100 * mass:.4g}" for mass in masses)
        panels.axes[0].set_title(f"median, {said}%", loc="right", color=style.GREY, pad=2)
        finish_figure(panels, "step" if time is None else "time", title)
    return panels


def extend_times(time: Any, steps: int, ahead: int) -> np.ndarray:
    """When every step of a history and a forecast is."""
    if time is None:
        return np.arange(steps + ahead)
    given = np.asarray(time)
    if given.shape == (steps,) and steps > 1:
        usual = np.median(np.diff(given)) if given.dtype.kind != "M" else median_wait(given)
        return np.concatenate([given, given[-1] + usual * np.arange(1, ahead + 1)])
    if given.shape != (steps + ahead,):
        raise InputError(
            f"time must have shape ({steps + ahead},), an entry per step of history and forecast, or "
            f"({steps},) of the history, not {given.shape}."
        )
    return given


def median_wait(stamps: np.ndarray) -> Any:
    """The usual time between dates."""
    waits = np.diff(stamps)
    return np.median(waits.astype("int64")).astype("int64").astype(waits.dtype)


def first_shown(last: int | None, steps: int) -> int:
    """The first step of a history that is shown."""
    if last is None:
        return 0
    if isinstance(last, bool) or not isinstance(last, int | np.integer) or last < 1:
        raise InputError(f"last must be a number of steps, one or more, not {last!r}.")
    return max(steps - int(last), 0)


def check_past(found: dict[str, np.ndarray], masses: Sequence[float], draws: int) -> None:
    """That there is something to draw, and that it can be drawn as fans."""
    if not found:
        raise InputError("There is no node to draw. Name some that were kept, or leave nodes out.")
    if len(found) > MOST:
        raise InputError(f"{len(found)} panels are too many to read. Name some nodes.")
    for name, values in found.items():
        if values.ndim != 2:
            raise FieldError(
                f"{name!r} is an array at every step, and a fan needs a number. Leave the node out."
            )
    for mass in masses:
        check_mass("masses", mass)
    most = next(iter(found.values())).shape[0]
    if not 0 <= draws <= most:
        raise InputError(
            f"draws must be a number from 0 to {most}, as many as there are: {draws!r}."
        )


def draw_fan(
    ax: Axes, time: np.ndarray, values: np.ndarray, masses: Sequence[float], draws: int
) -> None:
    """Median and bands of draws over time; the share of ones, of what is 0 or 1."""
    if np.isin(values, (0, 1)).all():
        ax.plot(time, values.mean(axis=0), color=style.BLUE, lw=1.4, marker=marker_of_line(time))
        ax.set_ylim(-0.05, 1.05)
        return
    for mass in sorted(masses, reverse=True):
        low, high = np.quantile(values, (0.5 - mass / 2, 0.5 + mass / 2), axis=0)
        at = np.union1d(thin(low), thin(high))
        ax.fill_between(time[at], low[at], high[at], color=style.BLUE, alpha=0.2, lw=0)
    for row in values[:draws]:
        at = thin(row)
        ax.plot(time[at], row[at], color=style.GREY, lw=0.5, alpha=0.7)
    middle = np.median(values, axis=0)
    at = thin(middle)
    ax.plot(time[at], middle[at], color=style.BLUE, lw=1.4, marker=marker_of_line(time))


def draw_history(ax: Axes, history: Trajectories, name: str, time: np.ndarray, first: int) -> None:
    """What was believed of a state, or observed of an input, from a step on before the forecast."""
    node: Any = history[name]
    observable = history.labels.graph.nodes[name].observable and np.ndim(node.mean) == 1
    seen = np.asarray(node.observed) if observable else anything_seen(history)
    time = time[first:]
    shade(ax, time, ~seen[first:])
    if observable:
        few = len(time) <= 1000
        values = observed_values(node)[first:]
        ax.plot(time, values, ".", color=style.INK, ms=3, alpha=0.6, rasterized=not few)
        return
    mean = np.asarray(node.mean)[first:]
    at = thin(mean)
    ax.plot(time[at], mean[at], color=style.INK, lw=1.0, marker=marker_of_line(time))
