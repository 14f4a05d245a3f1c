"""Laplace: the mode of a subject's posterior, and the Gaussian that touches it there."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._core.modules import Module
from pynodes._typing import Array
from pynodes.fit.agent._model import Model
from pynodes.fit.agent._sharding import over_devices
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.mode._newton import Objective, minimised_in_turn

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
    fragile
        Whether filtering fails one standard deviation away from the mode, by free value.
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
    fragile: Array
    agreeing: Array


def all_posteriors(
    model: Model, sequences: Sequences, key: Array, *, starts: int, polished: int
) -> Posterior:
    """The posteriors of some subjects, over all devices, as NumPy arrays."""
    polished = min(polished, starts)
    return over_devices(of_share, (model, key), sequences, starts=starts, polished=polished)


def of_share(common: tuple[Model, Array], sequences: Sequences, **settings: int) -> Posterior:
    """The posteriors of the subjects whom one device has."""
    model, key = common
    return posteriors(model, sequences, key, **settings)


@partial(jax.jit, static_argnames=("starts", "polished"))
def posteriors(
    model: Model, sequences: Sequences, key: Array, *, starts: int, polished: int
) -> Posterior:
    """The posteriors of some subjects, each its own.

    Many starts are drawn from the prior and only looked at; the best are polished. All subjects have the
    same starts, so that whoever is fitted beside one changes nothing.
    """
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
    every = jnp.broadcast_to(drawn[:, None], (starts, len(subjects), drawn.shape[-1]))
    _, best = lax.top_k(-objective(every, subjects).T, polished)
    found = minimised_in_turn(
        lambda places, lanes: objective(places, lanes // polished),
        drawn[best].reshape(-1, drawn.shape[-1]),
        STEPS,
        workers=side_by_side(drawn),
    )
    found = jax.tree.map(lambda part: part.reshape(-1, polished, *part.shape[1:]), found)

    values = jnp.where(jnp.isfinite(found.value), found.value, jnp.inf)
    lowest = jnp.argmin(values, axis=1)

    def chosen(array: Array) -> Array:
        index = jnp.reshape(lowest, (-1, *(1,) * (array.ndim - 1)))
        return jnp.take_along_axis(array, index, axis=1)[:, 0]

    value, place = chosen(values), chosen(found.position)
    position = beside(centre, place) + beside(spread, place) * place
    scaled, definite = firm(chosen(found.hessian), jnp.isfinite(value))
    deviations = jnp.sqrt(jnp.diagonal(jnp.linalg.inv(scaled), axis1=-2, axis2=-1))
    units = beside(jnp.outer(spread, spread), scaled)
    half_log = 0.5 * jnp.linalg.slogdet(scaled)[1] - jnp.sum(jnp.log(spread))
    return Posterior(
        position=position,
        log_joint=-value,
        log_likelihood=-value - model.log_prior(position),
        hessian=chosen(found.hessian) / units,
        covariance=jnp.linalg.inv(scaled) * units,
        log_evidence=-value + 0.5 * len(model.priors) * jnp.log(2 * jnp.pi) - half_log,
        converged=chosen(found.converged),
        definite=definite,
        fragile=fragile(lambda places: objective(places, subjects), place, deviations),
        agreeing=jnp.sum(values < value[:, None] + SAME, axis=1),
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


def firm(hessian: Array, known: Array) -> tuple[Array, Array]:
    """A positive definite Hessian in units of the prior, and whether the one that was given is.

    In directions in which it is not, the curvature is taken to be that of the prior: one.
    """
    unknown = jnp.eye(hessian.shape[-1], dtype=hessian.dtype)
    safe = jnp.where(known[:, None, None], hessian, unknown)
    sizes, axes = jnp.linalg.eigh(safe)
    least = 10 * jnp.finfo(sizes.dtype).eps * jnp.max(jnp.abs(sizes), axis=-1, keepdims=True)
    fine = sizes > least
    mended = jnp.einsum("...ik,...k,...jk->...ij", axes, jnp.where(fine, sizes, 1.0), axes)
    definite = jnp.all(fine, axis=-1) & known
    return jnp.where(definite[:, None, None], safe, mended), definite


def fragile(objective: Objective, place: Array, deviations: Array) -> Array:
    """Whether the objective has no value a standard deviation away, by subject and value."""
    away = jnp.eye(place.shape[-1], dtype=place.dtype)[:, None] * deviations[None]
    around = jnp.stack([away, -away])
    return jnp.any(~jnp.isfinite(objective(beside(place, around) + around)), axis=0).T


def side_by_side(places: Array) -> int:
    """How many searches go on at once: as many as fill a vector register, or on a GPU all."""
    return REGISTER // places.dtype.itemsize if jax.default_backend() == "cpu" else 10**9
