"""Notation: the symbols, numbers and terms from which one node, or one edge, writes its part."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pynodes._core.modules import Module, Undrawn, is_traced, parameters_of

LARGEST = 100
"""Numbers of an array that are written out."""

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

LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₋", "0123456789-")
SPECIAL = {
    **{sign: rf"\{sign}" for sign in "_%&#${}"},
    "\\": r"\backslash{}",
    "^": r"\hat{\ }",
    "~": r"\tilde{\ }",
    "-": r"\text{-}",
    " ": r"\ ",
}
"""What stands for signs that mean something in the mathematics of LaTeX."""


def name_to_latex(name: str) -> str:
    """A name in upright letters, whatever signs are in it."""
    signs = [SPECIAL.get(sign, sign if sign.isascii() else rf"\text{{{sign}}}") for sign in name]
    return rf"\mathrm{{{''.join(signs)}}}"


def letter_to_latex(symbol: str, field: str) -> tuple[str, str]:
    """A parameter's letter and its own index, from how it is declared: ``μ₀`` is a mu with index 0.

    A parameter that was declared without a symbol is known by its name.
    """
    if not symbol:
        return name_to_latex(field), ""
    first, rest = symbol[0], symbol[1:].lstrip("_").translate(LOWERED)
    # That a parameter is one of an input is said by the node that it belongs to.
    return GREEK.get(first, first), "" if rest == "u" else ",".join(rest)


def number_to_latex(value: Any) -> str:
    """A number, a vector or a matrix, to four digits; of a large or an undrawn one its size."""
    shape = np.shape(value)
    if isinstance(value, Undrawn) or len(shape) > 2 or math.prod(shape) > LARGEST:
        size = r" \times ".join(map(str, shape))
        return rf"\left( \cdot \right)_{{{size}}}"
    array = np.asarray(value, dtype=float)
    if array.shape == (1,):
        return number_to_latex(array[0])
    if array.ndim == 1:
        return f"({', '.join(number_to_latex(one) for one in array)})"
    if array.ndim == 2:
        rows = r" \\ ".join(" & ".join(number_to_latex(one) for one in row) for row in array)
        return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"
    if not math.isfinite(array):
        return "-" * bool(array < 0) + r"\infty" if not math.isnan(array) else r"\mathrm{NaN}"
    digits, _, power = f"{float(array):.4g}".partition("e")
    if not power:
        return digits
    ten = f"10^{{{int(power)}}}"
    return {"1": ten, "-1": f"-{ten}"}.get(digits, rf"{digits} \times {ten}")


def sum_terms(terms: list[str]) -> str:
    """Terms joined by their signs; 0 if there are none."""
    there = [term for term in terms if term]
    text = there[0] if there else "0"
    for term in there[1:]:
        text += f" - {term[1:].lstrip()}" if term.startswith("-") else f" + {term}"
    return text


def bracket_terms(terms: list[str]) -> str:
    """Terms to be multiplied as a whole: in brackets, unless it is a single one without a sign."""
    text, there = sum_terms(terms), [term for term in terms if term]
    return text if len(there) == 1 and not text.startswith("-") else rf"\left( {text} \right)"


def is_symbol(name: str) -> bool:
    """Whether a name is a letter, or a letter and a number, as symbols are."""
    return re.fullmatch(r"[A-Za-z]\d*", name) is not None


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddedTerm:
    """What one parent adds at an inlet.

    Attributes
    ----------
    text
        The term, in LaTeX.
    place
        Which one of several is meant, such as the code of an outcome; None if there is just one.
    pattern
        The term with the letter ``j`` in the place of an index of the parent that is its place.
    """

    text: str
    pattern: str = ""
    place: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
    """How equations are written; see :meth:`Graph.equations`."""

    numbers: bool = False
    complete: bool = False
    timed: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Notation:
    """What a node kind or a coupling needs to write its equations in LaTeX.

    Attributes
    ----------
    module
        The node or coupling that is written.
    symbol
        The value of the node, or of the edge's parent, without its time.
    tag
        What tells its parameters from those of others: an index.
    style
        How equations are written.
    fed
        What parents add, by inlet; of a node.
    values, said, left
        What was written so far: parameters by symbol; definitions; and whether something was left out.
    """

    module: Module
    symbol: str
    tag: str
    style: Style = dataclasses.field(default_factory=Style)
    fed: Mapping[str, list[AddedTerm]] = dataclasses.field(default_factory=dict)
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    said: dict[str, None] = dataclasses.field(default_factory=dict)
    left: dict[str, None] = dataclasses.field(default_factory=dict)

    @property
    def now(self) -> str:
        """The value at this step."""
        return f"{self.symbol}^{{(t)}}"

    @property
    def before(self) -> str:
        """The value at the previous step."""
        return f"{self.symbol}^{{(t-1)}}"

    @property
    def first(self) -> str:
        """The value before the first step."""
        return f"{self.symbol}^{{(0)}}"

    def own(self, sign: str, time: str = "t") -> str:
        """Another quantity of the node at some time, by a sign of its own: ``own("v", "t-1")``."""
        return f"{sign}_{{{self.tag}}}^{{({time})}}"

    def parameter(self, field: str) -> str:
        """A parameter: its symbol, or its number where numbers are asked for."""
        value = getattr(self.module, field)
        if self.style.numbers and not is_traced(value):
            return number_to_latex(value)
        return self.named(field)

    def inverse(self, field: str) -> str:
        """One over a parameter: the variance that belongs to a precision."""
        value = getattr(self.module, field)
        if self.style.numbers and not is_traced(value):
            return number_to_latex(1 / np.asarray(value, dtype=float))
        return f"1 / {self.named(field)}"

    def named(self, field: str) -> str:
        """A parameter's symbol, even where numbers are asked for."""
        sign, place = letter_to_latex(parameters_of(self.module)[field]["symbol"], field)
        symbol = f"{sign}_{{{place + ',' if place else ''}{self.tag}}}"
        self.values[symbol] = getattr(self.module, field)
        return symbol

    def idle(self, field: str, neutral: float) -> bool:
        """Whether a parameter changes nothing at its value, and is therefore left out."""
        value = getattr(self.module, field)
        if is_traced(value) or self.style.complete or np.ndim(value) or float(value) != neutral:
            return False
        if not self.style.numbers:
            self.left[f"{field.replace('_', ' ')} {number_to_latex(neutral)}"] = None
        return True

    def added(self, field: str) -> str:
        """A parameter that is added to something: nothing where it is 0."""
        return "" if self.idle(field, 0.0) else self.parameter(field)

    def times(self, field: str, factor: str) -> str:
        """A parameter times something: that alone where it is 1, and nothing for the number 0."""
        value = getattr(self.module, field)
        if self.idle(field, 1.0):
            return factor
        if self.style.numbers and not is_traced(value) and not np.ndim(value) and not float(value):
            return ""
        return rf"{self.parameter(field)} \, {factor}"

    def terms(self, inlet: str, place: int | None = None) -> list[str]:
        """What the parents add at an inlet; at one of several places of it if one is given."""
        return [
            term.text for term in self.fed.get(inlet, []) if place is None or term.place == place
        ]

    def sum(self, inlet: str, place: int | None = None) -> str:
        """What all parents together add at an inlet; 0 where nobody does."""
        return sum_terms(self.terms(inlet, place))

    def lasting(self, terms: Iterable[str]) -> str:
        """Rates that act for the time of the step."""
        there = [term for term in terms if term]
        if not there:
            return ""
        if not self.style.timed:
            return sum_terms(there)
        self.say(r"$\tau_t$ is the time since the previous step.")
        return rf"\tau_t {bracket_terms(there)}"

    def power(self, base: str, times: int = 1) -> str:
        """Something to the power of the time of the step, or of so many times that."""
        exponent = f"{times if times > 1 else ''}{chr(92) + 'tau_t' if self.style.timed else ''}"
        if self.style.timed:
            self.say(r"$\tau_t$ is the time since the previous step.")
        return f"{base}^{{{exponent}}}" if exponent else base

    def places(self, inlet: str, count: int) -> list[tuple[str, str]]:
        """What is added at each of several places of an inlet, by their numbers.

        Where only an index differs, it is written once, with the letter ``j`` for the place.
        """
        patterns = [
            sum_terms([term.pattern for term in self.fed.get(inlet, []) if term.place == place])
            for place in range(count)
        ]
        if count > 1 and len(set(patterns)) == 1:
            return [("j", patterns[0])]
        return [(str(place), self.sum(inlet, place)) for place in range(count)]

    def say(self, sentence: str) -> None:
        """A definition, in words and inline mathematics, that the equations need; once."""
        self.said[sentence] = None


def normal_line(what: str, mean: str, variance: str) -> str:
    """A quantity is normal."""
    return rf"{what} &\sim \mathcal{{N}}\left( {mean},\; {variance} \right)"


def distribution_line(what: str, kind: str, *arguments: str) -> str:
    """A quantity has a distribution with a name."""
    return rf"{what} &\sim \mathrm{{{kind}}}\left( {', '.join(arguments)} \right)"


def equality_line(what: str, value: str) -> str:
    """A quantity has a value."""
    return f"{what} &= {value}"


def logistic_term(notation: Notation, logit: str) -> str:
    """A probability, from its logit."""
    notation.say(r"$\sigma(x) = 1 / (1 + e^{-x})$.")
    return rf"\sigma\left( {logit} \right)"
