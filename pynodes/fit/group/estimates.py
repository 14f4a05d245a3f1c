"""Estimates: what Laplace-EM found of a population and its subjects, as numbers with errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import solve_triangular

from pynodes._core.modules import Module
from pynodes._errors import quote
from pynodes._inference.laplace import LaplacePosterior
from pynodes._typing import Array
from pynodes.fit.group.marginal import (
    LaplaceSites,
    design_matrices,
    effect_scale,
    integrate_subjects,
    scatter_coordinates,
    weight_prior,
)
from pynodes.fit.group.population import Coordinates, Population

if TYPE_CHECKING:
    from pynodes.fit.group.group_fit import GroupFit

FEW = 5
"""Fewer subjects, or levels of a factor, say little about how much these differ."""

NARROW = 0.05
"""Share of the population's variance that a subject's data must take away to say anything of the subject."""


class MarginalState(Module):
    """What the subjects' likelihoods say of a population around some scatter.

    Attributes
    ----------
    value, gradient, hessian
        Log probability of the data given the scatter, without the likelihoods at the modes; its gradient, and
        minus its second derivative.
    weights, gradients
        Posterior mean of coefficients and effects, and how it changes with the scatter.
    precision
        Posterior precision of coefficients and effects, given the scatter.
    means, scale
        What is expected of every subject, and the Cholesky factor of how subjects scatter around it.
    """

    value: Array
    gradient: Array
    hessian: Array
    weights: Array
    gradients: Array
    precision: Array
    means: Array
    scale: Array


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class EMResult:
    """A population as it was found.

    Attributes
    ----------
    scatter
        Coordinates of standard deviations and correlations, in a row.
    state, sites
        The population there, and the subjects.
    hyperparameters, standard_errors
        Coefficients, standard deviations and correlations, in the order of the population's names.
    iterations
        How many were taken.
    change
        By how much the last one changed expectations, in standard deviations, or coordinates of the scatter.
    converged
        Whether that was little enough.
    """

    scatter: np.ndarray
    state: MarginalState
    sites: LaplaceSites
    hyperparameters: np.ndarray
    standard_errors: np.ndarray
    iterations: int
    change: float
    converged: bool

    @property
    def population_sds(self) -> np.ndarray:
        """Standard deviations of subjects around the group prediction, by parameter."""
        return np.sqrt(np.sum(np.asarray(self.state.scale) ** 2, axis=1))

    @property
    def log_evidence(self) -> float:
        """Log probability of the data, all that is unknown being integrated."""
        covariance, _ = scatter_covariance(self.state)
        count = len(covariance)
        volume = 0.5 * count * np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(covariance)[1]
        return float(self.state.value + np.sum(self.sites.log_likelihood) + volume)


def select_coefficients(population: Population) -> np.ndarray:
    """Which of coefficients and effects, parameter by parameter, are coefficients."""
    parts: list[np.ndarray] = []
    for design in population.designs:
        parts.append(np.ones(len(design.terms), bool))
        parts += [np.zeros(g.levels * len(g.columns), bool) for g in design.grouped]
    return np.concatenate(parts)


def scatter_covariance(state: MarginalState) -> tuple[np.ndarray, bool]:
    """Posterior covariance of the scatter's coordinates, and whether it is one.

    Where the Hessian is not positive definite, a curvature of one stands in for what is missing.
    """
    sizes, axes = np.linalg.eigh(np.asarray(state.hessian, float))
    fine = sizes > 1e-6
    return (axes / np.where(fine, sizes, 1.0)) @ axes.T, bool(fine.all())


def joint_covariance(state: MarginalState) -> np.ndarray:
    """Posterior covariance of coefficients and effects, and after them of the scatter's coordinates.

    That of the former is their covariance given the scatter, and what it adds that the scatter is not known.
    """
    scatter, _ = scatter_covariance(state)
    slopes = np.asarray(state.gradients, float)
    given = np.linalg.inv(np.asarray(state.precision, float))
    return np.block(
        [[given + slopes @ scatter @ slopes.T, slopes @ scatter], [scatter @ slopes.T, scatter]]
    )


def estimate_hyperparameters(
    population: Population, scatter: np.ndarray, state: MarginalState
) -> tuple[np.ndarray, np.ndarray]:
    """Hyperparameters in the order of their names, and their standard errors."""
    covariance, chosen = joint_covariance(state), select_coefficients(population)
    values, slopes = (np.asarray(a) for a in scatter_values(population, jnp.asarray(scatter)))
    count = len(chosen)
    variances = np.einsum("ij,jk,ik->i", slopes, covariance[count:, count:], slopes)
    estimates = np.concatenate([np.asarray(state.weights)[chosen], values])
    errors = np.concatenate([np.diagonal(covariance)[:count][chosen], variances])
    return estimates, np.sqrt(np.maximum(errors, 0))


@jax.jit
def scatter_values(population: Population, scatter: Array) -> tuple[Array, Array]:
    """Standard deviations and correlations in the order of the population's names, and their slopes."""
    blank = population.initialise()
    count = len(blank["coefficients"])

    def values(scatter: Array) -> Array:
        coordinates = blank | scatter_coordinates(population)[1](scatter)
        return jnp.stack(list(population.hyperparameters(coordinates).values())[count:])

    return values(scatter), jax.jacfwd(values)(scatter)


def population_coordinates(population: Population, weights: Array, scatter: Array) -> Coordinates:
    """All coordinates of a population but the subjects'."""
    found: Coordinates = dict(scatter_coordinates(population)[1](scatter)) | {"effects": {}}
    coefficients: list[Array] = []
    start = 0
    for name, design in zip(population.parameters, population.designs, strict=True):
        coefficients.append(weights[start : start + len(design.terms)])
        start += len(design.terms)
        for part in design.grouped:
            whose, size = f"{name}:{part.factor}", len(part.columns)
            effects = jnp.reshape(weights[start : start + part.levels * size], (-1, size))
            scale = effect_scale(found, whose, size)
            found["effects"][whose] = solve_triangular(scale, effects.T, lower=True).T
            start += part.levels * size
    return found | {"coefficients": jnp.concatenate(coefficients)}


@jax.jit
def population_slopes(population: Population, weights: Array, scatter: Array) -> Array:
    """How these coordinates, as a flattened tree, change with coefficients and effects, and with scatter."""

    def flat(weights: Array, scatter: Array) -> Array:
        return ravel_pytree(population_coordinates(population, weights, scatter))[0]

    return jnp.concatenate(jax.jacfwd(flat, argnums=(0, 1))(weights, scatter), axis=1)


def subject_posteriors(result: EMResult) -> LaplacePosterior:
    """Posteriors of the subjects, the population being as it was found."""
    sites, means, scale = result.sites, result.state.means, result.state.scale
    constants, _, _ = integrate_subjects(sites, means, scale)
    inverse = np.linalg.inv(scale)
    scores = (sites.unconstrained - means) @ inverse.T
    hessian = sites.curvature + (inverse.T @ inverse)[None]
    log_sizes = np.sum(np.log(np.diagonal(scale))) + 0.5 * scale.shape[0] * np.log(2 * np.pi)
    arrays: dict[str, Any] = {
        "unconstrained": sites.unconstrained,
        "log_joint": sites.log_likelihood - 0.5 * np.sum(scores**2, axis=1) - log_sizes,
        "log_likelihood": sites.log_likelihood,
        "hessian": hessian,
        "covariance": np.linalg.inv(hessian),
        "log_evidence": sites.log_likelihood + np.asarray(constants),
        "converged": sites.converged,
        "definite": sites.definite,
        "agreeing": np.ones(len(means), int),
    }
    return LaplacePosterior(**arrays)


def population_log_likelihood(population: Population, result: EMResult) -> float:
    """Log probability of the data under coefficients and scatter as they were found.

    Parameters of subjects, and effects of levels, are integrated.
    """
    matrices = [np.asarray(one) for one in design_matrices(population)]
    sites, state = result.sites, result.state
    constants, gradients, _ = (
        np.asarray(part) for part in integrate_subjects(sites, state.means, state.scale)
    )
    total = float(np.sum(constants) + np.sum(sites.log_likelihood))
    free = ~select_coefficients(population)
    if not free.any():
        return total
    scatter = scatter_coordinates(population)[1](jnp.asarray(result.scatter))
    expected, prior, _ = (np.asarray(part, float) for part in weight_prior(population, scatter))
    away = (np.asarray(state.weights) - expected)[free]
    prior = prior[np.ix_(free, free)]
    precision = np.asarray(state.precision, float)[np.ix_(free, free)]
    pull = np.concatenate([m.T @ gradients[:, j] for j, m in enumerate(matrices)])[free]
    pull = pull - prior @ away
    log_dets = 0.5 * (np.linalg.slogdet(prior)[1] - np.linalg.slogdet(precision)[1])
    gain = 0.5 * pull @ np.linalg.solve(precision, pull)
    return total - 0.5 * away @ prior @ away + gain + log_dets


def describe_group_problems(fit: GroupFit) -> Iterator[str]:
    """What went wrong or may mislead about the population, a sentence each."""
    result = fit.result
    if not result.converged:
        yield (
            f"The fit did not converge: iteration {result.iterations} still changed something by "
            f"{result.change:.2g} standard deviations. Allow for more iterations=, or leave a term or a "
            "parameter out."
        )
    if not scatter_covariance(result.state)[1]:
        yield (
            "The Hessian of standard deviations and correlations is not positive definite: data and priors "
            "do not fix all of them. Standard errors and evidence are not to be relied on."
        )
    if len(fit) < FEW:
        yield (
            f"There are {len(fit)} subjects: how much they differ is what the priors suppose, more than what "
            "the data say."
        )
    few = [name for name, part in fit.group.population.grouped.items() if part.levels < FEW]
    if few:
        yield (
            f"The factors of {quote(few)} have fewer than {FEW} levels: how much these differ is what the "
            "priors suppose, more than what the data say. A coefficient for each level says more."
        )
    for name, taken in fit.shrinkage.items():
        if np.max(taken) < NARROW:
            yield (
                f"No subject's data say anything of its own about {name!r}, beyond what all say together: "
                "the estimates of subjects are what the population expects of them."
            )
