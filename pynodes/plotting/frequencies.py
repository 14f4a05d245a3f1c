"""Frequencies: how often every model is the right one among subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import beta

from pynodes._boundary import boundary
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, arranged

if TYPE_CHECKING:
    from pynodes._inference.random_effects import RandomEffects


@boundary
def plot_frequencies(found: RandomEffects, *, credible: float = 0.9, axes: Given = None) -> Panels:
    """Draw how frequent models are, how surely the most frequent one, and whose model is which.

    Parameters
    ----------
    found
        Of random effects.
    credible
        Probability of the intervals of the frequencies.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels ``"frequency"``, ``"exceedance"`` and ``"attribution"``; nothing is shown or saved.
    """
    probabilities = found.posterior_model_probabilities
    with style.rules():
        panels = arranged(
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
        shares.set_yticks(rows, found.models)
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
