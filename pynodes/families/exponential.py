"""Exponential: waiting times, with unknown rate."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from pynodes._typing import AnyArray, Array, Scalar
from pynodes.families._base import AbstractFamily, least


@dataclasses.dataclass(frozen=True)
class Exponential(AbstractFamily):
    """Waiting times; statistic x, a gamma belief about the rate.

    The rate is gamma with shape ``count + 1`` and rate ``count expected``. Predictions are Lomax
    (Pareto from zero) with mean ``expected[0]``.

    Source: Diaconis and Ylvisaker (1979), doi 10.1214/aos/1176344611; derived in docs/theory/families.md.
    """

    expects: ClassVar = "numbers, zero or more"
    requires: ClassVar = "positive"

    @property
    def default_statistics(self) -> tuple[float, ...]:
        return (1.0,)

    def statistics(self, value: Array) -> Array:
        return jnp.stack([value])

    def scale(self, expected: Array, count: Scalar) -> Array:
        """The rate of the gamma belief, no less than a number can be."""
        return count * jnp.maximum(expected[0], least(expected))

    def log_normaliser(self, expected: Array, count: Scalar) -> Array:
        shape = jnp.asarray(count + 1, expected.dtype)
        return jax.scipy.special.gammaln(shape) - shape * jnp.log(self.scale(expected, count))

    def log_density(self, value: Array, expected: Array, count: Scalar) -> Array:
        scale = self.scale(expected, count)
        return jnp.log((count + 1) / scale) - (count + 2) * jnp.log1p(value / scale)

    def sample(self, key: Array, expected: Array, count: Scalar) -> Array:
        first, second = jax.random.split(key)
        rate = jax.random.gamma(first, jnp.asarray(count + 1, expected.dtype), dtype=expected.dtype)
        wait = jax.random.exponential(second, dtype=expected.dtype)
        return wait * self.scale(expected, count) / rate

    def moments(self, expected: Array) -> dict[str, Array]:
        return {"mean": expected[0], "variance": expected[0] ** 2}

    def margin(self, expected: Array) -> Array:
        return expected[0]

    def accepts(self, values: AnyArray) -> AnyArray:
        return values >= 0
