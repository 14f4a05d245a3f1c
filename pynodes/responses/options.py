"""AbstractChoiceResponse: a choice among several options, numbered from 0."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._errors import InputError
from pynodes._typing import Array
from pynodes.responses._base import AbstractResponse, Given
from pynodes.responses._fields import Reader


class AbstractChoiceResponse(AbstractResponse):
    """A choice among K options, 0 to K - 1. A subclass says their :meth:`values` and :meth:`scores`.

    Their probabilities are proportional to the exponentials of the scores; they are its prediction.
    """

    expects: ClassVar = "the number of an option, counted from 0"

    @abc.abstractmethod
    def values(self, beliefs: Reader) -> Array:
        """What each option is worth, of shape (..., K)."""

    @abc.abstractmethod
    def scores(self, beliefs: Reader, given: Given) -> Array:
        """Log probability of each option up to a constant, of shape (..., K)."""

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        chances = jax.nn.log_softmax(self.scores(beliefs, given), axis=-1)
        chosen = response.astype(int)[..., None]
        if chosen.ndim != chances.ndim:
            raise InputError(
                f"The values of the options have shape {chances.shape}, but the responses {response.shape}. "
                "Options are the last axis of their values, after that of the trials."
            )
        return jnp.take_along_axis(chances, chosen, axis=-1)[..., 0]

    def prediction(self, beliefs: Reader, given: Given) -> Array:
        return jax.nn.softmax(self.scores(beliefs, given), axis=-1)

    def draw(self, key: Array, beliefs: Reader, given: Given) -> Array:
        return jax.random.categorical(key, self.scores(beliefs, given), axis=-1).astype(float)

    def accepts(self, values: Any, beliefs: Reader) -> Any:
        return (values >= 0) & (values < self.values(beliefs).shape[-1]) & (values % 1 == 0)
