"""CategoricalLayer: one of several outcomes, by a softmax of logits, without a past."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._core.modules import choice
from pynodes._errors import ParameterError
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets
from pynodes.nodes._outcomes import check_count


class CategoricalLayer(AbstractNode):
    """A categorical outcome with a softmax of its parents' contributions.

    It has no past. Its value is a vector with 1 for the outcome; data are codes from 0, or such
    vectors, whose numbers may also be shares that sum to one.

    Parameters
    ----------
    outcomes
        Number of outcomes K.
    unit_curvature
        Whether one sweep in closed form takes every error as one of variance 1, as published recordings do,
        in place of p(1 - p).

    Raises
    ------
    ParameterError
        A number of outcomes below two.

    Source: softmax likelihood, as in Pinchetti et al. (2022), arXiv 2211.03481.
    """

    inlets: ClassVar = ("logit",)
    has_memory: ClassVar = False
    discrete: ClassVar = True

    outcomes: int = choice(2)
    unit_curvature: bool = choice(False)

    def __post_init__(self) -> None:
        check_count(self)
        if not isinstance(self.unit_curvature, bool):
            raise ParameterError(
                f"CategoricalLayer: unit_curvature must be True or False, not {self.unit_curvature!r}."
            )

    @property
    def expects(self) -> str:
        """The codes that it takes, in words."""
        return f"a whole number from 0 to {self.outcomes - 1}"

    @property
    def value_shape(self) -> tuple[int, ...]:
        return (self.outcomes,)

    def init(self) -> Gaussian:
        even = jnp.full(self.outcomes, 1 / self.outcomes)
        return Gaussian(mean=even, variance=even * (1 - even))

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        probability = jax.nn.softmax(jnp.zeros(self.outcomes) + inlet["logit"])
        variance = probability * (1 - probability)
        return belief.predicted(
            probability, variance=jnp.ones_like(variance) if self.unit_curvature else variance
        )

    def observe(self, belief: Gaussian, value: Array, observed: Array | bool) -> Gaussian:
        return belief.clamped(self.indicators(value, belief.mean), observed)

    def indicators(self, value: Array, like: Array) -> Array:
        """1 for the outcome of a code, 0 for the others, NaN for no code; a vector as it is."""
        if jnp.ndim(value):
            return jnp.asarray(value, like.dtype)
        known = jnp.isfinite(value)
        happened = jnp.arange(self.outcomes) == jnp.asarray(jnp.where(known, value, 0), int)
        return jnp.where(known, happened.astype(like.dtype), jnp.nan)

    def energy(self, value: Array, inlet: Inlets) -> Array:
        logits = jnp.zeros(self.outcomes) + inlet["logit"]
        return jax.nn.logsumexp(logits) * jnp.sum(value) - jnp.sum(value * logits)

    def surprise(self, belief: Gaussian) -> Array:
        return -jnp.sum(jax.scipy.special.xlogy(belief.mean, belief.predicted_mean))

    def sample(self, key: Array, belief: Gaussian) -> Array:
        return jax.random.categorical(key, jnp.log(belief.predicted_mean)).astype(float)

    def accepts(self, values: AnyArray) -> AnyArray:
        return (values >= 0) & (values < self.outcomes) & (values == values.round())
