"""BetaResponse: a number between 0 and 1, such as a rating of probability."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from pynodes._core.modules import choice, parameter
from pynodes._typing import Array, Scalar
from pynodes.responses._base import AbstractResponse, Given
from pynodes.responses._fields import Reader, field
from pynodes.responses._probability import inside

LINKS = {"identity": lambda x: x, "sigmoid": jax.nn.sigmoid}
"""How a belief becomes a mean between 0 and 1, by name."""

LARGE = 32.0
"""Where Stirling's series takes over from the gamma function; its error is below 1e-16 from here on."""


class BetaResponse(AbstractResponse):
    """A number between 0 and 1, beta distributed around a belief.

    With mean m and precision ν its parameters are m ν and (1 - m) ν, so that the variance is
    m (1 - m) / (ν + 1). A response of exactly 0 or 1 has no finite density:
    :func:`squeeze` draws a scale in first.

    Parameters
    ----------
    belief
        Where the belief is read.
    link
        How it becomes a mean: ``"identity"`` of a probability, ``"sigmoid"`` of a logit.
    precision
        How concentrated responses are (ν): the number of imagined outcomes.

    Source: Ferrari and Cribari-Neto (2004), doi 10.1080/0266476042000214501, for the
    parameters; ``beta_obs`` of the TAPAS toolbox, which overflows for ν above 171.
    """

    harmless: ClassVar = 0.5
    expects: ClassVar = "numbers between 0 and 1, both excluded (see pynodes.responses.squeeze)"

    belief: str = field("u.predicted_mean")
    link: str = choice("identity")
    precision: Scalar = parameter(128.0, symbol="ν", positive=True)

    def mean(self, beliefs: Reader) -> Array:
        """What the response is expected to be, away from 0 and 1."""
        read = beliefs.probability if self.link == "identity" else beliefs
        return inside(LINKS[self.link](read(self.belief)))

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        return log_beta_density(inside(response), self.mean(beliefs), jnp.asarray(self.precision))

    def prediction(self, beliefs: Reader, given: Given) -> Array:
        return self.mean(beliefs)

    def draw(self, key: Array, beliefs: Reader, given: Given) -> Array:
        mean = self.mean(beliefs)
        return inside(jax.random.beta(key, mean * self.precision, (1 - mean) * self.precision))

    def accepts(self, values: Any, beliefs: Reader) -> Any:
        del beliefs
        return (values > 0) & (values < 1)

    def check(self) -> str | None:
        """The link is known."""
        return (
            None
            if self.link in LINKS
            else f"link must be one of {sorted(LINKS)}, not {self.link!r}."
        )


def squeeze(responses: Array, share: float = 0.95) -> Array:
    """Responses from 0 to 1, moved towards the middle: 0.5 + share (y - 0.5).

    Parameters
    ----------
    responses
        Numbers from 0 to 1; NaN is a missing one and stays.
    share
        The share of the scale that is kept; the TAPAS toolbox keeps 0.95.
    """
    return 0.5 + share * (jnp.asarray(responses) - 0.5)


def log_beta_density(y: Array, mean: Array, precision: Array) -> Array:
    """Log density of a beta distribution with a mean and a precision ν.

    Written around its peak, so that terms of the size of ν do not cancel: with Stirling's formula they
    make ν times a divergence between mean and y, which is small where the density is not
    (docs/responses.md).
    """
    first, second = mean * precision, (1 - mean) * precision
    logs, rests = (jnp.log(y), jnp.log(mean)), (jnp.log1p(-y), jnp.log1p(-mean))
    divergence = first * log_ratio((y - mean) / mean, *logs)
    divergence += second * log_ratio((mean - y) / (1 - mean), *rests)
    spread = jnp.log(precision) + logs[1] + rests[1] - math.log(2 * math.pi)
    excess = remainder(precision) - remainder(first) - remainder(second)
    return divergence + 0.5 * spread + excess - logs[0] - rests[0]


def log_ratio(difference: Array, log_top: Array, log_bottom: Array) -> Array:
    """Log of a ratio, from its relative difference to one where that is small, else from both logs."""
    near = jnp.abs(difference) < 0.5
    return jnp.where(near, jnp.log1p(jnp.where(near, difference, 0.0)), log_top - log_bottom)


def remainder(z: Array) -> Array:
    """What Stirling's formula leaves of the log of the gamma function; zero at infinity."""
    small = z < LARGE
    low, high = jnp.where(small, z, 1.0), jnp.where(small, LARGE, z)
    stirling = (low - 0.5) * jnp.log(low) - low + 0.5 * math.log(2 * math.pi)
    inverse = 1 / high
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    return jnp.where(small, gammaln(low) - stirling, series)
