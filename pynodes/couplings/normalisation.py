"""Normalisation: what a parent is beside its own mean and spread, sample by sample."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._core.functions import Function, identity, look_up_function
from pynodes._core.modules import choice, parameter
from pynodes._errors import CouplingError, format_value
from pynodes._typing import AnyArray, Array
from pynodes.couplings._array import AbstractArrayCoupling, read_optional_array
from pynodes.couplings._windows import check_sizes


class Normalisation(AbstractArrayCoupling):
    """``gain (f(parent) - mean) / sd + bias``, mean and sd over elements of one sample.

    Statistics over a batch would not be local to a sample, and are not offered.

    Parameters
    ----------
    gain, bias
        One number per feature, or per channel: 1 and 0 at first; False for none.
    groups
        None: over the features, the last axis (layer normalisation). A number: over the channels of a group,
        the first axis, and all positions (group normalisation).
    smallest
        What is added to the variance.
    function
        Coupling function f of the parent.
    initial, learned, name, inlet, curvature
        As for every array coupling.

    Raises
    ------
    CouplingError
        Ends of different shapes, or channels that do not fall into groups.

    Source: Ba et al. (2016), arXiv 1607.06450; Wu and He (2018), arXiv 1803.08494.
    """

    gain: Any = parameter(True, symbol="g", rank=1)
    bias: Any = parameter(True, symbol="b", rank=1)
    groups: int | None = choice(None)
    smallest: float = choice(1e-5)
    function: Function = choice(identity)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "function", look_up_function(self.function))
        object.__setattr__(self, "gain", read_optional_array(self.gain))
        object.__setattr__(self, "bias", read_optional_array(self.bias))
        if self.groups is not None:
            check_sizes("Normalisation", "groups", self.groups)
        if not isinstance(self.smallest, float | int) or not 0 < self.smallest < float("inf"):
            raise CouplingError(
                f"Normalisation: smallest, which is added to the variance, must be a positive number, not "
                f"{format_value(self.smallest)}."
            )

    def contribution(self, x: Array) -> Array:
        value = self.function(x)
        parts = value if self.groups is None else value.reshape((self.groups, -1))
        deviation = parts - jnp.mean(parts, axis=-1, keepdims=True)
        variance = jnp.mean(deviation**2, axis=-1, keepdims=True)
        found = (deviation * lax.rsqrt(variance + self.smallest)).reshape(x.shape)
        others = (1,) * (x.ndim - 1)
        along = (*others, -1) if self.groups is None else (-1, *others)
        if self.gain is not None:
            found = found * jnp.asarray(self.gain).reshape(along)
        return found if self.bias is None else found + jnp.asarray(self.bias).reshape(along)

    def draw_parameter(self, name: str, shape: tuple[int, ...], key: Array) -> AnyArray:
        drawn = super().draw_parameter(name, shape, key)
        return np.ones_like(drawn) if name == "gain" else drawn

    def shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if parent != child or not parent:
            raise CouplingError(
                f"Normalisation joins arrays of one shape, not {parent} and {child}."
            )
        if self.groups is not None and parent[0] % self.groups:
            raise CouplingError(
                f"Normalisation: {parent[0]} channels do not fall into {self.groups} groups. Choose groups "
                "that divide them."
            )
        together = parent[-1] if self.groups is None else math.prod(parent) // self.groups
        if together == 1:
            raise CouplingError(
                f"Normalisation of an array of shape {parent} would compare every element with itself alone "
                "and make 0 of it. Give it more features, or fewer groups."
            )
        size = parent[-1:] if self.groups is None else parent[:1]
        there = [name for name in ("gain", "bias") if getattr(self, name) is not None]
        return dict.fromkeys(there, size)

    def output_shape(self, parent: tuple[int, ...]) -> tuple[int, ...]:
        return parent
