"""Terms: the columns of a formula's terms as a design, with the priors of their coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynodes._errors import FormulaError, quote
from pynodes.fit.data.trials import Trials
from pynodes.fit.group.design import GroupedEffects


def collect_fixed_effects(
    common: list[Any], subjects: int, parameter: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Names and columns of the fixed effects, and what their priors are in units of the parameter's.

    Centres are one for the columns of a factor that stand in for an intercept, where there is none.
    """
    names: list[str] = []
    columns: list[np.ndarray] = []
    takes_mean: list[float] = []
    sds: list[float] = []
    for term in common:
        data = np.asarray(term.data, float).reshape(subjects, -1)
        if not data.shape[1]:
            raise FormulaError(
                f"The term {term.name!r} of the formula of {parameter!r} is the same for all subjects, and "
                "so explains nothing. Leave it out."
            )
        whole = term.kind == "categoric" and np.allclose(data.sum(axis=1), 1.0)
        names += name_columns(term)
        columns += list(data.T)
        takes_mean += [float(whole)] * data.shape[1]
        sds += [1 / measure_scale(column, term.kind) for column in data.T]
    array = np.stack(columns, axis=1) if columns else np.zeros((subjects, 0))
    return tuple(names), array, np.array(takes_mean), np.array(sds)


def check_columns(columns: np.ndarray, terms: tuple[str, ...], parameter: str) -> None:
    """Columns are numbers, and none is made up of others.

    Raises
    ------
    FormulaError
        One that is not; names it.
    """
    for name, column in zip(terms, columns.T, strict=True):
        if not np.isfinite(column).all():
            raise FormulaError(
                f"The term {name!r} of the formula of {parameter!r} is no number for some subjects. What is "
                "scaled must differ between subjects, and logarithms are of positive numbers."
            )
    scaled = columns / np.maximum(np.abs(columns).max(axis=0, initial=0), 1e-300)
    # What a column adds to those before it is on the diagonal of the triangle that is left of them.
    added = np.abs(np.diagonal(np.linalg.qr(scaled, mode="r")))
    least = 10 * max(scaled.shape) * np.finfo(float).eps * np.linalg.norm(scaled, axis=0)
    nothing = np.append(added <= least[: len(added)], True)
    count = int(np.argmax(nothing))
    if count < len(terms):
        before = f"those before it, {quote(terms[:count])}" if count else "zero alone"
        raise FormulaError(
            f"The term {terms[count]!r} of the formula of {parameter!r} is made up of {before}: data of "
            "these subjects cannot tell them apart. Leave one out."
        )


def name_columns(term: Any) -> list[str]:
    """Names of the columns of a term: ``group[T.b]`` for what a level differs by from the first one."""
    labels: list[str] = list(term.labels)
    for part in getattr(term, "components", ()):
        if part.kind == "categoric" and not part.spans_intercept:
            labels = [label.replace(f"{part.name}[", f"{part.name}[T.", 1) for label in labels]
    return labels


def measure_scale(column: np.ndarray, kind: str) -> float:
    """How much a column differs between subjects: a step between two groups, or a standard deviation."""
    if kind == "intercept" or not np.isfinite(column).all():
        return 1.0
    if kind == "interaction" and np.any(column):
        column = column[column != 0] if np.unique(column).size > 2 else column
    distinct = np.unique(column)
    size = np.ptp(column) if distinct.size <= 2 else np.std(column)
    return float(size) if size > 0 else 1.0


def collect_grouped_effects(
    group: list[Any], trials: Trials, parameter: str, sd: float
) -> tuple[tuple[GroupedEffects, ...], dict[str, tuple[str, ...]]]:
    """The grouped effects, all of one factor together, and names of the factors' levels."""
    factors: dict[str, list[Any]] = {}
    for term in group:
        factors.setdefault(term.factor.name, []).append(term)
    found: list[GroupedEffects] = []
    levels: dict[str, tuple[str, ...]] = {}
    for factor, terms in factors.items():
        one = group_terms(factor, terms, len(trials.subjects), sd)
        if is_scatter(one, factor, trials, parameter):
            continue
        found.append(one)
        levels[factor] = tuple(str(level) for level in terms[0].groups)
    return tuple(found), levels


def group_terms(factor: str, terms: list[Any], subjects: int, sd: float) -> GroupedEffects:
    """The effects of one factor's levels."""
    count = len(terms[0].groups)
    columns: list[str] = []
    wholes: list[np.ndarray] = []
    sds: list[float] = []
    for term in terms:
        data = term.data.toarray() if hasattr(term.data, "toarray") else term.data
        whole = np.asarray(data, float).reshape(subjects, count, -1)
        names = ["1"] if term.kind == "intercept" else name_columns(term.expr)
        columns += names
        wholes.append(whole)
        sds += [sd / measure_scale(c, term.kind) for c in whole.sum(axis=1).T]
    every = np.concatenate(wholes, axis=2)
    return GroupedEffects(
        factor=factor,
        columns=tuple(columns),
        levels=count,
        level=np.abs(every).sum(axis=2).argmax(axis=1),
        values=every.sum(axis=1),
        prior_sds=np.array(sds),
    )


def is_scatter(part: GroupedEffects, factor: str, trials: Trials, parameter: str) -> bool:
    """Whether effects of a factor are those of single subjects, which scatter anyway.

    Raises
    ------
    FormulaError
        A factor that groups nothing, or columns whose effects cannot be told from the subjects' scatter.
    """
    said = f"The formula of {parameter!r} has effects of {factor!r}"
    if part.levels == 1:
        raise FormulaError(f"{said}, which is the same for all subjects. Leave them out.")
    if part.levels < len(trials.subjects):
        return False
    if part.columns == ("1",) and set(factor.split(":")) <= set(trials.roles.by):
        return True
    raise FormulaError(
        f"{said}, of which every subject has its own: they cannot be told apart from the standard deviation "
        f"between subjects, which every model has. {advise_parameters_per(trials)}"
    )


def advise_parameters_per(trials: Trials) -> str:
    """What makes units of which a factor has several."""
    finer = trials.roles.by[trials.roles.key_count :]
    if finer:
        column = finer[0]
        return (
            f"With Trials(..., parameters_per={column!r}) every {column} has parameters of its own."
        )
    return "Leave them out."
