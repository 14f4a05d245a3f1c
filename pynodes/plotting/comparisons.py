"""Comparisons: the evidence of several models, together and by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pynodes._boundary import boundary
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, arranged

if TYPE_CHECKING:
    from pynodes.fit.comparing.comparison import AbstractComparison

STRONG = 3.0
"""Nats from which evidence is called strong: odds of twenty to one."""


@boundary
def plot_comparison(found: AbstractComparison, *, axes: Given = None) -> Panels:
    """Draw how far every model is from the best one, for all subjects together and for each.

    On the left the sum over subjects; on the right a point per subject, less than zero where the subject
    speaks against the model. The grey band is three nats wide on both sides.

    Parameters
    ----------
    found
        A comparison.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels ``"together"`` and ``"by subject"``; nothing is shown or saved.
    """
    best = int(np.argmax(found.group))
    away = found.evidence - found.evidence[:, best : best + 1]
    rows = np.arange(len(found.models))
    with style.rules():
        panels = arranged(
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
        left.set(xlabel=f"{found.criterion} less that of\n{found.models[best]}, in nats")
        left.set_yticks(rows, found.models)
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
