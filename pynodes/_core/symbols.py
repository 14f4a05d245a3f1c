"""Symbols: names, parameters and numbers as LaTeX writes them."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from pynodes._core.modules import Undrawn

GREEK = {
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ζ": r"\zeta",
    "η": r"\eta",
    "θ": r"\theta",
    "κ": r"\kappa",
    "λ": r"\lambda",
    "μ": r"\mu",
    "ν": r"\nu",
    "ξ": r"\xi",
    "π": r"\pi",
    "ρ": r"\rho",
    "σ": r"\sigma",
    "τ": r"\tau",
    "φ": r"\varphi",
    "ω": r"\omega",
}
"""Letters as declarations of parameters write them."""

LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
SPECIAL = {
    **{sign: rf"\{sign}" for sign in "_%&#${}"},
    "\\": r"\backslash{}",
    "^": r"\hat{\ }",
    "~": r"\tilde{\ }",
    "-": r"\text{-}",
    " ": r"\ ",
}
"""What stands for signs that mean something in the mathematics of LaTeX."""


def upright(name: str) -> str:
    """A name in upright letters, whatever signs are in it."""
    signs = [SPECIAL.get(sign, sign if sign.isascii() else rf"\text{{{sign}}}") for sign in name]
    return rf"\mathrm{{{''.join(signs)}}}"


def letter(symbol: str, field: str) -> tuple[str, str]:
    """A parameter's letter and its own index, from how it is declared: ``μ₀`` is a mu with index 0.

    A parameter that was declared without a symbol is known by its name.
    """
    if not symbol:
        return upright(field), ""
    first, rest = symbol[0], symbol[1:].lstrip("_").translate(LOWERED)
    # That a parameter is one of an input is said by the node that it belongs to.
    return GREEK.get(first, first), "" if rest == "u" else ",".join(rest)


LARGEST = 100
"""Numbers of an array that are written out."""


def number(value: Any) -> str:
    """A number, a vector or a matrix, to four digits; of a large or an undrawn one its size."""
    shape = np.shape(value)
    if isinstance(value, Undrawn) or len(shape) > 2 or math.prod(shape) > LARGEST:
        size = r" \times ".join(map(str, shape))
        return rf"\left( \cdot \right)_{{{size}}}"
    array = np.asarray(value, dtype=float)
    if array.shape == (1,):
        return number(array[0])
    if array.ndim == 1:
        return f"({', '.join(number(one) for one in array)})"
    if array.ndim == 2:
        rows = r" \\ ".join(" & ".join(number(one) for one in row) for row in array)
        return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"
    if not math.isfinite(array):
        return "-" * bool(array < 0) + r"\infty" if not math.isnan(array) else r"\mathrm{NaN}"
    digits, _, power = f"{float(array):.4g}".partition("e")
    if not power:
        return digits
    ten = f"10^{{{int(power)}}}"
    return {"1": ten, "-1": f"-{ten}"}.get(digits, rf"{digits} \times {ten}")


def summed(terms: list[str]) -> str:
    """Terms joined by their signs; 0 if there are none."""
    there = [term for term in terms if term]
    text = there[0] if there else "0"
    for term in there[1:]:
        text += f" - {term[1:].lstrip()}" if term.startswith("-") else f" + {term}"
    return text


def bracketed(terms: list[str]) -> str:
    """Terms to be multiplied as a whole: in brackets, unless it is a single one without a sign."""
    text, there = summed(terms), [term for term in terms if term]
    return text if len(there) == 1 and not text.startswith("-") else rf"\left( {text} \right)"


def plain(name: str) -> bool:
    """Whether a name is a letter, or a letter and a number, as symbols are."""
    return re.fullmatch(r"[A-Za-z]\d*", name) is not None
