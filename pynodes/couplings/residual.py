"""Residual: a parent that is added to its child as it is, or to a part of it."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

import jax.numpy as jnp

from pynodes._core.functions import Function, identity, look_up_function, slope
from pynodes._core.modules import choice, parameter
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._array import AbstractArrayCoupling
from pynodes.couplings._windows import check_sizes


class Residual(AbstractArrayCoupling):
    """Element by element ``strength f(parent)``: a skip around what else joins the two nodes.

    Parameters
    ----------
    strength
        By what the parent is multiplied. It is not learned.
    first
        At which element of the child's first axis the parent begins; the child may be longer than it.
    function
        Coupling function f of the parent.
    size
        Length of the child's first axis; it follows from the child.
    initial, learned, name, inlet, curvature
        As for every array coupling; there are no weights.

    Raises
    ------
    CouplingError
        A parent that does not fit into its child.

    Source: He et al. (2016), arXiv 1512.03385.
    """

    skips: ClassVar = True

    strength: Scalar = parameter(1.0, symbol="α")
    first: int = choice(0)
    function: Function = choice(identity)
    size: Any = choice(None)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "function", look_up_function(self.function))
        check_sizes("Residual", "first", self.first, least=0)

    def contribution(self, x: Array) -> Array:
        return self.place(self.strength * self.function(x))

    def spread(self, x: Array, variance: Array) -> Array:
        return self.place(self.strength**2 * slope(self.function, x) ** 2 * variance)

    def place(self, x: Array) -> Array:
        """An array among zeros, in the size of the child."""
        after = 0 if self.size is None else self.size - self.first - x.shape[0]
        if not self.first and not after:
            return x
        return jnp.pad(x, [(self.first, after)] + [(0, 0)] * (x.ndim - 1))

    def shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        fits = len(parent) == len(child) > 0 and parent[1:] == child[1:]
        if not fits or self.first + parent[0] > child[0]:
            raise CouplingError(
                f"Residual adds an array of shape {parent} from element {self.first} of its child on, whose "
                f"shape is {child}. Where sizes differ, use Dense or Convolution."
            )
        return {}

    def output_shape(self, parent: tuple[int, ...]) -> tuple[int, ...]:
        return parent

    def fit(self, parent: tuple[int, ...], child: tuple[int, ...]) -> Self:
        return dataclasses.replace(super().fit(parent, child), size=child[0])
