"""LinearResponse: a number that is linear in any functions of beliefs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pynodes._core.modules import choice, parameter
from pynodes._errors import quote
from pynodes._typing import Array, Scalar
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractNormalResponse
from pynodes.responses._fields import Reader, is_address

Term = str | Callable[[Reader], Array]
"""A belief such as ``"x2.precision"``, or a function of all beliefs of a trial."""


class LinearResponse(AbstractNormalResponse):
    """A number, normally distributed around an intercept and a weighted sum of terms.

    Parameters
    ----------
    terms
        Fields such as ``"u.surprise"``, and functions of a trial's beliefs, written with jax.numpy.
    weights
        The weight of every term, by the field or the name of the function. They are parameters.
    intercept
        The mean where every term is zero.
    variance
        Variance of the responses (ζ).
    """

    terms: tuple[Term, ...] = choice()
    weights: dict[str, Scalar]
    intercept: Scalar = parameter(0.0)

    def mean(self, beliefs: Reader, given: Given) -> Array:
        total: Any = self.intercept
        for term in self.terms:
            value = beliefs(term) if isinstance(term, str) else term(beliefs)
            total = total + self.weights[name_term(term)] * value
        return total

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the nodes whose fields are terms; what functions read is not known."""
        fields = [term for term in self.terms if isinstance(term, str)]
        return tuple(dict.fromkeys(term.partition(".")[0] for term in fields))

    def check(self) -> str | None:
        """Every term has one weight and a name of its own."""
        if not isinstance(self.terms, tuple) or not isinstance(self.weights, dict):
            return "terms are a tuple and weights a mapping from their names to numbers."
        for term in self.terms:
            if not callable(term) and not is_address("field", term):
                return f"a term must be 'node.field' or a function, not {term!r}."
        names = [name_term(term) for term in self.terms]
        if not names:
            return "there must be one term at least."
        if sorted(names) != sorted(self.weights) or {"intercept", "variance"} & set(names):
            return (
                f"the terms {quote(names)} need one weight each, but {quote(self.weights)} have one. "
                "Terms have names of their own, other than 'intercept' and 'variance'."
            )
        return None


def name_term(term: Term) -> str:
    """The name under which a term has its weight."""
    return term if isinstance(term, str) else getattr(term, "__name__", "")
