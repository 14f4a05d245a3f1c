"""Probability: the parent is the logit of a binary child."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import Evidence
from pynodes._core.modules import choice, parameter
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractCoupling
from pynodes.couplings.functions import Function, bend, identity, resolved, slope


class Probability(AbstractCoupling):
    """Value coupling into a binary node: adds ``strength f(parent)`` to its logit.

    The prediction takes the parent's mean; it does not average the sigmoid over its uncertainty.

    Parameters
    ----------
    strength
        Logits per unit of f(parent).
    function
        Coupling function f: a name (``pynodes.couplings.FUNCTIONS``) or a function that JAX can trace.

    Raises
    ------
    CouplingError
        A function that is unknown or cannot be traced.

    Source: Mathys et al. (2011), doi 10.3389/fnhum.2011.00039; pyhgf 0.3.2 ignores strength and
    function in the prediction.
    """

    inlet: ClassVar = "logit"

    strength: Scalar = parameter(1.0, symbol="κ₁")
    function: Function = choice(identity)

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", resolved(self.function))

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        return {"logit": self.strength * self.function(parent.predicted_mean)}

    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        step = self.function(x) - self.function(parent.predicted_mean)
        shift = self.strength * step
        # log(1 - p + p exp(shift)) is the change of the log partition from the predicted logit.
        probability = child.predicted_mean
        partition = jnp.logaddexp(jnp.log1p(-probability), jnp.log(probability) + shift)
        return child.mean * shift - partition

    def evidence(self, parent: Gaussian, child: Gaussian, dt: Scalar) -> Evidence:
        error = child.mean - child.predicted_mean
        gain = self.strength * slope(self.function, parent.predicted_mean)
        bent = self.strength * bend(self.function, parent.predicted_mean)
        return Evidence(
            gradient=gain * error, curvature=gain**2 * child.predicted_variance - bent * error
        )
