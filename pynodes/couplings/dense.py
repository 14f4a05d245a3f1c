"""Dense: every element of the parent adds to every element of the child."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

from pynodes._core.functions import Function, identity, resolved, slope, written
from pynodes._core.modules import choice, parameter
from pynodes._core.notation import Notation
from pynodes._errors import CouplingError
from pynodes._typing import Array
from pynodes.couplings._array import AbstractArrayCoupling


class Dense(AbstractArrayCoupling):
    """A matrix of weights from one vector to another: adds ``weights f(parent) + bias``.

    Parameters
    ----------
    weights
        Of shape (child, parent).
    bias
        Of shape (child,); None for none.
    mask
        Zeros and ones in the shape of the weights, which they multiply: which edges there are. None for
        all.
    function
        Coupling function f: a name (``pynodes.couplings.FUNCTIONS``) or a function that JAX can trace.
    inlet, curvature
        As for every array coupling: what it feeds at the child, by default its mean or its logits; and
        whether its evidence knows how f bends.

    Raises
    ------
    CouplingError
        Weights, bias or mask that do not fit the two nodes; a function that is unknown or cannot be traced.

    Source: Weber et al. (2023), arXiv 2305.10937, one edge for each weight; the same as so many Drift,
    Observation or Probability edges between scalar nodes.
    """

    weights: Any = parameter(None, symbol="W", rank=2)
    bias: Any = parameter(None, symbol="b", rank=1)
    mask: Any = parameter(None, symbol="M", rank=2, bounds=(0.0, 1.0))
    function: Function = choice(identity)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "function", resolved(self.function))

    def contribution(self, x: Array) -> Array:
        total = self.effective_weights() @ self.function(x)
        return total if self.bias is None else total + jnp.asarray(self.bias)

    def spread(self, x: Array, variance: Array) -> Array:
        return self.effective_weights() ** 2 @ (slope(self.function, x) ** 2 * variance)

    def bend(self, x: Array, force: Array) -> Array:
        second = slope(lambda y: slope(self.function, y), x)
        return second * (self.effective_weights().T @ force)

    def term(self, notation: Notation) -> str:
        weights = notation.parameter("weights")
        if self.mask is not None:
            weights = rf"\left( {weights} \circ {notation.parameter('mask')} \right)"
        term = rf"{weights} \, {written(self.function, notation)}"
        return term if self.bias is None else rf"{term} + {notation.parameter('bias')}"

    def effective_weights(self) -> Array:
        """The weights of the edges that there are."""
        weights = jnp.asarray(self.weights)
        return weights if self.mask is None else weights * jnp.asarray(self.mask, weights.dtype)

    def fit_shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> Self:
        if len(parent) != 1 or len(child) != 1:
            raise CouplingError(
                f"Dense joins two vectors, not arrays of shape {parent} and {child}. Give both nodes a "
                "shape of one number, as in shape=(64,)."
            )
        expected = (*child, *parent)
        for name, shape in (("weights", expected), ("mask", expected), ("bias", child)):
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise CouplingError(
                    f"Dense: {name} must have shape {shape}, child first, not {np.shape(value)}."
                )
        if self.weights is None:
            return dataclasses.replace(self, weights=np.zeros(expected))
        return self
