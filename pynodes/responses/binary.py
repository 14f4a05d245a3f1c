"""AbstractBinaryResponse: a choice between two options, 0 and 1."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._typing import Array
from pynodes.responses._base import AbstractResponse, Given
from pynodes.responses._fields import Reader
from pynodes.responses._probability import log_sigmoid


class AbstractBinaryResponse(AbstractResponse):
    """A choice between 0 and 1. A subclass says the :meth:`logit` of choosing 1.

    Its prediction is the probability of choosing 1.
    """

    expects: ClassVar = "0 or 1"

    @abc.abstractmethod
    def logit(self, beliefs: Reader, given: Given) -> Array:
        """Log odds of choosing 1."""

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        logit = self.logit(beliefs, given)
        return log_sigmoid(jnp.where(response > 0.5, logit, -logit))

    def prediction(self, beliefs: Reader, given: Given) -> Array:
        return jax.nn.sigmoid(self.logit(beliefs, given))

    def draw(self, key: Array, beliefs: Reader, given: Given) -> Array:
        return jax.random.bernoulli(key, self.prediction(beliefs, given)).astype(float)

    def accepts(self, values: Any, beliefs: Reader) -> Any:
        del beliefs
        return (values == 0) | (values == 1)
