"""Style: colours, line widths and sizes that all figures share.

Colours are from the palette of Okabe and Ito (2008), which readers with any colour vision can tell apart.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
MANY = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9", "#222222", "#F0E442")
"""Of lines side by side, in order."""

INK, GREY, PALE = "#222222", "#777777", "#DDDDDD"

VALUE_COLOUR, VOLATILITY_COLOUR = BLUE, ORANGE
"""Of the edges that move a mean, and of those that move a variance."""

WIDTH = 7.0
"""Inches: the text width of a journal page."""

TEXT = 9.0
"""Points: readable at that width."""

RULES: dict[Any, Any] = {
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": TEXT - 1,
    "ytick.labelsize": TEXT - 1,
    "legend.fontsize": TEXT - 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
"""matplotlib settings, applied to a figure while it is drawn and to nothing else."""


@contextmanager
def rules() -> Generator[None, None, None]:
    """The style, for as long as a figure is drawn.

    matplotlib chooses its backend when it first needs one. In a notebook that makes it interactive, which
    the end of the context would undo if it began before, and no later figure of the user's would be shown.
    """
    plt.draw_if_interactive()
    with plt.rc_context(RULES):
        yield
