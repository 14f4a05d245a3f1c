"""Embedding: a vector for every code, and one for every place."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from pynodes._core.modules import choice, parameter
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._array import AbstractArrayCoupling
from pynodes.couplings._windows import check_sizes


class Embedding(AbstractArrayCoupling):
    """Vectors of codes: the parent holds whole numbers from 0, the child a vector for each of them.

    Codes are given, never inferred: their slope is zero. One that is missing, no whole number or beyond the
    last is refused; where numbers are traced, one beyond the last makes the energy NaN.

    Parameters
    ----------
    outcomes
        How many codes there are.
    weights
        Of shape (outcomes, features): the vector of every code; drawn unless given.
    placed
        Whether every place of a sequence has a vector of its own that is added.
    places
        Of shape (places, features): these vectors.
    scale
        By what all of it is multiplied. It is not learned.
    initial, learned, name, inlet, curvature
        As for every array coupling.

    Raises
    ------
    CouplingError
        A child that has no vector for each code, or a number of outcomes that is none.

    Source: Bengio et al. (2003), JMLR 3:1137; places: Gehring et al. (2017), arXiv 1705.03122.
    """

    weights: Any = parameter(None, symbol="E", rank=2)
    places: Any = parameter(None, symbol="P", rank=2)
    scale: Scalar = parameter(1.0, symbol="a")
    outcomes: int = choice(2)
    placed: bool = choice(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes("Embedding", "outcomes", self.outcomes)

    @property
    def codes(self) -> int:
        return self.outcomes

    def contribution(self, x: Array) -> Array:
        code = jnp.round(x).astype(int)
        beyond = jnp.where(code < 0, self.outcomes, code)  # else it would count from the end
        found = jnp.take(jnp.asarray(self.weights), beyond, axis=0)
        return self.scale * (found + jnp.asarray(self.places) if self.placed else found)

    def count_inputs(self) -> int:
        return 1

    def shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if child[:-1] != parent or len(child) != len(parent) + 1:
            raise CouplingError(
                f"Embedding makes a vector of every code of an array of shape {parent}: its child has a "
                f"shape such as {(*parent, 16)}, not {child}."
            )
        found = {"weights": (self.outcomes, child[-1])}
        if self.placed and len(parent) != 1:
            raise CouplingError(
                f"Embedding: places are those of a sequence, not of an array of shape {parent}."
            )
        return found | ({"places": child} if self.placed else {})
