"""Dense: every element of the parent adds to every element of the child."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar, Self

import jax.numpy as jnp
import numpy as np

from pynodes._core.functions import Function, identity, look_up_function, slope
from pynodes._core.modules import choice, parameter
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._array import AbstractArrayCoupling, read_optional_array


class Dense(AbstractArrayCoupling):
    """A matrix of weights from one vector to another: adds ``scale (weights f(parent) + bias)``.

    A parent with several axes is taken as one vector of all its elements. Where the child has several
    axes too, both agree but for the last, and every place has the same weights.

    Parameters
    ----------
    weights
        Of shape (child, parent); drawn by ``initial`` when the graph is compiled unless given.
    bias
        Of shape (child,); zero unless given, and False for none.
    scale
        By what all of it is multiplied. It is not learned.
    mask
        Zeros and ones, or truth values, in the shape of the weights, which they multiply: which edges there
        are. None for all.
    function
        Coupling function f: a name (``pynodes.couplings.FUNCTIONS``) or a function that JAX can trace.
    placed
        Whether every place of arrays has the same weights; it follows from the ends.
    initial, learned, name, inlet, curvature
        As for every array coupling: how weights begin and whether they are learned; a name of its own; what
        it feeds at the child, by default its mean or its logits; and whether its evidence knows how f bends.

    Raises
    ------
    CouplingError
        Weights, bias or mask that do not fit the two nodes; a function that is unknown or cannot be traced.

    Source: Weber et al. (2023), arXiv 2305.10937, one edge for each weight; the same as so many Drift,
    Observation or Probability edges between scalar nodes.
    """

    weights: Any = parameter(None, symbol="W", rank=2)
    bias: Any = parameter(True, symbol="b", rank=1)
    scale: Scalar = parameter(1.0, symbol="a")
    mask: Any = parameter(None, symbol="M", rank=2, bounds=(0.0, 1.0))
    function: Function = choice(identity)
    placed: bool = choice(False)

    constant: ClassVar = ("mask",)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "function", look_up_function(self.function))
        object.__setattr__(self, "bias", read_optional_array(self.bias))
        if isinstance(self.mask, np.ndarray) and self.mask.dtype == bool:
            object.__setattr__(self, "mask", self.mask.astype(jnp.result_type(float)))

    def contribution(self, x: Array) -> Array:
        total = self.multiply(self.masked_weights(), self.function(x))
        if self.bias is not None and self.placed:
            return self.scale * (total + jnp.reshape(self.bias, (1,) * (x.ndim - 1) + (-1,)))
        return self.scale * (total if self.bias is None else total + jnp.asarray(self.bias))

    def spread(self, x: Array, variance: Array) -> Array:
        through = slope(self.function, x) ** 2 * variance
        return self.scale**2 * self.multiply(self.masked_weights() ** 2, through)

    def weight_spread(self, x: Array, variances: dict[str, Array]) -> Array:
        weights = variances["weights"]
        if self.mask is not None:
            weights = weights * jnp.asarray(self.mask, weights.dtype)
        total = self.multiply(weights, self.function(x) ** 2)
        if self.bias is not None:
            bias = variances["bias"]
            total = total + (
                jnp.reshape(bias, (1,) * (x.ndim - 1) + (-1,)) if self.placed else bias
            )
        return jnp.square(self.scale) * total

    def bend(self, x: Array, force: Array) -> Array:
        second = slope(lambda y: slope(self.function, y), x)
        weights = self.scale * self.masked_weights()
        back = force @ weights if self.placed else (weights.T @ force).reshape(x.shape)
        return second * back

    def multiply(self, weights: Array, x: Array) -> Array:
        """Weights times a vector; times the whole array, or what lies at each of its places."""
        return x @ weights.T if self.placed else weights @ x.reshape(-1)

    def masked_weights(self) -> Array:
        """The weights of the edges that there are."""
        weights = jnp.asarray(self.weights)
        return weights if self.mask is None else weights * jnp.asarray(self.mask, weights.dtype)

    def shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if not parent or not child or (len(child) > 1 and child[:-1] != parent[:-1]):
            raise CouplingError(
                f"Dense joins two vectors, an array to a vector, or arrays that agree but for their last "
                f"axis, not arrays of shape {parent} and {child}. Give both nodes a shape, as in shape=(64,)."
            )
        shape = (*child[-1:], parent[-1] if len(child) > 1 else math.prod(parent))
        if self.mask is not None and np.shape(self.mask) != shape:
            raise CouplingError(
                f"Dense: mask must have shape {shape}, child first, not {np.shape(self.mask)}."
            )
        return {"weights": shape} | ({} if self.bias is None else {"bias": child[-1:]})

    def fit(self, parent: tuple[int, ...], child: tuple[int, ...]) -> Self:
        return dataclasses.replace(super().fit(parent, child), placed=len(child) > 1)
