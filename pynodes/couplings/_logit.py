"""What Probability and Category share: a parent that adds to the logit of an outcome."""

from __future__ import annotations

import abc

from pynodes._core.arithmetic import shifted
from pynodes._core.beliefs import Gaussian
from pynodes._core.functions import Function, bend, identity, resolved, slope, written
from pynodes._core.messages import Evidence
from pynodes._core.modules import choice, parameter
from pynodes._core.notation import Notation
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractCoupling


class AbstractLogit(AbstractCoupling):
    """A value coupling through a strength and a function, whose contribution adds to a logit.

    A subclass says which outcome of the child is meant.
    """

    strength: Scalar = parameter(1.0, symbol="κ₁")
    function: Function = choice(identity)

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", resolved(self.function))

    @abc.abstractmethod
    def outcome_of(self, child: Gaussian) -> tuple[Array, Array, Array]:
        """The outcome, its predicted probability, and the variance of that prediction."""

    def contribution(self, x: Array) -> Array:
        """What the parent adds to the logit at a value of its own."""
        return self.strength * self.function(x)

    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        value, probability, _ = self.outcome_of(child)
        step = self.function(x) - self.function(parent.predicted_mean)
        return shifted(value, probability, self.strength * step)

    def evidence(self, parent: Gaussian, child: Gaussian, dt: Scalar) -> Evidence:
        value, probability, variance = self.outcome_of(child)
        error = value - probability
        gain = self.strength * slope(self.function, parent.predicted_mean)
        bent = self.strength * bend(self.function, parent.predicted_mean)
        return Evidence(gradient=gain * error, curvature=gain**2 * variance - bent * error)

    def term(self, notation: Notation) -> str:
        return notation.times("strength", written(self.function, notation))
