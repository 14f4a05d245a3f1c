"""What a formula may not say: the parser would read over it, and mean something else."""

from __future__ import annotations

import re

import numpy as np

from pynodes._errors import FormulaError, listed

FUNCTIONS = (
    "log",
    "exp",
    "sqrt",
    "abs",
    "scale",
    "standardize",
    "center",
    "bs",
    "cc",
    "cr",
    "poly",
)
"""What may be called in a formula to make numbers of numbers, besides the functions of ``np``."""

MARKS = ("C", "I", "S", "T", "B", "binary", "Treatment", "Sum", "offset")
"""What may be called in a formula to say how something is meant."""

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
"""What stands in quotes."""

CALL = re.compile(r"[\w.]+\([^()|]*\)")
"""A function of columns without a further call in it; grouped terms are none."""


def check_text(formula: object, parameter: str) -> str:
    """A formula without what would be read over.

    Raises
    ------
    FormulaError
        Something that is no text, has a left side, or would be misread; says what to write instead.
    """
    if not isinstance(formula, str) or not formula.strip():
        raise FormulaError(
            f"The formula of {parameter!r} must be a text such as 'group + scale(age)', not {formula!r}."
        )
    said = f"The formula of {parameter!r} is {formula!r}"
    if "~" in formula:
        raise FormulaError(
            f"{said}. What is explained is the parameter it is the formula of: write only what stands to the "
            "right of '~'."
        )
    bare = stripped(formula)
    check_calls(formula, said)
    between = re.search(r"[\w)\]]\s+[\w(]|\b\d+[A-Za-z_]", bare)
    if between:
        raise FormulaError(
            f"{said}, with nothing between two of its terms. Write '+' between them."
        )
    power = re.search(r"\w\s*\*\*", bare)
    if power:
        raise FormulaError(f"{said}. Write a power of a column as I(column ** 2).")
    depth = 0
    for part in re.split(r"([()])", bare):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if "|" in part and (depth == 0 or part.count("|") > 1):
            raise FormulaError(
                f"{said}. Effects of a factor stand in parentheses with one bar, as in '(1|site)' or "
                "'(1 + age|site)'."
            )
    return formula


def check_calls(formula: str, said: str) -> None:
    """Nothing is called but functions of columns, since a formula may come out of somebody else's file.

    Raises
    ------
    FormulaError
        Something else is.
    """
    bare = QUOTED.sub("' '", formula)
    for name in re.findall(r"([A-Za-z_][\w.]*|[)\]'])\s*\(", bare):
        module, _, function = name.rpartition(".")
        if module == "np" and isinstance(getattr(np, function, None), np.ufunc):
            continue
        if name not in (*FUNCTIONS, *MARKS):
            raise FormulaError(
                f"{said}, which calls {name!r}. A formula knows "
                f"{listed(FUNCTIONS + MARKS[:-1])}, and functions of numbers such as np.log1p."
            )


def stripped(formula: str) -> str:
    """A formula with a letter for what stands in quotes, in braces or between the parentheses of a call."""
    bare = re.sub(r"\{[^}]*\}", "q", QUOTED.sub("q", formula))
    while CALL.search(bare):
        bare = CALL.sub("q", bare)
    return bare
