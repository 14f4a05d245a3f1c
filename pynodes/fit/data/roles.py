"""Roles: which column of the data is what."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pynodes._errors import DataError, nearest, quote

ONLY = ""
"""The name of an input or of a response that needs none, being the only one."""

ColumnNames = dict[str, tuple[str, ...]]
"""Columns by what they are for: several for what is observed as an array."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roles:
    """Which column is what; see :class:`~pynodes.fit.Trials`."""

    inputs: ColumnNames
    actions: ColumnNames | None
    by: tuple[str, ...]
    trial: str | None
    covariates: ColumnNames
    dt: str | float
    reset: str | None
    frozen: str | None
    carry_over: bool
    unseen: str
    parameters_per: str | None = None
    time: str | None = None
    levels: ColumnNames = dataclasses.field(default_factory=dict)
    categories: ColumnNames = dataclasses.field(default_factory=dict)

    @property
    def key_count(self) -> int:
        """How many of the key columns say whose parameters a trial is of."""
        if self.parameters_per is None:
            return min(1, len(self.by))
        return self.by.index(self.parameters_per) + 1

    @property
    def subject_keys(self) -> tuple[str, ...]:
        """The key columns that say whose parameters a trial is of."""
        return self.by[: self.key_count]


def read_role(role: str, given: Any) -> ColumnNames:
    """Columns by name, from one, several that are called like what they are for, or a mapping.

    Raises
    ------
    DataError
        Something else.
    """
    if isinstance(given, str):
        return {ONLY: (given,)}
    if isinstance(given, Mapping):
        return {str(name): read_components(role, columns) for name, columns in given.items()}
    if isinstance(given, Sequence) and all(isinstance(name, str) for name in given):
        return {name: (name,) for name in given}
    raise DataError(
        f"{role} must name a column, several, or be a mapping from names to columns, not {given!r}."
    )


def read_components(role: str, columns: Any) -> tuple[str, ...]:
    """One column, or one per component of what is observed as an array."""
    if isinstance(columns, str):
        return (columns,)
    if isinstance(columns, Sequence) and columns and all(isinstance(c, str) for c in columns):
        return tuple(columns)
    raise DataError(f"{role} must name columns, not {columns!r}.")


def check_level_columns(columns: Mapping[str, Any], levels: ColumnNames) -> None:
    """Refuse levels of a column that there is not.

    Raises
    ------
    DataError
        Names the column, and those that there are.
    """
    for name in levels:
        if name not in columns:
            raise DataError(f"levels= names {name!r}, which is no column. {nearest(name, columns)}")


def read_levels(levels: Any) -> ColumnNames:
    """The texts that columns hold, in the order of their codes.

    Raises
    ------
    DataError
        Something else than lists of different texts by column.
    """
    if isinstance(levels, Mapping):
        ordered = {name: texts for name, texts in levels.items() if hasattr(texts, "__getitem__")}
        found = {
            name: tuple(texts)
            for name, texts in ordered.items()
            if not isinstance(texts, str | Mapping)
        }
        texts = [text for column in found.values() for text in column]
        once = all(len(set(column)) == len(column) for column in found.values())
        if len(found) == len(levels) and once and all(isinstance(text, str) for text in texts):
            return found
    raise DataError(
        "levels must say by column which texts it holds, each once, in the order of their codes, such as "
        f"levels={{'choice': ['left', 'right']}}, not {levels!r}."
    )


def read_key_columns(by: Any) -> tuple[str, ...]:
    """The columns that say whose trial it is, and in which session.

    Raises
    ------
    DataError
        Something else than names, or one twice.
    """
    names = (by,) if isinstance(by, str) else tuple(by)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise DataError(f"by must name columns, the subject's first, each once, not {by!r}.")
    return names


def check_parameters_per(parameters_per: Any, by: tuple[str, ...], carry_over: bool) -> None:
    """What has parameters of its own is named by a key column, and beliefs stay within it.

    Raises
    ------
    DataError
        Another column, or beliefs that would be carried from one to the next.
    """
    if parameters_per is None:
        return
    if parameters_per not in by:
        raise DataError(
            f"parameters_per={parameters_per!r} must name one of the key columns in by=, which are "
            f"{quote(by)}: whatever that column and those before it tell apart has parameters of its own."
        )
    if carry_over and parameters_per != by[0]:
        raise DataError(
            f"carry_over=True takes a subject's beliefs from one {parameters_per} to the next, but with "
            f"parameters_per={parameters_per!r} every {parameters_per} has parameters of its own, "
            "and beliefs under one set of parameters are no beginning for another. Leave out one of both."
        )
