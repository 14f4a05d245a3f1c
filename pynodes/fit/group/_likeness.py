"""Likeness: the Gaussian function that touches a unit's likelihood at the mode of its posterior."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pynodes._core.modules import Module
from pynodes._typing import Array
from pynodes.fit.agent._likelihood import plainly
from pynodes.fit.agent._model import Model
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.mode._laplace import beside
from pynodes.fit.mode._newton import Minima, minimised

STEPS = 50
"""Newton steps after which the mode of a unit is given up."""


class Likeness(Module):
    """Likelihoods of units, each log likelihood a parabola around a position.

    Attributes
    ----------
    position
        Mode of every unit's posterior, of shape (units, parameters).
    log_likelihood, slope
        There, and how it changes with the position.
    curvature
        Minus its second derivative, without what is negative of it: data that say less than nothing about a
        direction are taken to say nothing.
    converged, definite
        Whether the search ended at a mode, and whether the Hessian of the posterior is positive definite.
    """

    position: Array
    log_likelihood: Array
    slope: Array
    curvature: Array
    converged: Array
    definite: Array


def likened(
    model: Model, sequences: Sequences, mean: Array, scale: Array, starts: Array
) -> Likeness:
    """The likelihoods of units around the modes of their posteriors.

    Parameters
    ----------
    model, sequences
        The agent, and what every unit saw and did.
    mean, scale
        Of the normal prior of every unit: shape (units, parameters), and the lower Cholesky factor of the
        covariance that all share.
    starts
        Positions of shape (starts, units, parameters), of which the best is followed.
    """

    def objective(scores: Array) -> Array:
        """Minus the log posterior of positions in units of the prior."""
        positions = beside(mean, scores) + scores @ scale.T
        over = plainly
        for _ in range(scores.ndim - 2):
            over = jax.vmap(over, in_axes=(0, None, None))
        return 0.5 * jnp.sum(scores**2, axis=-1) - over(positions, model, sequences)

    candidates = divided(starts - beside(mean, starts), scale)
    values = objective(candidates)
    best = jnp.argmin(jnp.where(jnp.isnan(values), jnp.inf, values), axis=0)
    begin = jnp.take_along_axis(candidates, best[None, :, None], axis=0)[0]
    return unwhitened(minimised(objective, begin, STEPS), mean, scale)


def unwhitened(found: Minima, mean: Array, scale: Array) -> Likeness:
    """What was found in units of the prior, on the lines of the parameters."""
    unit = jnp.eye(scale.shape[0], dtype=scale.dtype)
    sizes, axes = jnp.linalg.eigh(found.hessian)
    alive = jnp.isfinite(found.value)
    firm = jnp.where(alive[:, None], jnp.maximum(sizes - 1, 0.0), 0.0)
    own = jnp.einsum("uij,uj,ukj->uik", axes, firm, axes)
    inverse = jax.scipy.linalg.solve_triangular(scale, unit, lower=True)
    slope = jnp.where(alive[:, None], found.position - found.gradient, 0.0)
    return Likeness(
        position=mean + jnp.where(alive[:, None], found.position, 0.0) @ scale.T,
        log_likelihood=0.5 * jnp.sum(found.position**2, axis=-1) - found.value,
        slope=slope @ inverse,
        curvature=jnp.einsum("ji,ujk,kl->uil", inverse, own, inverse),
        converged=found.converged & alive,
        definite=(jnp.min(sizes, axis=-1) > 0) & alive,
    )


def divided(vectors: Array, scale: Array) -> Array:
    """Vectors, the last axis, in units of a lower triangular scale."""
    flat = jnp.reshape(vectors, (-1, scale.shape[0]))
    return jnp.reshape(
        jax.scipy.linalg.solve_triangular(scale, flat.T, lower=True).T, vectors.shape
    )
