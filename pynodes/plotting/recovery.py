"""Recovery and design: true parameters and models beside recovered ones, precision by number of trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from scipy.stats import norm

from pynodes._boundary import boundary
from pynodes._inference.priors import AbstractPrior
from pynodes.plotting import style
from pynodes.plotting.panels import (
    Given,
    Panels,
    arrange_panels,
    name_sides,
    side_by_side,
    write_in_cells,
)
from pynodes.plotting.scales import (
    ParameterLabels,
    label_with_values,
    name_models,
    name_panel,
    name_scale,
    name_unconstrained,
)

if TYPE_CHECKING:
    from pynodes.fit.study.recovery import ModelRecovery, ParameterRecovery
    from pynodes.fit.study.study_design import DesignAnalysis


@boundary
def plot_recovery(
    recovery: ParameterRecovery,
    *,
    credible: float = 0.9,
    labels: ParameterLabels = None,
    axes: Given = None,
) -> Panels:
    """Draw estimates over the values that were simulated with, with intervals; orange where they miss.

    Parameters
    ----------
    recovery
        Of parameters.
    credible
        Probability of the intervals.
    labels
        What to call parameters, by their names.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by name; nothing is shown or saved.
    """
    halves = float(norm.ppf(0.5 + credible / 2)) * recovery.posterior_sd
    with style.rules():
        panels = side_by_side(recovery.agent.names, axes, height=2.5)
        for place, (name, ax) in enumerate(panels.items()):
            prior = recovery.agent.priors[name]
            true, found = recovery.true[:, place], recovery.posterior.unconstrained[:, place]
            draw_scatter(ax, prior, true, np.asarray(found), halves[:, place])
            ax.set_title(name_panel(name, labels, panels))
        panels.axes[0].set_ylabel(f"estimate, {100 * credible:.4g}% interval")
    return panels


def draw_scatter(
    ax: Axes, prior: AbstractPrior, true: np.ndarray, found: np.ndarray, half: np.ndarray
) -> None:
    """Estimates of one parameter over its true values, in unconstrained space."""
    hit = np.abs(found - true) < half
    for mask, colour in ((hit, style.BLUE), (~hit, style.ORANGE)):
        ax.vlines(
            true[mask], (found - half)[mask], (found + half)[mask], color=colour, lw=0.6, alpha=0.35
        )
        ax.plot(true[mask], found[mask], "o", color=colour, ms=2.8, mew=0)
    low, high = float(min(true.min(), found.min())), float(max(true.max(), found.max()))
    room = 0.08 * (high - low) or 1.0
    low, high = low - room, high + room
    ax.plot([low, high], [low, high], color=style.GREY, lw=0.8, zorder=0)
    ax.set(xlim=(low, high), ylim=(low, high))
    for axis in (ax.xaxis, ax.yaxis):
        label_with_values(axis, prior, low, high)
    together = float(np.corrcoef(true, found)[0, 1]) if np.ptp(true) * np.ptp(found) > 0 else 0.0
    scale = name_scale(prior)
    ax.set_xlabel(
        f"simulated{f', {scale}' * bool(scale)}\n(r = {together:.2f}, {100 * hit.mean():.0f}% covered)"
    )


@boundary
def plot_confusion(
    recovery: ModelRecovery, *, labels: ParameterLabels = None, axes: Given = None
) -> Panels:
    """Draw the confusion and the inversion matrix of a model recovery.

    Parameters
    ----------
    recovery
        Of models.
    labels
        What to call models, by their names.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels ``"confusion"``, whose rows sum to one, and ``"inversion"``, whose columns do; nothing is
    shown or saved.

    Raises
    ------
    InputError
        A label for a model that is not there.
    """
    counts, models = recovery.counts, name_models(recovery.models, labels)
    totals = counts.sum(axis=0)
    confusion = counts / counts.sum(axis=1, keepdims=True)
    inversion = counts / np.where(totals > 0, totals, 1)
    side = 0.7 + 0.55 * len(models)
    names = 0.075 * max(len(name) for name in models)
    with style.rules():
        size = (2 * (side + names) + 0.4, side + 0.9)
        panels = arrange_panels(
            ["confusion", "inversion"], axes, size=size, columns=2, least=side + names
        )
        titles = ("P(best | simulated)", "P(simulated | best)")
        for ax, values, title in zip(panels.axes, (confusion, inversion), titles, strict=True):
            draw_matrix(ax, values, models)
            ax.set_title(title)
        panels.label_left("simulated model")
        panels.label_below("model with the most evidence")
    return panels


def draw_matrix(ax: Axes, values: np.ndarray, names: tuple[str, ...]) -> None:
    """A square matrix of probabilities, with numbers in its cells."""
    ax.imshow(values, cmap="Blues", vmin=0, vmax=1)
    write_in_cells(ax, values)
    name_sides(ax, names, names)


@boundary
def plot_design(
    found: DesignAnalysis, *, labels: ParameterLabels = None, axes: Given = None
) -> Panels:
    """Draw a design analysis: expected posterior sd by number of trials, a panel per parameter.

    The band holds four fifths of simulated subjects; the dotted line is the standard deviation of the prior,
    the dashed one the root mean squared error of the estimates. Whether they are of values, logarithms or
    logits stands beside them.

    Parameters
    ----------
    found
        Of a design.
    labels
        What to call parameters, by their names.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by name; nothing is shown or saved.
    """
    trials = np.array(found.trials)
    errors = np.stack(
        [np.asarray(one.posterior.unconstrained) - one.true for one in found.recoveries]
    )
    with style.rules():
        panels = side_by_side(found.agent.names, axes)
        for place, (name, ax) in enumerate(panels.items()):
            prior = found.agent.priors[name]
            low, high = np.quantile(found.posterior_sd[:, :, place], (0.1, 0.9), axis=1)
            ax.fill_between(trials, low, high, color=style.BLUE, alpha=0.2, lw=0)
            ax.plot(
                trials,
                found.expected_sd[name],
                "o-",
                color=style.BLUE,
                ms=3.5,
                lw=1.2,
                label="posterior",
            )
            rmse = np.sqrt((errors[:, :, place] ** 2).mean(axis=1))
            ax.plot(trials, rmse, "--", color=style.ORANGE, lw=1.0, label="error (RMSE)")
            ax.axhline(
                float(prior.unconstrained_sd), color=style.GREY, lw=0.9, ls=":", label="prior"
            )
            ax.set_xscale("log")
            ax.set_xticks(trials, [str(count) for count in found.trials])
            ax.xaxis.set_minor_locator(NullLocator())
            ax.set_ylim(0, None)
            ax.set(title=name_panel(name, labels, panels), xlabel="trials")
            ax.set_ylabel(f"SD of the {name_unconstrained(prior)}")
        panels.explain_below(3)
    return panels
