"""Selection: which run, nodes and times a figure is about, and which of its values can be seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._errors import FieldError, InputError
from pynodes.plotting import style

if TYPE_CHECKING:
    from pynodes._results.node_beliefs import NodeBeliefs
    from pynodes._results.trajectories import Trajectories


MOST = 30
"""Panels above one another that can still be read."""


def one_run(beliefs: Trajectories) -> int:
    """The number of steps of a run; an error if there are several runs, or a single step without time."""
    if np.ndim(beliefs.status.alive) != 1:
        raise FieldError(
            "This draws one run. Index the batch first, with jax.tree.map(lambda x: x[0], beliefs), or draw "
            "all of them with pynodes.plotting.plot_batch(beliefs)."
            if np.ndim(beliefs.status.alive)
            else "This draws a run over time, not a single step. Take beliefs of network.filter."
        )
    return np.shape(beliefs.status.alive)[0]


def select_nodes(beliefs: Trajectories, nodes: Any, *, drawable: bool = True) -> list[str]:
    """The nodes to draw, highest level first; all that are worth a panel, unless some are named."""
    if isinstance(nodes, str):
        nodes = [nodes]
    kinds = beliefs.labels.graph.nodes
    names: list[str] = (
        [name for name in beliefs.names if kinds[name].learns or not drawable]
        if nodes is None
        else list(nodes)
    )
    for name in names:
        beliefs[name]
    if not names:
        raise InputError("There is no node to draw. Name recorded ones, or leave nodes out.")
    if len(names) > MOST:
        raise InputError(
            f"{len(names)} panels are too many to read. Name some nodes, as in plot(['x1', 'x2'])."
        )
    return sorted(dict.fromkeys(names), key=lambda name: -beliefs.labels.nodes[name][0])


def scalar(beliefs: Trajectories, names: Iterable[str], field: str) -> dict[str, np.ndarray]:
    """A field of some nodes, which must be a number at every step.

    Raises
    ------
    FieldError
        A node without the field, or one whose field is an array.
    """
    rank = np.ndim(beliefs.status.alive)
    found = {name: np.asarray(getattr(beliefs[name], field)) for name in names}
    wide = [name for name, values in found.items() if values.ndim > rank]
    if wide:
        raise FieldError(
            f"{field} of {wide[0]!r} is an array at every step, and this needs a number. Leave the node out."
        )
    return found


def times(time: Any, steps: int) -> np.ndarray:
    """What is written along the horizontal axis: the steps unless something is given."""
    axis = np.arange(steps) if time is None else np.asarray(time)
    if axis.shape != (steps,):
        raise InputError(f"time must have shape ({steps},), one entry per step, not {axis.shape}.")
    return axis


def a_step(step: Any, steps: int) -> int:
    """A step of a run, counted from its end if it is negative."""
    whole = isinstance(step, int | np.integer) and not isinstance(step, bool)
    if not whole or not -steps <= step < steps:
        raise InputError(f"step must be a whole number from {-steps} to {steps - 1}, not {step!r}.")
    return int(step) % steps


def check_mass(name: str, mass: Any) -> None:
    """That a share is one: strictly between 0 and 1."""
    if not isinstance(mass, float) or not 0 < mass < 1:
        raise InputError(
            f"{name} must be a probability between 0 and 1, such as 0.9, not {mass!r}."
        )


VISIBLE = 300
"""Missing stretches are shaded from this fraction of the series on; shorter ones would not show."""


def shade(ax: Axes, time: np.ndarray, missing: np.ndarray) -> None:
    """Shades the longer stretches without an observation."""
    for start, stop in gaps(missing):
        ax.axvspan(time[start], time[stop], color=style.PALE, alpha=0.5, lw=0, zorder=0)


def find_lone_points(series: np.ndarray) -> np.ndarray:
    """Which values have no neighbour that a line could lead to."""
    there = np.concatenate([[False], np.isfinite(series), [False]])
    return there[1:-1] & ~there[:-2] & ~there[2:]


def gaps(missing: np.ndarray) -> list[tuple[int, int]]:
    """The observations before and after every stretch of missing ones that is long enough to be seen."""
    edges = np.concatenate([[False], missing, [False]])
    starts, stops = np.flatnonzero(np.diff(edges.astype(int)).reshape(-1)).reshape(-1, 2).T
    last = len(missing) - 1
    return [
        (max(int(start) - 1, 0), min(int(stop), last))
        for start, stop in zip(starts, stops, strict=True)
        if stop - start >= len(missing) / VISIBLE
    ]


def observed_values(node: NodeBeliefs) -> np.ndarray:
    """An input's observations; NaN, which matplotlib leaves out, where nothing was observed."""
    return np.where(np.asarray(node.observed), np.asarray(node.mean), np.nan)


def anything_seen(beliefs: Trajectories) -> np.ndarray:
    """Whether any input was observed, by step, of one run or of a batch."""
    found = np.zeros(np.shape(beliefs.status.alive), bool)
    for group in beliefs.surprises:
        mask = np.asarray(beliefs.observed.get(group, True))
        found |= mask.any(axis=tuple(range(found.ndim, mask.ndim)))
    return found
