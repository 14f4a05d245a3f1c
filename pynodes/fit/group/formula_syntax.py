"""Syntax of formulas: what one may say, checked on the very tree that is then computed.

The tree comes from formulae's own scanner and parser, and it is what formulae goes on with: the check and
the computation cannot read a text differently. Whatever is not listed here is refused.
"""

from __future__ import annotations

from typing import Any

from pynodes._errors import FormulaError, quote
from pynodes._results.tables import extra
from pynodes.fit.group.formula_columns import ELEMENTWISE

REQUIRED = object()
"""The default of what a call must say."""

SIGNATURES: dict[str, dict[str, Any]] = {
    **{name: {"x": REQUIRED} for name in ("log", "exp", "sqrt", "abs", "I")},
    **{name: {"x": REQUIRED} for name in ("scale", "standardize", "center")},
    "poly": {"x": REQUIRED, "degree": 1, "raw": False},
    "bs": {"x": REQUIRED, "df": REQUIRED, "degree": 3}
    | {"lower_bound": None, "upper_bound": None, "center": True},
    "cr": {"x": REQUIRED, "df": 10, "lower_bound": None, "upper_bound": None, "center": True},
    "cc": {"x": REQUIRED, "period": REQUIRED, "df": 10, "lower_bound": None, "center": True},
    "C": {"x": REQUIRED, "contrast": None},
    "T": {"x": REQUIRED, "ref": None},
    "S": {"x": REQUIRED, "omit": None},
    **{name: {"x": REQUIRED, "success": None} for name in ("B", "binary")},
}
"""What may be called besides the elementwise functions of ``np``, with what it is told and its default."""

CONTRASTS = {"Treatment": {"reference": None}, "Sum": {"omit": None}}
"""How the levels of a factor may be compared, as ``C`` is told."""

BETWEEN_TERMS = ("PLUS", "MINUS", "STAR", "SLASH", "COLON", "STAR_STAR", "PIPE")
"""Signs between terms."""

BETWEEN_NUMBERS = (
    *("PLUS", "MINUS", "STAR", "SLASH", "STAR_STAR"),
    *("EQUAL_EQUAL", "BANG_EQUAL", "LESS_EQUAL", "LESS", "GREATER_EQUAL", "GREATER"),
)
"""Signs between numbers, inside of a call."""

LONGEST = 500
"""Names, numbers and signs that a formula may have."""

LARGEST = 10**300
"""The largest whole number that a formula may have: with a larger one nothing could be computed."""

MOST_TERMS = 500
"""Terms that a formula may be multiplied out to."""

ENDLESS = 10**6
"""Where counting them stops."""


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
    parser = make_parser(formula, said)
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
        raise say_unreadable(said, error) from error
    if count > MOST_TERMS:
        raise FormulaError(
            f"{said}, which is multiplied out to {count} terms, more than {MOST_TERMS}. Write the terms that "
            "are meant."
        )
    return tree


def shorten(formula: str) -> str:
    """A formula for a message, cut where it is long."""
    return repr(formula if len(formula) <= 200 else f"{formula[:200]}...")


def make_parser(formula: str, said: str) -> Any:
    """Formulae's parser of a text."""
    scanner, parser = extra("formulae.scanner"), extra("formulae.parser")
    try:
        return parser.Parser(scanner.Scanner(formula).scan())
    except (
        Exception
    ) as error:  # an unexpected character, an open quote, a number of too many digits
        raise say_unreadable(said, error) from error


def say_unreadable(said: str, error: Exception) -> FormulaError:
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
        if name == "offset":
            raise self.refuse(". offset(...) has no coefficient to estimate. Leave it out.")
        if name.startswith("np.") and name[3:] in ELEMENTWISE:
            if any(type(argument) is self.expr.Assign for argument in node.args):
                raise self.refuse(f". {name} takes columns, and nothing by name.")
            found = dict(enumerate(node.args))
        elif name in SIGNATURES:
            found = self.bind(name, SIGNATURES[name], node.args)
        else:
            raise self.refuse(
                f", which calls {name!r}. A formula knows {quote(SIGNATURES)}, and functions of numbers "
                "such as np.log1p."
            )
        for key, argument in found.items():
            if key == "contrast" and type(argument) is self.expr.Call:
                self.contrast(argument)
            elif not isinstance(key, str) or key == "x":
                self.argument(argument)
            else:
                self.literal(name, key, argument)

    def bind(self, name: str, known: dict[str, Any], given: list[Any]) -> dict[Any, Any]:
        """What a call is told, by name."""
        found: dict[Any, Any] = {}
        for place, argument in enumerate(given):
            named = type(argument) is self.expr.Assign
            key = argument.name.name.lexeme if named else [*known, None][min(place, len(known))]
            if key not in known or key in found:
                raise self.refuse(f". {name} takes {quote(known)}, each once.")
            found[key] = argument.value if named else argument
        absent = [key for key, default in known.items() if default is REQUIRED and key not in found]
        if absent:
            raise self.refuse(f". {name} must be given {quote(absent)}.")
        return found

    def contrast(self, node: Any) -> None:
        """Check how the levels of a factor are compared."""
        name = getattr(getattr(node.callee, "name", None), "lexeme", None)
        if type(node.callee) is not self.expr.Variable or name not in CONTRASTS:
            raise self.refuse(f". Levels are compared by {quote(CONTRASTS)}.")
        for key, argument in self.bind(name, CONTRASTS[name], node.args).items():
            self.literal(name, key, argument)

    def literal(self, name: str, key: str, node: Any) -> Any:
        """The number, word or truth value that a call is told."""
        if type(node) is self.expr.Literal:
            return node.value
        if type(node) is self.expr.Unary and type(node.right) is self.expr.Literal:
            value = node.right.value
            if isinstance(value, int | float):
                return -value if node.operator.kind == "MINUS" else value
        raise self.refuse(f". {key}= of {name} must be a number or a text.")

    def argument(self, node: Any) -> None:
        """Check what stands inside of a call."""
        if type(node) is self.expr.Literal:
            if not isinstance(node.value, int | float | str):
                raise self.refuse(f", with {node.value!r} inside of a call.")
            if isinstance(node.value, int) and abs(node.value) > LARGEST:
                raise self.refuse(", with a number beyond what numbers can be.")
        elif type(node) is self.expr.Grouping:
            self.argument(node.expression)
        elif type(node) is self.expr.Call:
            self.call(node)
        elif type(node) is self.expr.Unary:
            self.argument(node.right)
        elif type(node) is self.expr.Binary:
            if node.operator.kind not in BETWEEN_NUMBERS:
                raise self.refuse(f", with {node.operator.lexeme!r} inside of a call.")
            self.argument(node.left)
            self.argument(node.right)
        else:
            self.name(node)
