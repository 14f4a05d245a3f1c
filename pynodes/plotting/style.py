"""Style: colours, line widths and sizes that all figures share.

Colours are from the palette of Okabe and Ito (2008), which readers with any colour vision can tell apart.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import matplotlib.pyplot as plt

from pynodes._errors import InputError

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
MANY = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9", "#222222", "#F0E442")
"""Of lines side by side, in order."""

INK, GREY, PALE = "#222222", "#777777", "#DDDDDD"

VALUE_COLOUR, VOLATILITY_COLOUR = BLUE, ORANGE
"""Of the edges that move a mean, and of those that move a variance."""

WIDTH = 7.0
"""Inches: the text width of a journal page."""

PAPER: ContextVar[float] = ContextVar("paper", default=WIDTH)
"""Inches that new figures may be wide; see :func:`paper`."""

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


@contextmanager
def paper(width: float) -> Generator[None]:
    """Make new figures for paper of this width, in inches; text keeps its size, eight and nine points.

    Figures are made for a page of seven inches. A column of a journal is some three and a half: a figure
    that is shrunk to it would be read with a lens, one that is made for it is not. Drawings of graphs have
    the size that the graph needs.

    Parameters
    ----------
    width
        Inches, two at least.

    Raises
    ------
    InputError
        A width that is less.

    Examples
    --------
    >>> import pynodes as pn
    >>> beliefs = pn.models.binary_hgf(2).compile().filter({"u": [1.0, 0.0, 1.0]})
    >>> with pn.plotting.paper(3.5):
    ...     panels = beliefs.plot()
    >>> float(panels.figure.get_figwidth())
    3.5
    """
    if not isinstance(width, int | float) or not width >= 2:
        raise InputError(f"width must be two inches or more, not {width!r}.")
    before = PAPER.set(float(width))
    try:
        yield
    finally:
        PAPER.reset(before)
