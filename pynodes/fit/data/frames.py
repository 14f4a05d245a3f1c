"""Frames: the columns of a data frame, whatever library made it, as arrays, numbers, truth values or keys."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from pynodes._errors import DataError, InputError, format_value, nearest, quote
from pynodes._results.tables import extra
from pynodes._runtime.times import from_objects, to_time_numbers

Columns = dict[str, np.ndarray]
"""A frame's columns by name, all of one length; of any type."""

FRAMES = "narwhals.stable.v2"
"""What knows the frames of all libraries."""

MOST_LEVELS = 12
"""A column of more texts than these is hardly one of choices."""


def read_frame(data: Any) -> Columns:
    """The columns of a frame, or of a mapping from names to sequences.

    What a frame of pandas has in a named index counts as columns; a lazy one of polars is collected.

    Raises
    ------
    DataError
        Something else, a lazy frame, columns of different lengths, two of one name, or no rows.
    MissingExtraError
        narwhals is not installed, and it is a frame.
    """
    parts = list(data.items()) if isinstance(data, Mapping) else read_frame_series(data)
    columns = {str(name): to_array(str(name), values) for name, values in parts}
    if len(columns) < len(parts):
        raise duplicate_error([str(name) for name, _ in parts])
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"The columns are of different lengths: {lengths}.")
    if not columns or not next(iter(lengths.values())):
        raise DataError("The data have no rows.")
    return columns


def read_frame_series(data: Any) -> list[tuple[Any, Any]]:
    """The columns of a frame by name, as narwhals has them.

    Raises
    ------
    DataError
        It is no frame, a lazy one, or has two columns of one name.
    """
    nw = extra(FRAMES)
    if hasattr(data, "reset_index") and hasattr(data, "columns") and any(index_names(data)):
        data = data.reset_index([name for name in index_names(data) if name])
    try:
        frame = nw.from_native(data, pass_through=True)
    except nw.exceptions.DuplicateError as error:
        raise duplicate_error(list(getattr(data, "column_names", data.columns))) from error
    if isinstance(frame, nw.LazyFrame):
        if not frame.implementation.is_polars():
            raise DataError(
                f"The data are a {type(data).__name__}, which is lazy: its rows are not there yet, and their "
                "order may not be fixed. Sort it by its keys and trials, and collect it first."
            )
        frame = frame.collect()
    if not isinstance(frame, nw.DataFrame):
        raise DataError(
            "Give the data as a frame with a row per trial, such as of pandas, polars or pyarrow, or as a "
            f"mapping from names to columns, not as a {type(data).__name__}."
        )
    return [(series.name, series) for series in frame.iter_columns()]


def read_categories(data: Any) -> dict[str, tuple[str, ...]]:
    """The texts of categorical columns in the order of their categories, by column.

    A frame that does not say in which order has none.
    """
    parts = data.items() if hasattr(data, "items") else ()
    found: dict[str, tuple[str, ...]] = {}
    for name, column in parts:
        known = getattr(getattr(column, "dtype", None), "categories", None)
        if known is not None and all(isinstance(one, str) for one in known):
            found[str(name)] = tuple(known)
    return found


def index_names(data: Any) -> list[Any]:
    """Names of the levels of a frame's index that are no columns; None of one without a name."""
    return [name if name not in data.columns else None for name in data.index.names]


def duplicate_error(names: Sequence[Any]) -> DataError:
    """The error that some columns share a name."""
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    return DataError(f"The data have several columns called {quote(twice)}. Rename them.")


def to_array(name: str, values: Any) -> np.ndarray:
    """A column as an array of one dimension, a copy of the caller's.

    Raises
    ------
    DataError
        It has no value per row.
    """
    if isinstance(values, np.ma.MaskedArray):
        blank = np.nan if np.issubdtype(values.dtype, np.number) else None
        values = np.ma.filled(values.astype(object if blank is None else float), blank)
    if not isinstance(values, np.ndarray | jax.Array | Sequence):
        nw = extra(FRAMES)
        values = nw.from_native(values, series_only=True, pass_through=True)
        if isinstance(values, nw.Series):
            return series_values(values)
    array = np.array(values)
    if array.ndim != 1:
        raise DataError(
            f"The column {name!r} has shape {array.shape}. A column has a value per row."
        )
    return array


def series_values(series: Any) -> np.ndarray:
    """The values of a series: numbers, truth values and times as such, NaN or NaT for what is missing.

    Anything else value by value, as whichever sign of its library stands for what is missing. (Categories
    of Arrow that are missing would become others on the short way to numpy.)
    """
    nw = extra(FRAMES)
    kind = series.dtype
    if kind == nw.Decimal:
        series = series.cast(nw.Float64)
    whole = kind == nw.Boolean and not series.is_null().any()
    if kind.is_numeric() or kind.is_temporal() or whole:
        return np.array(series.to_numpy())
    values = np.empty(len(series), object)
    for row, value in enumerate(series.to_list()):
        values[row] = value
    return values


def find_column(columns: Columns, name: Any, role: str) -> np.ndarray:
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


def read_numbers(
    columns: Columns, name: Any, role: str, levels: Sequence[str] | None = None
) -> np.ndarray:
    """A column as real numbers; NaN where a frame has any of its signs for a missing value.

    Parameters
    ----------
    columns, name, role
        The data, the column, and what it is for.
    levels
        Texts that the column holds, in the order of their codes from 0.

    Raises
    ------
    DataError
        No such column, or something in it that is no number or level; says in which row.
    """
    array = find_column(columns, name, role)
    if array.dtype.kind in "fiub":
        return array.astype(float)
    opening = f"{role} is to be the column {name!r}, which does not hold numbers"
    if array.dtype.kind in "mM":
        raise DataError(f"{opening} but {TIMES[array.dtype.kind]}")
    codes = {level: float(code) for code, level in enumerate(levels or ())}
    numbers = np.empty(len(array))
    for row, value in enumerate(array.tolist()):
        try:
            numbers[row] = math.nan if is_missing(value) else to_code(value, codes)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"{opening}: row {row} is {format_value(value)}. {coding_advice(name, array, levels, role)}"
            ) from error
    return numbers


TIMES = {
    "m": "durations. Divide it by the duration that is one unit of yours, such as pandas.Timedelta('1s').",
    "M": "dates. Dates are stamps: name the column in time=.",
}
"""What to do with a column of times where numbers are needed, by the kind of its array."""


def to_code(value: Any, codes: Mapping[str, float]) -> float:
    """A number, or the code of a text that is a level."""
    return codes[value] if isinstance(value, str) and value in codes else to_strict_float(value)


def coding_advice(name: str, array: np.ndarray, levels: Sequence[str] | None, role: str) -> str:
    """How to say which number each text of a column stands for."""
    if role in ("time", "dt"):
        return "Give numbers, or dates for time=, as ISO 8601 or pandas.to_datetime has them."
    if levels:
        return f"Its levels are {quote(levels)}. Correct the row, or name all levels in levels=."
    texts = sorted({value for value in array.tolist() if isinstance(value, str)})
    if not texts or len(texts) > MOST_LEVELS:
        return "Give numbers, and NaN where there is none."
    return (
        f"Name its values in the order of their codes, which count from 0: levels={{{name!r}: {texts}}}. "
        f"What is missing stays missing.{only_formulas(role, name)}"
    )


def only_formulas(role: str, name: str) -> str:
    """What to do instead with texts that no response reads."""
    if role != "covariates":
        return ""
    return (
        " Formulas and conditions read texts from the data themselves: for them alone, leave "
        f"{name!r} out of covariates=."
    )


def read_stamps(columns: Columns, name: Any, role: str) -> np.ndarray:
    """A column of times as numbers: durations, and dates where they are stamps, in seconds.

    Raises
    ------
    DataError
        No such column, or something else in it.
    """
    array = find_column(columns, name, role)
    array = from_objects(array) if array.dtype.kind in "OU" else array
    if array.dtype.kind not in "mM":
        return read_numbers(columns, name, role)
    if array.dtype.kind == "M" and role not in ("time", "dt"):
        raise DataError(
            f"{role} is to be the column {name!r}, which holds dates. Give the seconds since the recording "
            "began, such as (frame[column] - began).dt.total_seconds()."
        )
    try:
        return to_time_numbers(role, array, dates=role == "time")
    except InputError as error:
        raise DataError(f"{role} is to be the column {name!r}: {error}") from error


def to_strict_float(value: Any) -> float:
    """A number; a text that could be read as one is none."""
    if isinstance(value, str | bytes):
        raise TypeError("a text")
    return float(value)


def is_missing(value: Any) -> bool:
    """Whether a value is one of the signs that nothing is there: None, NaN, or a frame's own."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def read_flag_column(columns: Columns, name: Any, role: str) -> np.ndarray:
    """A column as truth values.

    Raises
    ------
    DataError
        No such column, or something else in it, gaps included.
    """
    array = read_numbers(columns, name, role)
    wrong = ~np.isin(array, (0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{role} is to be the column {name!r}, whose row {row} is {array[row]:g}. It takes truth values, "
            "True and False or 1 and 0, in every row."
        )
    return array.astype(bool)


def read_keys(columns: Columns, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """The key of every row: its values in some columns.

    Raises
    ------
    DataError
        No such column, or a row without a value.
    """
    parts: list[list[Any]] = []
    for name in names:
        values = find_column(columns, name, "by").tolist()
        for row, value in enumerate(values):
            if is_missing(value) or value != value:
                raise DataError(f"Row {row} has no {name!r}. Fill it in or leave the row out.")
        parts.append(values)
    return list(zip(*parts, strict=True)) if parts else [()] * len(next(iter(columns.values())))
