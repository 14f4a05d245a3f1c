"""Log reaction times: linear in surprise and in several kinds of uncertainty."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractNormalResponse
from pynodes.responses._fields import Reader, node
from pynodes.responses.regressors import (
    environmental_uncertainty,
    informational_uncertainty,
    outcome_uncertainty,
    surprise,
)

USUAL_TIME = math.log(500.0)
"""Half a second, as a log reaction time in milliseconds."""

SHORTEST, LONGEST = 50.0, 60_000.0
"""Milliseconds between which the median of reaction times lies, whatever the task."""


class AbstractLogTime(AbstractNormalResponse):
    """A log reaction time, of a time in milliseconds."""

    expects: ClassVar = "finite numbers, the logarithms of milliseconds"

    def doubt(self, responses: np.ndarray) -> str | None:
        middle = float(np.nanmedian(responses))
        if middle > math.log(LONGEST):
            return (
                f"have the median {middle:.4g}: times, it seems, and not their logarithms. Give "
                "np.log(milliseconds)."
            )
        if middle < math.log(SHORTEST):
            return (
                f"have the median {middle:.3g}, the logarithm of {math.exp(middle):.3g} milliseconds: of "
                "seconds, it seems. Add log(1000) = 6.908, or give np.log(milliseconds)."
            )
        return None


class LogReactionTime(AbstractLogTime):
    """Log reaction time to a binary outcome, linear in surprise and three uncertainties.

    Parameters
    ----------
    outcome, state, volatility
        Names of the nodes whose beliefs move it: the outcome, its logit, and the logit's volatility.
    intercept
        Log reaction time, of a time in milliseconds, where nothing else adds.
    surprise
        Weight of the surprise at the outcome, per bit.
    outcome_uncertainty, informational_uncertainty, environmental_uncertainty
        Weights of the functions of these names in :mod:`pynodes.responses.regressors`.
    variance
        Variance of log reaction times (ζ).

    Source: Lawson, Mathys and Rees (2017), doi 10.1038/nn.4615, methods.
    """

    outcome: str = node("u")
    state: str = node("x2")
    volatility: str = node("x3")
    intercept: Scalar = parameter(USUAL_TIME, symbol="β₀")
    surprise: Scalar = parameter(0.0, symbol="β₁")
    outcome_uncertainty: Scalar = parameter(0.0, symbol="β₂")
    informational_uncertainty: Scalar = parameter(0.0, symbol="β₃")
    environmental_uncertainty: Scalar = parameter(0.0, symbol="β₄")

    def mean(self, beliefs: Reader, given: Given) -> Array:
        outcome, state = beliefs[self.outcome], beliefs[self.state]
        changes = environmental_uncertainty(state, beliefs[self.volatility])
        return (
            self.intercept
            + self.surprise * (surprise(outcome) / math.log(2))
            + self.outcome_uncertainty * outcome_uncertainty(outcome)
            + self.informational_uncertainty * informational_uncertainty(state)
            + self.environmental_uncertainty * changes
        )


class MinimalLogReactionTime(AbstractLogTime):
    """Log reaction time to a binary outcome, linear in surprise and the outcome's uncertainty alone.

    Parameters
    ----------
    outcome
        Name of the node of the outcome.
    intercept, surprise, outcome_uncertainty, variance
        As in :class:`LogReactionTime`.
    """

    outcome: str = node("u")
    intercept: Scalar = parameter(USUAL_TIME, symbol="β₀")
    surprise: Scalar = parameter(0.0, symbol="β₁")
    outcome_uncertainty: Scalar = parameter(0.0, symbol="β₂")

    def mean(self, beliefs: Reader, given: Given) -> Array:
        outcome = beliefs[self.outcome]
        return (
            self.intercept
            + self.surprise * (surprise(outcome) / math.log(2))
            + self.outcome_uncertainty * outcome_uncertainty(outcome)
        )


class TransitionLogReactionTime(AbstractLogTime):
    """Log reaction time to one of many transitions, linear in surprise and two uncertainties.

    The beliefs are those about the transition that happened, as
    :func:`~pynodes.responses.select` picks them trial by trial.

    Parameters
    ----------
    transition, state, volatility
        Names of the nodes: whether the transition happened, its logit, and the logits' volatility.
    intercept
        Log reaction time, of a time in milliseconds, where nothing else adds.
    surprise
        Weight of the surprise, per nat.
    informational_uncertainty, environmental_uncertainty
        Weights of the functions of these names in :mod:`pynodes.responses.regressors`.
    variance
        Variance of log reaction times (ζ).

    Source: Marshall et al. (2016), doi 10.1371/journal.pbio.1002575, methods.
    """

    transition: str = node("transition")
    state: str = node("state")
    volatility: str = node("x3")
    intercept: Scalar = parameter(USUAL_TIME, symbol="β₀")
    surprise: Scalar = parameter(0.0, symbol="β₁")
    informational_uncertainty: Scalar = parameter(0.0, symbol="β₂")
    environmental_uncertainty: Scalar = parameter(0.0, symbol="β₃")

    def mean(self, beliefs: Reader, given: Given) -> Array:
        state = beliefs[self.state]
        changes = environmental_uncertainty(state, beliefs[self.volatility])
        return (
            self.intercept
            + self.surprise * surprise(beliefs[self.transition])
            + self.informational_uncertainty * informational_uncertainty(state)
            + self.environmental_uncertainty * changes
        )
