"""Marginal: how probable the data are under deviations and correlations of a population, all else integrated.

With every likelihood a Gaussian function of its unit's position, positions, coefficients and effects are
jointly normal given deviations and correlations, so that their integrals have closed forms
(docs/theory/groups.md).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import block_diag, cho_solve

from pynodes._core.modules import Module
from pynodes._typing import Array
from pynodes.fit.group import _correlation
from pynodes.fit.group._design import Grouped
from pynodes.fit.group._likeness import Likeness
from pynodes.fit.group._population import Coordinates, Population

SCATTER = ("log_deviations", "partials", "effect_log_deviations", "effect_partials")
"""The coordinates that say how much units and levels differ."""


class Marginal(Module):
    """The log probability of the data under some scatter, and what it says of coefficients and effects.

    Attributes
    ----------
    value
        Without the likelihoods at the modes, which do not depend on the scatter.
    weights
        Posterior mean of coefficients and effects, parameter by parameter.
    precision
        Their posterior precision.
    """

    value: Array
    weights: Array
    precision: Array


def scatter_of(population: Population) -> tuple[Array, Callable[[Array], Coordinates]]:
    """The coordinates of the scatter in a row, at the centres of the priors; and back to names."""
    initial = population.initial()
    return ravel_pytree({name: initial[name] for name in SCATTER})


def columns_of(population: Population) -> tuple[Array, ...]:
    """For every parameter the matrix that makes means of units from coefficients and effects."""
    return tuple(
        jnp.concatenate(
            [jnp.asarray(design.fixed, float), *(part.spread_out() for part in design.grouped)],
            axis=1,
        )
        for design in population.designs
    )


def means_of(columns: tuple[Array, ...], weights: Array) -> Array:
    """What is expected of every unit, of shape (units, parameters)."""
    found: list[Array] = []
    start = 0
    for one in columns:
        found.append(one @ weights[start : start + one.shape[1]])
        start += one.shape[1]
    return jnp.stack(found, axis=-1)


def scale_of(population: Population, scatter: Coordinates) -> Array:
    """The Cholesky factor of the covariance of units around what is expected of them."""
    return jnp.exp(scatter["log_deviations"])[:, None] * population.factor(scatter)


def marginal(
    population: Population,
    likeness: Likeness,
    columns: tuple[Array, ...],
    around: Array,
    scatter: Coordinates,
) -> Marginal:
    """The marginal under some scatter.

    Parameters
    ----------
    population, likeness, columns
        Designs and priors; the units' likelihoods; and what :func:`columns_of` makes of the designs.
    around
        Coefficients and effects from which differences are counted, so that numbers stay small.
    scatter
        Deviations and correlations.
    """
    constants, slopes, weights = integrated(
        likeness, means_of(columns, around), scale_of(population, scatter)
    )
    expected, precision, log_size = weight_prior(population, scatter)
    away = around - expected
    whole = gathered(columns, weights) + precision
    pull = jnp.concatenate([c.T @ slopes[:, j] for j, c in enumerate(columns)]) - precision @ away
    factor = jnp.linalg.cholesky(whole)
    step = cho_solve((factor, True), pull)
    value = jnp.sum(constants) + 0.5 * pull @ step - 0.5 * away @ precision @ away
    value = value + 0.5 * log_size - jnp.sum(jnp.log(jnp.diagonal(factor)))
    return Marginal(
        value=value + population.log_deviation_prior(scatter),
        weights=around + step,
        precision=whole,
    )


def integrated(likeness: Likeness, mean: Array, scale: Array) -> tuple[Array, Array, Array]:
    """Every unit's likelihood with its position integrated, as a parabola of its mean.

    Returns
    -------
    The log of the integral at the given mean, less the log likelihood at the mode; how it changes with the
    mean; and minus its second derivative.
    """
    away = mean - likeness.position
    curved = jnp.einsum("uij,uj->ui", likeness.curvature, away)
    slope = likeness.slope - curved
    spread = jnp.einsum("uij,jk->uik", likeness.curvature, scale)
    unit = jnp.eye(scale.shape[0], dtype=scale.dtype)
    inner = unit[None] + jnp.einsum("ji,ujk->uik", scale, spread)
    factor = jnp.linalg.cholesky(inner)
    scaled = jax.scipy.linalg.solve_triangular(factor, (slope @ scale)[..., None], lower=True)
    crossed = jax.scipy.linalg.solve_triangular(factor, jnp.swapaxes(spread, 1, 2), lower=True)
    straight = jnp.sum(likeness.slope * away, axis=-1) - 0.5 * jnp.sum(away * curved, axis=-1)
    log_sizes = jnp.sum(jnp.log(jnp.diagonal(factor, axis1=1, axis2=2)), axis=-1)
    constants = straight + 0.5 * jnp.sum(scaled[..., 0] ** 2, axis=-1) - log_sizes
    slopes = slope - jnp.einsum("uji,uj->ui", crossed, scaled[..., 0])
    weights = likeness.curvature - jnp.einsum("uji,ujk->uik", crossed, crossed)
    return constants, slopes, weights


def gathered(columns: tuple[Array, ...], weights: Array) -> Array:
    """The precision that units give to coefficients and effects."""
    return jnp.block(
        [
            [one.T @ (weights[:, i, j][:, None] * other) for j, other in enumerate(columns)]
            for i, one in enumerate(columns)
        ]
    )


def weight_prior(population: Population, scatter: Coordinates) -> tuple[Array, Array, Array]:
    """Prior mean and precision of coefficients and effects, and the precision's log determinant."""
    means: list[Array] = []
    blocks: list[Array] = []
    log_size = jnp.zeros((), float)
    for name, design in zip(population.parameters, population.designs, strict=True):
        spreads = jnp.asarray(design.spreads, float)
        means.append(jnp.asarray(design.centres, float))
        blocks.append(jnp.diag(spreads**-2))
        log_size = log_size - 2 * jnp.sum(jnp.log(spreads))
        for part in design.grouped:
            precision, own = level_precision(part, scatter, f"{name}:{part.factor}")
            means.append(jnp.zeros(part.levels * len(part.columns)))
            blocks += [precision] * part.levels
            log_size = log_size + part.levels * own
    return jnp.concatenate(means), block_diag(*blocks), log_size


def level_precision(part: Grouped, scatter: Coordinates, name: str) -> tuple[Array, Array]:
    """The precision of the effects of one level, and its log determinant."""
    size = len(part.columns)
    logs = scatter["effect_log_deviations"][name]
    factor = _correlation.factor_of(scatter["effect_partials"][name], size)
    scale = jnp.exp(logs)[:, None] * factor
    inverse = jax.scipy.linalg.solve_triangular(scale, jnp.eye(size, dtype=scale.dtype), lower=True)
    return inverse.T @ inverse, -2 * jnp.sum(jnp.log(jnp.diagonal(scale)))
