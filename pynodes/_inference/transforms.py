"""Transforms: between a parameter's own range and the unconstrained space of all real numbers."""

from __future__ import annotations

import abc

import jax
import jax.numpy as jnp

from pynodes._core.modules import Module
from pynodes._typing import Array, Scalar

FARTHEST = 80.0
"""How far out a logarithm or a logit is followed: exp(80) is a number in single precision too."""


class AbstractTransform(Module, abc.ABC):
    """An increasing, differentiable map from an open interval onto the real line."""

    @abc.abstractmethod
    def unconstrain(self, value: Scalar) -> Array:
        """The unconstrained number of a value."""

    @abc.abstractmethod
    def constrain(self, unconstrained: Scalar) -> Array:
        """The value of an unconstrained number."""

    @abc.abstractmethod
    def log_jacobian(self, value: Scalar) -> Array:
        """Log derivative of :meth:`unconstrain` at a value."""

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[Scalar, Scalar]:
        """The open interval of the values."""


class Identity(AbstractTransform):
    """Values without bounds, as they are."""

    def unconstrain(self, value: Scalar) -> Array:
        """The value itself."""
        return jnp.asarray(value, float)

    def constrain(self, unconstrained: Scalar) -> Array:
        """The number itself."""
        return jnp.asarray(unconstrained, float)

    def log_jacobian(self, value: Scalar) -> Array:
        """Zero."""
        return jnp.zeros_like(jnp.asarray(value, float))

    @property
    def bounds(self) -> tuple[Scalar, Scalar]:
        """All real numbers."""
        return -jnp.inf, jnp.inf


class LogTransform(AbstractTransform):
    """Positive values, by their logarithm."""

    def unconstrain(self, value: Scalar) -> Array:
        """The logarithm."""
        return jnp.log(jnp.asarray(value, float))

    def constrain(self, unconstrained: Scalar) -> Array:
        """The exponential, level beyond ``FARTHEST``."""
        return jnp.exp(clip(unconstrained))

    def log_jacobian(self, value: Scalar) -> Array:
        """Minus the logarithm."""
        return -jnp.log(jnp.asarray(value, float))

    @property
    def bounds(self) -> tuple[Scalar, Scalar]:
        """The positive numbers."""
        return 0.0, jnp.inf


class Logit(AbstractTransform):
    """Values between two bounds, by the log odds of where they lie between them."""

    lower: Scalar
    upper: Scalar

    def unconstrain(self, value: Scalar) -> Array:
        """The log odds."""
        value = jnp.asarray(value, float)
        return jnp.log(value - self.lower) - jnp.log(self.upper - value)

    def constrain(self, unconstrained: Scalar) -> Array:
        """The logistic function, stretched between the bounds."""
        return self.lower + (self.upper - self.lower) * jax.nn.sigmoid(clip(unconstrained))

    def log_jacobian(self, value: Scalar) -> Array:
        """Log of the width over the product of both distances."""
        value = jnp.asarray(value, float)
        width = jnp.asarray(self.upper - self.lower, float)
        return jnp.log(width) - jnp.log(value - self.lower) - jnp.log(self.upper - value)

    @property
    def bounds(self) -> tuple[Scalar, Scalar]:
        """Both bounds."""
        return self.lower, self.upper


def clip(unconstrained: Scalar) -> Array:
    """A number no farther out than ``FARTHEST``, with derivative zero beyond."""
    number = jnp.asarray(unconstrained, float)
    above = jnp.where(number > -FARTHEST, number, jnp.full_like(number, -FARTHEST))
    return jnp.where(above < FARTHEST, above, jnp.full_like(number, FARTHEST))
