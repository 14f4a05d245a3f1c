"""Population: coefficients and scatter of a group, and the shrinkage of its members' estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import DataError
from pynodes._inference.priors import AbstractPrior
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, side_by_side
from pynodes.plotting.posteriors import break_long_name, label_with_values

if TYPE_CHECKING:
    from pynodes.fit.group.group_fit import GroupFit
    from pynodes.fit.mode.map_fit import MapFit


@boundary
def plot_population(group: GroupFit, *, axes: Given = None) -> Panels:
    """Draw what was found of a population, a panel per parameter: coefficients, scatter, 90 % intervals.

    All are in unconstrained space. Slopes whose interval holds no zero are orange.

    Parameters
    ----------
    group
        A fit of a population.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by name; nothing is shown or saved.
    """
    table = group.population
    owners = [owner(str(term), group.names) for term in table["term"]]
    names = list(dict.fromkeys(owners))
    rows = max(owners.count(name) for name in names)
    with style.rules():
        panels = side_by_side(names, axes, height=0.9 + 0.22 * rows, across=2, least=2.4)
        for name, ax in panels.items():
            part = table[np.array(owners) == name]
            draw_terms(ax, part, [str(term).removeprefix(f"{name}:") for term in part["term"]])
            ax.set_title(name)
    return panels


def owner(term: str, names: tuple[str, ...]) -> str:
    """The parameter that a term is of; something else where it is of several."""
    return next((name for name in names if term.startswith(f"{name}:")), "of several parameters")


def draw_terms(ax: Axes, part: Any, terms: list[str]) -> None:
    """A row per term of one parameter."""
    rows = np.arange(len(terms))
    low, high = part["lower"].to_numpy(float), part["upper"].to_numpy(float)
    slope = np.array([term != "Intercept" and term != "sd" for term in terms])
    slope &= np.array(["|" not in term for term in terms])
    surely = slope & ((low > 0) | (high < 0))
    for mask, colour in ((~surely, style.BLUE), (surely, style.ORANGE)):
        ax.hlines(rows[mask], low[mask], high[mask], color=colour, lw=1.2)
        ax.plot(part["estimate"].to_numpy(float)[mask], rows[mask], "o", color=colour, ms=4)
    ax.axvline(0, color=style.GREY, lw=0.8, zorder=0)
    ax.set_yticks(rows, terms)
    ax.set_ylim(len(rows) - 0.5, -0.5)


@boundary
def plot_shrinkage(group: GroupFit, alone: MapFit, *, axes: Given = None) -> Panels:
    """Draw every subject's estimate by itself, and how it moves towards what the population expects of it.

    Parameters
    ----------
    group
        A fit of the population.
    alone
        A fit of the same agent to the same subjects, each by itself: that of :func:`~pynodes.fit.fit_map`.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by name; nothing is shown or saved.

    Raises
    ------
    DataError
        Fits of other subjects or other parameters.
    """
    if group.subjects != alone.subjects or group.names != alone.names:
        raise DataError("Both fits must be of the same agent and the same subjects.")
    before = np.asarray(alone.posterior.unconstrained)
    after = np.asarray(group.individuals.posterior.unconstrained)
    expected = np.broadcast_to(group.expected, np.shape(after))
    with style.rules():
        panels = side_by_side(group.names, axes, height=min(2.1 + 0.025 * len(before), 5.5))
        for place, (name, ax) in enumerate(panels.items()):
            prior = group.agent.priors[name]
            draw_moves(ax, prior, before[:, place], after[:, place], expected[:, place])
            ax.set_title(break_long_name(name))
        panels.axes[0].set_ylabel("subject, by estimate")
        panels.axes[0].legend(frameon=False, loc="upper left", handlelength=1.0, borderpad=0)
    return panels


def draw_moves(
    ax: Axes, prior: AbstractPrior, before: np.ndarray, after: np.ndarray, expected: np.ndarray
) -> None:
    """One parameter: a row per subject, an arrow from the first estimate to the second."""
    order = np.argsort(before, kind="stable")
    rows = np.arange(len(order))
    size = max(2.0, 4.5 - 0.03 * len(rows))
    ax.plot(expected[order], rows, "|", color=style.GREY, ms=5, label="expected", zorder=1)
    ax.hlines(rows, before[order], after[order], color=style.BLUE, lw=0.8, alpha=0.6)
    ax.plot(before[order], rows, "o", color=style.BLUE, mfc="white", ms=size, label="alone")
    ax.plot(after[order], rows, "o", color=style.BLUE, ms=size, label="in the group")
    every = np.concatenate([before, after, expected])
    room = 0.08 * np.ptp(every) or 1.0
    low, high = float(every.min() - room), float(every.max() + room)
    ax.set(xlim=(low, high), ylim=(-1, len(rows) * 1.25))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    label_with_values(ax.xaxis, prior, low, high)
