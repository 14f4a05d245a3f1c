"""Trials as arrays and texts that a file can hold, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import FormatError
from pynodes._results.tables import extra
from pynodes.fit.data._roles import Roles
from pynodes.fit.data.trials import Trials

if TYPE_CHECKING:
    import xarray

NUMBERS, TIMES = "iufb", "mM"
"""Kinds of columns that are kept as numbers; all others are kept as texts, cell by cell."""


def roles_document(trials: Trials) -> dict[str, Any]:
    """Which column is what, as plain values."""
    return dataclasses.asdict(trials.roles)


def roles_of(said: Mapping[str, Any]) -> Roles:
    """The roles of a document."""
    return Roles(**{name: tupled(value) for name, value in said.items()})


def tupled(value: Any) -> Any:
    """Lists as tuples, which is how roles hold them."""
    if isinstance(value, list):
        return tuple(tupled(each) for each in value)
    return {n: tupled(v) for n, v in value.items()} if isinstance(value, Mapping) else value


def columns_dataset(trials: Trials) -> xarray.Dataset:
    """The columns of the data, each a variable over their rows; their names are in its attributes."""
    xr = extra("xarray")
    found: dict[str, Any] = {}
    for number, (name, column) in enumerate(trials.columns.items()):
        values, how = encoded(name, column)
        found[f"column_{number}"] = xr.DataArray(
            values, dims="row", attrs={"name": name, "encoding_of_cells": how}
        )
    return xr.Dataset(found)


def encoded(name: str, column: np.ndarray) -> tuple[np.ndarray, str]:
    """A column as a file can hold it, and how it was made so."""
    if column.dtype.kind in NUMBERS:
        whole = column.astype(np.int8) if column.dtype.kind == "b" else column
        return whole, column.dtype.str
    if column.dtype.kind in TIMES:
        return column.astype("int64"), column.dtype.str
    return np.array([text_of(name, value) for value in column.tolist()], object), "json"


def text_of(name: str, value: Any) -> str:
    """One cell as a text."""
    if type(value).__name__ in ("NAType", "NaTType"):
        value = None
    try:
        return json.dumps(value)
    except TypeError as error:
        raise FormatError(
            f"The column {name!r} holds {value!r}, which cannot be written to a file. Make it a text or a "
            "number, or leave the column out of the data."
        ) from error


def trials_of(dataset: Any, roles: Mapping[str, Any]) -> Trials:
    """The trials of a file."""
    columns: dict[str, np.ndarray] = {}
    for number in range(len(dataset)):
        variable = dataset[f"column_{number}"]
        columns[str(variable.attrs["name"])] = decoded(
            np.asarray(variable.values), str(variable.attrs["encoding_of_cells"])
        )
    return Trials._of(columns, roles_of(roles))


def decoded(values: np.ndarray, how: str) -> np.ndarray:
    """A column as it was."""
    if how != "json":
        return values.astype(np.dtype(how))
    cells = [json.loads(str(text)) for text in values.tolist()]
    found = np.empty(len(cells), object)
    found[:] = cells
    return np.array(cells) if all(type(cell) is str for cell in cells) else found
