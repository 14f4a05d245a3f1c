"""Panels: the axes of one figure by name, on a new figure or on axes of the user's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from pynodes._errors import InputError, UnknownPanelError, nearest, quote
from pynodes.plotting import style

Given: TypeAlias = Mapping[str, Axes] | Sequence[Axes] | np.ndarray | Axes | None
"""Axes to draw on: by the panels' names, in their order, or None for a new figure."""


NARROW = 1.6
"""Inches below which a panel beside others is too narrow."""


class Panels(Mapping[str, Axes]):
    """The axes of a figure of several panels, by name, in the order in which they were drawn.

    Parameters
    ----------
    axes
        Axes by name.
    own
        Whether they have the figure for themselves, so that titles and legends may stand outside them.
    """

    def __init__(self, axes: Mapping[str, Axes], *, own: bool = False) -> None:
        self._axes, self._own = dict(axes), own

    @property
    def axes(self) -> list[Axes]:
        """The axes in order."""
        return list(self._axes.values())

    @property
    def figure(self) -> Figure:
        """The whole figure that the axes are on."""
        found = self.axes[0].figure
        return found.figure if isinstance(found, SubFigure) else found  # type: ignore[return-value]

    @property
    def own(self) -> bool:
        """Whether the figure was made for these panels."""
        return self._own

    def savefig(self, *arguments: Any, **options: Any) -> None:
        """Write the figure to a file; see :meth:`matplotlib.figure.Figure.savefig`."""
        self.figure.savefig(*arguments, **options)

    def entitle(self, title: str | None) -> None:
        """Write a title above all panels; above the first one where the figure is the user's."""
        if title and self._own:
            self.figure.suptitle(title, x=0.01, ha="left", fontsize=style.TEXT + 1)
        elif title:
            self.axes[0].set_title(title, loc="left")

    def remark(self, said: str) -> None:
        """Write a remark in grey above all panels; above the last one where the figure is the user's."""
        if self._own:
            self.figure.suptitle(said, x=0.99, ha="right", color=style.GREY, fontsize=style.TEXT)
        else:
            self.axes[-1].set_title(said, loc="right", color=style.GREY)

    def label_below(self, said: str) -> None:
        """Write a label below all panels; below each one where the figure is the user's."""
        if self._own:
            self.figure.supxlabel(said, fontsize=style.TEXT)
            return
        for ax in self.axes:
            ax.set_xlabel(said)

    def label_left(self, said: str) -> None:
        """Write a label left of all panels; left of the first one where the figure is the user's."""
        if self._own:
            self.figure.supylabel(said, fontsize=style.TEXT)
        else:
            self.axes[0].set_ylabel(said)

    def explain_below(self, columns: int) -> None:
        """The legend of the first panel below all of them; inside it where the figure is the user's."""
        handles, labels = self.axes[0].get_legend_handles_labels()
        options: dict[str, Any] = {"frameon": False, "ncols": columns, "handlelength": 1.4}
        if self._own:
            self.figure.legend(handles, labels, loc="outside lower center", **options)
        else:
            self.axes[0].legend(handles, labels, **(options | {"ncols": 1}))

    def __getitem__(self, name: str) -> Axes:
        if name not in self._axes:
            raise UnknownPanelError(f"There is no panel {name!r}. {nearest(name, self._axes)}")
        return self._axes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._axes)

    def __len__(self) -> int:
        return len(self._axes)

    def __repr__(self) -> str:
        return f"Panels({quote(self._axes)})"


def arrange_panels(
    names: Sequence[str],
    axes: Given = None,
    *,
    size: tuple[float, float],
    columns: int = 1,
    least: float = NARROW,
    **options: Any,
) -> Panels:
    """Panels of these names; to be called within the style's rules.

    Parameters
    ----------
    names
        What the panels show.
    axes
        Where to draw: axes by name, more than are needed perhaps, or as many as there are panels, in
        their order. By default those of a new figure.
    size
        Inches of the new figure.
    columns
        Panels in a row of it, unless the paper is too narrow for them.
    least
        Inches that a panel needs beside others.
    options
        As for :func:`matplotlib.pyplot.subplots`.

    Raises
    ------
    InputError
        Something that is no axes, too few or too many of them, or two panels of one name.
    """
    twice = [name for name in dict.fromkeys(names) if list(names).count(name) > 1]
    if twice:
        raise InputError(f"Two panels would be named {twice[0]!r}. Leave one of them out.")
    if axes is not None:
        return Panels(taken(names, axes))
    before = math.ceil(len(names) / columns)
    width = min(size[0], style.PAPER.get())
    rows, columns, options = laid_out(len(names), columns, width / least, options)
    height = size[1] * rows / before
    _, grid = plt.subplots(
        rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **options
    )
    cells = list(grid.flat)
    for spare in cells[len(names) :]:
        spare.remove()
    return Panels(dict(zip(names, cells, strict=False)), own=True)


def laid_out(
    count: int, columns: int, fitting: float, options: dict[str, Any]
) -> tuple[int, int, dict[str, Any]]:
    """Rows, columns and options of a figure; fewer columns where they would be too narrow to read."""
    if columns > 1 and fitting < columns:
        columns = max(1, int(fitting))
        options = {key: value for key, value in options.items() if key != "width_ratios"}
    return math.ceil(count / columns), columns, options


def taken(names: Sequence[str], axes: Given) -> dict[str, Axes]:
    """The axes that a user gave, by the names of the panels."""
    if isinstance(axes, Mapping):
        missing = [name for name in names if name not in axes]
        if missing:
            raise InputError(
                f"axes has nothing for {quote(missing)}. The panels are {quote(names)}."
            )
        found = [axes[name] for name in names]
    else:
        found = [axes] if isinstance(axes, Axes) else list(np.ravel(np.asarray(axes, object)))
    wrong = [item for item in found if not isinstance(item, Axes)]
    if wrong or len(found) != len(names):
        what = f"not {type(wrong[0]).__name__}" if wrong else f"not {len(found)}"
        raise InputError(
            f"axes must be {len(names)} matplotlib axes, for {quote(names)}, {what}. Leave it out for a "
            "figure of suitable size."
        )
    return dict(zip(names, found, strict=True))


def one_panel(ax: Axes | None, *, size: tuple[float, float], fits: bool = True) -> Axes:
    """The axes that a user gave, or new ones on a figure of this size; within the style's rules.

    A figure that fits is made no wider than the paper.

    Raises
    ------
    InputError
        Something that is no axes.
    """
    if ax is None:
        size = (min(size[0], style.PAPER.get()), size[1]) if fits else size
        return plt.subplots(figsize=size, layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise InputError(f"ax must be matplotlib axes, not {type(ax).__name__}.")
    return ax


def side_by_side(
    names: Sequence[str],
    axes: Given,
    *,
    height: float = 2.1,
    across: int = 3,
    least: float = NARROW,
) -> Panels:
    """Small panels, a few in a row."""
    columns = min(len(names), across)
    rows = math.ceil(len(names) / columns)
    width = style.WIDTH * min(1.0, (columns + 0.4) / across)
    size = (width, 0.3 + height * rows)
    return arrange_panels(names, axes, size=size, columns=columns, least=least)


def write_in_cells(ax: Axes, values: np.ndarray, form: str = "{:.2f}") -> None:
    """Numbers in the cells of an image of values from 0 to 1, dark on light and light on dark."""
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        dark = value > 0.6
        colour = "white" if dark else style.INK
        ax.text(column, row, form.format(value), ha="center", va="center", color=colour)


def name_sides(ax: Axes, across: Sequence[str], down: Sequence[str]) -> None:
    """Names of columns and rows, slanted where they are long, and no frame."""
    slanted = sum(len(name) for name in across) > 20
    ax.set_xticks(
        range(len(across)),
        across,
        rotation=30 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor" if slanted else None,
    )
    ax.set_yticks(range(len(down)), down)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
