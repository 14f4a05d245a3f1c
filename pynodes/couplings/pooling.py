"""Pooling: the mean or the largest of what lies in a window, channel by channel."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from pynodes._core.functions import Function, identity, look_up_function, slope
from pynodes._core.modules import choice, parameter
from pynodes._errors import CouplingError, PynodesError
from pynodes._typing import Array, Scalar
from pynodes.couplings._array import AbstractArrayCoupling
from pynodes.couplings._windows import Sizes, check_sizes, repeat_size, slide

KINDS = ("mean", "max")
"""What is taken of the elements in a window."""


class Pooling(AbstractArrayCoupling):
    """The mean, or the largest, of windows of f(parent), channel by channel; channels lie first.

    Parameters
    ----------
    window
        Its size: one number for all axes of space, or one each.
    stride
        By how much it moves on; its own size unless given.
    kind
        ``"mean"`` or ``"max"``.
    scale
        By what it is multiplied. It is not learned.
    function
        Coupling function f of the parent.
    initial, learned, name, inlet, curvature
        As for every array coupling; there are no weights.

    Raises
    ------
    CouplingError
        Ends that do not fit, or choices that cannot be.

    Source: LeCun et al. (1998), doi 10.1109/5.726791; means are exact for beliefs with variances.
    """

    scale: Scalar = parameter(1.0, symbol="a")
    window: Sizes = choice(2)
    stride: Sizes | None = choice(None)
    kind: str = choice("mean")
    function: Function = choice(identity)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "function", look_up_function(self.function))
        check_sizes("Pooling", "window", self.window)
        if self.stride is not None:
            check_sizes("Pooling", "stride", self.stride)
        if self.kind not in KINDS:
            raise CouplingError(f"Pooling: kind must be 'mean' or 'max', not {self.kind!r}.")

    @property
    def spreads(self) -> bool:
        return self.kind == "mean"

    def contribution(self, x: Array) -> Array:
        windows = self.cut(self.function(x))
        return self.scale * (
            jnp.mean(windows, axis=1) if self.kind == "mean" else jnp.max(windows, axis=1)
        )

    def spread(self, x: Array, variance: Array) -> Array:
        if self.kind != "mean":
            raise PynodesError(
                "Pooling with kind='max' defines no variances. Use kind='mean', or a scheme on points."
            )
        windows = self.cut(slope(self.function, x) ** 2 * variance)
        return self.scale**2 * jnp.mean(windows, axis=1) / windows.shape[1]

    def cut(self, x: Array) -> Array:
        """The elements of every window: channels, places in the window, places of the window."""
        axes = x.ndim - 1
        window, stride = self.sizes(axes)
        sides = [(0, 0)] * axes
        # Exactly, on devices that would round what they multiply.
        return lax.conv_general_dilated_patches(
            x[:, None], window, stride, sides, precision=lax.Precision.HIGHEST
        )

    def sizes(self, axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Window and stride by axis."""
        stride = self.window if self.stride is None else self.stride
        return repeat_size(self.window, axes), repeat_size(stride, axes)

    def shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        expected = self.output_shape(parent)
        if expected != child:
            raise CouplingError(
                f"Pooling: a parent of shape {parent} needs a child of shape {expected}, with window "
                f"{self.window}, not {child}."
            )
        return {}

    def output_shape(self, parent: tuple[int, ...]) -> tuple[int, ...]:
        if len(parent) < 2:
            raise CouplingError(
                f"Pooling needs channels and at least one axis of space, not an array of shape {parent}."
            )
        window, stride = self.sizes(len(parent) - 1)
        return (parent[0], *slide(parent[1:], window, stride, [(0, 0)] * len(window)))
