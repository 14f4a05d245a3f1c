"""CumulativeGaussian: a binary choice by the probability that a state is positive."""

from __future__ import annotations

import jax.numpy as jnp
from jax.scipy.special import log_ndtr, ndtr

from pynodes._core.modules import choice
from pynodes._typing import Array
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractBinaryResponse
from pynodes.responses._fields import Reader, field


class CumulativeGaussian(AbstractBinaryResponse):
    """Choosing 1 with the probability that a Gaussian belief gives to positive values: Φ(μ √π).

    Parameters
    ----------
    mean, precision
        Where μ and π are read.
    exponent
        The power of the precision that multiplies the mean. One half makes the argument a number of
        standard deviations; the TAPAS toolbox divides by the variance, which is 1.

    Source: derived in docs/responses.md. ``cdfgaussian_obs`` of TAPAS with ``exponent=1``.
    """

    mean: str = field("x2.mean")
    precision: str = field("x2.precision")
    exponent: float = choice(0.5)

    def check(self) -> str | None:
        """The exponent is a number."""
        if isinstance(self.exponent, int | float):
            return None
        return f"exponent must be a number, not {self.exponent!r}."

    def argument(self, beliefs: Reader) -> Array:
        """The mean in units of the belief's own uncertainty."""
        return beliefs(self.mean) * beliefs(self.precision) ** self.exponent

    def logit(self, beliefs: Reader, given: Given) -> Array:
        argument = self.argument(beliefs)
        return log_ndtr(argument) - log_ndtr(-argument)

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        argument = self.argument(beliefs)
        return log_ndtr(jnp.where(response > 0.5, argument, -argument))

    def prediction(self, beliefs: Reader, given: Given) -> Array:
        return ndtr(self.argument(beliefs))
