"""Covariates: what the columns of the data say of units, once each says one thing of each unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pynodes._errors import FormulaError, nearest
from pynodes.fit.data._columns import is_missing
from pynodes.fit.data.trials import Trials


def of_units(trials: Trials, names: Iterable[str], parameter: str) -> dict[str, np.ndarray]:
    """Some columns with a value per unit, in the order of the units.

    Raises
    ------
    FormulaError
        A column that is not there, lacks a value, or changes within a unit; names column and unit.
    """
    return {name: one_column(trials, name, parameter) for name in sorted(names)}


def one_column(trials: Trials, name: str, parameter: str) -> np.ndarray:
    """The value of every unit in one column."""
    if name not in trials.columns:
        raise FormulaError(
            f"The formula of {parameter!r} needs a column {name!r}, which the data do not have. "
            f"{nearest(name, trials.columns)}"
        )
    found: dict[int, Any] = {}
    owners = trials.layout.place[0].tolist()
    names = [trials.described(subject) for subject in trials.subjects]
    for row, (unit, value) in enumerate(zip(owners, trials.columns[name].tolist(), strict=True)):
        if is_missing(value) or value != value:
            raise FormulaError(
                f"The formula of {parameter!r} needs {name!r} of every unit, but it is missing from row "
                f"{row}, of {names[unit]}. Fill it in, or leave the unit out."
            )
        if found.setdefault(unit, value) != value:
            raise FormulaError(
                f"The formula of {parameter!r} needs one {name!r} per unit, but {names[unit]} has "
                f"{found[unit]!r} and {value!r}. {changing(trials)}"
            )
    return np.array([found[unit] for unit in range(len(trials.subjects))])


def changing(trials: Trials) -> str:
    """What to do about a column that changes within a unit."""
    finer = trials.roles.by[trials.roles.keyed :]
    if finer:
        return f"What changes between sessions needs Trials(..., unit={finer[0]!r})."
    return "What changes from trial to trial cannot explain a parameter that does not."
