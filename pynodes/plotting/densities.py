"""Densities: what an exponential family predicted of its observations, at some steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import FieldError, InputError
from pynodes.nodes import ExponentialFamilyState
from pynodes.plotting import style
from pynodes.plotting.panels import one_panel
from pynodes.plotting.selection import a_step, one_run

if TYPE_CHECKING:
    from pynodes._results.node_beliefs import NodeBeliefs
    from pynodes._results.trajectories import Trajectories

FINE = 300
"""Points of a density."""

OVERLAP = 1.6
"""Height of the highest density, in rows."""

BARS = 0.85
"""The same of bars, which must not hide one another."""


@boundary
def plot_densities(
    beliefs: Trajectories,
    name: str,
    steps: Sequence[int] | int = 6,
    *,
    values: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw predictive densities of an exponential family above one another, the first step at the bottom.

    Each is the density of the observation at that step before it came, the parameters integrated out. Of
    counts and categories they are bars. All have one scale.

    Parameters
    ----------
    beliefs
        One run.
    name
        An :class:`~pynodes.ExponentialFamilyState` that observes numbers.
    steps
        Which steps; or how many, evenly spaced over the run.
    values
        What was observed, of shape (time,); the observations at these steps are then marked.
    ax
        Where to draw; by default new axes in a figure of suitable size.

    Returns
    -------
    The axes; nothing is shown or saved.

    Raises
    ------
    FieldError
        A batch of runs, or a node of another kind, or one that observes vectors.
    InputError
        A step that the run does not have, no step at all, or observations of another length.
    UnknownNodeError
        A name that the network does not have.
    """
    length = one_run(beliefs)
    node, kind = beliefs[name], beliefs.labels.graph.nodes[name]
    if not isinstance(kind, ExponentialFamilyState) or kind.event_shape:
        what = "observes vectors" if kind.event_shape else f"is a {type(kind).__name__}"
        raise FieldError(
            f"{name!r} {what}; densities are drawn of an ExponentialFamilyState that observes numbers."
        )
    rows = which_steps(steps, length)
    observed = None if values is None else np.asarray(values, float)
    if observed is not None and observed.shape != (length,):
        raise InputError(f"values must have shape ({length},), not {observed.shape}.")
    places = grid(kind, node, rows, observed)
    heights = np.stack([predictive_density(kind, node, step, places) for step in rows])
    bars = is_discrete(kind, places)
    tall = BARS if bars else OVERLAP
    scale = tall / heights.max()
    with style.rules():
        ax = one_panel(ax, size=(style.WIDTH * 0.62, 0.9 + 0.42 * len(rows)))
        for row in reversed(range(len(rows))):
            draw_density(ax, places, scale * heights[row], row, bars=bars)
        if observed is not None:
            ax.plot(
                observed[rows], range(len(rows)), "|", color=style.ORANGE, ms=9, mew=1.6, zorder=99
            )
        ax.set_yticks(range(len(rows)), [str(step) for step in rows])
        ax.set(xlabel=name, ylabel="step", ylim=(-0.25, len(rows) - 1 + tall + 0.15))
    return ax


def which_steps(steps: Sequence[int] | int, length: int) -> list[int]:
    """Steps of a run in order: those that were named, or so many of them."""
    if isinstance(steps, int | np.integer):
        if steps < 1:
            raise InputError(f"There must be one step or more to draw, not {steps}.")
        return sorted({round(place) for place in np.linspace(0, length - 1, min(steps, length))})
    found = sorted({a_step(step, length) for step in steps})
    if not found:
        raise InputError("There is no step to draw. Name some, or say how many.")
    return found


def grid(
    kind: ExponentialFamilyState, node: NodeBeliefs, rows: list[int], observed: np.ndarray | None
) -> np.ndarray:
    """Values at which densities are computed: those that the family can take, around its means."""
    mean, deviation = np.asarray(node.predicted_mean), np.sqrt(np.asarray(node.predicted_variance))
    if mean.ndim > 1:
        return np.arange(float(mean.shape[1]))
    low, high = (mean - 4 * deviation)[rows].min(), (mean + 4 * deviation)[rows].max()
    if observed is not None and np.isfinite(observed[rows]).any():
        low, high = min(low, np.nanmin(observed[rows])), max(high, np.nanmax(observed[rows]))
    if not kind.accepts(np.array([0.5]))[0]:
        places = np.arange(np.floor(low), np.ceil(high) + 1)
        return places[kind.accepts(places)]
    places = np.linspace(low, high, FINE)
    if not kind.accepts(places).all():
        places = np.linspace(max(low, 0.0), high, FINE)
    return places


def is_discrete(kind: ExponentialFamilyState, places: np.ndarray) -> bool:
    """Whether the family takes whole numbers only."""
    return not kind.accepts(places[:1] + 0.5)[0]


def predictive_density(
    kind: ExponentialFamilyState, node: NodeBeliefs, step: int, places: np.ndarray
) -> np.ndarray:
    """The predictive density at a step, at some values."""
    expected = jnp.asarray(node.predicted_statistics)[step]
    count = jnp.asarray(node.predicted_pseudo_count)[step]
    values = jnp.asarray(places, expected.dtype)
    return np.exp(
        np.asarray(jax.vmap(lambda x: kind.family.log_density(x, expected, count))(values))
    )


def draw_density(ax: Axes, places: np.ndarray, height: np.ndarray, row: int, *, bars: bool) -> None:
    """One density, standing on its row in front of those above it."""
    options: dict[str, Any] = {"zorder": 50 - row, "lw": 1.0}
    if bars:
        ax.bar(places, height, 0.7, bottom=row, color=style.BLUE, zorder=50 - row, lw=0)
        ax.axhline(row, color=style.PALE, lw=0.8, zorder=0)
        return
    ax.fill_between(
        places, row, row + height, facecolor="#CFE2EF", edgecolor="none", zorder=50 - row
    )
    ax.plot(places, row + height, color=style.BLUE, **options)
