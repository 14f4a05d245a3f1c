"""Laplace: the mode of a subject's posterior, and the Gaussian that touches it there."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._core.modules import Module
from pynodes._typing import Array
from pynodes.fit.agent._likelihood import plainly
from pynodes.fit.agent._model import Model
from pynodes.fit.agent._sharding import over_devices
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.mode._newton import minimised_in_turn

STEPS = 100
"""Newton steps after which a search is given up; most take fewer than twenty."""

REGISTER = 32 if jax.__version_info__ >= (0, 12) else 256
"""Bytes that a processor computes with at once: loops over more are no longer one kernel. Before JAX 0.12
none are, and more at once share what it costs to begin a kernel."""

SAME = 1e-3
"""Searches that end so close, in nats, have found the same mode."""


class Posterior(Module):
    """Modes and curvatures of the posteriors of some subjects, on the unconstrained lines.

    Attributes
    ----------
    position
        The mode, of shape (subjects, free values).
    log_joint, log_likelihood
        Log density of data and mode together, and of the data at the mode.
    hessian
        Minus the second derivative of the log joint density.
    covariance
        Inverse of the Hessian.
    log_evidence
        By Laplace's method.
    converged, definite
        Whether the search ended at a mode, and whether the Hessian is positive definite.
    agreeing
        How many of the polished searches found this mode.
    """

    position: Array
    log_joint: Array
    log_likelihood: Array
    hessian: Array
    covariance: Array
    log_evidence: Array
    converged: Array
    definite: Array
    agreeing: Array


class Modes(Module):
    """Where searches ended, in units of the prior.

    Attributes
    ----------
    position, log_joint, log_likelihood, converged, agreeing
        As of a :class:`Posterior`.
    curvature
        Minus the second derivative of the log joint density in units of the prior.
    """

    position: Array
    log_joint: Array
    log_likelihood: Array
    curvature: Array
    converged: Array
    agreeing: Array


def all_posteriors(
    model: Model, sequences: Sequences, key: Array, *, starts: int, polished: int
) -> Posterior:
    """The posteriors of some subjects, over all devices, as NumPy arrays.

    Many starts are drawn from the prior and only looked at; the best are polished. All subjects have the
    same starts, so that whoever is fitted beside one changes nothing.
    """
    polished = min(polished, starts)
    found = over_devices(of_share, (model, key), sequences, starts=starts, polished=polished)
    return touching(found, np.array([float(prior.spread) for prior in model.priors]))


def touching(found: Modes, spread: np.ndarray) -> Posterior:
    """The Gaussians that touch posteriors at their modes."""
    curvature, log_joint = np.asarray(found.curvature), np.asarray(found.log_joint)
    sizes, axes, definite = firm(curvature, np.isfinite(log_joint))
    units = np.outer(spread, spread)
    half_log = 0.5 * np.sum(np.log(sizes), axis=-1) - np.sum(np.log(spread))
    exact = {
        "hessian": curvature / units,
        "covariance": np.einsum("...ik,...k,...jk->...ij", axes, 1 / sizes, axes) * units,
        "log_evidence": log_joint + 0.5 * len(spread) * np.log(2 * np.pi) - half_log,
    }
    arrays: dict[str, Any] = {
        "position": found.position,
        "log_joint": log_joint,
        "log_likelihood": found.log_likelihood,
        "converged": found.converged,
        "definite": definite,
        "agreeing": found.agreeing,
        **{name: array.astype(log_joint.dtype) for name, array in exact.items()},
    }
    return Posterior(**arrays)


def firm(curvature: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positive curvatures in units of the prior, their axes, and whether those that were given are positive.

    In directions in which they are not, the curvature is taken to be that of the prior: one.
    """
    safe = np.where(known[:, None, None], curvature.astype(float), np.eye(curvature.shape[-1]))
    sizes, axes = np.linalg.eigh(safe)
    rounding = 10 * np.finfo(curvature.dtype).eps
    least = rounding * np.max(np.abs(sizes), axis=-1, keepdims=True)
    fine = sizes > least
    return np.where(fine, sizes, 1.0), axes, np.all(fine, axis=-1) & known


def of_share(common: tuple[Model, Array], sequences: Sequences, **settings: int) -> Modes:
    """The modes of the subjects whom one device has."""
    model, key = common
    return modes(model, sequences, key, **settings)


@partial(jax.jit, static_argnames=("starts", "polished"))
def modes(model: Model, sequences: Sequences, key: Array, *, starts: int, polished: int) -> Modes:
    """The modes of some subjects, each its own."""
    centre = jnp.stack([prior.centre for prior in model.priors])
    spread = jnp.stack([prior.spread for prior in model.priors])

    def objective(places: Array, subjects: Array) -> Array:
        """Minus the log joint density of places in units of the prior, (..., workers, values)."""
        positions = beside(centre, places) + beside(spread, places) * places
        blocks = jax.tree.map(lambda leaf: jnp.asarray(leaf)[subjects], sequences)
        over = jax.vmap(lambda one, blocks: model.log_joint(one, blocks)[0])
        for _ in range(places.ndim - 2):
            over = jax.vmap(over, in_axes=(0, None))
        return -over(positions, blocks)

    subjects = jnp.arange(sequences.frozen.shape[0])
    drawn = drawn_places(model, key, starts, centre, spread)
    best = jnp.broadcast_to(jnp.arange(starts), (len(subjects), starts))
    if polished < starts:
        every = jnp.broadcast_to(drawn[:, None], (starts, len(subjects), drawn.shape[-1]))
        _, best = lax.top_k(-objective(every, subjects).T, polished)
    found = minimised_in_turn(
        lambda places, lanes: objective(places, lanes // polished),
        drawn[best].reshape(-1, drawn.shape[-1]),
        STEPS,
        workers=side_by_side(drawn),
    )
    found = jax.tree.map(lambda part: part.reshape(-1, polished, *part.shape[1:]), found)

    lowest = jnp.argmin(found.value, axis=1)

    def chosen(array: Array) -> Array:
        index = jnp.reshape(lowest, (-1, *(1,) * (array.ndim - 1)))
        return jnp.take_along_axis(array, index, axis=1)[:, 0]

    value, place = chosen(found.value), chosen(found.position)
    position = beside(centre, place) + beside(spread, place) * place
    return Modes(
        position=position,
        log_joint=-value,
        log_likelihood=-value - model.log_prior(position),
        curvature=chosen(found.hessian),
        converged=chosen(found.converged),
        agreeing=jnp.sum(found.value < value[:, None] + SAME, axis=1),
    )


def beside(array: Array, batch: Array) -> Array:
    """An array with further axes before its own, to stand beside a batch of its kind."""
    return jnp.reshape(array, (*(1,) * (batch.ndim - array.ndim), *array.shape))


def drawn_places(model: Model, key: Array, starts: int, centre: Array, spread: Array) -> Array:
    """Starts in units of the prior, of shape (starts, values): its centre, and draws from it."""
    columns = [
        jax.vmap(prior.draw_position)(jax.random.split(own, starts - 1))
        for prior, own in zip(model.priors, jax.random.split(key, len(model.priors)), strict=True)
    ]
    drawn = jnp.stack(columns, axis=-1)
    drawn = (drawn - beside(centre, drawn)) / beside(spread, drawn)
    return jnp.concatenate([jnp.zeros((1, len(model.priors)), drawn.dtype), drawn])


@jax.jit
def fragile(model: Model, own: tuple[Sequences, Array, Array]) -> Array:
    """Whether filtering fails so far from some positions, by subject and free value.

    Parameters
    ----------
    model
        The agent.
    own
        What every subject saw and did, and of shape (subjects, free values) where to look and how far away.
    """
    sequences, positions, deviations = own
    away = jnp.eye(positions.shape[1], dtype=positions.dtype)[:, None] * deviations[None]
    around = jnp.stack([positions[None] + away, positions[None] - away])
    over = jax.vmap(jax.vmap(plainly, in_axes=(0, None, None)), in_axes=(0, None, None))
    return jnp.any(~jnp.isfinite(over(around, model, sequences)), axis=0).T


def side_by_side(places: Array) -> int:
    """How many searches go on at once: as many as fill a vector register, or on a GPU all."""
    return REGISTER // places.dtype.itemsize if jax.default_backend() == "cpu" else 10**9
