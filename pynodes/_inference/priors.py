"""Priors: what may be supposed of a parameter before any data were seen."""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma, gammaln, polygamma

from pynodes._boundary import boundary
from pynodes._core.modules import Module, checked_value, is_traced, parameter, parameters_of
from pynodes._errors import ParameterError, quote
from pynodes._inference.transforms import AbstractTransform, Identity, Logit, LogTransform
from pynodes._typing import Array, Scalar

NEEDED = dataclasses.MISSING


class AbstractPrior(Module, abc.ABC):
    """A distribution of one parameter, in the unconstrained space in which it is searched and sampled.

    Modes, Hessians and evidence are those in that space, so that a prior says at once what is supposed and
    on which scale: the value itself, its logarithm, or its logit. A subclass says its :attr:`transform` and
    what it is in unconstrained space. It is a pytree, and can be called with a random key, as
    :meth:`pynodes.Network.prior_predictive` wants.

    Attributes
    ----------
    positional
        How many fields may be given without their names.
    """

    positional: ClassVar[int] = 2

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__init__ = with_checks(cls, cls.__init__)

    @property
    @abc.abstractmethod
    def transform(self) -> AbstractTransform:
        """The way to unconstrained space and back."""

    @abc.abstractmethod
    def unconstrained_log_density(self, unconstrained: Scalar) -> Array:
        """Log density of an unconstrained number, in unconstrained space."""

    @abc.abstractmethod
    def draw_unconstrained(self, key: Array) -> Array:
        """A random number in unconstrained space."""

    @property
    @abc.abstractmethod
    def unconstrained_mean(self) -> Array:
        """Mean in unconstrained space."""

    @property
    @abc.abstractmethod
    def unconstrained_sd(self) -> Array:
        """Standard deviation in unconstrained space."""

    def check(self) -> str | None:
        """What is wrong with the fields together, in words that follow the name; None if nothing."""
        return None

    @property
    def bounds(self) -> tuple[Scalar, Scalar]:
        """The open interval of possible values."""
        return self.transform.bounds

    def constrain(self, unconstrained: Scalar) -> Array:
        """The value of an unconstrained number.

        Examples
        --------
        >>> import pynodes as pn
        >>> prior = pn.LogNormal(1.0, 0.5)
        >>> float(prior.constrain(0.0)), float(prior.unconstrain(1.0))
        (1.0, 0.0)
        """
        return self.transform.constrain(unconstrained)

    def unconstrain(self, value: Scalar) -> Array:
        """The unconstrained number of a value.

        Raises
        ------
        ParameterError
            A value, if it is plain, that the prior holds impossible.
        """
        low, high = self.bounds
        # By NumPy, since under jax.jit even what is known would be traced.
        if not is_traced((value, low, high)) and not np.all(
            (np.asarray(value) > np.asarray(low)) & (np.asarray(value) < np.asarray(high))
        ):
            raise ParameterError(
                f"{self!r} knows values between {low:g} and {high:g} only, not {value}."
            )
        return self.transform.unconstrain(value)

    def log_density(self, value: Scalar) -> Array:
        """Log density of a value, in its own units; minus infinity where it is impossible."""
        value = jnp.asarray(value, float)
        low, high = self.bounds
        possible = (value > low) & (value < high)
        inside = jnp.asarray(self.constrain(self.unconstrained_mean), value.dtype)
        safe = jnp.where(possible, value, inside)
        density = self.unconstrained_log_density(self.transform.unconstrain(safe))
        return jnp.where(possible, density + self.transform.log_jacobian(safe), -jnp.inf)

    def draw(self, key: Array) -> Array:
        """A random value."""
        return self.constrain(self.draw_unconstrained(key))

    def __call__(self, key: Array) -> Array:
        return self.draw(key)


def with_checks(cls: type[AbstractPrior], init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that takes the first fields by position too, and checks what it is given."""
    fields = [field for field in dataclasses.fields(cls) if field.name != "_class"]
    required = [f.name for f in fields if f.default is dataclasses.MISSING]
    names = [field.name for field in fields]

    @boundary
    @functools.wraps(init)
    def construct(self: AbstractPrior, *args: Any, **values: Any) -> None:
        if len(args) > cls.positional:
            raise ParameterError(
                f"{cls.__name__} takes {quote(names[: cls.positional])} without their names, and no more."
            )
        twice = [name for name in names[: len(args)] if name in values]
        if twice:
            raise ParameterError(f"{cls.__name__} was given {quote(twice)} twice.")
        values = dict(zip(names, args, strict=False)) | values
        absent = [name for name in required if name not in values]
        if absent and not set(values) - {*names, "_class"}:
            raise ParameterError(f"{cls.__name__} needs {quote(absent)}.")
        rebuilt = "_class" in values  # by JAX, from leaves that need not be numbers
        init(self, **values)
        if not rebuilt:
            check_fields(self)

    return construct


def check_fields(prior: AbstractPrior) -> None:
    """The fields of a prior are numbers that make a distribution.

    Raises
    ------
    ParameterError
        Something else.
    """
    owner = type(prior).__name__
    for name, spec in parameters_of(prior).items():
        checked_value(owner, name, getattr(prior, name), spec)
    fault = prior.check()
    if fault:
        raise ParameterError(f"{owner}: {fault}")


class AbstractGaussianPrior(AbstractPrior):
    """A prior that is normal in unconstrained space."""

    mean: Scalar
    standard_deviation: Scalar

    def unconstrained_log_density(self, unconstrained: Scalar) -> Array:
        """The normal density."""
        score = (jnp.asarray(unconstrained, float) - self.mean) / self.standard_deviation
        sd = jnp.asarray(self.standard_deviation, float)
        return -0.5 * (score**2 + jnp.log(2 * jnp.pi)) - jnp.log(sd)

    def draw_unconstrained(self, key: Array) -> Array:
        """A normal variable."""
        return self.mean + self.standard_deviation * jax.random.normal(key)

    @property
    def unconstrained_mean(self) -> Array:
        """The mean."""
        return jnp.asarray(self.mean, float)

    @property
    def unconstrained_sd(self) -> Array:
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
    def transform(self) -> AbstractTransform:
        """None is needed."""
        return Identity()


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
    def transform(self) -> AbstractTransform:
        """The logarithm."""
        return LogTransform()


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
    def transform(self) -> AbstractTransform:
        """The logit."""
        return Logit(lower=self.lower, upper=self.upper)

    def check(self) -> str | None:
        """The bounds are in order."""
        return check_order(self.lower, self.upper)


class Gamma(AbstractPrior):
    """A gamma prior of a positive parameter; unconstrained space is that of the logarithm.

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
    def transform(self) -> AbstractTransform:
        """The logarithm."""
        return LogTransform()

    def unconstrained_log_density(self, unconstrained: Scalar) -> Array:
        """The density of the logarithm of a gamma variable."""
        shape, rate = jnp.asarray(self.shape, float), jnp.asarray(self.rate, float)
        value = LogTransform().constrain(unconstrained)
        return shape * (jnp.log(rate) + unconstrained) - rate * value - gammaln(shape)

    def draw_unconstrained(self, key: Array) -> Array:
        """The logarithm of a gamma variable."""
        drawn = jax.random.loggamma(key, jnp.asarray(self.shape, float))
        return drawn - jnp.log(jnp.asarray(self.rate, float))

    @property
    def unconstrained_mean(self) -> Array:
        """Expected logarithm."""
        return digamma(jnp.asarray(self.shape, float)) - jnp.log(jnp.asarray(self.rate, float))

    @property
    def unconstrained_sd(self) -> Array:
        """Standard deviation of the logarithm."""
        return jnp.sqrt(polygamma(1, jnp.asarray(self.shape, float)))


class HalfNormal(AbstractPrior):
    """The positive half of a normal distribution around zero; unconstrained space is that of the logarithm.

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
    def transform(self) -> AbstractTransform:
        """The logarithm."""
        return LogTransform()

    def unconstrained_log_density(self, unconstrained: Scalar) -> Array:
        """The density of the logarithm of the size of a normal variable."""
        sd = jnp.asarray(self.standard_deviation, float)
        score = LogTransform().constrain(unconstrained) / sd
        return 0.5 * jnp.log(2 / jnp.pi) - jnp.log(sd) - 0.5 * score**2 + unconstrained

    def draw_unconstrained(self, key: Array) -> Array:
        """The logarithm of the size of a normal variable."""
        # The square of a normal variable is twice a gamma variable of shape one half.
        drawn = jax.random.loggamma(key, jnp.asarray(0.5, float)) + jnp.log(2.0)
        return 0.5 * drawn + jnp.log(jnp.asarray(self.standard_deviation, float))

    @property
    def unconstrained_mean(self) -> Array:
        """Expected logarithm."""
        sd = jnp.asarray(self.standard_deviation, float)
        return 0.5 * (digamma(jnp.asarray(0.5, float)) + jnp.log(2.0)) + jnp.log(sd)

    @property
    def unconstrained_sd(self) -> Array:
        """Standard deviation of the logarithm."""
        return 0.5 * jnp.sqrt(polygamma(1, jnp.asarray(0.5, float)))


class Beta(AbstractPrior):
    """A beta prior of a parameter between two bounds; unconstrained space is that of the logit.

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
    def transform(self) -> AbstractTransform:
        """The logit."""
        return Logit(lower=self.lower, upper=self.upper)

    def unconstrained_log_density(self, unconstrained: Scalar) -> Array:
        """The density of the logit of a beta variable."""
        ones, zeros = jnp.asarray(self.ones, float), jnp.asarray(self.zeros, float)
        logit = jnp.asarray(unconstrained, float)
        normaliser = gammaln(ones) + gammaln(zeros) - gammaln(ones + zeros)
        return ones * jax.nn.log_sigmoid(logit) + zeros * jax.nn.log_sigmoid(-logit) - normaliser

    def draw_unconstrained(self, key: Array) -> Array:
        """The logarithm of the ratio of two gamma variables."""
        one, other = jax.random.split(key)
        ones = jax.random.loggamma(one, jnp.asarray(self.ones, float))
        return ones - jax.random.loggamma(other, jnp.asarray(self.zeros, float))

    @property
    def unconstrained_mean(self) -> Array:
        """Expected logit."""
        return digamma(jnp.asarray(self.ones, float)) - digamma(jnp.asarray(self.zeros, float))

    @property
    def unconstrained_sd(self) -> Array:
        """Standard deviation of the logit."""
        ones, zeros = jnp.asarray(self.ones, float), jnp.asarray(self.zeros, float)
        return jnp.sqrt(polygamma(1, ones) + polygamma(1, zeros))

    def check(self) -> str | None:
        """The bounds are in order."""
        return check_order(self.lower, self.upper)


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A parameter that is fixed, not fitted.

    Parameters
    ----------
    value
        Its value.
    """

    value: Scalar

    def __post_init__(self) -> None:
        checked_value("Fixed", "value", self.value, parameters_of(Normal)["mean"])


def check_order(lower: Scalar, upper: Scalar) -> str | None:
    """What is wrong with two bounds, in words; None if nothing is known to be."""
    if is_traced((lower, upper)) or lower < upper:
        return None
    return f"lower must be below upper, not {lower} and {upper}."
