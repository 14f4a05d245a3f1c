"""Convolution: the same small set of weights at every position of an image, a signal or a volume."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import jax.numpy as jnp
from jax import lax

from pynodes._core.functions import Function, identity, look_up_function, slope
from pynodes._core.modules import choice, parameter
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._array import AbstractArrayCoupling, read_optional_array
from pynodes.couplings._windows import (
    Sizes,
    check_sizes,
    pad_sides,
    repeat_size,
    slide,
    transpose_sides,
)

AXES = "WHD"
"""Letters of the axes of space."""


class Convolution(AbstractArrayCoupling):
    """Weights slid over an array: adds ``scale (weights * f(parent) + bias)``, where ``*`` slides.

    Arrays have one to three axes of space and lie channels first: (channels, ...). As in other
    libraries the kernel is not flipped.

    Parameters
    ----------
    weights
        Of shape (channels of the child, channels of the parent / groups, then the sizes of the kernel);
        drawn unless given.
    bias
        Of shape (channels of the child,); False for none.
    scale
        By what all of it is multiplied. It is not learned.
    kernel, stride
        Size of the kernel, and by how much it moves on: one number for all axes of space, or one each.
    padding
        ``"same"``, ``"valid"``, or how many zeros are put before and after, one number or one per axis.
    groups
        Into how many groups the channels fall that have nothing to do with one another.
    transposed
        Whether it is the transpose of a convolution from the child to the parent: it makes arrays larger.
    function
        Coupling function f of the parent.
    size
        Size of the child's space; it follows from the child.
    initial, learned, name, inlet, curvature
        As for every array coupling.

    Raises
    ------
    CouplingError
        Ends whose channels or sizes do not fit, and sizes that are no positive whole numbers.

    Source: LeCun et al. (1989), doi 10.1162/neco.1989.1.4.541; of predictive coding the same as Dense with
    tied weights.
    """

    weights: Any = parameter(None, symbol="W", rank=None)
    bias: Any = parameter(True, symbol="b", rank=1)
    scale: Scalar = parameter(1.0, symbol="a")
    kernel: Sizes = choice(3)
    stride: Sizes = choice(1)
    padding: str | Sizes = choice("same")
    groups: int = choice(1)
    transposed: bool = choice(False)
    function: Function = choice(identity)
    size: Any = choice(None)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "function", look_up_function(self.function))
        object.__setattr__(self, "bias", read_optional_array(self.bias))
        check_sizes("Convolution", "kernel", self.kernel)
        check_sizes("Convolution", "stride", self.stride)
        check_sizes("Convolution", "groups", self.groups)
        if self.padding not in ("same", "valid"):
            check_sizes("Convolution", "padding", self.padding, least=0)

    def contribution(self, x: Array) -> Array:
        total = self.convolve(jnp.asarray(self.weights), self.function(x))
        if self.bias is not None:
            total = total + jnp.asarray(self.bias).reshape((-1, *(1,) * (x.ndim - 1)))
        return self.scale * total

    def spread(self, x: Array, variance: Array) -> Array:
        through = slope(self.function, x) ** 2 * variance
        return self.scale**2 * self.convolve(jnp.asarray(self.weights) ** 2, through)

    def convolve(self, weights: Array, x: Array) -> Array:
        """One array, with some weights."""
        axes = x.ndim - 1
        kernel, stride = repeat_size(self.kernel, axes), repeat_size(self.stride, axes)
        space = AXES[:axes]
        numbers = (f"NC{space}", f"OI{space}", f"NC{space}")
        sides = pad_sides(
            self.padding, self.size if self.transposed else x.shape[1:], kernel, stride
        )
        apart = (1,) * axes
        if self.transposed:  # the parent's elements lie a stride apart, among zeros
            sides = transpose_sides(sides, self.size, x.shape[1:], kernel, stride)
            stride, apart = apart, stride
        moved = lax.conv_general_dilated(
            x[None], weights, stride, sides, apart, None, numbers, self.groups
        )
        return moved[0]

    def shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(parent) != len(child) or not 2 <= len(parent) <= 4:
            raise CouplingError(
                f"Convolution joins arrays of channels and one to three axes of space, not {parent} and "
                f"{child}. Give both nodes a shape such as shape=(3, 28, 28)."
            )
        axes = len(parent) - 1
        kernel, stride = repeat_size(self.kernel, axes), repeat_size(self.stride, axes)
        if parent[0] % self.groups or child[0] % self.groups:
            raise CouplingError(
                f"Convolution: {parent[0]} channels of the parent and {child[0]} of the child do not fall "
                f"into {self.groups} groups. Choose groups that divide both."
            )
        large, small = (child, parent) if self.transposed else (parent, child)
        sides = pad_sides(self.padding, large[1:], kernel, stride)
        expected = slide(large[1:], kernel, stride, sides)
        if expected != small[1:]:
            end, other = ("parent", "child") if self.transposed else ("child", "parent")
            raise CouplingError(
                f"Convolution: a {other} of shape {large} needs a {end} of shape ({small[0]}, "
                f"{', '.join(map(str, expected))}), with kernel {self.kernel}, stride {self.stride} and "
                f"padding {self.padding!r}, not {small}."
            )
        weights = (child[0], parent[0] // self.groups, *kernel)
        return {"weights": weights} | ({} if self.bias is None else {"bias": child[:1]})

    def fit(self, parent: tuple[int, ...], child: tuple[int, ...]) -> Self:
        return dataclasses.replace(super().fit(parent, child), size=child[1:])
