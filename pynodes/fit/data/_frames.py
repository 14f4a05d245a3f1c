"""Frames: the columns of a data frame as arrays, whatever library made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from pynodes._errors import DataError, listed
from pynodes._results.tables import extra
from pynodes.fit.data._columns import Columns

FRAMES = "narwhals.stable.v2"
"""What knows the frames of all libraries."""


def columns_of(data: Any) -> Columns:
    """The columns of a frame, or of a mapping from names to sequences.

    What a frame of pandas has in a named index counts as columns; a lazy one of polars is collected.

    Raises
    ------
    DataError
        Something else, a lazy frame, columns of different lengths, two of one name, or no rows.
    MissingExtraError
        narwhals is not installed, and it is a frame.
    """
    parts = list(data.items()) if isinstance(data, Mapping) else series_of(data)
    found = {str(name): one_column(str(name), values) for name, values in parts}
    if len(found) < len(parts):
        raise several([str(name) for name, _ in parts])
    lengths = {name: len(column) for name, column in found.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"The columns are of different lengths: {lengths}.")
    if not found or not next(iter(lengths.values())):
        raise DataError("The data have no rows.")
    return found


def series_of(data: Any) -> list[tuple[Any, Any]]:
    """The columns of a frame by name, as narwhals has them.

    Raises
    ------
    DataError
        It is no frame, a lazy one, or has two columns of one name.
    """
    nw = extra(FRAMES)
    if hasattr(data, "reset_index") and hasattr(data, "columns") and any(indexed(data)):
        data = data.reset_index([name for name in indexed(data) if name])
    try:
        frame = nw.from_native(data, pass_through=True)
    except nw.exceptions.DuplicateError as error:
        raise several(list(getattr(data, "column_names", data.columns))) from error
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


def indexed(data: Any) -> list[Any]:
    """Names of the levels of a frame's index that are no columns; None of one without a name."""
    return [name if name not in data.columns else None for name in data.index.names]


def several(names: Sequence[Any]) -> DataError:
    """The error that some columns share a name."""
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    return DataError(f"The data have several columns called {listed(twice)}. Rename them.")


def one_column(name: str, values: Any) -> np.ndarray:
    """A column as an array of one dimension, of the caller's own no more.

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
            return values_of(values)
    array = np.array(values)
    if array.ndim != 1:
        raise DataError(
            f"The column {name!r} has shape {array.shape}. A column has a value per row."
        )
    return array


def values_of(series: Any) -> np.ndarray:
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
    found = np.empty(len(series), object)
    for row, value in enumerate(series.to_list()):
        found[row] = value
    return found
