"""Matrices: numbers in the cells of a matrix, and names along its sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from pynodes.plotting import style


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
