"""Response speed: faster where attention was, by what attention is thought to follow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import choice, parameter
from pynodes._errors import nearest
from pynodes._typing import Array, Scalar
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractNormalResponse
from pynodes.responses._fields import Reader, node
from pynodes.responses._probability import inside
from pynodes.responses.log_reaction_time import LONGEST, SHORTEST


def belief(probability: Array) -> Array:
    """Attention follows the predicted probability."""
    return probability


def precision(probability: Array) -> Array:
    """Attention follows the precision of the prediction, in the direction that it favours."""
    inner = inside(probability)
    excess = 1 / (inner * (1 - inner)) - 4
    return jax.nn.sigmoid(jnp.where(inner > 0.5, excess, -excess))


def speed_of_surprise(probability: Array) -> Array:
    """Attention falls with the surprise, in bits, that the outcome 1 would be."""
    return 1 / (1 - jnp.log(inside(probability)) / math.log(2))


ATTENTION: dict[str, Callable[[Array], Array]] = {
    "belief": belief,
    "precision": precision,
    "surprise": speed_of_surprise,
}
"""What attention to the outcome 1 follows, by name: from 0 to 1."""


def check_attention(attention: str) -> str | None:
    """What is wrong with the name of a kind of attention; None if nothing is."""
    if attention in ATTENTION:
        return None
    return f"attention is none of those known, but {attention!r}. {nearest(attention, ATTENTION)}"


class AbstractSpeed(AbstractNormalResponse):
    """A speed: one over a time in milliseconds."""

    expects: ClassVar = "finite numbers, one over milliseconds"

    def doubt(self, responses: np.ndarray) -> str | None:
        middle = float(np.nanmedian(responses))
        if middle > SHORTEST:
            return f"have the median {middle:.4g}: times, it seems, and not speeds. Give 1 / milliseconds."
        if not 1 / LONGEST < middle < 1 / SHORTEST:
            return f"have the median {middle:.3g}, which is no speed per millisecond. Give 1 / milliseconds."
        return None


class ResponseSpeed(AbstractSpeed):
    """Speed of the response to a binary outcome: its own intercept, and a gain where attention was.

    Its mean is ζ₁₁ + ζ₂ a after the outcome 1 and ζ₁₀ + ζ₂ (1 - a) after 0, a being the attention that
    was on 1.

    Parameters
    ----------
    outcome
        Name of the node of the outcome.
    attention
        What attention follows: ``"belief"``, ``"precision"`` or ``"surprise"``.
    intercept_one, intercept_zero
        Speed without attention after 1, a valid cue, and after 0, an invalid one; per millisecond.
    gain
        Speed that full attention adds (ζ₂).
    variance
        Variance of speeds (ζ₃).

    Source: Vossel et al. (2014), doi 10.1093/cercor/bhs418, methods.
    """

    outcome: str = node("u")
    attention: str = choice("belief")
    intercept_one: Scalar = parameter(0.0052, symbol="ζ₁₁")
    intercept_zero: Scalar = parameter(0.0052, symbol="ζ₁₀")
    gain: Scalar = parameter(0.0006, symbol="ζ₂")
    variance: Scalar = parameter(0.001, symbol="ζ₃", positive=True)

    def mean(self, beliefs: Reader, given: Given) -> Array:
        outcome = beliefs[self.outcome]
        expected = beliefs.probability(f"{self.outcome}.predicted_mean")
        attended = ATTENTION[self.attention](expected)
        after_one = self.intercept_one + self.gain * attended
        after_zero = self.intercept_zero + self.gain * (1 - attended)
        return jnp.where(outcome.mean > 0.5, after_one, after_zero)

    def check(self) -> str | None:
        """The kind of attention is known."""
        return check_attention(self.attention)


class TransitionResponseSpeed(AbstractSpeed):
    """Speed of the response to one of many transitions: an intercept, and a gain where attention was.

    The beliefs are those about the transition that happened, as
    :func:`~pynodes.responses.select` picks them trial by trial.

    Parameters
    ----------
    transition
        Name of the node that says whether the transition happened.
    attention
        As in :class:`ResponseSpeed`.
    intercept
        Speed without attention (ζ₁), per millisecond.
    gain
        Speed that full attention adds (ζ₂).
    variance
        Variance of speeds (ζ₃).

    Source: what ``rs_precision_whatworld`` of the TAPAS toolbox was meant to be (docs/responses.md).
    """

    transition: str = node("transition")
    attention: str = choice("precision")
    intercept: Scalar = parameter(0.0052, symbol="ζ₁")
    gain: Scalar = parameter(0.0006, symbol="ζ₂")
    variance: Scalar = parameter(0.001, symbol="ζ₃", positive=True)

    def mean(self, beliefs: Reader, given: Given) -> Array:
        expected = beliefs.probability(f"{self.transition}.predicted_mean")
        return self.intercept + self.gain * ATTENTION[self.attention](expected)

    def check(self) -> str | None:
        """The kind of attention is known."""
        return check_attention(self.attention)
