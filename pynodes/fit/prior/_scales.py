"""Scales: the way from a parameter's own range to the whole line, and back."""

from __future__ import annotations

import abc

import jax
import jax.numpy as jnp

from pynodes._core.modules import Module
from pynodes._typing import Array, Scalar

FARTHEST = 80.0
"""How far out a logarithm or a logit is followed: exp(80) is a number in single precision too."""


class AbstractScale(Module, abc.ABC):
    """An increasing map from a range of values to the whole line, where a *position* lies."""

    @abc.abstractmethod
    def position(self, value: Scalar) -> Array:
        """Where a value lies on the line."""

    @abc.abstractmethod
    def value(self, position: Scalar) -> Array:
        """The value at a position."""

    @abc.abstractmethod
    def log_slope(self, value: Scalar) -> Array:
        """Log of how fast the position changes with the value."""

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[Scalar, Scalar]:
        """The open interval of the values."""


class Line(AbstractScale):
    """Values that are positions already."""

    def position(self, value: Scalar) -> Array:
        """The value itself."""
        return jnp.asarray(value, float)

    def value(self, position: Scalar) -> Array:
        """The position itself."""
        return jnp.asarray(position, float)

    def log_slope(self, value: Scalar) -> Array:
        """Zero."""
        return jnp.zeros_like(jnp.asarray(value, float))

    @property
    def bounds(self) -> tuple[Scalar, Scalar]:
        """The whole line."""
        return -jnp.inf, jnp.inf


class Log(AbstractScale):
    """Positive values, at their logarithms."""

    def position(self, value: Scalar) -> Array:
        """The logarithm."""
        return jnp.log(jnp.asarray(value, float))

    def value(self, position: Scalar) -> Array:
        """The exponential, level beyond ``FARTHEST``."""
        return jnp.exp(near(position))

    def log_slope(self, value: Scalar) -> Array:
        """Minus the logarithm."""
        return -jnp.log(jnp.asarray(value, float))

    @property
    def bounds(self) -> tuple[Scalar, Scalar]:
        """The positive numbers."""
        return 0.0, jnp.inf


class Logit(AbstractScale):
    """Values between two bounds, at the log odds of where they lie between them."""

    lower: Scalar
    upper: Scalar

    def position(self, value: Scalar) -> Array:
        """The log odds."""
        value = jnp.asarray(value, float)
        return jnp.log(value - self.lower) - jnp.log(self.upper - value)

    def value(self, position: Scalar) -> Array:
        """The logistic function, stretched."""
        return self.lower + (self.upper - self.lower) * jax.nn.sigmoid(near(position))

    def log_slope(self, value: Scalar) -> Array:
        """Log of the width over the product of both distances."""
        value = jnp.asarray(value, float)
        width = jnp.asarray(self.upper - self.lower, float)
        return jnp.log(width) - jnp.log(value - self.lower) - jnp.log(self.upper - value)

    @property
    def bounds(self) -> tuple[Scalar, Scalar]:
        """Both bounds."""
        return self.lower, self.upper


def near(position: Scalar) -> Array:
    """A position no farther out than is followed; flat beyond."""
    position = jnp.asarray(position, float)
    above = jnp.where(position > -FARTHEST, position, jnp.full_like(position, -FARTHEST))
    return jnp.where(above < FARTHEST, above, jnp.full_like(position, FARTHEST))
