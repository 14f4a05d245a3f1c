"""UnitSquareSigmoid: a binary choice by the power ratio of a probability."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractBinaryResponse
from pynodes.responses._fields import Reader, field
from pynodes.responses._probability import clipped_logit, sharpness
from pynodes.responses._series import LAST_CHOICE, Covariate


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
    lapse_rate
        Share of choices that are made blindly, each option alike (ε); by default there is none of it.
    perseveration
        What is added to the log odds of choosing again what was chosen last (κ), which is then the covariate
        ``previous_choice``, made by :func:`~pynodes.responses.previous`; by default there is none of it.

    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825; perseveration Lau and Glimcher (2005), doi
    10.1901/jeab.2005.110-04; with ``log_temperature``
    Diaconescu et al. (2014), doi 10.1371/journal.pcbi.1003810.
    """

    probability: str = field("u.predicted_mean")
    inverse_temperature: Scalar = parameter(1.0, symbol="ζ", positive=True)
    log_temperature: str | None = field(None)
    lapse_rate: Scalar | None = parameter(None, symbol="ε", bounds=(0.0, 1.0))
    perseveration: Scalar | None = parameter(None, symbol="κ")

    @property
    def lapses(self) -> Scalar | None:
        return self.lapse_rate

    @property
    def covariates(self) -> Mapping[str, Covariate]:  # type: ignore[override]
        """What was chosen last, where that matters."""
        return {} if self.perseveration is None else {"previous_choice": LAST_CHOICE}

    def logit(self, beliefs: Reader, given: Given) -> Array:
        sharp = sharpness(beliefs, self.inverse_temperature, self.log_temperature)
        odds = sharp * clipped_logit(beliefs.probability(self.probability))
        if self.perseveration is None:
            return odds
        last = given["previous_choice"]
        return odds + self.perseveration * jnp.where(jnp.isnan(last), 0.0, 2 * last - 1)
