"""Categorical: one of several outcomes, with unknown probabilities."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from pynodes._errors import ParameterError
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.families._base import AbstractFamily


@dataclasses.dataclass(frozen=True)
class Categorical(AbstractFamily):
    """Outcomes by number, from 0; one statistic for each, which is 1 if it came, and a Dirichlet belief.

    The Dirichlet's parameters are ``count expected``. The outcomes are predicted with probabilities
    ``expected``, whatever the count.

    Parameters
    ----------
    outcomes
        How many there are.

    Raises
    ------
    ParameterError
        Outcomes that are no whole number above 1.

    Source: Diaconis and Ylvisaker (1979), doi 10.1214/aos/1176344611; derived in docs/theory/families.md.
    """

    outcomes: int = 3

    requires: ClassVar = "positive and of sum 1"

    def __post_init__(self) -> None:
        whole = isinstance(self.outcomes, int) and not isinstance(self.outcomes, bool)
        if not whole or self.outcomes < 2:
            raise ParameterError(
                f"Categorical: outcomes must be a whole number above 1, not {self.outcomes!r}."
            )

    @property
    def expects(self) -> str:  # type: ignore[override]
        """The numbers of the outcomes, in words."""
        return f"the whole numbers from 0 to {self.outcomes - 1}"

    @property
    def size(self) -> int:
        return self.outcomes

    @property
    def default_statistics(self) -> tuple[float, ...]:
        return (1 / self.outcomes,) * self.outcomes

    def statistics(self, value: Array) -> Array:
        return jax.nn.one_hot(jnp.round(value).astype(int), self.outcomes, dtype=value.dtype)

    def log_normaliser(self, expected: Array, count: Scalar) -> Array:
        parts = jnp.sum(jax.scipy.special.gammaln(count * expected))
        return parts - jax.scipy.special.gammaln(jnp.asarray(count, expected.dtype))

    def log_density(self, value: Array, expected: Array, count: Scalar) -> Array:
        del count
        likelihood = jnp.sum(self.statistics(value) * expected)
        return jnp.log(jnp.maximum(likelihood, jnp.finfo(expected.dtype).tiny))

    def sample(self, key: Array, expected: Array, count: Scalar) -> Array:
        del count
        outcome = jax.random.categorical(key, jnp.log(expected))
        return outcome.astype(expected.dtype)

    def moments(self, expected: Array) -> dict[str, Array]:
        return {"mean": expected, "variance": expected * (1 - expected)}

    def margin(self, expected: Array) -> Array:
        return jnp.min(expected)

    def levelled(self, expected: Array) -> Array:
        return expected + (1 - jnp.sum(expected)) / self.outcomes

    def accepts(self, values: AnyArray) -> AnyArray:
        return (values >= 0) & (values < self.outcomes) & (values == values.round())
