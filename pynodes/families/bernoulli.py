"""Bernoulli: yes or no, with unknown probability."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from pynodes._typing import AnyArray, Array, Scalar
from pynodes.families._base import AbstractFamily


@dataclasses.dataclass(frozen=True)
class Bernoulli(AbstractFamily):
    """Zeros and ones; statistic x, a beta belief about the probability of a one.

    The belief is beta with parameters ``count expected`` and ``count (1 - expected)``: the count is the
    number of observations, ones and zeros, that it is worth. A one is predicted with probability
    ``expected[0]``, whatever the count.

    Source: Diaconis and Ylvisaker (1979), doi 10.1214/aos/1176344611; derived in docs/theory/families.md.
    """

    expects: ClassVar = "0 and 1"
    requires: ClassVar = "strictly between 0 and 1"

    @property
    def default_statistics(self) -> tuple[float, ...]:
        return (0.5,)

    def statistics(self, value: Array) -> Array:
        return jnp.stack([value])

    def log_normaliser(self, expected: Array, count: Scalar) -> Array:
        ones, total = count * expected[0], jnp.asarray(count, expected.dtype)
        gammaln = jax.scipy.special.gammaln
        return gammaln(ones) + gammaln(total - ones) - gammaln(total)

    def log_density(self, value: Array, expected: Array, count: Scalar) -> Array:
        del count
        likelihood = value * expected[0] + (1 - value) * (1 - expected[0])
        return jnp.log(jnp.maximum(likelihood, jnp.finfo(expected.dtype).tiny))

    def sample(self, key: Array, expected: Array, count: Scalar) -> Array:
        del count
        return jax.random.bernoulli(key, expected[0]).astype(expected.dtype)

    def moments(self, expected: Array) -> dict[str, Array]:
        return {"mean": expected[0], "variance": expected[0] * (1 - expected[0])}

    def margin(self, expected: Array) -> Array:
        return jnp.minimum(expected[0], 1 - expected[0])

    def accepts(self, values: AnyArray) -> AnyArray:
        return (values == 0) | (values == 1)
