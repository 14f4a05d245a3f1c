"""Volatility: the parent sets how fast the child may move."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import VolatilityMessage
from pynodes._core.modules import choice, parameter
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import (
    AbstractVolatilityCoupling,
    check_lag,
    lag_incompatibility,
)

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode


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
    lag
        1 for the parent's value of the previous step: such edges may close cycles.
    upward
        Whether the child's evidence updates the parent through a lagged edge.

    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825; docs/theory/volatility.md. Unlike pyhgf
    0.3.2, several volatility parents of one child do not share out its error.
    """

    inlet: ClassVar = "log_volatility"

    lag: int = choice(0)
    upward: bool = choice(True)

    def __post_init__(self) -> None:
        check_lag(self, self.lag, self.upward)

    def incompatibility(self, parent: AbstractNode, child: AbstractNode) -> str | None:
        return lag_incompatibility(self, parent) or super().incompatibility(parent, child)
