"""Comparison of models: their evidence, their frequencies among subjects, and the influence of items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import beta

from pynodes._boundary import boundary
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, arrange_panels
from pynodes.plotting.scales import ParameterLabels, check_labels, name_models

if TYPE_CHECKING:
    from pynodes._inference.random_effects import RandomEffects
    from pynodes.fit.comparing.comparison import AbstractComparison
    from pynodes.fit.sampling.leave_one_out import LeaveOneOut


STRONG = 3.0
"""Nats from which evidence is called strong: odds of twenty to one."""


@boundary
def plot_comparison(
    found: AbstractComparison, *, labels: ParameterLabels = None, axes: Given = None
) -> Panels:
    """Draw a model comparison: log evidence relative to the best model, of all subjects and of each.

    On the left the sum over subjects; on the right a point per subject, less than zero where the subject
    speaks against the model. The grey band is three nats wide on both sides.

    Parameters
    ----------
    found
        A comparison.
    labels
        What to call models, by their names.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels ``"together"`` and ``"by subject"``; nothing is shown or saved.

    Raises
    ------
    InputError
        A label for a model that is not there.
    """
    names = name_models(found.models, labels)
    best = int(np.argmax(found.group))
    away = found.evidence - found.evidence[:, best : best + 1]
    rows = np.arange(len(found.models))
    with style.rules():
        panels = arrange_panels(
            ["together", "by subject"],
            axes,
            size=(style.WIDTH, 1.1 + 0.35 * len(rows)),
            columns=2,
            least=2.4,
            width_ratios=[1, 1.6],
            sharey=True,
        )
        left, right = panels.axes
        left.barh(rows, away.sum(axis=0), 0.6, color=style.BLUE, alpha=0.8)
        left.set(xlabel=f"{found.criterion} less that of\n{names[best]}, in nats")
        left.set_yticks(rows, names)
        left.set_ylim(len(rows) - 0.5, -0.5)
        right.axvspan(-STRONG, STRONG, color=style.PALE, alpha=0.6, lw=0, zorder=0)
        spread = np.linspace(-0.28, 0.28, len(away)) if len(away) > 1 else np.zeros(1)
        for row in rows:
            order = np.argsort(away[:, row], kind="stable")
            colour = np.where(away[order, row] > 0, style.GREEN, style.BLUE)
            right.scatter(away[order, row], row + spread, c=colour, s=9, lw=0)
        right.axvline(0, color=style.GREY, lw=0.8)
        right.tick_params(axis="y", length=0)
        right.set_xlabel(f"the same, by subject ({len(away)})\n(green: above the best)")
    return panels


@boundary
def plot_frequencies(
    found: RandomEffects,
    *,
    credible: float = 0.9,
    labels: ParameterLabels = None,
    axes: Given = None,
) -> Panels:
    """Draw model frequencies, exceedance probabilities, and model probabilities of each subject.

    Parameters
    ----------
    found
        Of random effects.
    credible
        Probability of the intervals of the frequencies.
    labels, axes
        As for :func:`plot_comparison`.

    Returns
    -------
    The panels ``"frequency"``, ``"exceedance"`` and ``"attribution"``; nothing is shown or saved.

    Raises
    ------
    InputError
        A label for a model that is not there.
    """
    names = name_models(found.models, labels)
    probabilities = found.posterior_model_probabilities
    with style.rules():
        panels = arrange_panels(
            ["frequency", "exceedance", "attribution"],
            axes,
            size=(style.WIDTH, 1.3 + 0.28 * len(found.models)),
            columns=3,
            width_ratios=[1, 1, 1.2],
            sharey=True,
        )
        shares, surely, whose = panels.axes
        rows = np.arange(len(found.models))
        draw_shares(shares, rows, found, credible)
        for shift, values, colour, label in (
            (-0.17, found.exceedance, style.PALE, "exceedance"),
            (0.17, found.protected_exceedance, style.GREEN, "protected"),
        ):
            surely.barh(rows + shift, values, 0.32, color=colour, label=label)
        surely.set(
            xlim=(0, 1), xticks=[0, 0.5, 1], xlabel="probability of being\nthe most frequent"
        )
        surely.legend(frameon=False, loc="best", handlelength=1.0)
        order = np.lexsort((-probabilities.max(axis=1), probabilities.argmax(axis=1)))
        whose.imshow(probabilities[order].T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        whose.set(xlabel=f"{len(order)} subjects, sorted\n(darker: more probable)", xticks=[])
        whose.spines[:].set_visible(False)
        shares.set_yticks(rows, names)
        whose.tick_params(length=0)
        surely.tick_params(axis="y", length=0)
        panels.remark(f"Bayesian omnibus risk {found.bayesian_omnibus_risk:.2g}")
    return panels


def draw_shares(ax: Axes, rows: np.ndarray, found: RandomEffects, credible: float) -> None:
    """Expected frequencies with intervals, and what chance would give."""
    total = found.counts.sum()
    tail = (1 - credible) / 2
    ends = beta.ppf([[tail], [1 - tail]], found.counts, total - found.counts)
    ends = np.where(np.isfinite(ends), ends, found.frequencies)
    ax.barh(rows, found.frequencies, 0.6, color=style.BLUE, alpha=0.8)
    ax.hlines(rows, ends[0], ends[1], color=style.INK, lw=1.0)
    ax.axvline(1 / len(found.models), color=style.GREY, lw=0.8, ls=":")
    ax.set(xlim=(0, 1), xticks=[0, 0.5, 1], xlabel=f"frequency,\n{100 * credible:.4g}% interval")


@boundary
def plot_influence(
    loo: LeaveOneOut, *, labels: Mapping[Any, str] | None = None, axes: Given = None
) -> Panels:
    """Draw leave-one-out cross-validation: Pareto k and log predictive density of every item.

    Orange items are so influential that leaving them out could not be estimated; the dashed line is where
    that begins with these draws. An item on which no parameter bears is drawn at the bottom.

    Parameters
    ----------
    loo
        What ``samples.loo()`` returns.
    labels
        What to call subjects, by their names: written below the middle of their items.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels ``"Pareto k"`` and ``"log density"``; nothing is shown or saved.

    Raises
    ------
    InputError
        A label for a subject that is not there.
    """
    owners = list(loo.owners)
    check_labels(labels, owners)
    count = len(loo.pointwise)
    place, fine = np.arange(count), np.asarray(loo.reliable)
    shape = np.asarray(loo.pareto_k, float)
    finite = shape[np.isfinite(shape)]
    floor = min(0.0, float(finite.min())) - 0.1 if finite.size else -0.1
    shown = np.where(np.isneginf(shape), floor, shape)
    size, few = max(1.5, 4.0 - 0.01 * count), count <= 2000
    with style.rules():
        names = ["Pareto k", "log density"]
        panels = arrange_panels(names, axes, size=(style.WIDTH, 3.2), sharex=True)
        for ax, values in zip(panels.axes, (shown, np.asarray(loo.pointwise)), strict=True):
            for mask, colour, marker in ((fine, style.BLUE, "o"), (~fine, style.ORANGE, "D")):
                ax.plot(
                    place[mask],
                    values[mask],
                    marker,
                    color=colour,
                    ms=size,
                    mew=0,
                    rasterized=not few,
                )
        top = panels["Pareto k"]
        top.axhline(loo.limit, color=style.GREY, lw=0.9, ls="--")
        said = f"{int((~fine).sum())} of {count} not to be relied on"
        top.set_title(said, loc="right", color=style.GREY, pad=2)
        top.set_ylabel("Pareto k")
        if labels:
            middles = [
                np.mean([i for i, one in enumerate(owners) if one == name]) for name in labels
            ]
            panels["log density"].set_xticks(middles, list(labels.values()))
        panels["log density"].set(xlabel=loo.unit, ylabel="log density (nats)")
        total = f"elpd {loo.elpd:.4g} ± {loo.standard_error:.2g}"
        panels["log density"].set_title(total, loc="right", color=style.GREY, pad=2)
    return panels
