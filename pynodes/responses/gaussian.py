"""GaussianResponse: a number around a belief."""

from __future__ import annotations

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractNormalResponse
from pynodes.responses._fields import Reader, field


class GaussianResponse(AbstractNormalResponse):
    """A number, normally distributed around what is believed, with an offset.

    Parameters
    ----------
    belief
        Where the belief is read.
    offset
        How far responses lie above it on average, in its unit.
    variance
        Variance of the responses (ζ), in its squared unit.

    Source: ``gaussian_obs`` and ``gaussian_obs_offset`` of the TAPAS toolbox.
    """

    belief: str = field("x1.predicted_mean")
    offset: Scalar = parameter(0.0)

    def mean(self, beliefs: Reader, given: Given) -> Array:
        return beliefs(self.belief) + self.offset
