"""Files: what is read and written by the commands."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import nearest
from pynodes._results.tables import columns

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


MISSING = ("", "na", "n/a", "none", "null", ".")
"""Cells that stand for a missing observation, beside NaN; capital letters or not."""

TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
"""Cells that are truth values."""

SEPARATORS = (",", ";", "\t", "|")
"""What may stand between the cells of a line."""


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


class Table:
    """A table of text: cells by column, as they stand in a file.

    Parameters
    ----------
    path
        The file: cells between commas, semicolons, tabs or vertical bars, under a header line.
    names
        The columns that are read.
    """

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        self.path, self.rows = path, read_cells(path, list(dict.fromkeys(names)))

    def texts(self, name: str) -> list[str]:
        """The cells of a column."""
        return [cell for _, cell in self.rows[name]]

    def values(self, name: str) -> np.ndarray:
        """A column as numbers if all its cells are some, or say that there is none; else as texts."""
        try:
            return self.numbers(name)
        except FileError:
            cells = [None if cell.lower() in MISSING else cell for cell in self.texts(name)]
            return np.array(cells, dtype=object)

    def numbers(self, name: str) -> np.ndarray:
        """A column as numbers; NaN where a cell says that there is none."""
        return column(self.path, self.rows[name], name)


def read_header(path: Path) -> list[str]:
    """The names of the columns of a file."""
    rows = read_rows(path)
    return rows[0][1] if rows else []


def read_cells(path: Path, names: list[str]) -> dict[str, list[tuple[int, str]]]:
    """Line and cell of every row, for some columns of a file."""
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
    places = {name: header.index(name) for name in names}
    return {name: [(line, row[place]) for line, row in rows] for name, place in places.items()}


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The number and the cells of every line, stripped, without blank lines at the end.

    A blank line is a row with one empty cell, which is a missing value in a file of one column.
    """
    text = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(text))
    try:
        rows = [([cell.strip() for cell in row] or [""], reader.line_num) for row in reader]
    except csv.Error as error:
        raise FileError(f"{str(path)!r}, line {reader.line_num}, is no CSV: {error}.") from error
    while rows and not any(rows[-1][0]):
        rows.pop()
    return [(line, row) for row, line in rows]


def separator_of(text: str) -> str:
    """What stands between the cells of a header line: whatever of the usual ones is there most."""
    header = text.lstrip().partition("\n")[0]
    return max(SEPARATORS, key=header.count)


def column(path: Path, rows: list[tuple[int, str]], name: str) -> np.ndarray:
    """One column as numbers."""
    values = np.empty(len(rows))
    for number, (line, cell) in enumerate(rows):
        try:
            values[number] = to_number(cell)
        except ValueError as error:
            raise FileError(
                f"{str(path)!r}, line {line}, column {name!r}: {cell!r} is not a number.{decimal_hint(cell)} "
                "Numbers, true and false are read, and empty cells, NA and n/a as missing."
            ) from error
    return values


def to_number(cell: str) -> float:
    """A cell as a number; NaN where it says that there is none."""
    word = cell.lower()
    if word in MISSING:
        return math.nan
    return TRUTH[word] if word in TRUTH else float(cell)


def is_no_number(cell: str) -> bool:
    """Whether a cell is no number, also none that is written with a comma."""
    try:
        to_number(cell)
    except ValueError:
        return not decimal_hint(cell)
    return False


def decimal_hint(cell: str) -> str:
    """What to do about a comma inside a number."""
    if cell.replace(",", "", 1).lstrip("+-").replace(".", "").isdigit():
        return " Write decimals with a point."
    return ""


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


def write_trajectories(
    runs: Sequence[tuple[Sequence[str], Trajectories]], path: Path, keys: Sequence[str] = ()
) -> None:
    """A row per step, a column per node and field, every number in full; before them whose run it is."""
    with written(path), path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for number, (key, beliefs) in enumerate(runs):
            table = columns(beliefs)
            if number == 0:
                writer.writerow([*keys, "step", *table])
            for step, row in enumerate(zip(*table.values(), strict=True)):
                writer.writerow([*key, step, *(repr(float(value)) for value in row)])


def write_figure(figure: Any, path: Path) -> None:
    """A figure, or the one that some panels are on, as an image; closed afterwards."""
    import matplotlib.pyplot as plt

    with written(path):
        figure.savefig(path, dpi=150)
    plt.close(figure.figure)
