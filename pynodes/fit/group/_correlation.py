"""Correlation: the factor of a correlation matrix from numbers without bounds, and how probable it is.

The numbers are the partial correlations of the canonical vine through Fisher's transformation: what
two variables share beyond all that come before both. Under the LKJ distribution they are independent
and each beta distributed (Lewandowski, Kurowicka and Joe 2009, doi 10.1016/j.jmva.2009.04.008).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betaln

from pynodes._typing import Array

CONCENTRATION = 2.0
"""Of the LKJ distribution: under one all correlation matrices are as probable, under more small ones more."""


def count_of(size: int) -> int:
    """How many correlations so many variables have."""
    return size * (size - 1) // 2


def pairs_of(size: int) -> list[tuple[int, int]]:
    """The later and the earlier variable of every correlation, in the order of the numbers."""
    return [(later, earlier) for later in range(size) for earlier in range(later)]


def shapes_of(size: int) -> np.ndarray:
    """Both shapes of the beta distribution of every partial correlation."""
    return np.array([CONCENTRATION + (size - 2 - earlier) / 2 for _, earlier in pairs_of(size)])


def factor_of(partials: Array, size: int) -> Array:
    """The lower Cholesky factor of the correlation matrix, of shape (size, size)."""
    rows: list[Array] = []
    given = iter(jnp.tanh(partials))
    for row in range(size):
        left = jnp.ones((), partials.dtype)
        entries: list[Array] = []
        for _ in range(row):
            partial = next(given)
            entries.append(partial * jnp.sqrt(left))
            left = left * (1 - partial**2)
        entries.append(jnp.sqrt(left))
        entries += [jnp.zeros((), partials.dtype)] * (size - row - 1)
        rows.append(jnp.stack(entries))
    return jnp.stack(rows)


def partials_of(factor: np.ndarray) -> np.ndarray:
    """The numbers that make a factor."""
    found: list[float] = []
    for row, entries in enumerate(np.asarray(factor)):
        left = 1.0
        for entry in entries[:row].tolist():
            partial = entry / np.sqrt(left)
            found.append(np.arctanh(partial))
            left *= 1 - partial**2
    return np.array(found)


def log_density(partials: Array, size: int) -> Array:
    """Log density of the numbers, per unit of each."""
    if size < 2:
        return jnp.zeros((), partials.dtype)
    shapes = jnp.asarray(shapes_of(size), partials.dtype)
    sizes = jnp.abs(partials)
    log_cosh = sizes + jnp.log1p(jnp.exp(-2 * sizes)) - jnp.log(2.0)
    normaliser = (2 * shapes - 1) * jnp.log(2.0) + betaln(shapes, shapes)
    return jnp.sum(-2 * shapes * log_cosh - normaliser)


def drawn(key: Array, size: int) -> Array:
    """Numbers at random."""
    shapes = jnp.asarray(shapes_of(size), float)
    one, other = jax.random.split(key)
    # Half the log ratio of two gamma variables is the transformed, stretched beta variable.
    logs = [jax.random.loggamma(own, shapes) for own in (one, other)]
    return 0.5 * (logs[0] - logs[1])
