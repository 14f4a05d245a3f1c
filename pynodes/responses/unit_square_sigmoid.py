"""UnitSquareSigmoid: a binary choice by the power ratio of a probability."""

from __future__ import annotations

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractBinaryResponse
from pynodes.responses._fields import Reader, field
from pynodes.responses._probability import clipped_logit, sharpness


class UnitSquareSigmoid(AbstractBinaryResponse):
    """Choosing 1 with probability x^ζ / (x^ζ + (1 - x)^ζ), x being the belief that it is right.

    That is a logistic choice with log odds ζ logit(x).

    Parameters
    ----------
    probability
        Where x is read.
    inverse_temperature
        How deterministic choices are (ζ).
    log_temperature
        A belief whose exponential divides the inverse temperature in every trial, such as
        ``"x3.predicted_mean"``; by default none.

    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825; with ``log_temperature``
    Diaconescu et al. (2014), doi 10.1371/journal.pcbi.1003810.
    """

    probability: str = field("u.predicted_mean")
    inverse_temperature: Scalar = parameter(1.0, symbol="ζ", positive=True)
    log_temperature: str | None = field(None)

    def logit(self, beliefs: Reader, given: Given) -> Array:
        sharp = sharpness(beliefs, self.inverse_temperature, self.log_temperature)
        return sharp * clipped_logit(beliefs.probability(self.probability))
