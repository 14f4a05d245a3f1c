"""Population: coefficients and scatter of a group, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, side_by_side

if TYPE_CHECKING:
    from pynodes.fit.group.group_fit import GroupFit


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
