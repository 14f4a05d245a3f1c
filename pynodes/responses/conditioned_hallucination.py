"""Conditioned hallucinations: reporting a stimulus that may not have been there."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractBinaryResponse
from pynodes.responses._fields import Reader, field
from pynodes.responses._probability import exponential
from pynodes.responses._series import Covariate

DETECTION = {"detection_rate": Covariate(bounds=(0.0, 1.0))}
"""How often a stimulus of the trial's intensity is detected; 0 where there was none."""


class ConditionedHallucination(AbstractBinaryResponse):
    """Reporting a stimulus with log odds β (2b - 1), b being the belief that it was there.

    With the learned expectation x as a prior, a detection rate q of the stimulus (covariate
    ``detection_rate``) and a rate 1 - x of false alarms, b = q x / (q x + (1 - x)²). Without a stimulus,
    q = 0, there is nothing to go by but the expectation: b = x.

    Parameters
    ----------
    probability
        Where x is read.
    inverse_temperature
        How deterministic reports are (β).

    Source: Powers, Mathys and Corlett (2017), doi 10.1126/science.aan3458, supplement.
    """

    covariates: ClassVar = DETECTION

    probability: str = field("u.predicted_mean")
    inverse_temperature: Scalar = parameter(1.0, symbol="β", positive=True)

    def belief(self, beliefs: Reader, given: Given) -> Array:
        """How sure the agent is that there was a stimulus."""
        x, rate = beliefs.probability(self.probability), given["detection_rate"]
        presented = rate > 0
        detected = jnp.where(presented, rate, 1.0) * x
        total = detected + (1 - x) ** 2
        return jnp.where(presented, detected / total, x)

    def logit(self, beliefs: Reader, given: Given) -> Array:
        return self.inverse_temperature * (2 * self.belief(beliefs, given) - 1)


class WeightedHallucination(AbstractBinaryResponse):
    """The same report, with a belief that weighs expectation against detection: b = (ν x + q) / (ν + 1).

    Parameters
    ----------
    probability
        Where x is read.
    inverse_temperature
        How deterministic reports are (β).
    prior_weight
        The weight of the expectation relative to the stimulus (ν).
    log_prior_weight
        A belief whose exponential multiplies the weight in every trial, such as
        ``"x3.predicted_mean"``; by default none.

    Source: ``condhalluc_obs2`` of the TAPAS toolbox, and with ``log_prior_weight`` what
    ``condhalluc_obs3`` was meant to be (docs/responses.md).
    """

    covariates: ClassVar = DETECTION

    probability: str = field("u.predicted_mean")
    inverse_temperature: Scalar = parameter(1.0, symbol="β", positive=True)
    prior_weight: Scalar = parameter(1.0, symbol="ν", positive=True)
    log_prior_weight: str | None = field(None)

    def belief(self, beliefs: Reader, given: Given) -> Array:
        """How sure the agent is that there was a stimulus."""
        x, weight = beliefs.probability(self.probability), jnp.asarray(self.prior_weight)
        if self.log_prior_weight is not None:
            weight = weight * exponential(beliefs(self.log_prior_weight))
        return x + (given["detection_rate"] - x) / (1 + weight)

    def logit(self, beliefs: Reader, given: Given) -> Array:
        return self.inverse_temperature * (2 * self.belief(beliefs, given) - 1)
