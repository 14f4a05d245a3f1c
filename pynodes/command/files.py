"""Files: what is read and written by the commands."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import nearest
from pynodes._results.tables import columns

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


class FileError(Exception):
    """A file that is not there, cannot be read or written, or lacks what was asked of it."""


def read_text(path: Path) -> str:
    """A text file."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileError(f"There is no file {str(path)!r}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{str(path)!r} cannot be read as text: {error}.") from error


def read_columns(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Columns of a CSV file by name; NaN where a cell is empty."""
    lines = list(csv.reader(read_text(path).splitlines()))
    if not lines:
        raise FileError(f"{str(path)!r} is empty; it needs a header line and rows.")
    header, rows = [cell.strip() for cell in lines[0]], [row for row in lines[1:] if row]
    for name in names:
        if name not in header:
            raise FileError(f"{str(path)!r} has no column {name!r}. {nearest(name, header)}")
    if not rows:
        raise FileError(f"{str(path)!r} has a header, but no rows.")
    return {name: column(path, rows, header.index(name), name) for name in names}


def column(path: Path, rows: list[list[str]], place: int, name: str) -> np.ndarray:
    """One column as numbers."""
    values = np.empty(len(rows))
    for number, row in enumerate(rows):
        cell = row[place].strip() if place < len(row) else ""
        try:
            values[number] = float(cell) if cell else math.nan
        except ValueError as error:
            raise FileError(
                f"{str(path)!r}, line {number + 2}, column {name!r}: {cell!r} is not a number."
            ) from error
    return values


def folder(path: Path) -> Path:
    """A folder, made if it is not there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"The folder {str(path)!r} cannot be made: {error}.") from error
    return path


def write_trajectories(beliefs: Trajectories, path: Path) -> None:
    """A row per step, a column per node and field."""
    table = columns(beliefs)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *table])
        for step, row in enumerate(zip(*table.values(), strict=True)):
            writer.writerow([step, *(f"{value:.10g}" for value in row)])


def write_figure(figure: Any, path: Path) -> None:
    """A figure as an image, closed afterwards."""
    import matplotlib.pyplot as plt

    figure.savefig(path, dpi=150)
    plt.close(figure)
