"""AbstractNormalResponse: a number that scatters around a mean."""

from __future__ import annotations

import abc
import math

import jax
import jax.numpy as jnp

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.responses._base import AbstractResponse, Given
from pynodes.responses._fields import Reader


class AbstractNormalResponse(AbstractResponse):
    """A number, normally distributed around a mean. A subclass says the :meth:`mean`.

    Parameters
    ----------
    variance
        Variance of the responses around their mean (ζ), in the squared unit of the response.
    """

    variance: Scalar = parameter(1.0, symbol="ζ", positive=True)

    @abc.abstractmethod
    def mean(self, beliefs: Reader, given: Given) -> Array:
        """What the response is expected to be."""

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
