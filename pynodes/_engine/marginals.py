"""Marginals: mean and variance of states whose posterior is no Gaussian, along one line each.

A Gaussian at the least energy takes the posterior of a state for symmetric. Where its units saturate it is
not: the energy rises on one side only, the mean lies beyond the mode, and the curvature at the mode promises
more than is known. Here each state is looked at from a few places on the line on which all others follow
it, and the others are integrated out at every place: the marginal of Laplace's approximation, which is exact
for Gaussians. Derived in docs/theory/deep.md.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.arithmetic import log
from pynodes._typing import Array

ROUNDS = 2
"""The places are laid about the mode, then about the mean that was found from there."""

Expansion = Callable[[Array], tuple[Array, Array, Array]]
"""Of an energy at a place: its value, slope and curvature."""


def weigh_marginals(
    expand: Expansion, mode: Array, covariance: Array, rows: Array, nodes: int
) -> tuple[Array, Array]:
    """How far means are from a mode, and the variances, of some linear functions of what settled.

    Parameters
    ----------
    expand
        The energy, to second order, at any place.
    mode, covariance
        Where it is least, and the inverse of its curvature there.
    rows
        The functions, one per row.
    nodes
        Places of the rule of Gauss and Hermite along each line.

    Source: Tierney and Kadane (1986), doi 10.1080/01621459.1986.10478240; along lines as in Rue, Martino
    and Chopin (2009), doi 10.1111/j.1467-9868.2008.00700.x, section 3.2.3.
    """
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    log_weights = jnp.asarray(np.log(weights / np.sum(weights)), mode.dtype)
    points = jnp.asarray(points, mode.dtype)

    def weigh(row: Array) -> tuple[Array, Array]:
        reach = covariance @ row
        known = row @ reach <= 0  # held by a gate
        scale = jnp.sqrt(jnp.where(known, 1.0, row @ reach))
        line = jnp.where(known, 0.0, reach / scale)
        mean, wide = jnp.zeros_like(scale), jnp.ones_like(scale)
        for _ in range(ROUNDS):
            places = mean + wide * points
            found = jax.vmap(lambda place: log_marginal(*expand(mode + place * line), row))(places)
            weighed = jax.nn.softmax(found + 0.5 * points**2 + log_weights)
            mean = weighed @ places
            wide = jnp.sqrt(weighed @ (places - mean) ** 2)
        return jnp.where(known, 0.0, scale * mean), jnp.where(known, 0.0, (scale * wide) ** 2)

    return jax.vmap(weigh)(rows)


def log_marginal(energy: Array, slope: Array, curvature: Array, row: Array) -> Array:
    """Log of the integral over all places at which a linear function has the value that it has here.

    The energy is taken for quadratic: its least value on that plane is one constrained step away.
    """
    solved = jnp.linalg.solve(curvature, jnp.stack([slope, row], axis=1))
    step, reach = solved[:, 0], solved[:, 1]
    wide = row @ reach
    lower = slope @ step - (row @ step) ** 2 / wide
    return 0.5 * (lower - jnp.linalg.slogdet(curvature)[1] - log(wide)) - energy
