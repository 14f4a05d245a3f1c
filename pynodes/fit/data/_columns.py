"""Columns: what stands in those of a data frame, as numbers, truth values or keys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pynodes._errors import DataError, format_value, nearest

Columns = dict[str, np.ndarray]
"""A frame's columns by name, all of one length; of any type."""

CODED = "Code what it holds as numbers, as in (frame['choice'] == 'left').astype(float)."


def named(columns: Columns, name: Any, role: str) -> np.ndarray:
    """The column of a role.

    Raises
    ------
    DataError
        There is none of that name.
    """
    if not isinstance(name, str) or name not in columns:
        raise DataError(
            f"{role} is to be the column {name!r}, which the data do not have. {nearest(name, columns)}"
        )
    return columns[name]


def numbers_of(columns: Columns, name: Any, role: str) -> np.ndarray:
    """A column as real numbers; NaN where a frame has any of its signs for a missing value.

    Raises
    ------
    DataError
        No such column, or something in it that is no number; says in which row.
    """
    array = named(columns, name, role)
    if array.dtype.kind in "fiub":
        return array.astype(float)
    if array.dtype.kind not in "O":
        raise DataError(f"{not_numbers(name, role)}: it begins with {array[:1].tolist()}. {CODED}")
    found = np.empty(len(array))
    for row, value in enumerate(array.tolist()):
        try:
            found[row] = math.nan if is_missing(value) else plain(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"{not_numbers(name, role)}: row {row} is {format_value(value)}. {CODED}"
            ) from error
    return found


def plain(value: Any) -> float:
    """A number; a text that could be read as one is none."""
    if isinstance(value, str | bytes):
        raise TypeError("a text")
    return float(value)


def is_missing(value: Any) -> bool:
    """Whether a value is one of the signs that nothing is there: None, NaN, or a frame's own."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def not_numbers(name: str, role: str) -> str:
    """How a message about a column of something else begins."""
    return f"{role} is to be the column {name!r}, which does not hold numbers"


def truths_of(columns: Columns, name: Any, role: str) -> np.ndarray:
    """A column as truth values.

    Raises
    ------
    DataError
        No such column, or something else in it, gaps included.
    """
    array = numbers_of(columns, name, role)
    wrong = ~np.isin(array, (0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{role} is to be the column {name!r}, whose row {row} is {array[row]:g}. It takes truth values, "
            "True and False or 1 and 0, in every row."
        )
    return array.astype(bool)


def keys_of(columns: Columns, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """The key of every row: its values in some columns.

    Raises
    ------
    DataError
        No such column, or a row without a value.
    """
    parts: list[list[Any]] = []
    for name in names:
        values = named(columns, name, "by").tolist()
        for row, value in enumerate(values):
            if is_missing(value) or value != value:
                raise DataError(
                    f"Row {row} has no {name!r}, so it belongs to nobody. Fill it in or leave the row out."
                )
        parts.append(values)
    return list(zip(*parts, strict=True)) if parts else [()] * len(next(iter(columns.values())))
