"""Predictive checks: statistics of the responses beside those of responses that a fit predicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from pynodes._boundary import boundary
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, side_by_side

if TYPE_CHECKING:
    from pynodes.fit.agent.predictive import Predictive

MANY = 40
"""Rows of a panel whose names can still be read."""


@boundary
def plot_check(
    predicted: Predictive,
    by: str | Sequence[str] = (),
    own: Mapping[str, Callable[[np.ndarray], float]] | None = None,
    *,
    axes: Given = None,
) -> Panels:
    """Draw statistics of the responses over the intervals that nine tenths of simulated ones lie in.

    Parameters
    ----------
    predicted
        What ``fit.predict()`` or :func:`~pynodes.fit.prior_predictive` made.
    by, own
        As for ``predicted.statistics``: columns whose values have a row each, and further statistics.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by response and statistic; nothing is shown or saved. Orange where data are outside.

    Raises
    ------
    DataError
        A column that is not there.
    """
    table = predicted.statistics(by, own)
    keys = [by] if isinstance(by, str) else list(by)
    groups = list(table.groupby(["response", "statistic"], sort=False))
    rows = max(len(part) for _, part in groups)
    with style.rules():
        names = [": ".join(cast("tuple[str, str]", key)) for key, _ in groups]
        panels = side_by_side(names, axes, height=0.9 + min(0.16 * rows, 5.0))
        for (name, ax), (_, part) in zip(panels.items(), groups, strict=True):
            places = np.arange(len(part))
            observed = part["observed"].to_numpy()
            low, high = part["lower"].to_numpy(), part["upper"].to_numpy()
            ax.hlines(places, low, high, color=style.BLUE, lw=max(1.5, 5 - 0.1 * rows), alpha=0.3)
            ax.plot(part["mean"], places, "|", color=style.BLUE, ms=6)
            outside = (observed < low) | (observed > high)
            for mask, colour in ((~outside, style.INK), (outside, style.ORANGE)):
                ax.plot(observed[mask], places[mask], "o", color=colour, ms=3.5)
            ax.set_title(name)
            named = [
                ", ".join(str(cell) for cell in row) for row in part[keys].itertuples(index=False)
            ]
            readable = keys and rows <= MANY
            ax.set_yticks(places if readable else [], named if readable else [])
            ax.set_ylim(len(part) - 0.5, -0.5)
        panels.label_below("data (points) and 90% of simulations")
    return panels
