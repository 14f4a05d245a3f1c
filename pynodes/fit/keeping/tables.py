"""Trials as plain values and arrays that a file can hold, and back."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from pynodes._errors import DataError, FormatError, format_value, quote
from pynodes._keeping.records import FileReader, FileWriter, expect, read_time_type
from pynodes.fit.data.roles import Roles, check_parameters_per
from pynodes.fit.data.trials import UNSEEN, Trials

NUMBERS = re.compile(r"[|<]?(b1|[iu][1248]|f[248])")
"""Types of columns that are kept as numbers."""

TEXTS, THINGS = "texts", "things"
"""What other columns hold: texts alone, or any plain values."""


def write_trials(trials: Trials, file: FileWriter) -> dict[str, Any]:
    """The columns of the data, and which of them is what.

    Raises
    ------
    FormatError
        A column that no file can hold.
    """
    roles = file.record(trials.roles, Roles, "Trials.roles")
    columns = [[name, write_column(name, column, file)] for name, column in trials.columns.items()]
    return {"roles": roles, "columns": columns}


def read_trials(said: Any, file: FileReader) -> Trials:
    """The trials of a file."""
    expect(said, dict, "Trials")
    columns: dict[str, np.ndarray] = {}
    for each in expect(said["columns"], list, "columns"):
        name, column = expect(each, list, "A column")
        if expect(name, str, "The name of a column") in columns:
            raise FormatError(f"Two columns are named {name!r}.")
        columns[name] = read_column(name, column, file)
    if len({column.shape for column in columns.values()}) > 1:
        raise FormatError("The columns of the trials are of different lengths.")
    return Trials._of(columns, file.record(said["roles"], Roles, "Trials.roles"))


def check_roles(roles: Roles) -> None:
    """Roles that trials can have.

    Raises
    ------
    DataError
        Others.
    """
    if roles.unseen not in UNSEEN:
        raise DataError(f"unseen must be {quote(UNSEEN)}, not {roles.unseen!r}.")
    check_parameters_per(roles.parameters_per, roles.by, roles.carry_over)
    for named in (roles.inputs, roles.actions or {}, roles.covariates):
        for name, columns in named.items():
            if not columns:
                raise DataError(f"No column is named for {name!r}.")


def write_column(name: str, column: np.ndarray, file: FileWriter) -> dict[str, Any]:
    """A column as an array, and what it is an array of."""
    where = f"The column {name!r}"
    column = column.astype(column.dtype.newbyteorder("="), copy=False)
    kind = column.dtype.str.replace(">", "<")
    if NUMBERS.fullmatch(kind):
        wide = column.astype(np.float32) if column.dtype == np.float16 else column
        return {"type": kind, "values": file.array(wide, where)}
    if column.dtype.kind in "mM":
        return {"type": kind.lstrip("<"), "values": file.array(column.astype(np.int64), where)}
    cells = [name_missing(cell) for cell in column.tolist()]
    places: dict[Any, int] = {}
    codes = np.array([places.setdefault(tell_apart(cell), len(places)) for cell in cells], np.int32)
    first = {code: cell for cell, code in reversed([*zip(cells, codes.tolist(), strict=True)])}
    levels = [write_cell(name, first[code], file) for code in range(len(first))]
    kind = TEXTS if column.dtype.kind in "UT" else THINGS
    return {"type": kind, "values": file.array(codes, where), "levels": levels}


def read_column(name: str, said: Any, file: FileReader) -> np.ndarray:
    """A column as it was."""
    where = f"The column {name!r}"
    kind = expect(expect(said, dict, where)["type"], str, where)
    values = file.array(said["values"], where)
    if values.ndim != 1:
        raise FormatError(f"{where} is of shape {values.shape}.")
    if NUMBERS.fullmatch(kind):
        return values.astype(np.dtype(kind))
    if kind not in (TEXTS, THINGS):
        if values.dtype != np.int64:
            raise FormatError(f"{where} of times is kept as {values.dtype}.")
        return values.view(read_time_type(kind))
    levels = [file.plain(each, where) for each in expect(said["levels"], list, where)]
    if values.dtype.kind != "i" or (
        values.size and not 0 <= values.min() <= values.max() < len(levels)
    ):
        raise FormatError(f"{where} has rows with a level that does not exist.")
    found = np.empty(len(levels), object)
    found[:] = levels
    if kind == TEXTS:
        found = np.array([expect(level, str, where) for level in levels], str)
    return found[values]


def name_missing(cell: Any) -> Any:
    """A cell; None for a frame's own sign of what is missing."""
    return None if type(cell).__name__ in ("NAType", "NaTType") else cell


def tell_apart(cell: Any) -> Any:
    """What only equal cells of the same type have in common."""
    try:
        hash(cell)
    except TypeError:
        return id(cell)
    return type(cell), cell if cell == cell else "not a number"


def write_cell(name: str, cell: Any, file: FileWriter) -> Any:
    """One cell as a plain value."""
    try:
        return file.plain(cell, name)
    except FormatError as error:
        raise FormatError(
            f"The column {name!r} holds {format_value(cell)}, which cannot be written to a file. Make it a "
            "text or a number, or leave the column out of the data."
        ) from error
