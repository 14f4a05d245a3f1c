"""BinarySoftmax: a binary choice by the difference of two expected rewards."""

from __future__ import annotations

from typing import ClassVar

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractBinaryResponse
from pynodes.responses._fields import Reader, field
from pynodes.responses._probability import sharpness
from pynodes.responses._series import Covariate


class BinarySoftmax(AbstractBinaryResponse):
    """Choosing 1 with log odds β (r₁ x - r₀ (1 - x)), with the belief x that it is right.

    The rewards r₀ and r₁ of being right about 0 and about 1 are covariates ``reward_zero`` and
    ``reward_one``, one where they are not given.

    Parameters
    ----------
    probability
        Where x is read.
    inverse_temperature
        How deterministic choices are (β), per unit of reward.
    log_temperature
        A belief whose exponential divides the inverse temperature in every trial; by default none.

    Source: Sutton and Barto (1998), ISBN 978-0-262-19398-6, section 2.3, for two actions.
    """

    covariates: ClassVar = {
        "reward_zero": Covariate(default=1.0),
        "reward_one": Covariate(default=1.0),
    }

    probability: str = field("u.predicted_mean")
    inverse_temperature: Scalar = parameter(1.0, symbol="β", positive=True)
    log_temperature: str | None = field(None)

    def logit(self, beliefs: Reader, given: Given) -> Array:
        x = beliefs.probability(self.probability)
        sharp = sharpness(beliefs, self.inverse_temperature, self.log_temperature)
        return sharp * (given["reward_one"] * x - given["reward_zero"] * (1 - x))
