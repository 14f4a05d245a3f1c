"""Syntax of formulas: what one may say, checked on the very tree that is then computed.

The tree comes from formulae's own scanner and parser, and it is what formulae goes on with: the check and
the computation cannot read a text differently. Whatever is not listed here is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pynodes._errors import FormulaError, listed
from pynodes._results.tables import extra

FUNCTIONS = (
    *("log", "exp", "sqrt", "abs", "scale", "standardize", "center", "bs", "cc", "cr", "poly"),
)
"""What may be called in a formula to make numbers of numbers, besides the functions of ``np``."""

MARKS = ("C", "I", "S", "T", "B", "binary", "Treatment", "Sum", "offset")
"""What may be called in a formula to say how something is meant."""

ELEMENTWISE = (
    *("abs", "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh"),
    *("cbrt", "ceil", "cos", "cosh", "exp", "exp2", "expm1", "fabs", "floor", "hypot", "log"),
    *("log10", "log1p", "log2", "logaddexp", "maximum", "minimum", "mod", "power", "reciprocal"),
    *("rint", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc"),
)
"""The functions of ``np`` that may be called: numbers from numbers, one for one."""

CALLABLE = frozenset((*FUNCTIONS, *MARKS, *(f"np.{name}" for name in ELEMENTWISE)))
"""All that may be called."""

BETWEEN_TERMS = ("PLUS", "MINUS", "STAR", "SLASH", "COLON", "STAR_STAR", "PIPE")
"""Signs between terms."""

BETWEEN_NUMBERS = (
    *("PLUS", "MINUS", "STAR", "SLASH", "STAR_STAR"),
    *("EQUAL_EQUAL", "BANG_EQUAL", "LESS_EQUAL", "LESS", "GREATER_EQUAL", "GREATER"),
)
"""Signs between numbers, inside of a call."""

LONGEST = 500
"""Names, numbers and signs that a formula may have."""

MOST_TERMS = 500
"""Terms that a formula may be multiplied out to."""

ENDLESS = 10**6
"""Where counting them stops."""

SMOOTH = ("bs", "cc", "cr", "poly")
"""What makes several columns of one."""

LARGEST = 1000
"""The largest number that may say how many these are."""


def parse_formula(formula: object, parameter: str) -> Any:
    """The tree of a formula, of which every part is one that a formula may have.

    Raises
    ------
    FormulaError
        Something that is no text, cannot be read, would be misread or is not known; says what to write.
    """
    if not isinstance(formula, str) or not formula.strip():
        raise FormulaError(
            f"The formula of {parameter!r} must be a text such as 'group + scale(age)', not {formula!r}."
        )
    said = f"The formula of {parameter!r} is {shorten(formula)}"
    parser = parser_of(formula, said)
    check_tokens(parser.tokens, said)
    try:
        tree = parser.parse()
        if not parser.at_end():
            raise FormulaError(
                f"{said}, with nothing between two of its terms, before {parser.peek().lexeme!r}. Write '+' "
                "between them."
            )
        count = Check(said).terms(tree)
    except FormulaError:
        raise
    except Exception as error:  # of classes that formulae keeps to itself, or nested too deeply
        raise unreadable(said, error) from error
    if count > MOST_TERMS:
        raise FormulaError(
            f"{said}, which is multiplied out to {count} terms, more than {MOST_TERMS}. Write the terms that "
            "are meant."
        )
    return tree


def shorten(formula: str) -> str:
    """A formula for a message, cut where it is long."""
    return repr(formula if len(formula) <= 200 else f"{formula[:200]}...")


def parser_of(formula: str, said: str) -> Any:
    """Formulae's parser of a text."""
    scanner, parser = extra("formulae.scanner"), extra("formulae.parser")
    try:
        return parser.Parser(scanner.Scanner(formula).scan())
    except (
        Exception
    ) as error:  # an unexpected character, an open quote, a number of too many digits
        raise unreadable(said, error) from error


def unreadable(said: str, error: Exception) -> FormulaError:
    """The error of a text that is no formula."""
    return FormulaError(
        f"{said}, which cannot be read: {str(error).rstrip('.')}. A formula is such as "
        "'group + scale(age) + (1|site)'."
    )


def check_tokens(tokens: list[Any], said: str) -> None:
    """A formula has no left side, and is not endless.

    Raises
    ------
    FormulaError
        It has, or is.
    """
    if any(token.kind == "TILDE" for token in tokens):
        raise FormulaError(
            f"{said}. What is explained is the parameter it is the formula of: write only what stands to the "
            "right of '~'."
        )
    if len(tokens) > LONGEST:
        raise FormulaError(
            f"{said}, of {len(tokens)} names, numbers and signs. It may have {LONGEST}."
        )
    for token in tokens:
        if token.kind == "STRING" and token.lexeme[0] != token.lexeme[-1]:
            raise FormulaError(f"{said}. {token.lexeme} begins and ends with different quotes.")


class Check:
    """Walks a formula's tree and refuses what is not listed.

    Parameters
    ----------
    said
        How a message about the formula begins.
    """

    def __init__(self, said: str) -> None:
        self.said = said
        self.expr = extra("formulae.expr")

    def refuse(self, why: str) -> FormulaError:
        """An error about this formula."""
        return FormulaError(f"{self.said}{why}")

    def terms(self, node: Any) -> int:
        """Check what stands outside of calls; how many terms it is multiplied out to, at most."""
        if type(node) is self.expr.Grouping:
            return self.grouping(node.expression)
        if type(node) is self.expr.Binary:
            return self.terms_between(node)
        if type(node) is self.expr.Call:
            self.call(node)
            return 1
        if type(node) is self.expr.Unary and type(node.right) is self.expr.Literal:
            node = node.right
        if type(node) is self.expr.Literal:
            if type(node.value) is not int or node.value not in (0, 1):
                raise self.refuse(
                    f", of which {node.value!r} is no term. 1 stands for an intercept and 0 for none; what "
                    "is computed with numbers stands in I(...)."
                )
            return 1
        self.name(node)
        return 1

    def grouping(self, inside: Any) -> int:
        """Check what stands in parentheses: terms, or effects of a factor."""
        if type(inside) is not self.expr.Binary or inside.operator.kind != "PIPE":
            return self.terms(inside)
        return 2 * self.terms(inside.left) * self.terms(inside.right)

    def terms_between(self, node: Any) -> int:
        """Check two parts of a formula and the sign between them."""
        sign = node.operator.kind
        if sign == "PIPE":
            raise self.refuse(
                ". Effects of a factor stand in parentheses with one bar, as in '(1|site)' or "
                "'(1 + age|site)'."
            )
        if sign not in BETWEEN_TERMS:
            raise self.refuse(
                f", with {node.operator.lexeme!r} between terms. Comparisons stand in I(...)."
            )
        left = self.terms(node.left)
        if sign == "STAR_STAR":
            return self.power(node, left)
        right = self.terms(node.right)
        if sign in ("PLUS", "MINUS"):
            return left + right
        return min(left * right + (0 if sign == "COLON" else left + right), ENDLESS)

    def power(self, node: Any, count: int) -> int:
        """Check a power of a sum of terms, which stands for their products."""
        exponent = node.right.value if type(node.right) is self.expr.Literal else None
        if type(node.left) is not self.expr.Grouping:
            raise self.refuse(". Write a power of a column as I(column ** 2).")
        if type(exponent) is not int or not 1 <= exponent <= 10:
            raise self.refuse(", with a power of terms that is no whole number from 1 to 10.")
        return min((count + 1) ** exponent, ENDLESS)

    def name(self, node: Any) -> None:
        """Check the name of a column."""
        if type(node) is self.expr.QuotedName:
            return
        if type(node) is not self.expr.Variable:
            raise self.refuse(f", which has {type(node).__name__.lower()} where a term should be.")
        if node.level is not None:
            raise self.refuse(
                f". A level of {node.name.lexeme!r} in brackets is for what is explained. Write "
                f"I({node.name.lexeme} == 'level') for a step to one level."
            )

    def call(self, node: Any) -> None:
        """Check a call: of something listed, with columns, numbers and texts."""
        if type(node.callee) is not self.expr.Variable or node.callee.level is not None:
            raise self.refuse(", which calls what is no name.")
        name = node.callee.name.lexeme
        if name not in CALLABLE:
            raise self.refuse(
                f", which calls {name!r}. A formula knows {listed(FUNCTIONS + MARKS[:-1])}, and functions "
                "of numbers such as np.log1p."
            )
        for argument in node.args:
            key = argument.name.name.lexeme if type(argument) is self.expr.Assign else None
            value = argument if key is None else argument.value
            if key is not None and name.startswith("np."):
                raise self.refuse(f". {name} takes columns, and nothing by name.")
            if name in SMOOTH and key != "period" and type(value) is self.expr.Literal:
                self.size(value.value)
            self.argument(value)

    def size(self, value: Any) -> None:
        """Check a number that may say how many columns are made."""
        if isinstance(value, int | float) and value > LARGEST:
            raise self.refuse(f", which asks for {value:.4g} of what may be {LARGEST} at most.")

    def argument(self, node: Any) -> None:
        """Check what stands inside of a call."""
        if type(node) is self.expr.Literal:
            return
        if type(node) is self.expr.Grouping:
            self.argument(node.expression)
        elif type(node) is self.expr.Call:
            self.call(node)
        elif type(node) is self.expr.Unary:
            self.argument(node.right)
        elif type(node) is self.expr.Binary:
            if node.operator.kind not in BETWEEN_NUMBERS:
                raise self.refuse(f", with {node.operator.lexeme!r} inside of a call.")
            for side in (node.left, node.right):
                self.argument(side)
                self.compute_in_floats(side)
        else:
            self.name(node)

    def compute_in_floats(self, node: Any) -> None:
        """Numbers that are computed with overflow instead of growing without end, as 9 ** 9 ** 9 does."""
        while type(node) in (self.expr.Grouping, self.expr.Unary):
            node = node.expression if type(node) is self.expr.Grouping else node.right
        if type(node) is self.expr.Literal and type(node.value) is int:
            node.lexeme, node.value = str(node.value), np.float64(node.value)
