"""Poisson: counts of events, with unknown rate."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from pynodes._typing import AnyArray, Array, Scalar
from pynodes.families._base import AbstractFamily, least, log_gamma_ratio


@dataclasses.dataclass(frozen=True)
class Poisson(AbstractFamily):
    """Counts; statistic x, a gamma belief about the rate.

    The rate is gamma with shape ``count expected`` and rate ``count``. Predictions are negative
    binomial with mean ``expected[0]``.

    Source: Diaconis and Ylvisaker (1979), doi 10.1214/aos/1176344611; derived in docs/theory/families.md.
    """

    expects: ClassVar = "whole numbers, zero or more"
    requires: ClassVar = "positive"

    @property
    def default_statistics(self) -> tuple[float, ...]:
        return (1.0,)

    def statistics(self, value: Array) -> Array:
        return jnp.stack([value])

    def log_base(self, value: Array) -> Array:
        return -jax.scipy.special.gammaln(value + 1)

    def log_normaliser(self, expected: Array, count: Scalar) -> Array:
        shape = count * expected[0]
        return jax.scipy.special.gammaln(shape) - shape * jnp.log(count)

    def log_density(self, value: Array, expected: Array, count: Scalar) -> Array:
        shape = count * jnp.maximum(expected[0], least(expected))
        log_ways = log_gamma_ratio(shape, value) + self.log_base(value)
        return log_ways - shape * jnp.log1p(1 / count) - value * jnp.log1p(count)

    def sample(self, key: Array, expected: Array, count: Scalar) -> Array:
        first, second = jax.random.split(key)
        rate = jax.random.gamma(first, count * expected[0], dtype=expected.dtype) / count
        return jax.random.poisson(second, rate).astype(expected.dtype)

    def moments(self, expected: Array) -> dict[str, Array]:
        return {"mean": expected[0], "variance": expected[0]}

    def margin(self, expected: Array) -> Array:
        return expected[0]

    def accepts(self, values: AnyArray) -> AnyArray:
        return (values >= 0) & (values == values.round())
