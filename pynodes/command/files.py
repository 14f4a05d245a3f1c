"""Files: what is read and written by the commands."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import nearest
from pynodes._results.tables import columns

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


MISSING = ("", "NA")
"""Cells that stand for a missing observation, beside NaN."""


class FileError(Exception):
    """A file that is not there, cannot be read or written, or lacks what was asked of it."""


def read_text(path: Path) -> str:
    """A text file."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileError(f"There is no file {str(path)!r}.") from error
    except IsADirectoryError as error:
        raise FileError(f"{str(path)!r} is a folder, not a file.") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{str(path)!r} is not text in UTF-8; save it as CSV in UTF-8.") from error
    except OSError as error:
        raise FileError(f"{str(path)!r} cannot be read: {error.strerror}.") from error


def read_columns(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Columns of a CSV file by name; NaN where a cell is empty or says NA."""
    rows = read_rows(path)
    if not rows:
        raise FileError(f"{str(path)!r} is empty; it needs a header line and rows.")
    header = rows.pop(0)[1]
    for name in names:
        if name not in header:
            raise FileError(f"{str(path)!r} has no column {name!r}. {nearest(name, header)}")
        if header.count(name) > 1:
            raise FileError(f"{str(path)!r} has {header.count(name)} columns named {name!r}.")
    if not rows:
        raise FileError(f"{str(path)!r} has a header, but no rows.")
    for line, row in rows:
        if len(row) != len(header):
            raise FileError(
                f"{str(path)!r}, line {line}: the header has {len(header)} cells, this line {len(row)}."
            )
    return {name: column(path, rows, header.index(name), name) for name in names}


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The number and the cells of every line, stripped, without blank lines at the end.

    A blank line is a row with one empty cell, which is a missing value in a file of one column.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        rows = [([cell.strip() for cell in row] or [""], reader.line_num) for row in reader]
    except csv.Error as error:
        raise FileError(f"{str(path)!r}, line {reader.line_num}, is no CSV: {error}.") from error
    while rows and not any(rows[-1][0]):
        rows.pop()
    return [(line, row) for row, line in rows]


def column(path: Path, rows: list[tuple[int, list[str]]], place: int, name: str) -> np.ndarray:
    """One column as numbers."""
    values = np.empty(len(rows))
    for number, (line, row) in enumerate(rows):
        cell = row[place]
        try:
            values[number] = math.nan if cell in MISSING else float(cell)
        except ValueError as error:
            raise FileError(
                f"{str(path)!r}, line {line}, column {name!r}: {cell!r} is not a number."
            ) from error
    return values


def folder(path: Path) -> Path:
    """A folder, made if it is not there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise FileError(f"{str(path)!r} is a file, so it cannot be the folder.") from error
    except OSError as error:
        raise FileError(f"The folder {str(path)!r} cannot be made: {error.strerror}.") from error
    return path


@contextmanager
def written(path: Path) -> Generator[Path]:
    """A path to write to, whose refusal is told in a sentence."""
    try:
        yield path
    except OSError as error:
        raise FileError(f"{str(path)!r} cannot be written: {error.strerror}.") from error


def write_trajectories(beliefs: Trajectories, path: Path) -> None:
    """A row per step, a column per node and field, every number in full."""
    table = columns(beliefs)
    with written(path), path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *table])
        for step, row in enumerate(zip(*table.values(), strict=True)):
            writer.writerow([step, *(repr(float(value)) for value in row)])


def write_figure(figure: Any, path: Path) -> None:
    """A figure, or the one that some panels are on, as an image; closed afterwards."""
    import matplotlib.pyplot as plt

    with written(path):
        figure.savefig(path, dpi=150)
    plt.close(figure.figure)
