"""Which coupling a word means for a given child."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from pynodes._errors import CouplingError, listed
from pynodes.couplings import (
    AbstractCoupling,
    AbstractVolatilityCoupling,
    Category,
    Drift,
    Noise,
    Observation,
    Probability,
    Statistic,
    Volatility,
)
from pynodes.nodes import AbstractNode

WORDS: dict[str, tuple[type[AbstractCoupling], ...]] = {
    "value": (Drift, Observation, Probability, Category, Statistic),
    "volatility": (Volatility, Noise),
}
"""The two families that the literature speaks of, and the couplings they may stand for."""


def resolved(coupling: object, child: AbstractNode, child_name: str) -> AbstractCoupling:
    """The coupling meant by a word, a class or a coupling, for this child.

    Raises
    ------
    CouplingError
        An unknown word, something that is no coupling, or a child that takes none of that family.
    """
    if isinstance(coupling, AbstractCoupling):
        return coupling
    if (
        inspect.isclass(coupling)
        and issubclass(coupling, AbstractCoupling)
        and not inspect.isabstract(coupling)
    ):
        return coupling()
    if not isinstance(coupling, str) or coupling not in WORDS:
        raise CouplingError(
            f"{coupling!r} is no coupling. Give one, such as pynodes.Volatility(strength=1.0), or the word "
            "'value' or 'volatility'."
        )
    suited = suitable(child, WORDS[coupling])
    if not suited:
        raise CouplingError(
            f"{child_name!r} is a {type(child).__name__}, which takes no {coupling} coupling by that word"
            f"{advice(child)}"
        )
    return suited[0]()


def family(coupling: object) -> Callable[[AbstractCoupling], bool]:
    """Which couplings a word or a class stands for when edges are looked up; None for all of them.

    Raises
    ------
    CouplingError
        Neither of them.
    """
    if coupling is None:
        return lambda there: True
    if isinstance(coupling, str) and coupling in WORDS:
        volatile = coupling == "volatility"
        return lambda there: isinstance(there, AbstractVolatilityCoupling) == volatile
    if inspect.isclass(coupling) and issubclass(coupling, AbstractCoupling):
        return lambda there: isinstance(there, coupling)
    raise CouplingError(
        f"{coupling!r} names no kind of coupling. Give a class, such as pynodes.Volatility, or the word "
        "'value' or 'volatility'."
    )


def suitable(
    child: AbstractNode, family: tuple[type[AbstractCoupling], ...]
) -> list[type[AbstractCoupling]]:
    """The couplings of a family that feed an inlet of this child, its first inlets first."""
    fitting = [coupling for coupling in family if coupling.inlet in child.inlets]
    return sorted(fitting, key=lambda c: child.inlets.index(c.inlet))


def advice(child: AbstractNode) -> str:
    """How to couple into this child: the end of a message."""
    known = suitable(child, sum(WORDS.values(), ()))
    if known:
        return f". Couple it with {listed(c.__name__ for c in known).replace(chr(39), '')}."
    if child.inlets:
        return f"; it takes {listed(child.inlets)}: give a coupling that feeds one of them."
    return ": it has no parents."
