"""Edge marks: how one edge of a graph is drawn, and what is written on it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from pynodes._core.functions import identity, name_of
from pynodes._core.modules import is_default
from pynodes._geometry import Route
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling
from pynodes.plotting import style
from pynodes.plotting.page import Page


def draw_edge(
    ax: Axes,
    parent: tuple[float, float],
    child: tuple[float, float],
    coupling: AbstractCoupling,
    route: Route,
    page: Page,
) -> FancyArrowPatch:
    """One edge, from parent to child."""
    volatile = isinstance(coupling, AbstractVolatilityCoupling)
    arrow = FancyArrowPatch(
        parent,
        child,
        arrowstyle="->" if volatile else "-|>",
        mutation_scale=11 * page.scale,
        shrinkA=14 * page.scale,
        shrinkB=14 * page.scale,
        linestyle=(0, (4, 2)) if volatile else "-",
        color=style.VOLATILITY_COLOUR if volatile else style.VALUE_COLOUR,
        linewidth=1.3 * max(page.scale, 0.4),
        connectionstyle=f"arc3,rad={route.bend}",
        zorder=2,
    )
    ax.add_patch(arrow)
    return arrow


def draw_remark(ax: Axes, coupling: AbstractCoupling, place: tuple[float, float]) -> None:
    """What is unusual about an edge, written on it."""
    text = remark(coupling)
    if text:
        ax.annotate(
            text,
            place,
            ha="center",
            va="center",
            fontsize=style.TEXT - 2,
            color=style.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
            zorder=4,
        )


def remark(coupling: AbstractCoupling) -> str:
    """A coupling's strength unless it is 1, and its function unless it is the identity."""
    strength, function = getattr(coupling, "strength", 1.0), getattr(coupling, "function", identity)
    parts = (
        [] if is_default(strength, 1.0) else [f"{strength:.3g}" if np.ndim(strength) == 0 else "…"]
    )
    return " ".join([*parts, *([] if function is identity else [name_of(function)])])
