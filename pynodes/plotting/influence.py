"""Influence: how well every item is predicted when it is left out, and whether that can be relied on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pynodes._boundary import boundary
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, arranged

if TYPE_CHECKING:
    from pynodes.fit.sampling.leave_one_out import LeaveOneOut


@boundary
def plot_influence(loo: LeaveOneOut, *, axes: Given = None) -> Panels:
    """Draw the Pareto shape of every item that was left out, and how well it was predicted.

    Orange items are so influential that leaving them out could not be estimated; the dashed line is where
    that begins with these draws. An item on which no parameter bears is drawn at the bottom.

    Parameters
    ----------
    loo
        What ``samples.loo()`` returns.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels ``"Pareto k"`` and ``"log density"``; nothing is shown or saved.
    """
    count = len(loo.pointwise)
    place, fine = np.arange(count), np.asarray(loo.reliable)
    shape = np.asarray(loo.pareto_k, float)
    finite = shape[np.isfinite(shape)]
    floor = min(0.0, float(finite.min())) - 0.1 if finite.size else -0.1
    shown = np.where(np.isneginf(shape), floor, shape)
    size, few = max(1.5, 4.0 - 0.01 * count), count <= 2000
    with style.rules():
        names = ["Pareto k", "log density"]
        panels = arranged(names, axes, size=(style.WIDTH, 3.2), sharex=True)
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
        panels["log density"].set(xlabel=loo.unit, ylabel="log density (nats)")
        total = f"elpd {loo.elpd:.4g} ± {loo.standard_error:.2g}"
        panels["log density"].set_title(total, loc="right", color=style.GREY, pad=2)
    return panels
