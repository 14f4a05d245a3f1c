"""Priors: what may be supposed of a parameter."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln, polygamma

from pynodes._core.modules import checked_value, parameter, parameters_of
from pynodes._core.tracing import traced
from pynodes._typing import Array, Scalar
from pynodes.fit.prior._prior import AbstractPrior
from pynodes.fit.prior._scales import AbstractScale, Line, Log, Logit

NEEDED = dataclasses.MISSING


class AbstractGaussianPrior(AbstractPrior):
    """A prior whose position is normally distributed."""

    mean: Scalar
    standard_deviation: Scalar

    def density_at(self, position: Scalar) -> Array:
        """The normal density."""
        score = (jnp.asarray(position, float) - self.mean) / self.standard_deviation
        spread = jnp.asarray(self.standard_deviation, float)
        return -0.5 * (score**2 + jnp.log(2 * jnp.pi)) - jnp.log(spread)

    def draw_position(self, key: Array) -> Array:
        """A normal number."""
        return self.mean + self.standard_deviation * jax.random.normal(key)

    @property
    def centre(self) -> Array:
        """The mean."""
        return jnp.asarray(self.mean, float)

    @property
    def spread(self) -> Array:
        """The standard deviation."""
        return jnp.asarray(self.standard_deviation, float)


class Normal(AbstractGaussianPrior):
    """A normal prior, of a parameter without bounds.

    Parameters
    ----------
    mean, standard_deviation
        Of the parameter; the configurations of the TAPAS toolbox give variances instead.
    """

    mean: Scalar = parameter(NEEDED)
    standard_deviation: Scalar = parameter(NEEDED, positive=True)

    if TYPE_CHECKING:

        def __init__(self, mean: Scalar, standard_deviation: Scalar) -> None: ...

    @property
    def scale(self) -> AbstractScale:
        """The line of the values."""
        return Line()


class LogNormal(AbstractGaussianPrior):
    """A prior under which the logarithm of a positive parameter is normal.

    Parameters
    ----------
    mean, standard_deviation
        Of the logarithm.
    """

    mean: Scalar = parameter(NEEDED)
    standard_deviation: Scalar = parameter(NEEDED, positive=True)

    if TYPE_CHECKING:

        def __init__(self, mean: Scalar, standard_deviation: Scalar) -> None: ...

    @property
    def scale(self) -> AbstractScale:
        """The line of the logarithms."""
        return Log()


class LogitNormal(AbstractGaussianPrior):
    """A prior under which the logit of a parameter between two bounds is normal.

    Parameters
    ----------
    mean, standard_deviation
        Of the logit, log((value - lower) / (upper - value)).
    lower, upper
        The bounds.
    """

    mean: Scalar = parameter(NEEDED)
    standard_deviation: Scalar = parameter(NEEDED, positive=True)
    lower: Scalar = parameter(0.0)
    upper: Scalar = parameter(1.0)

    if TYPE_CHECKING:

        def __init__(
            self,
            mean: Scalar,
            standard_deviation: Scalar,
            *,
            lower: Scalar = 0.0,
            upper: Scalar = 1.0,
        ) -> None: ...

    @property
    def scale(self) -> AbstractScale:
        """The line of the logits."""
        return Logit(lower=self.lower, upper=self.upper)

    def flaw(self) -> str | None:
        """The bounds are in order."""
        return out_of_order(self.lower, self.upper)


class Gamma(AbstractPrior):
    """A gamma prior of a positive parameter, on the line of its logarithm.

    Parameters
    ----------
    shape, rate
        Its mean is shape / rate, its variance shape / rate².
    """

    shape: Scalar = parameter(NEEDED, positive=True)
    rate: Scalar = parameter(NEEDED, positive=True)

    if TYPE_CHECKING:

        def __init__(self, shape: Scalar, rate: Scalar) -> None: ...

    @property
    def scale(self) -> AbstractScale:
        """The line of the logarithms."""
        return Log()

    def density_at(self, position: Scalar) -> Array:
        """The density of the logarithm of a gamma variable."""
        shape, rate = jnp.asarray(self.shape, float), jnp.asarray(self.rate, float)
        return shape * (jnp.log(rate) + position) - rate * Log().value(position) - gammaln(shape)

    def draw_position(self, key: Array) -> Array:
        """The logarithm of a gamma variable."""
        drawn = jax.random.loggamma(key, jnp.asarray(self.shape, float))
        return drawn - jnp.log(jnp.asarray(self.rate, float))

    @property
    def centre(self) -> Array:
        """Expected logarithm."""
        return digamma(jnp.asarray(self.shape, float)) - jnp.log(jnp.asarray(self.rate, float))

    @property
    def spread(self) -> Array:
        """Standard deviation of the logarithm."""
        return jnp.sqrt(polygamma(1, jnp.asarray(self.shape, float)))


class HalfNormal(AbstractPrior):
    """The positive half of a normal distribution around zero, on the line of the logarithm.

    Parameters
    ----------
    standard_deviation
        Of the whole normal distribution.
    """

    positional = 1
    standard_deviation: Scalar = parameter(NEEDED, positive=True)

    if TYPE_CHECKING:

        def __init__(self, standard_deviation: Scalar) -> None: ...

    @property
    def scale(self) -> AbstractScale:
        """The line of the logarithms."""
        return Log()

    def density_at(self, position: Scalar) -> Array:
        """The density of the logarithm of the size of a normal variable."""
        spread = jnp.asarray(self.standard_deviation, float)
        score = Log().value(position) / spread
        return 0.5 * jnp.log(2 / jnp.pi) - jnp.log(spread) - 0.5 * score**2 + position

    def draw_position(self, key: Array) -> Array:
        """The logarithm of the size of a normal variable."""
        # The square of a normal variable is twice a gamma variable of shape one half.
        drawn = jax.random.loggamma(key, jnp.asarray(0.5, float)) + jnp.log(2.0)
        return 0.5 * drawn + jnp.log(jnp.asarray(self.standard_deviation, float))

    @property
    def centre(self) -> Array:
        """Expected logarithm."""
        spread = jnp.asarray(self.standard_deviation, float)
        return 0.5 * (digamma(jnp.asarray(0.5, float)) + jnp.log(2.0)) + jnp.log(spread)

    @property
    def spread(self) -> Array:
        """Standard deviation of the logarithm."""
        return 0.5 * jnp.sqrt(polygamma(1, jnp.asarray(0.5, float)))


class Beta(AbstractPrior):
    """A beta prior of a parameter between two bounds, on the line of its logit.

    Parameters
    ----------
    ones, zeros
        Its two shapes: as if so many ones and zeros had been counted. 1 and 1 is the uniform prior.
    lower, upper
        The bounds.
    """

    ones: Scalar = parameter(NEEDED, positive=True)
    zeros: Scalar = parameter(NEEDED, positive=True)
    lower: Scalar = parameter(0.0)
    upper: Scalar = parameter(1.0)

    if TYPE_CHECKING:

        def __init__(
            self, ones: Scalar, zeros: Scalar, *, lower: Scalar = 0.0, upper: Scalar = 1.0
        ) -> None: ...

    @property
    def scale(self) -> AbstractScale:
        """The line of the logits."""
        return Logit(lower=self.lower, upper=self.upper)

    def density_at(self, position: Scalar) -> Array:
        """The density of the logit of a beta variable."""
        ones, zeros = jnp.asarray(self.ones, float), jnp.asarray(self.zeros, float)
        position = jnp.asarray(position, float)
        normaliser = gammaln(ones) + gammaln(zeros) - gammaln(ones + zeros)
        return (
            ones * jax.nn.log_sigmoid(position) + zeros * jax.nn.log_sigmoid(-position) - normaliser
        )

    def draw_position(self, key: Array) -> Array:
        """The logarithm of the ratio of two gamma variables."""
        one, other = jax.random.split(key)
        ones = jax.random.loggamma(one, jnp.asarray(self.ones, float))
        return ones - jax.random.loggamma(other, jnp.asarray(self.zeros, float))

    @property
    def centre(self) -> Array:
        """Expected logit."""
        return digamma(jnp.asarray(self.ones, float)) - digamma(jnp.asarray(self.zeros, float))

    @property
    def spread(self) -> Array:
        """Standard deviation of the logit."""
        ones, zeros = jnp.asarray(self.ones, float), jnp.asarray(self.zeros, float)
        return jnp.sqrt(polygamma(1, ones) + polygamma(1, zeros))

    def flaw(self) -> str | None:
        """The bounds are in order."""
        return out_of_order(self.lower, self.upper)


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A parameter that is not fitted but set.

    Parameters
    ----------
    value
        Its value.
    """

    value: Scalar

    def __post_init__(self) -> None:
        checked_value("Fixed", "value", self.value, parameters_of(Normal)["mean"])


def out_of_order(lower: Scalar, upper: Scalar) -> str | None:
    """What is wrong with two bounds; None if nothing is known to be."""
    if traced((lower, upper)) or lower < upper:
        return None
    return f"lower must be below upper, not {lower} and {upper}."
