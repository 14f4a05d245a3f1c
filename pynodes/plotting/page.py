"""Page: how large a drawing of a graph is, and what fits on it."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence

from pynodes.plotting import style

FITS = 5
"""Letters of a name that fit inside a node; longer names stand beside it."""

COLUMN, ROW = 0.95, 1.1
"""Inches from node to node, sideways and upwards, where there is room."""

FLATTEST = 0.13
"""Least height of a row as a share of the width, so that no fan becomes too flat to follow."""

MARGIN = 0.45
"""Inches around the outermost nodes."""

LEGEND = 1.35
"""Inches for the legend beside the drawing."""

LONGEST, HIGHEST = 2 * style.WIDTH, 12.0
"""Inches that no drawing exceeds: two pages side by side."""

LETTER = 0.07
"""Inches that a letter of a name takes."""


@dataclasses.dataclass(frozen=True)
class Page:
    """A drawing's measures.

    Attributes
    ----------
    unit
        Inches from column to column and from level to level.
    across, upward
        Limits of the axes.
    scale
        Size of nodes and lines, 1 where there is room.
    text
        Size of the names beside nodes, in points.
    """

    unit: tuple[float, float]
    across: tuple[float, float]
    upward: tuple[float, float]
    scale: float
    text: float

    @property
    def size(self) -> tuple[float, float]:
        """Inches of the whole figure."""
        width = (self.across[1] - self.across[0]) * self.unit[0] + LEGEND
        return width, max((self.upward[1] - self.upward[0]) * self.unit[1], 1.3)

    def inches(self, place: tuple[float, float]) -> tuple[float, float]:
        """A place of the layout in inches."""
        return place[0] * self.unit[0], place[1] * self.unit[1]

    def place(self, inches: tuple[float, float]) -> tuple[float, float]:
        """The place of the layout behind some inches."""
        return inches[0] / self.unit[0], inches[1] / self.unit[1]


def page_for(places: Mapping[str, tuple[float, float]], names: Sequence[str]) -> Page:
    """A page for nodes at these places, wider where names are long, as far as pages go.

    Parameters
    ----------
    places
        Where the nodes are, in columns and levels.
    names
        What is written, wrapped; empty if nothing is.
    """
    xs, ys = zip(*places.values(), strict=True)
    longest = max((len(line) for name in names for line in name.splitlines()), default=0)
    beside = LETTER * longest if longest > FITS else 0.0
    wanted = max(COLUMN, 0.5 + beside)
    margin = 2 * MARGIN + beside + LEGEND
    width = min(wanted, (LONGEST - margin) / max(max(xs) - min(xs), 1))
    row = max(ROW, FLATTEST * width * (max(xs) - min(xs)))
    height = min(row, (HIGHEST - 2 * MARGIN) / max(max(ys) - min(ys), 1))
    return Page(
        unit=(width, height),
        across=(min(xs) - MARGIN / width, max(xs) + (MARGIN + beside) / width),
        upward=(min(ys) - MARGIN / height, max(ys) + MARGIN / height),
        scale=min(1.0, max(min(width, height) / 0.45, 0.05)),
        text=(style.TEXT - 1) * min(1.0, max(width / wanted, 0.5)),
    )


def wrapped(name: str) -> str:
    """A name in lines of at most fourteen letters, where it can be broken."""
    if len(name) <= FITS:
        return name
    return "\n".join(textwrap.wrap(name, 14, break_long_words=False)) or name
