"""Formula: what a parameter depends on, as a text, made the arrays of a design. The only user of formulae."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pynodes._errors import FormulaError, nearest
from pynodes._results.tables import extra
from pynodes.fit.data.frames import Columns, is_missing
from pynodes.fit.data.trials import Trials
from pynodes.fit.group.design import Design
from pynodes.fit.group.formula_calls import LazyColumns
from pynodes.fit.group.formula_columns import AbstractColumns, Coded, NamedColumn, Product
from pynodes.fit.group.formula_syntax import parse_formula, shorten
from pynodes.fit.group.formula_terms import (
    check_columns,
    collect_fixed_effects,
    collect_grouped_effects,
)

MOST_NUMBERS = 10**8
"""Numbers that the columns of one term may be."""


@dataclasses.dataclass(frozen=True)
class Parsed:
    """The design that a formula makes of some trials.

    Attributes
    ----------
    design
        Its arrays.
    levels
        Names of the levels of every factor of grouped effects.
    terms
        What makes the columns of the fixed effects of covariates, term by term, with all numbers in it.
    """

    design: Design
    levels: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    terms: tuple[Product, ...] = (Product(),)

    def columns_for(self, columns: Columns) -> np.ndarray:
        """The columns of the fixed effects for other subjects, scaled as those of the data were.

        Raises
        ------
        FormulaError
            A column that is not there, or a group that the data do not have.
        """
        count = len(next(iter(columns.values())))
        found = [term.compute(columns) for term in self.terms]
        return np.concatenate([np.zeros((count, 0)), *found], axis=1)


def read_formula(trials: Trials, parameter: str, formula: str, mean: float, sd: float) -> Parsed:
    """The design of one parameter, whose prior has a mean and a standard deviation in unconstrained space.

    Raises
    ------
    FormulaError
        A formula that cannot be read, or columns that do not go with it.
    MissingExtraError
        formulae is not installed.
    """
    model = read_terms(trials, parameter, formula)
    fixed = list({term.name: term for term in model.common_terms}.values())
    terms, columns, takes_mean, sds = collect_fixed_effects(fixed, len(trials.subjects), parameter)
    check_columns(columns, terms, parameter)
    grouped, levels = collect_grouped_effects(
        list({t.name: t for t in model.group_terms}.values()), trials, parameter, sd
    )
    if "Intercept" in terms:
        takes_mean = np.array([float(name == "Intercept") for name in terms])
    design = Design(
        terms=terms,
        fixed=columns,
        prior_means=np.where(takes_mean > 0, mean, 0.0),
        prior_sds=sd * sds,
        grouped=grouped,
    )
    return Parsed(design=design, levels=levels, terms=tuple(map(make_product, fixed)))


def read_terms(trials: Trials, parameter: str, formula: str) -> Any:
    """The terms that formulae makes of a formula, with their columns.

    Raises
    ------
    FormulaError
        It cannot be read, or computed.
    """
    extra("formulae")
    tree = parse_formula(formula, parameter)
    said = f"The formula of {parameter!r}, {shorten(formula)}, cannot be"
    try:
        model = resolve_terms(tree)
        wanted = model.var_names
    except Exception as error:  # of classes that formulae keeps to itself
        raise FormulaError(f"{said} read: {str(error).rstrip('.')}.") from error
    names = {name for name in wanted if isinstance(name, str)}
    frame = extra("pandas").DataFrame(
        read_subject_covariates(trials, names, parameter) or {"": np.zeros(len(trials.subjects))}
    )
    nothing = extra("formulae.environment").Environment([{}])
    try:
        model.set_types(frame, nothing)
        check_widths(model, len(frame))
        model.eval(frame, nothing)
    except Exception as error:  # whatever the columns do not go with
        raise FormulaError(f"{said} computed: {str(error).rstrip('.')}.") from error
    return model


def resolve_terms(tree: Any) -> Any:
    """The terms of a formula's tree, whose calls compute what is listed here and nothing else."""
    terms, call = extra("formulae.terms"), extra("formulae.terms.call_resolver").CallResolver

    class Resolver(extra("formulae.resolver").Resolver):
        def visitCallExpr(self, expr: Any) -> Any:
            text = str(call(expr).resolve())
            return terms.Term(terms.Call(LazyColumns(expr, text)))

    found = Resolver(tree).resolve()
    return found if isinstance(found, terms.Model) else terms.Model(found)


def check_widths(model: Any, subjects: int) -> None:
    """No term makes more columns than could ever be told apart, or kept.

    Raises
    ------
    FormulaError
        One does.
    """
    parts = [*model.common_terms, *(part for t in model.group_terms for part in (t.expr, t.factor))]
    for term in parts:
        width = 1
        for values, kind in iterate_values(term):
            several = values.shape[1] if values.ndim > 1 else 1
            width *= len(set(values.tolist())) if kind == "categoric" else several
        if width * subjects > MOST_NUMBERS:
            raise FormulaError(
                f"the term {term.name!r} makes {width} columns of {subjects} subjects"
            )


def iterate_values(term: Any) -> Iterator[tuple[np.ndarray, str]]:
    """The values of the parts of a term, before levels become columns, and of which kind they are."""
    for component in getattr(term, "components", ()):
        values = component._intermediate_data
        yield np.asarray(getattr(values, "data", values)), component.kind


def make_product(term: Any) -> Product:
    """What makes the columns of a term."""
    return Product(parts=tuple(make_columns(part) for part in getattr(term, "components", ())))


def make_columns(component: Any) -> AbstractColumns:
    """What makes the columns of one part of a term."""
    call = getattr(component, "call", None)
    part = NamedColumn(name=component.name) if call is None else call.columns
    if component.kind != "categoric":
        return part
    levels = tuple(getattr(level, "item", lambda one=level: one)() for level in component.levels)
    return Coded(
        part=part, levels=levels, codes=np.asarray(component.contrast_matrix.matrix, float)
    )


def read_subject_covariates(trials: Trials, names: Iterable[str], parameter: str) -> dict[str, Any]:
    """Some columns with a value per subject, in the order of the subjects.

    Raises
    ------
    FormulaError
        A column that is not there, lacks a value, or changes within a subject; names column and subject.
    """
    return {name: read_subject_covariate(trials, name, parameter) for name in sorted(names)}


def read_subject_covariate(trials: Trials, name: str, parameter: str) -> Any:
    """The value of every subject in one column; as a category where the data say in which order."""
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
                f"{found[subject]!r} and {value!r}. {advise_constant(trials, parameter, name)}"
            )
    values = np.array([found[subject] for subject in range(len(trials.subjects))])
    order = trials.roles.levels.get(name) or trials.roles.categories.get(name)
    if order is None or not set(values.tolist()) <= set(order):
        return values
    there = [level for level in order if level in values]
    return extra("pandas").Categorical(values, categories=there, ordered=True)


def advise_constant(trials: Trials, parameter: str, column: str) -> str:
    """What to do about a column that changes within a subject."""
    finer = trials.roles.by[trials.roles.key_count :]
    within = f"agent.split({parameter!r}, by={column!r}, levels=[...])"
    if finer:
        return (
            f"What changes between sessions needs Trials(..., parameters_per={finer[0]!r}), and what changes "
            f"from trial to trial {within}."
        )
    return f"A parameter that differs from trial to trial is made by {within}."
