"""Population: coefficients and scatter of a group, and the shrinkage of its members' estimates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import DataError
from pynodes._inference.priors import AbstractPrior
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, side_by_side
from pynodes.plotting.scales import (
    ParameterLabels,
    label_with_values,
    name_panel,
    name_scale,
    name_unconstrained,
)

if TYPE_CHECKING:
    from pynodes.fit.group.group_fit import GroupFit
    from pynodes.fit.mode.map_fit import MapFit
    from pynodes.fit.sampling.samples import Samples


@boundary
def plot_population(
    group: GroupFit | Samples, *, labels: ParameterLabels = None, axes: Given = None
) -> Panels:
    """Draw a population, a panel per parameter: coefficients, standard deviations, 90 % intervals.

    All are in unconstrained space; below stands where that is of logarithms or logits. Slopes whose interval
    holds no zero are orange.

    Parameters
    ----------
    group
        A fit of a population, or samples of one.
    labels
        What to call parameters, by their names.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by name; nothing is shown or saved.

    Raises
    ------
    DataError
        Samples of subjects without a population.
    """
    found = summarise_population(group)
    owners = {term: owner(term, group.names) for term in found}
    names = list(dict.fromkeys(owners.values()))
    rows = max(list(owners.values()).count(name) for name in names)
    with style.rules():
        panels = side_by_side(names, axes, height=1.1 + 0.22 * rows, across=2, least=2.4)
        for name, ax in panels.items():
            part = {
                term.removeprefix(f"{name}:"): found[term] for term in found if owners[term] == name
            }
            draw_terms(ax, part)
            ax.set_title(name_panel(name, labels, panels))
            scale = name_unconstrained(group.agent.priors[name]) if name in group.names else "value"
            if scale != "value":
                ax.set_xlabel(f"on the scale of its {scale}", color=style.GREY)
    return panels


def summarise_population(group: GroupFit | Samples) -> dict[str, tuple[float, float, float]]:
    """Estimate and the ends of an interval of nine tenths, by the term's name."""
    found: Any = group.population
    if not isinstance(found, dict):
        columns = (found[name].to_numpy(float) for name in ("estimate", "lower", "upper"))
        return dict(zip(map(str, found["term"]), zip(*columns, strict=True), strict=True))
    if not found:
        raise DataError(
            "These samples are of subjects without a population. Sample several subjects together: "
            "fit_nuts(agent, trials, formulas=...)."
        )
    ends = {term: np.quantile(draws, (0.05, 0.95)) for term, draws in found.items()}
    return {
        str(term): (float(np.mean(draws)), float(ends[term][0]), float(ends[term][1]))
        for term, draws in found.items()
    }


def owner(term: str, names: tuple[str, ...]) -> str:
    """The parameter that a term is of; something else where it is of several."""
    return next((name for name in names if term.startswith(f"{name}:")), "of several parameters")


def draw_terms(ax: Axes, part: Mapping[str, tuple[float, float, float]]) -> None:
    """A row per term of one parameter."""
    terms, rows = list(part), np.arange(len(part))
    middle, low, high = np.array(list(part.values())).T
    slope = np.array([term not in ("Intercept", "sd") and "|" not in term for term in terms])
    surely = slope & ((low > 0) | (high < 0))
    for mask, colour in ((~surely, style.BLUE), (surely, style.ORANGE)):
        ax.hlines(rows[mask], low[mask], high[mask], color=colour, lw=1.2)
        ax.plot(middle[mask], rows[mask], "o", color=colour, ms=4)
    ax.axvline(0, color=style.GREY, lw=0.8, zorder=0)
    ax.set_yticks(rows, terms)
    ax.set_ylim(len(rows) - 0.5, -0.5)


@boundary
def plot_shrinkage(
    group: GroupFit, alone: MapFit, *, labels: ParameterLabels = None, axes: Given = None
) -> Panels:
    """Draw shrinkage (partial pooling): every subject's separate and hierarchical estimate.

    Parameters
    ----------
    group
        A fit of the population.
    alone
        A fit of the same agent to the same subjects, each by itself: that of :func:`~pynodes.fit.fit_map`.
    labels
        What to call parameters, by their names.
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
            ax.set_title(name_panel(name, labels, panels))
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
    ax.set_xlabel(name_scale(prior), color=style.GREY)
    label_with_values(ax.xaxis, prior, low, high)
