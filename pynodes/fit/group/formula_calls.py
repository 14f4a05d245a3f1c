"""Calls: what a formula calls, made columns of the data. formulae does the algebra of terms alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pynodes._errors import FormulaError
from pynodes._results.tables import extra
from pynodes.fit.data.frames import Columns
from pynodes.fit.group import formula_columns as made
from pynodes.fit.group.formula_columns import (
    AbstractColumns,
    ConstantColumn,
    Elementwise,
    NamedColumn,
)
from pynodes.fit.group.formula_syntax import CONTRASTS, SIGNATURES

FACTORS = ("C", "T", "S")
"""What makes a factor of a column."""


class LazyColumns:
    """A call as formulae holds it: known by its text, and computed when there are data.

    Parameters
    ----------
    node
        The call in a tree that was checked.
    text
        The call as it is written in the names of columns.

    Attributes
    ----------
    columns
        What computes it of covariates, once there were data.
    """

    callee = None

    def __init__(self, node: Any, text: str) -> None:
        self.node, self.text = node, text
        self.columns: AbstractColumns | None = None

    def eval(self, frame: Any, environment: Any) -> Any:
        """The call's columns of a frame; a factor as formulae takes it."""
        del environment
        covariates = {str(name): np.asarray(frame[name]) for name in frame.columns}
        self.columns = compute_node(self.node, covariates)
        values = self.columns.compute(covariates)
        if values.shape[:1] != (len(frame),):
            raise FormulaError(f"{self.text} is the same for all subjects")
        name = self.node.callee.name.lexeme
        if name not in FACTORS:
            return values
        return extra("formulae.categorical").CategoricalBox(values, make_contrast(self.node), None)

    def accept(self, visitor: Any) -> list[str]:
        """Names of the covariates that it is computed of."""
        del visitor
        return list_variables(self.node)

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LazyColumns) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def list_variables(node: Any) -> list[str]:
    """Names of the covariates in a part of a tree."""
    kind = type(node).__name__
    if kind in ("Variable", "QuotedName"):
        return [read_name(node)]
    inside = {
        "Grouping": lambda: [node.expression],
        "Unary": lambda: [node.right],
        "Binary": lambda: [node.left, node.right],
        "Assign": lambda: [node.value],
        "Call": lambda: node.args,
    }.get(kind, list)
    return [name for each in inside() for name in list_variables(each)]


def read_name(node: Any) -> str:
    """The name of a covariate; one in backquotes without them."""
    return node.expression.lexeme[1:-1] if type(node).__name__ == "QuotedName" else node.name.lexeme


def compute_node(node: Any, columns: Columns) -> AbstractColumns:
    """What computes a part of a tree, with what it takes from the data."""
    kind = type(node).__name__
    if kind == "Literal":
        return ConstantColumn(
            value=node.value if isinstance(node.value, str) else float(node.value)
        )
    if kind == "Grouping":
        return compute_node(node.expression, columns)
    if kind == "Unary":
        sign = "negative" if node.operator.kind == "MINUS" else "positive"
        return Elementwise(function=sign, parts=(compute_node(node.right, columns),))
    if kind == "Binary":
        sides = (compute_node(node.left, columns), compute_node(node.right, columns))
        return Elementwise(function=node.operator.lexeme, parts=sides)
    return compute_call(node, columns) if kind == "Call" else NamedColumn(name=read_name(node))


def compute_call(node: Any, columns: Columns) -> AbstractColumns:
    """What computes a call; of a factor, the column that has its levels."""
    name = node.callee.name.lexeme
    if name not in CALLS:
        parts = tuple(compute_node(argument, columns) for argument in node.args)
        return Elementwise(function=name.removeprefix("np."), parts=parts)
    told = bind_arguments(SIGNATURES[name], node.args)
    part = compute_node(told.pop("x"), columns)
    return CALLS[name](part, columns, **{key: read_literal(value) for key, value in told.items()})


def bind_arguments(known: dict[str, Any], given: list[Any]) -> dict[str, Any]:
    """What a call is told, by name, with defaults for the rest."""
    places = iter(known)
    named = {
        (argument.name.name.lexeme if has_keyword(argument) else next(places)): (
            argument.value if has_keyword(argument) else argument
        )
        for argument in given
    }
    return known | named


def has_keyword(node: Any) -> bool:
    """Whether an argument is given by name."""
    return type(node).__name__ == "Assign"


def read_literal(node: Any) -> Any:
    """A number, word or truth value; a default as it is."""
    if type(node).__name__ == "Unary":
        return -node.right.value if node.operator.kind == "MINUS" else node.right.value
    return node.value if type(node).__name__ == "Literal" else node


def make_contrast(node: Any) -> Any:
    """How the levels of a factor are compared, as formulae has it; None for the usual way."""
    categorical = extra("formulae.categorical")
    told = bind_arguments(SIGNATURES[node.callee.name.lexeme], node.args)
    if "ref" in told:
        return categorical.Treatment(read_literal(told["ref"]))
    if "omit" in told:
        return categorical.Sum(read_literal(told["omit"]))
    contrast = told["contrast"]
    if type(contrast).__name__ != "Call":
        if contrast is not None:
            raise FormulaError("C takes a column and Treatment(...) or Sum(...)")
        return None
    name = contrast.callee.name.lexeme
    (value,) = bind_arguments(CONTRASTS[name], contrast.args).values()
    return {"Treatment": categorical.Treatment, "Sum": categorical.Sum}[name](read_literal(value))


def keep(part: AbstractColumns, columns: Columns, **told: Any) -> AbstractColumns:
    """A column as it is."""
    del columns, told
    return part


def scale(part: AbstractColumns, columns: Columns) -> AbstractColumns:
    """A column less its mean, per standard deviation."""
    return made.fit_scale(part, columns, by_sd=True)


def center(part: AbstractColumns, columns: Columns) -> AbstractColumns:
    """A column less its mean."""
    return made.fit_scale(part, columns, by_sd=False)


def compare_level(part: AbstractColumns, columns: Columns, success: Any) -> AbstractColumns:
    """One where a column is at a level, the first one unless one is named."""
    values = part.compute(columns)
    level = np.unique(values)[0].item() if success is None else success
    if not (values == level).any():
        raise FormulaError(f"no subject has {level!r}")
    return Elementwise(function="==", parts=(part, ConstantColumn(value=level)))


CALLS: dict[str, Callable[..., AbstractColumns]] = {
    "I": keep,
    "C": keep,
    "T": keep,
    "S": keep,
    "scale": scale,
    "standardize": scale,
    "center": center,
    "B": compare_level,
    "binary": compare_level,
    "poly": made.fit_polynomials,
    "bs": made.fit_bspline,
    "cr": made.fit_natural_spline,
    "cc": made.fit_cyclic_spline,
}
"""What computes a call of each function that takes something from the data, or says how it is meant."""
