"""What Drift and Observation share: a parent that shifts its child's predicted mean."""

from __future__ import annotations

import abc

from pynodes._core.beliefs import Gaussian
from pynodes._core.functions import Function, bend, identity, resolved, slope, written
from pynodes._core.messages import Evidence
from pynodes._core.modules import choice, parameter
from pynodes._core.notation import Notation
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractCoupling


class AbstractShift(AbstractCoupling):
    """A value coupling through a strength and a function, whose contribution adds to a mean.

    Had the parent been at x, the child's predicted mean would have been shifted by
    ``reach strength (f(x) - f(predicted mean))``; what the child makes of a shift is its own
    (:meth:`Gaussian.shift_evidence`), quadratic in it.
    """

    strength: Scalar = parameter(1.0, symbol="α")
    function: Function = choice(identity)

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", resolved(self.function))

    @abc.abstractmethod
    def reach(self, child: Gaussian, dt: Scalar) -> Scalar:
        """How far one unit of contribution moves the child's mean."""

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        mean = parent.predicted_mean
        gain = self.strength * slope(self.function, mean)
        return {
            self.inlet: self.strength * self.function(mean),
            f"{self.inlet}_variance": gain**2 * parent.predicted_variance,
        }

    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        step = self.function(x) - self.function(parent.predicted_mean)
        shift = self.reach(child, dt) * self.strength * step
        evidence = child.shift_evidence()
        return evidence.gradient * shift - 0.5 * evidence.curvature * shift**2

    def evidence(self, parent: Gaussian, child: Gaussian, dt: Scalar) -> Evidence:
        reach = self.reach(child, dt) * self.strength
        evidence = child.shift_evidence()
        gain = reach * slope(self.function, parent.predicted_mean)
        bent = reach * bend(self.function, parent.predicted_mean)
        return Evidence(
            gradient=gain * evidence.gradient,
            curvature=gain**2 * evidence.curvature - bent * evidence.gradient,
        )

    def term(self, notation: Notation) -> str:
        return notation.times("strength", written(self.function, notation))
