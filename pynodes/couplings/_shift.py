"""What Drift and Observation share: a parent that shifts its child's predicted mean."""

from __future__ import annotations

import abc

from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import Evidence
from pynodes._typing import Array, Scalar
from pynodes.couplings._nonlinear import AbstractNonlinear


class AbstractShift(AbstractNonlinear):
    """A value coupling through a strength and a function, whose contribution adds to a mean.

    Had the parent been at x, the child's predicted mean would have been shifted by
    ``reach strength (f(x) - f(predicted mean))``; what the child makes of a shift is its own
    (:meth:`Gaussian.shift_evidence`), quadratic in it.
    """

    @abc.abstractmethod
    def reach(self, child: Gaussian, dt: Scalar) -> Scalar:
        """How far one unit of contribution moves the child's mean."""

    def sensitivity(self, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        """By how much the child's predicted mean moves per unit of the parent."""
        return self.reach(child, dt) * self.strength * self.line(parent).slope

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        line = self.line(parent)
        variance = (self.strength * line.slope) ** 2 * parent.predicted_variance
        if line.residual is not None:
            variance = variance + self.strength**2 * line.residual
        return {self.inlet: self.strength * line.value, f"{self.inlet}_variance": variance}

    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        step = self.function(x) - self.function(parent.predicted_mean)
        shift = self.reach(child, dt) * self.strength * step
        evidence = child.shift_evidence()
        return evidence.gradient * shift - 0.5 * evidence.curvature * shift**2

    def evidence(self, parent: Gaussian, child: Gaussian, dt: Scalar) -> Evidence:
        gain = self.reach(child, dt) * self.strength
        return self.line(parent).evidence(gain, child.shift_evidence())
