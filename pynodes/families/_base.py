"""What every exponential family says: its statistics, and the normaliser of its conjugate prior."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from pynodes._typing import AnyArray, Array, Scalar


@dataclasses.dataclass(frozen=True)
class AbstractFamily(abc.ABC):
    """An exponential family with its conjugate prior; subclassing it is all it takes to add one.

    Its densities are ``base(x) exp(η·T(x) - A(η))``, and what is believed about the parameter η after
    some observations is proportional to ``exp(count (expected·η - A(η)))``: *expected* are the
    statistics expected of an observation (ξ), *count* is how many observations that is worth (ν). An
    observation moves them to ``expected + (T(x) - expected) / (count + 1)`` and ``count + 1``, and
    its predictive density is a ratio of normalisers (:meth:`log_density`). All of it is derived in
    docs/theory/families.md.

    A subclass gives :attr:`default_statistics`, :meth:`statistics`, :meth:`log_normaliser`,
    :meth:`sample`, :meth:`moments` and :meth:`margin`, and :meth:`log_base` if it is not zero. Choices of
    its own are fields of a frozen dataclass.

    Attributes
    ----------
    expects
        Which observations it can take, in words.
    requires
        Which expected statistics are possible, in words.
    """

    expects: ClassVar[str] = "finite numbers"
    requires: ClassVar[str] = "inside the convex hull of the statistics"

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one observation: () for a number."""
        return ()

    @property
    def size(self) -> int:
        """How many statistics there are; overridden where counting them would make them."""
        return len(self.default_statistics)

    @property
    @abc.abstractmethod
    def default_statistics(self) -> tuple[float, ...]:
        """Expected statistics to begin with, one for each statistic."""

    @abc.abstractmethod
    def statistics(self, value: Array) -> Array:
        """The sufficient statistics T of an observation, of shape (statistics,)."""

    @abc.abstractmethod
    def log_normaliser(self, expected: Array, count: Scalar) -> Array:
        """Log integral of ``exp(count (expected·η - A(η)))`` over the parameter."""

    @abc.abstractmethod
    def sample(self, key: Array, expected: Array, count: Scalar) -> Array:
        """A value from the predictive density."""

    @abc.abstractmethod
    def moments(self, expected: Array) -> dict[str, Array]:
        """For display: ``mean``, ``variance`` and more, of the member with these expected statistics."""

    @abc.abstractmethod
    def margin(self, expected: Array) -> Array:
        """How far expected statistics are inside the possible ones: positive there, and concave."""

    def log_base(self, value: Array) -> Scalar:
        """Log of the part of the density that knows no parameter."""
        del value
        return 0.0

    def log_density(self, value: Array, expected: Array, count: Scalar) -> Array:
        """Log predictive density of a value, the parameter integrated out; override it if it is simpler.

        The ratio of the conjugate prior's normalisers after the value and before it.
        """
        after = expected + (self.statistics(value) - expected) / (count + 1)
        ratio = self.log_normaliser(after, count + 1) - self.log_normaliser(expected, count)
        return self.log_base(value) + ratio

    def accepts(self, values: AnyArray) -> AnyArray:
        """Which numbers in some finite observations it can take."""
        return np.ones(values.shape, dtype=bool)

    def levelled(self, expected: Array) -> Array:
        """Statistics as near to those given as the equations among them allow; all, without any."""
        return expected


def least(expected: Array) -> Array:
    """The smallest scale or variance that a density is given, so that its derivatives are finite.

    Observations that are all zero, or all equal, bring it there: 5e-32 in double precision, 1e-14 in
    single.
    """
    return jnp.asarray(jnp.finfo(expected.dtype).eps ** 2, expected.dtype)


SHIFT = 10
"""From here on four terms of Stirling's series leave less than 1e-12, and derivatives little more."""


def log_gamma_ratio(x: Scalar, step: Scalar) -> Array:
    """``log Γ(x + step) - log Γ(x)`` for positive x and step, of shape ().

    Where x is large the two logarithms agree in most of their digits; in float32 none would be left
    at x = 1e6. So both arguments are raised by a shift, of which the recurrence takes care, and
    Stirling's series is subtracted term by term. Only logarithms are left to differentiate.
    """
    x, step = jnp.asarray(x), jnp.asarray(step)
    raised = x + SHIFT
    passed = jnp.sum(jnp.log1p(step / (x + jnp.arange(SHIFT).astype(x.dtype))))
    bulk = step * jnp.log(raised) + (raised + step - 0.5) * jnp.log1p(step / raised) - step
    return bulk + correction(raised + step) - correction(raised) - passed


def correction(x: Array) -> Array:
    """What Stirling's series adds to the logarithm of the gamma function."""
    square = 1 / (x * x)
    terms = 1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360)))
    return (1 / 12 - square * (1 / 360 - square * terms)) / x
