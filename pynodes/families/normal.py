"""Normal: numbers of unknown mean and variance."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.families._base import AbstractFamily, least, log_gamma_ratio


@dataclasses.dataclass(frozen=True)
class Normal(AbstractFamily):
    """Real numbers; statistics x and x², a normal-gamma belief about mean and precision.

    The mean is expected at ``expected[0]`` with ``count`` observations' worth of certainty, the
    precision is gamma with shape ``(count + freedom) / 2`` and rate ``count spread / 2``, where
    ``spread = expected[1] - expected[0]²``. Predictions are Student's t with ``count + freedom``
    degrees of freedom, location ``expected[0]`` and squared scale
    ``spread (count + 1) / (count + freedom)``.

    Parameters
    ----------
    freedom
        Degrees of freedom beyond the count: 1 if at count zero mean and precision are uniform, as in
        the source; 3 if the natural parameters are, so that predictions have variance ``spread``.

    Raises
    ------
    ParameterError
        A freedom that is not positive.

    Source: Mathys and Weber (2020), doi 10.1007/978-3-030-64919-7_7; derived in docs/theory/families.md.
    """

    freedom: float = 1.0

    requires: ClassVar = "of which the second is larger than the square of the first"

    def __post_init__(self) -> None:
        check_freedom(self)

    @property
    def default_statistics(self) -> tuple[float, ...]:
        return (0.0, 1.0)

    def statistics(self, value: Array) -> Array:
        return jnp.stack([value, value**2])

    def variance(self, expected: Array) -> Array:
        """The variance that is expected, no less than what rounding leaves of it."""
        rounding = 4 * jnp.finfo(expected.dtype).eps * expected[1]
        return jnp.maximum(expected[1] - expected[0] ** 2, rounding + least(expected))

    def log_base(self, value: Array) -> float:
        return -0.5 * math.log(2 * math.pi)

    def log_normaliser(self, expected: Array, count: Scalar) -> Array:
        shape = (count + self.freedom) / 2
        rate = count * self.variance(expected) / 2
        mean = 0.5 * (math.log(2 * math.pi) - jnp.log(count))
        return mean + jax.scipy.special.gammaln(shape) - shape * jnp.log(rate)

    def log_density(self, value: Array, expected: Array, count: Scalar) -> Array:
        freedom = count + self.freedom
        width = (count + 1) * self.variance(expected)
        tail = (freedom + 1) / 2 * jnp.log1p((value - expected[0]) ** 2 / width)
        return log_gamma_ratio(freedom / 2, 0.5) - 0.5 * jnp.log(math.pi * width) - tail

    def sample(self, key: Array, expected: Array, count: Scalar) -> Array:
        freedom = count + self.freedom
        scale = jnp.sqrt(self.variance(expected) * (count + 1) / freedom)
        return expected[0] + scale * jax.random.t(key, freedom, dtype=expected.dtype)

    def moments(self, expected: Array) -> dict[str, Array]:
        return {"mean": expected[0], "variance": self.variance(expected)}

    def margin(self, expected: Array) -> Array:
        return expected[1] - expected[0] ** 2


def check_freedom(family: AbstractFamily) -> None:
    """Degrees of freedom are a positive number."""
    freedom: Any = getattr(family, "freedom", None)
    number = isinstance(freedom, int | float) and not isinstance(freedom, bool)
    if not number or not 0 < freedom < math.inf:
        raise ParameterError(
            f"{type(family).__name__}: freedom must be a positive number, not {freedom!r}."
        )
