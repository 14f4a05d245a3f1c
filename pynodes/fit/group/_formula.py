"""Formula: what a parameter depends on, as a text, made the arrays of a design. The only user of formulae."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np

from pynodes._errors import FormulaError, listed
from pynodes._results.tables import extra
from pynodes.fit.data._columns import Columns
from pynodes.fit.data._covariates import of_units
from pynodes.fit.data.trials import Trials
from pynodes.fit.group._design import Design
from pynodes.fit.group._formula_syntax import ELEMENTWISE, parse_formula, shorten
from pynodes.fit.group._formula_terms import labels_of, size_of
from pynodes.fit.group._grouped_terms import grouped_of

NAMESPACE = {
    "np": SimpleNamespace(**{name: getattr(np, name) for name in ELEMENTWISE}),
    **{name: getattr(np, name) for name in ("log", "exp", "sqrt", "abs")},
}
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
    matrices
        What formulae made of it, which knows how columns were scaled; None of an intercept alone.
    """

    design: Design
    levels: dict[str, tuple[str, ...]]
    matrices: Any = None

    def columns_for(self, columns: Columns) -> np.ndarray:
        """The columns of the fixed effects for other units, scaled as those of the data were.

        Raises
        ------
        FormulaError
            A column that is not there, or a group that the data do not have.
        """
        count = len(next(iter(columns.values())))
        if self.matrices is None:
            return np.ones((count, 1))
        if not self.design.terms:
            return np.zeros((count, 0))
        frame = extra("pandas").DataFrame(columns)
        try:
            found = self.matrices.common.evaluate_new_data(frame)
        except KeyError as error:
            raise FormulaError(
                f"The formula needs a column {error}, which is not given."
            ) from error
        except ValueError as error:
            raise FormulaError(f"The formula cannot be computed: {error}") from error
        return np.asarray(found.design_matrix, float).reshape(count, -1)


def parsed(trials: Trials, parameter: str, formula: str, centre: float, spread: float) -> Parsed:
    """The design of one parameter, whose prior has some centre and spread.

    Raises
    ------
    FormulaError
        A formula that cannot be read, or columns that do not go with it.
    MissingExtraError
        formulae is not installed.
    """
    matrices = read(trials, parameter, formula)
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
    return Parsed(design=design, levels=levels, matrices=matrices)


def read(trials: Trials, parameter: str, formula: str) -> Any:
    """What formulae makes of a formula and the columns it names.

    Raises
    ------
    FormulaError
        It cannot be read, or computed.
    """
    extra("formulae")
    pandas, environment = extra("pandas"), extra("formulae.environment")
    tree = parse_formula(formula, parameter)
    said = f"The formula of {parameter!r}, {shorten(formula)}, cannot be"
    try:
        model = model_of(tree)
        wanted = model.var_names
    except Exception as error:  # of classes that formulae keeps to itself
        raise FormulaError(f"{said} read: {str(error).rstrip('.')}.") from error
    names = {name for name in wanted if isinstance(name, str) and name}
    frame = pandas.DataFrame(
        of_units(trials, names, parameter) or {"": np.zeros(len(trials.subjects))}
    )
    try:
        with np.errstate(all="ignore"):
            return extra("formulae.matrices").DesignMatrices(
                model, frame, environment.Environment([NAMESPACE])
            )
    except Exception as error:  # whatever the functions of a formula raise
        what = f"it knows no {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise FormulaError(f"{said} computed: {what}.") from error


def model_of(tree: Any) -> Any:
    """The terms of a formula's tree."""
    terms = extra("formulae.terms")
    found = extra("formulae.resolver").Resolver(tree).resolve()
    return found if isinstance(found, terms.Model) else terms.Model(found)


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
