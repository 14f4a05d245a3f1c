"""Formula: what a parameter depends on, as a text, made the arrays of a design. The only user of formulae."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from pynodes._errors import FormulaError, listed
from pynodes._results.tables import extra
from pynodes.fit._covariates import of_units
from pynodes.fit._design import Design, Grouped
from pynodes.fit._formula_text import check_text
from pynodes.fit.trials import Trials

FUNCTIONS = {"np": np, "log": np.log, "exp": np.exp, "sqrt": np.sqrt, "abs": np.abs}
"""What formulas may call besides what formulae knows, such as ``scale`` and ``center``."""


@dataclasses.dataclass(frozen=True)
class Parsed:
    """The design that a formula makes of some trials.

    Attributes
    ----------
    design
        Its arrays.
    levels
        Names of the levels of every factor of grouped effects.
    """

    design: Design
    levels: dict[str, tuple[str, ...]]


def parsed(trials: Trials, parameter: str, formula: str, centre: float, spread: float) -> Parsed:
    """The design of one parameter, whose prior has some centre and spread.

    Raises
    ------
    FormulaError
        A formula that cannot be read, or columns that do not go with it.
    MissingExtraError
        formulae is not installed.
    """
    matrices = read(trials, parameter, check_text(formula, parameter))
    terms, columns, centres, spreads = fixed_of(matrices.common, len(trials.subjects), parameter)
    check_columns(columns, terms, parameter)
    grouped, levels = grouped_of(matrices.group, trials, parameter, spread)
    if "Intercept" in terms:
        centres = np.array([float(name == "Intercept") for name in terms])
    design = Design(
        terms=terms,
        fixed=columns,
        centres=np.where(centres > 0, centre, 0.0),
        spreads=spread * spreads,
        grouped=grouped,
    )
    return Parsed(design=design, levels=levels)


def read(trials: Trials, parameter: str, formula: str) -> Any:
    """What formulae makes of a formula and the columns it names.

    Raises
    ------
    FormulaError
        It cannot be read, or computed.
    """
    formulae, pandas = extra("formulae"), extra("pandas")
    try:
        wanted = formulae.model_description(formula).var_names
    except Exception as error:  # of classes that formulae keeps to itself
        raise FormulaError(
            f"The formula of {parameter!r}, {formula!r}, cannot be read: "
            f"{str(error).rstrip('.')}. It is one such as "
            "'group + scale(age) + (1|site)'."
        ) from error
    names = {name for name in wanted if isinstance(name, str) and name and name not in FUNCTIONS}
    frame = pandas.DataFrame(
        of_units(trials, names, parameter) or {"": np.zeros(len(trials.subjects))}
    )
    try:
        with np.errstate(all="ignore"):
            return formulae.design_matrices(
                formula, frame, na_action="pass", extra_namespace=FUNCTIONS
            )
    except Exception as error:  # whatever the functions of a formula raise
        what = f"it knows no {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise FormulaError(
            f"The formula of {parameter!r}, {formula!r}, cannot be computed: {what}."
        ) from error


def fixed_of(
    common: Any, units: int, parameter: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Names and columns of the fixed effects, and what their priors are in units of the parameter's.

    Centres are one for the columns of a factor that stand in for an intercept, where there is none.
    """
    names: list[str] = []
    columns: list[np.ndarray] = []
    centres: list[float] = []
    spreads: list[float] = []
    for term in common.terms.values() if common is not None else ():
        if term.kind == "offset":
            raise FormulaError("offset(...) has no coefficient to estimate. Leave it out.")
        data = np.asarray(term.data, float).reshape(units, -1)
        if not data.shape[1]:
            raise FormulaError(
                f"The term {term.name!r} of the formula of {parameter!r} is the same for all units, and so "
                "explains nothing. Leave it out."
            )
        whole = term.kind == "categoric" and np.allclose(data.sum(axis=1), 1.0)
        names += labels_of(term)
        columns += list(data.T)
        centres += [float(whole)] * data.shape[1]
        spreads += [1 / size_of(column, term.kind) for column in data.T]
    array = np.stack(columns, axis=1) if columns else np.zeros((units, 0))
    return tuple(names), array, np.array(centres), np.array(spreads)


def labels_of(term: Any) -> list[str]:
    """Names of the columns of a term: ``group[T.b]`` for what a level differs by from the first one."""
    labels: list[str] = list(term.labels)
    for part in getattr(term, "components", ()):
        if part.kind == "categoric" and not part.spans_intercept:
            labels = [label.replace(f"{part.name}[", f"{part.name}[T.", 1) for label in labels]
    return labels


def size_of(column: np.ndarray, kind: str) -> float:
    """By how much a column differs between units: a step between two groups, or a standard deviation."""
    if kind == "intercept" or not np.isfinite(column).all():
        return 1.0
    if kind == "interaction" and np.any(column):
        column = column[column != 0] if np.unique(column).size > 2 else column
    distinct = np.unique(column)
    size = np.ptp(column) if distinct.size <= 2 else np.std(column)
    return float(size) if size > 0 else 1.0


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
                f"The term {name!r} of the formula of {parameter!r} is no number for some units. What is "
                "scaled must differ between units, and logarithms are of positive numbers."
            )
    scaled = columns / np.maximum(np.abs(columns).max(axis=0, initial=0), 1e-300)
    for count in range(1, len(terms) + 1):
        if np.linalg.matrix_rank(scaled[:, :count]) < count:
            before = f"those before it, {listed(terms[: count - 1])}" if count > 1 else "zero alone"
            raise FormulaError(
                f"The term {terms[count - 1]!r} of the formula of {parameter!r} is made up of {before}: data "
                "of these units cannot tell them apart. Leave one out."
            )


def grouped_of(
    group: Any, trials: Trials, parameter: str, spread: float
) -> tuple[tuple[Grouped, ...], dict[str, tuple[str, ...]]]:
    """The grouped effects, all of one factor together, and names of the factors' levels."""
    factors: dict[str, list[Any]] = {}
    for term in group.terms.values() if group is not None else ():
        factors.setdefault(term.factor.name, []).append(term)
    found: list[Grouped] = []
    levels: dict[str, tuple[str, ...]] = {}
    for factor, terms in factors.items():
        one = one_grouped(factor, terms, len(trials.subjects), spread)
        if is_scatter(one, factor, trials, parameter):
            continue
        found.append(one)
        levels[factor] = tuple(str(level) for level in terms[0].groups)
    return tuple(found), levels


def one_grouped(factor: str, terms: list[Any], units: int, spread: float) -> Grouped:
    """The effects of one factor's levels."""
    count = len(terms[0].groups)
    columns: list[str] = []
    wholes: list[np.ndarray] = []
    spreads: list[float] = []
    for term in terms:
        data = term.data.toarray() if hasattr(term.data, "toarray") else term.data
        whole = np.asarray(data, float).reshape(units, count, -1)
        names = ["1"] if term.kind == "intercept" else labels_of(term.expr)
        columns += names
        wholes.append(whole)
        spreads += [spread / size_of(c, term.kind) for c in whole.sum(axis=1).T]
    every = np.concatenate(wholes, axis=2)
    return Grouped(
        factor=factor,
        columns=tuple(columns),
        levels=count,
        level=np.abs(every).sum(axis=2).argmax(axis=1),
        values=every.sum(axis=1),
        spreads=np.array(spreads),
    )


def is_scatter(part: Grouped, factor: str, trials: Trials, parameter: str) -> bool:
    """Whether effects of a factor are those of single units, which scatter anyway.

    Raises
    ------
    FormulaError
        A factor that groups nothing, or columns whose effects cannot be told from the units' scatter.
    """
    said = f"The formula of {parameter!r} has effects of {factor!r}"
    if part.levels == 1:
        raise FormulaError(f"{said}, which is the same for all units. Leave them out.")
    if part.levels < len(trials.subjects):
        return False
    if part.columns == ("1",) and set(factor.split(":")) <= set(trials.roles.by):
        return True
    raise FormulaError(
        f"{said}, of which every unit has one of its own: they cannot be told from the scatter of the units, "
        f"which is always there. {finer_units(trials)}"
    )


def finer_units(trials: Trials) -> str:
    """What makes units of which a factor has several."""
    finer = trials.roles.by[trials.roles.keyed :]
    if finer:
        return f"With Trials(..., unit={finer[0]!r}) a subject has several units."
    return "Leave them out."
