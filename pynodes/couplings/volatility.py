"""Volatility: the parent sets how fast the child may move."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import VolatilityMessage
from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractVolatilityCoupling


class AbstractLogVariance(AbstractVolatilityCoupling):
    """What Volatility and Noise share: a parent that adds to a log variance, linearly."""

    strength: Scalar = parameter(1.0, symbol="κ")

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        return {
            self.inlet: self.strength * parent.predicted_mean,
            f"{self.inlet}_variance": self.strength**2 * parent.predicted_variance,
        }

    def message(self, parent: Gaussian, child: Gaussian) -> VolatilityMessage:
        return child.volatility_message(jnp.asarray(self.strength), parent.predicted_mean)

    def elasticity(self, parent: Gaussian) -> Array:
        return jnp.asarray(self.strength)


class Volatility(AbstractLogVariance):
    """Volatility coupling into a state: adds ``strength parent`` to its log volatility.

    Parameters
    ----------
    strength
        Log volatility per unit of the parent (κ).

    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825; docs/theory/volatility.md. Unlike pyhgf
    0.3.2, several volatility parents of one child do not share out its error.
    """

    inlet: ClassVar = "log_volatility"
