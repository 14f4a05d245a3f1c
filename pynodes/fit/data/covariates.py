"""Covariates: what the columns of the data say of subjects, once each says one thing of each subject."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pynodes._errors import FormulaError, nearest
from pynodes.fit.data.frames import is_missing
from pynodes.fit.data.trials import Trials


def read_covariates(trials: Trials, names: Iterable[str], parameter: str) -> dict[str, np.ndarray]:
    """Some columns with a value per subject, in the order of the subjects.

    Raises
    ------
    FormulaError
        A column that is not there, lacks a value, or changes within a subject; names column and subject.
    """
    return {name: read_covariate(trials, name, parameter) for name in sorted(names)}


def read_covariate(trials: Trials, name: str, parameter: str) -> np.ndarray:
    """The value of every subject in one column."""
    if name not in trials.columns:
        raise FormulaError(
            f"The formula of {parameter!r} needs a column {name!r}, which the data do not have. "
            f"{nearest(name, trials.columns)}"
        )
    found: dict[int, Any] = {}
    owners = trials.layout.index[0].tolist()
    labels = [trials.label(subject) for subject in trials.subjects]
    for row, (subject, value) in enumerate(zip(owners, trials.columns[name].tolist(), strict=True)):
        if is_missing(value) or value != value:
            raise FormulaError(
                f"The formula of {parameter!r} needs {name!r} of every subject, but it is missing from row "
                f"{row}, of {labels[subject]}. Fill it in, or leave the subject out."
            )
        if found.setdefault(subject, value) != value:
            raise FormulaError(
                f"The formula of {parameter!r} needs one {name!r} per subject, but {labels[subject]} has "
                f"{found[subject]!r} and {value!r}. {advise_constant(trials)}"
            )
    return np.array([found[subject] for subject in range(len(trials.subjects))])


def advise_constant(trials: Trials) -> str:
    """What to do about a column that changes within a subject."""
    finer = trials.roles.by[trials.roles.keyed :]
    if finer:
        return f"What changes between sessions needs Trials(..., unit={finer[0]!r})."
    return "What changes from trial to trial cannot explain a parameter that does not."
