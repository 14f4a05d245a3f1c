"""Marginal: how probable the data are under standard deviations and correlations, all else integrated.

Every subject's likelihood is replaced by the Gaussian function that touches it at the mode of the subject's
posterior, its *site*. Then parameters, coefficients and effects are jointly normal given standard deviations
and correlations (the *scatter*), so that their integrals have closed forms (docs/theory/groups.md).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import block_diag, cho_solve, solve_triangular

from pynodes._core.modules import Module
from pynodes._inference.laplace import expand_dims_like
from pynodes._inference.newton import Minima, minimise
from pynodes._typing import Array
from pynodes.fit.agent.model import Model, plain_log_likelihoods
from pynodes.fit.data.layout import Sequences
from pynodes.fit.group.design import GroupedEffects
from pynodes.fit.group.population import Coordinates, Population, correlation_factor

LIMIT = 50
"""Newton steps after which the mode of a subject is given up."""

SCATTER = ("log_sds", "partial_correlations", "effect_log_sds", "effect_partial_correlations")
"""The coordinates that say how much subjects and levels differ."""


class LaplaceSites(Module):
    """Likelihoods of subjects, each log likelihood a parabola around some parameters.

    Attributes
    ----------
    unconstrained
        Mode of every subject's posterior, of shape (subjects, parameters).
    log_likelihood, gradient
        There, and how it changes with the parameters.
    curvature
        Minus its second derivative, without what is negative of it: data that say less than nothing about a
        direction are taken to say nothing.
    converged, definite
        Whether the search ended at a mode, and whether the Hessian of the posterior is positive definite.
    """

    unconstrained: Array
    log_likelihood: Array
    gradient: Array
    curvature: Array
    converged: Array
    definite: Array


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


def find_sites(
    model: Model, sequences: Sequences, means: Array, scale: Array, starts: Array
) -> LaplaceSites:
    """Search for the likelihoods of subjects around the modes of their posteriors.

    Parameters
    ----------
    model, sequences
        The agent, and what every subject saw and did.
    means, scale
        Of the normal prior of every subject: shape (subjects, parameters), and the lower Cholesky factor of
        the covariance that all share.
    starts
        Unconstrained parameters of shape (starts, subjects, parameters), of which the best are followed.
    """

    def objective(scores: Array) -> Array:
        """Minus the log posterior of parameters in units of the prior."""
        unconstrained = expand_dims_like(means, scores) + scores @ scale.T
        over = plain_log_likelihoods
        for _ in range(scores.ndim - 2):
            over = jax.vmap(over, in_axes=(0, None, None))
        return 0.5 * jnp.sum(scores**2, axis=-1) - over(unconstrained, model, sequences)

    candidates = whiten(starts - expand_dims_like(means, starts), scale)
    values = objective(candidates)
    best = jnp.argmin(jnp.where(jnp.isnan(values), jnp.inf, values), axis=0)
    begin = jnp.take_along_axis(candidates, best[None, :, None], axis=0)[0]
    return to_sites(minimise(objective, begin, LIMIT), means, scale)


def to_sites(minima: Minima, means: Array, scale: Array) -> LaplaceSites:
    """What was found in units of the prior, in unconstrained space."""
    identity = jnp.eye(scale.shape[0], dtype=scale.dtype)
    sizes, axes = jnp.linalg.eigh(minima.hessian)
    known = jnp.isfinite(minima.value)
    positive = jnp.where(known[:, None], jnp.maximum(sizes - 1, 0.0), 0.0)
    own = jnp.einsum("uij,uj,ukj->uik", axes, positive, axes)
    inverse = solve_triangular(scale, identity, lower=True)
    gradient = jnp.where(known[:, None], minima.place - minima.gradient, 0.0)
    return LaplaceSites(
        unconstrained=means + jnp.where(known[:, None], minima.place, 0.0) @ scale.T,
        log_likelihood=0.5 * jnp.sum(minima.place**2, axis=-1) - minima.value,
        gradient=gradient @ inverse,
        curvature=jnp.einsum("ji,ujk,kl->uil", inverse, own, inverse),
        converged=minima.converged & known,
        definite=(jnp.min(sizes, axis=-1) > 0) & known,
    )


def whiten(vectors: Array, scale: Array) -> Array:
    """Vectors, the last axis, in units of a lower triangular scale."""
    flat = jnp.reshape(vectors, (-1, scale.shape[0]))
    return jnp.reshape(solve_triangular(scale, flat.T, lower=True).T, vectors.shape)


def scatter_coordinates(population: Population) -> tuple[Array, Callable[[Array], Coordinates]]:
    """The coordinates of the scatter in a row, at the means of the priors; and back to names."""
    initial = population.initialise()
    return ravel_pytree({name: initial[name] for name in SCATTER})


def design_matrices(population: Population) -> tuple[Array, ...]:
    """For every parameter the matrix that makes means of subjects from coefficients and effects."""
    return tuple(design.design_matrix() for design in population.designs)


def subject_means(matrices: tuple[Array, ...], weights: Array) -> Array:
    """What is expected of every subject, of shape (subjects, parameters)."""
    means: list[Array] = []
    start = 0
    for matrix in matrices:
        means.append(matrix @ weights[start : start + matrix.shape[1]])
        start += matrix.shape[1]
    return jnp.stack(means, axis=-1)


def scatter_scale(population: Population, scatter: Coordinates) -> Array:
    """The Cholesky factor of the covariance of subjects around what is expected of them."""
    return jnp.exp(scatter["log_sds"])[:, None] * population.factor(scatter)


def integrate_population(
    population: Population,
    sites: LaplaceSites,
    matrices: tuple[Array, ...],
    around: Array,
    scatter: Coordinates,
) -> Marginal:
    """Integrate parameters, coefficients and effects under some scatter.

    Parameters
    ----------
    population, sites, matrices
        Designs and priors; the subjects' likelihoods; and :func:`design_matrices`.
    around
        Coefficients and effects from which differences are counted, so that numbers stay small.
    scatter
        Standard deviations and correlations.
    """
    constants, gradients, precisions = integrate_subjects(
        sites, subject_means(matrices, around), scatter_scale(population, scatter)
    )
    expected, prior, log_det = weight_prior(population, scatter)
    away = around - expected
    precision = sum_precisions(matrices, precisions) + prior
    pull = jnp.concatenate([m.T @ gradients[:, j] for j, m in enumerate(matrices)]) - prior @ away
    factor = jnp.linalg.cholesky(precision)
    step = cho_solve((factor, True), pull)
    value = jnp.sum(constants) + 0.5 * pull @ step - 0.5 * away @ prior @ away
    value = value + 0.5 * log_det - jnp.sum(jnp.log(jnp.diagonal(factor)))
    return Marginal(
        value=value + population.log_scatter_prior(scatter),
        weights=around + step,
        precision=precision,
    )


@jax.jit
def integrate_subjects(
    sites: LaplaceSites, means: Array, scale: Array
) -> tuple[Array, Array, Array]:
    """Integrate every subject's parameters: its likelihood as a parabola of its mean.

    Returns
    -------
    The log of the integral at the given mean, less the log likelihood at the mode; how it changes with the
    mean; and minus its second derivative.
    """
    away = means - sites.unconstrained
    curved = jnp.einsum("uij,uj->ui", sites.curvature, away)
    gradient = sites.gradient - curved
    scaled = jnp.einsum("uij,jk->uik", sites.curvature, scale)
    identity = jnp.eye(scale.shape[0], dtype=scale.dtype)
    inner = identity[None] + jnp.einsum("ji,ujk->uik", scale, scaled)
    factor = jnp.linalg.cholesky(inner)
    solved = solve_triangular(factor, (gradient @ scale)[..., None], lower=True)
    crossed = solve_triangular(factor, jnp.swapaxes(scaled, 1, 2), lower=True)
    straight = jnp.sum(sites.gradient * away, axis=-1) - 0.5 * jnp.sum(away * curved, axis=-1)
    half_log_det = jnp.sum(jnp.log(jnp.diagonal(factor, axis1=1, axis2=2)), axis=-1)
    constants = straight + 0.5 * jnp.sum(solved[..., 0] ** 2, axis=-1) - half_log_det
    gradients = gradient - jnp.einsum("uji,uj->ui", crossed, solved[..., 0])
    precisions = sites.curvature - jnp.einsum("uji,ujk->uik", crossed, crossed)
    return constants, gradients, precisions


def sum_precisions(matrices: tuple[Array, ...], precisions: Array) -> Array:
    """The precision that subjects give to coefficients and effects."""
    return jnp.block(
        [
            [one.T @ (precisions[:, i, j][:, None] * other) for j, other in enumerate(matrices)]
            for i, one in enumerate(matrices)
        ]
    )


def weight_prior(population: Population, scatter: Coordinates) -> tuple[Array, Array, Array]:
    """Prior mean and precision of coefficients and effects, and the precision's log determinant."""
    means: list[Array] = []
    blocks: list[Array] = []
    log_det = jnp.zeros((), float)
    for name, design in zip(population.parameters, population.designs, strict=True):
        sds = jnp.asarray(design.prior_sds, float)
        means.append(jnp.asarray(design.prior_means, float))
        blocks.append(jnp.diag(sds**-2))
        log_det = log_det - 2 * jnp.sum(jnp.log(sds))
        for part in design.grouped:
            precision, own = level_precision(part, scatter, f"{name}:{part.factor}")
            means.append(jnp.zeros(part.levels * len(part.columns)))
            blocks += [precision] * part.levels
            log_det = log_det + part.levels * own
    return jnp.concatenate(means), block_diag(*blocks), log_det


def level_precision(part: GroupedEffects, scatter: Coordinates, name: str) -> tuple[Array, Array]:
    """The precision of the effects of one level, and its log determinant."""
    scale = effect_scale(scatter, name, len(part.columns))
    identity = jnp.eye(len(part.columns), dtype=scale.dtype)
    inverse = solve_triangular(scale, identity, lower=True)
    return inverse.T @ inverse, -2 * jnp.sum(jnp.log(jnp.diagonal(scale)))


def effect_scale(scatter: Coordinates, name: str, size: int) -> Array:
    """The Cholesky factor of the covariance of the effects of one level."""
    factor = correlation_factor(scatter["effect_partial_correlations"][name], size)
    return jnp.exp(scatter["effect_log_sds"][name])[:, None] * factor
