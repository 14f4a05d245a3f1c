"""Group: what was found of a population and its units, as numbers with errors."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import solve_triangular

from pynodes._typing import Array
from pynodes.fit.group import _correlation
from pynodes.fit.group._em import Found
from pynodes.fit.group._marginal import columns_of, integrated, scatter_of, weight_prior
from pynodes.fit.group._population import Coordinates, Population
from pynodes.fit.mode._laplace import Posterior


def is_fixed(population: Population) -> np.ndarray:
    """Which of coefficients and effects, parameter by parameter, are coefficients."""
    parts: list[np.ndarray] = []
    for design in population.designs:
        parts.append(np.ones(len(design.terms), bool))
        parts += [np.zeros(g.levels * len(g.columns), bool) for g in design.grouped]
    return np.concatenate(parts)


def scatter_covariance(found: Found) -> tuple[np.ndarray, bool]:
    """Posterior covariance of the scatter's coordinates, and whether it is one.

    Where the Hessian is not positive definite, a curvature of one stands in for what is missing.
    """
    sizes, axes = np.linalg.eigh(np.asarray(found.view.hessian, float))
    fine = sizes > 1e-6
    return (axes / np.where(fine, sizes, 1.0)) @ axes.T, bool(fine.all())


def joint_covariance(found: Found) -> np.ndarray:
    """Posterior covariance of coefficients and effects, and after them of the scatter's coordinates.

    That of the former is their covariance given the scatter, and what it adds that the scatter is not known.
    """
    scatter, _ = scatter_covariance(found)
    slopes = np.asarray(found.view.slopes, float)
    given = np.linalg.inv(np.asarray(found.view.precision, float))
    return np.block(
        [[given + slopes @ scatter @ slopes.T, slopes @ scatter], [scatter @ slopes.T, scatter]]
    )


@jax.jit
def hyper(population: Population, weights: Array, scatter: Array) -> Array:
    """All coordinates of a population but the units', in the order in which trees are flattened."""
    return ravel_pytree(coordinates_of(population, weights, scatter))[0]


def coordinates_of(population: Population, weights: Array, scatter: Array) -> Coordinates:
    """All coordinates of a population but the units'."""
    found: Coordinates = dict(scatter_of(population)[1](scatter)) | {"effects": {}}
    coefficients: list[Array] = []
    start = 0
    for name, design in zip(population.parameters, population.designs, strict=True):
        coefficients.append(weights[start : start + len(design.terms)])
        start += len(design.terms)
        for part in design.grouped:
            whose, size = f"{name}:{part.factor}", len(part.columns)
            effects = jnp.reshape(weights[start : start + part.levels * size], (-1, size))
            factor = _correlation.factor_of(found["effect_partials"][whose], size)
            scale = jnp.exp(found["effect_log_deviations"][whose])[:, None] * factor
            found["effects"][whose] = solve_triangular(scale, effects.T, lower=True).T
            start += part.levels * size
    return found | {"coefficients": jnp.concatenate(coefficients)}


@jax.jit
def hyper_slopes(population: Population, weights: Array, scatter: Array) -> Array:
    """How these coordinates change with coefficients and effects, and with the scatter."""
    both = jax.jacfwd(partial(hyper, population), argnums=(0, 1))(weights, scatter)
    return jnp.concatenate(both, axis=1)


@jax.jit
def scatter_named(population: Population, scatter: Array) -> tuple[Array, Array]:
    """Deviations and correlations in the order of the population's names, and their slopes."""
    blank = population.initial()
    count = len(blank["coefficients"])

    def named(scatter: Array) -> Array:
        return jnp.stack(
            list(population.named(blank | scatter_of(population)[1](scatter)).values())[count:]
        )

    return named(scatter), jax.jacfwd(named)(scatter)


def named(population: Population, found: Found) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, deviations and correlations in the order of their names, and their standard errors."""
    covariance, fixed = joint_covariance(found), is_fixed(population)
    values, slopes = scatter_named(population, jnp.asarray(found.scatter))
    count = len(fixed)
    variances = np.einsum("ij,jk,ik->i", slopes, covariance[count:, count:], slopes)
    estimates = np.concatenate([np.asarray(found.view.weights)[fixed], values])
    errors = np.concatenate([np.diagonal(covariance)[:count][fixed], variances])
    return estimates, np.sqrt(np.maximum(errors, 0))


def scatter_sizes(found: Found) -> np.ndarray:
    """By how much units deviate from what is expected of them, by parameter."""
    return np.sqrt(np.sum(np.asarray(found.view.scale) ** 2, axis=1))


def unit_variances(found: Found) -> np.ndarray:
    """Posterior variances of the units' positions, the population being as it was found."""
    inverse = np.linalg.inv(found.view.scale)
    hessians = np.asarray(found.likeness.curvature) + (inverse.T @ inverse)[None]
    return np.diagonal(np.linalg.inv(hessians), axis1=1, axis2=2)


def unit_posterior(found: Found) -> Posterior:
    """Posteriors of the units, the population being as it was found."""
    likeness, mean, scale = found.likeness, found.view.mean, found.view.scale
    constants, _, _ = integrated(jax.tree.map(jnp.asarray, likeness), mean, scale)
    inverse = np.linalg.inv(scale)
    scores = (likeness.position - mean) @ inverse.T
    hessian = likeness.curvature + (inverse.T @ inverse)[None]
    covariance = np.linalg.inv(hessian)
    log_sizes = np.sum(np.log(np.diagonal(scale))) + 0.5 * scale.shape[0] * np.log(2 * np.pi)
    arrays: dict[str, Any] = {
        "position": likeness.position,
        "log_joint": likeness.log_likelihood - 0.5 * np.sum(scores**2, axis=1) - log_sizes,
        "log_likelihood": likeness.log_likelihood,
        "hessian": hessian,
        "covariance": covariance,
        "log_evidence": likeness.log_likelihood + np.asarray(constants),
        "converged": likeness.converged,
        "definite": likeness.definite,
        "agreeing": np.ones(len(mean), int),
    }
    return Posterior(**arrays)


def log_evidence(found: Found) -> float:
    """Log probability of the data, all that is unknown being integrated."""
    covariance, _ = scatter_covariance(found)
    count = len(covariance)
    volume = 0.5 * count * np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(covariance)[1]
    return float(found.view.value + np.sum(found.likeness.log_likelihood) + volume)


def log_likelihood(population: Population, found: Found) -> float:
    """Log probability of the data under coefficients and scatter as they were found.

    Positions of units, and effects of levels, are integrated.
    """
    columns = [np.asarray(one) for one in columns_of(population)]
    likeness, view = jax.tree.map(jnp.asarray, found.likeness), found.view
    constants, slopes, _ = (
        np.asarray(part) for part in integrated(likeness, view.mean, view.scale)
    )
    total = float(np.sum(constants) + np.sum(found.likeness.log_likelihood))
    free = ~is_fixed(population)
    if not free.any():
        return total
    scatter = scatter_of(population)[1](jnp.asarray(found.scatter))
    expected, prior, _ = (np.asarray(part, float) for part in weight_prior(population, scatter))
    away = (np.asarray(view.weights) - expected)[free]
    prior = prior[np.ix_(free, free)]
    precision = np.asarray(view.precision, float)[np.ix_(free, free)]
    pull = np.concatenate([one.T @ slopes[:, j] for j, one in enumerate(columns)])[free]
    pull = pull - prior @ away
    sizes = 0.5 * (np.linalg.slogdet(prior)[1] - np.linalg.slogdet(precision)[1])
    return total - 0.5 * away @ prior @ away + 0.5 * pull @ np.linalg.solve(precision, pull) + sizes
