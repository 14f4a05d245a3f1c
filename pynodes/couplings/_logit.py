"""What Probability and Category share: a parent that adds to the logit of an outcome."""

from __future__ import annotations

import abc

import jax.numpy as jnp

from pynodes._core.arithmetic import log_probability_of_shift, stage
from pynodes._core.beliefs import Gaussian
from pynodes._core.logistic import LogitBelief, tilt_by_guess, tilt_by_outcome
from pynodes._core.messages import Evidence
from pynodes._core.modules import parameter
from pynodes._core.tilts import Tilt
from pynodes._typing import Array, Scalar
from pynodes.couplings._nonlinear import AbstractNonlinear


class AbstractLogit(AbstractNonlinear):
    """A value coupling through a strength and a function, whose contribution adds to a logit.

    A subclass says which outcome of the child is meant. What a regression leaves of the function is not
    added to the noise here, for a logit has none.
    """

    strength: Scalar = parameter(1.0, symbol="κ₁")

    @abc.abstractmethod
    def outcome_of(self, child: Gaussian) -> tuple[Array, Array, Array]:
        """The outcome, its predicted probability, and the variance of that prediction."""

    def contribution(self, parent: Gaussian) -> Array:
        """What the parent adds to the logit."""
        return self.strength * self.line(parent).value

    @abc.abstractmethod
    def logit_of(self, child: Gaussian) -> LogitBelief:
        """The logit of that outcome, as the child was predicted from it."""

    def can_tilt(self, child: Gaussian) -> bool:
        return child.logit is not None

    def tilt(
        self, mean: Array, variance: Array, parent: Gaussian, child: Gaussian, dt: Scalar
    ) -> Tilt:
        if not self.can_tilt(child):
            return super().tilt(mean, variance, parent, child, dt)
        value, _, _ = self.outcome_of(child)
        logit, gain = self.logit_of(child), self.strength * self.line(parent).slope
        others = logit.variance - gain**2 * parent.predicted_variance
        by = tilt_by_guess if logit.hidden else tilt_by_outcome
        at, spread = stage(
            (
                logit.mean + gain * (mean - parent.predicted_mean),
                gain**2 * variance + jnp.where(others > 0, others, 0.0),
            )
        )
        tilt = by(value, at, spread, logit.probability, logit.floor)
        return Tilt(
            log_evidence=tilt.log_evidence,
            gradient=gain * tilt.gradient,
            curvature=gain**2 * tilt.curvature,
            factor=tilt.factor,
        )

    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        value, probability, _ = self.outcome_of(child)
        step = self.function(x) - self.function(parent.predicted_mean)
        return log_probability_of_shift(value, probability, self.strength * step)

    def evidence(self, parent: Gaussian, child: Gaussian, dt: Scalar) -> Evidence:
        value, probability, variance = self.outcome_of(child)
        heard = Evidence(gradient=value - probability, curvature=variance)
        return self.line(parent).evidence(self.strength, heard)
