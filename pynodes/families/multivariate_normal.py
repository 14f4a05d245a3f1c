"""MultivariateNormal: vectors of unknown mean and covariance."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.families._base import AbstractFamily, least, log_gamma_ratio
from pynodes.families.normal import check_freedom


@dataclasses.dataclass(frozen=True)
class MultivariateNormal(AbstractFamily):
    """Vectors; statistics x and the lower triangle of x xᵀ by rows, a normal-Wishart belief.

    With ``spread`` the expected second moments less the products of the expected means, the precision
    matrix is Wishart with ``count + dimension + freedom - 1`` degrees of freedom and inverse scale
    ``count spread``. Predictions are multivariate t with ``count + freedom`` degrees of freedom and
    scale matrix ``spread (count + 1) / (count + freedom)``, whatever the dimension.

    Parameters
    ----------
    dimension
        Length of an observation.
    freedom
        As for :class:`Normal`.

    Raises
    ------
    ParameterError
        A dimension that is no positive whole number, or a freedom that is not positive.

    Source: Mathys and Weber (2020), doi 10.1007/978-3-030-64919-7_7; derived in docs/theory/families.md.
    """

    dimension: int = 2
    freedom: float = 1.0

    expects: ClassVar = "vectors of finite numbers"
    requires: ClassVar = "whose second moments exceed the products of the means by a covariance"

    def __post_init__(self) -> None:
        check_freedom(self)
        whole = isinstance(self.dimension, int) and not isinstance(self.dimension, bool)
        if not whole or self.dimension < 1:
            raise ParameterError(
                "MultivariateNormal: dimension must be a positive whole number, not "
                f"{self.dimension!r}."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        return (self.dimension,)

    @property
    def size(self) -> int:
        return self.dimension * (self.dimension + 3) // 2

    @property
    def default_statistics(self) -> tuple[float, ...]:
        second = np.eye(self.dimension)[np.tril_indices(self.dimension)]
        return (*(0.0,) * self.dimension, *second.tolist())

    def statistics(self, value: Array) -> Array:
        return jnp.concatenate(
            [value, jnp.outer(value, value)[np.tril_indices(self.dimension)]], axis=0
        )

    def covariance(self, expected: Array) -> Array:
        """The covariance that is expected."""
        mean, half = expected[: self.dimension], expected[self.dimension :]
        rows, columns = np.tril_indices(self.dimension)
        place = np.zeros((self.dimension, self.dimension), int)
        place[rows, columns] = place[columns, rows] = np.arange(len(rows))
        return half[place] - jnp.outer(mean, mean)

    def root(self, expected: Array) -> Array:
        """Cholesky factor of the covariance, which is raised by no more than rounding may have taken."""
        spread, mean = self.covariance(expected), expected[: self.dimension]
        rounding = 8 * self.dimension * jnp.finfo(expected.dtype).eps
        taken = rounding * (jnp.abs(jnp.diagonal(spread)) + 2 * mean**2)
        return jnp.linalg.cholesky(spread + jnp.diag(taken + least(expected)))

    def log_base(self, value: Array) -> float:
        return -0.5 * self.dimension * math.log(2 * math.pi)

    def log_normaliser(self, expected: Array, count: Scalar) -> Array:
        half = (count + self.dimension + self.freedom - 1) / 2
        log_spread = 2 * jnp.sum(jnp.log(jnp.diagonal(self.root(expected))))
        mean = 0.5 * self.dimension * (math.log(2 * math.pi) - jnp.log(count))
        log_rate = log_spread + self.dimension * jnp.log(count / 2)
        return mean + jax.scipy.special.multigammaln(half, self.dimension) - half * log_rate

    def log_density(self, value: Array, expected: Array, count: Scalar) -> Array:
        freedom, root = count + self.freedom, self.root(expected)
        error = value - expected[: self.dimension]
        apart = jax.scipy.linalg.solve_triangular(root, error, lower=True)
        tail = (freedom + self.dimension) / 2 * jnp.log1p(jnp.sum(apart**2) / (count + 1))
        width = jnp.sum(jnp.log(jnp.diagonal(root)))
        width = width + 0.5 * self.dimension * jnp.log(math.pi * (count + 1))
        return log_gamma_ratio(freedom / 2, 0.5 * self.dimension) - width - tail

    def sample(self, key: Array, expected: Array, count: Scalar) -> Array:
        first, second = jax.random.split(key)
        freedom, kind = count + self.freedom, expected.dtype
        noise = jax.random.normal(first, (self.dimension,), kind)
        square = 2 * jax.random.gamma(second, jnp.asarray(freedom / 2, kind), dtype=kind)
        scale = jnp.sqrt((count + 1) / square)
        return expected[: self.dimension] + scale * (self.root(expected) @ noise)

    def moments(self, expected: Array) -> dict[str, Array]:
        covariance = self.covariance(expected)
        return {
            "mean": expected[: self.dimension],
            "variance": jnp.diagonal(covariance),
            "covariance": covariance,
        }

    def margin(self, expected: Array) -> Array:
        return jnp.linalg.eigvalsh(self.covariance(expected))[0]
