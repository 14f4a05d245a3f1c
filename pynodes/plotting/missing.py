"""Missing: the stretches of a series without an observation, and what can be seen around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from pynodes.plotting import style

if TYPE_CHECKING:
    from pynodes._results.node_beliefs import NodeBeliefs
    from pynodes._results.trajectories import Trajectories

VISIBLE = 300
"""Missing stretches are shaded from this fraction of the series on; shorter ones would not show."""


def shade(ax: Axes, time: np.ndarray, missing: np.ndarray) -> None:
    """Shades the longer stretches without an observation."""
    for start, stop in gaps(missing):
        ax.axvspan(time[start], time[stop], color=style.PALE, alpha=0.5, lw=0, zorder=0)


def isolated(series: np.ndarray) -> np.ndarray:
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


def seen(node: NodeBeliefs) -> np.ndarray:
    """An input's observations; NaN, which matplotlib leaves out, where nothing was observed."""
    return np.where(np.asarray(node.observed), np.asarray(node.mean), np.nan)


def anything_seen(beliefs: Trajectories) -> np.ndarray:
    """Whether any input was observed, by step."""
    found = np.zeros(np.shape(beliefs.status.alive), bool)
    for group in beliefs.surprises:
        mask = np.asarray(beliefs.observed.get(group, True))
        found |= mask.any(axis=-1) if mask.ndim == 2 else mask
    return found
