"""Responses of one distribution: binary choice, choice among several options, normal."""

from __future__ import annotations

import abc
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.modules import parameter
from pynodes._errors import InputError
from pynodes._typing import Array, Scalar
from pynodes.responses._base import AbstractResponse, Given
from pynodes.responses._fields import Reader
from pynodes.responses._probability import log_sigmoid


class AbstractBinaryResponse(AbstractResponse):
    """A binary choice, 0 or 1. Subclasses define the :meth:`logit` of choosing 1.

    Its prediction is the probability of choosing 1.
    """

    expects: ClassVar = "0 or 1"

    @property
    def option_count(self) -> int | None:
        return 2

    @property
    def lapses(self) -> Scalar | None:
        """Lapse rate: share of random choices; None for none."""
        return None

    @abc.abstractmethod
    def logit(self, beliefs: Reader, given: Given) -> Array:
        """Log odds of choosing 1, but for lapses."""

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        logit = self.logit(beliefs, given)
        return add_lapses(log_sigmoid(jnp.where(response > 0.5, logit, -logit)), self.lapses, 2.0)

    def prediction(self, beliefs: Reader, given: Given) -> Array:
        chance = jax.nn.sigmoid(self.logit(beliefs, given))
        return chance if self.lapses is None else (1 - self.lapses) * chance + self.lapses / 2

    def draw(self, key: Array, beliefs: Reader, given: Given) -> Array:
        return jax.random.bernoulli(key, self.prediction(beliefs, given)).astype(float)

    def accepts(self, values: Any, beliefs: Reader) -> Any:
        del beliefs
        return (values == 0) | (values == 1)


class AbstractChoiceResponse(AbstractResponse):
    """A choice among K options, 0 to K - 1. Subclasses define :meth:`values` and :meth:`scores`.

    Their probabilities are proportional to the exponentials of the scores; they are its prediction.
    """

    expects: ClassVar = "the number of an option, counted from 0"

    @property
    def lapses(self) -> Scalar | None:
        """Lapse rate: share of random choices among the offered options; None for none."""
        return None

    @abc.abstractmethod
    def values(self, beliefs: Reader) -> Array:
        """Value of each option, of shape (..., K)."""

    @abc.abstractmethod
    def scores(self, beliefs: Reader, given: Given) -> Array:
        """Log probability of each option up to a constant and but for lapses, of shape (..., K)."""

    def log_chances(self, beliefs: Reader, given: Given) -> Array:
        """Log probability of each option, of shape (..., K)."""
        chances = jax.nn.log_softmax(self.scores(beliefs, given), axis=-1)
        there = chances > -jnp.inf
        count = jnp.sum(there, axis=-1, keepdims=True).astype(chances.dtype)
        if self.lapses is None:
            return chances
        return jnp.where(
            there, add_lapses(jnp.where(there, chances, 0.0), self.lapses, count), chances
        )

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        chances = self.log_chances(beliefs, given)
        chosen = response.astype(int)[..., None]
        if chosen.ndim != chances.ndim:
            raise InputError(
                f"The values of the options have shape {chances.shape}, but the responses {response.shape}. "
                "Options are the last axis of their values, after that of the trials."
            )
        return jnp.take_along_axis(chances, chosen, axis=-1)[..., 0]

    def prediction(self, beliefs: Reader, given: Given) -> Array:
        if self.lapses is None:
            return jax.nn.softmax(self.scores(beliefs, given), axis=-1)
        return jnp.exp(self.log_chances(beliefs, given))

    def draw(self, key: Array, beliefs: Reader, given: Given) -> Array:
        return jax.random.categorical(key, self.log_chances(beliefs, given), axis=-1).astype(float)

    def accepts(self, values: Any, beliefs: Reader) -> Any:
        return (values >= 0) & (values < self.values(beliefs).shape[-1]) & (values % 1 == 0)


def add_lapses(log_chance: Array, lapse_rate: Scalar | None, count: Array | float) -> Array:
    """Log probability of an option once a share of choices is made blindly among so many options."""
    if lapse_rate is None:
        return log_chance
    rate = jnp.asarray(lapse_rate)
    return jnp.logaddexp(jnp.log1p(-rate) + log_chance, jnp.log(rate) - jnp.log(count))


class AbstractNormalResponse(AbstractResponse):
    """A number, normally distributed around a mean. Subclasses define the :meth:`mean`.

    Parameters
    ----------
    variance
        Variance of the responses around their mean (ζ), in the squared unit of the response.
    """

    variance: Scalar = parameter(1.0, symbol="ζ", positive=True)

    @abc.abstractmethod
    def mean(self, beliefs: Reader, given: Given) -> Array:
        """The expected response."""

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        error = response - self.mean(beliefs, given)
        variance = jnp.asarray(self.variance)
        return -0.5 * (error * (error / variance) + jnp.log(variance) + math.log(2 * math.pi))

    def prediction(self, beliefs: Reader, given: Given) -> Array:
        return self.mean(beliefs, given)

    def draw(self, key: Array, beliefs: Reader, given: Given) -> Array:
        mean = self.mean(beliefs, given)
        noise = jax.random.normal(key, jnp.shape(mean), mean.dtype)
        return mean + jnp.sqrt(jnp.asarray(self.variance)) * noise
