"""Particles: many places that go from the prior to the posterior, a little more of the data at a time."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._core.modules import Module
from pynodes._typing import Array
from pynodes.fit.sampling.target import AbstractPosterior, AbstractTarget

KEPT = 0.5
"""Share of the particles that a step toward the posterior leaves effective."""

MOVES, LEAPS = 4, 6
"""Hamiltonian moves of every particle after a step, and leaps of each."""

WANTED = 0.8
"""Acceptance rate for which the size of leaps is adapted."""

HALVINGS = 50
"""Halvings of the interval in which the length of a step is sought."""


class Particles(Module):
    """Equally weighted places under a part of the likelihood.

    Attributes
    ----------
    places
        Of shape (particles, places).
    likelihoods
        Log likelihood at each.
    share
        To which power the likelihood counts: 0 under the prior, 1 under the posterior.
    log_evidence
        Of the steps so far.
    leap
        Size of a leap, in standard deviations of the particles.
    acceptance
        Of the last moves, on average.
    """

    places: Array
    likelihoods: Array
    share: Array
    log_evidence: Array
    leap: Array
    acceptance: Array


@partial(jax.jit, static_argnames="count")
def released(target: AbstractPosterior, key: Array, *, count: int) -> Particles:
    """So many particles, drawn from the prior."""
    places = jax.vmap(target.draw_prior)(jax.random.split(key, count))
    zero = jnp.zeros((), places.dtype)
    return Particles(
        places=places,
        likelihoods=jax.vmap(target.log_likelihood)(places),
        share=zero,
        log_evidence=zero,
        leap=zero + 0.5,
        acceptance=zero + 1,
    )


@jax.jit
def stepped(target: AbstractTarget, particles: Particles, key: Array) -> Particles:
    """Particles under more of the likelihood: weighted, chosen anew by their weights, and moved.

    Source: P. Del Moral, A. Doucet and A. Jasra (2006), doi 10.1111/j.1467-9868.2006.00553.x, with steps
    whose length follows from the effective number of particles.
    """
    choosing, moving = jax.random.split(key)
    length = step_length(particles.likelihoods, 1 - particles.share)
    weights = scaled(particles.likelihoods, length)
    chosen = chosen_anew(choosing, weights)
    share = jnp.where(length < 1 - particles.share, particles.share + length, 1.0)
    gained = jax.nn.logsumexp(weights) - jnp.log(weights.size)
    places, likelihoods = particles.places[chosen], particles.likelihoods[chosen]
    factor = factor_of(places)
    leap = particles.leap
    acceptance = particles.acceptance
    for own in jax.random.split(moving, MOVES):
        places, likelihoods, acceptance = moved(
            target, places, likelihoods, share, factor, leap, own
        )
        leap = leap * jnp.exp(acceptance - WANTED)
    return Particles(
        places=places,
        likelihoods=likelihoods,
        share=share,
        log_evidence=particles.log_evidence + gained,
        leap=leap,
        acceptance=acceptance,
    )


def scaled(likelihoods: Array, length: Array) -> Array:
    """Log weights of a step; where there is no likelihood, minus infinity for steps of length zero too."""
    possible = likelihoods > -jnp.inf
    return jnp.where(possible, length * jnp.where(possible, likelihoods, 0.0), -jnp.inf)


def step_length(likelihoods: Array, longest: Array) -> Array:
    """The step that leaves the wanted share of the particles effective, or the longest."""
    wanted = jnp.log(KEPT * likelihoods.size)

    def too_long(length: Array) -> Array:
        weights = scaled(likelihoods, length)
        effective = 2 * jax.nn.logsumexp(weights) - jax.nn.logsumexp(2 * weights)
        return effective < wanted

    def halved(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = 0.5 * (low + high)
        far = too_long(middle)
        return jnp.where(far, low, middle), jnp.where(far, middle, high)

    ends = lax.fori_loop(0, HALVINGS, halved, (jnp.zeros_like(longest), longest))
    # Where most particles have no likelihood at all, no step is short enough, and a short one is taken.
    return jnp.where(too_long(longest), jnp.maximum(ends[0], 1e-6 * longest), longest)


def chosen_anew(key: Array, weights: Array) -> Array:
    """Numbers of particles, each as often as its log weight says: systematic resampling."""
    sums = jnp.cumsum(jax.nn.softmax(weights))
    teeth = (
        jnp.arange(weights.size, dtype=weights.dtype) + jax.random.uniform(key, (), weights.dtype)
    ) / weights.size
    return jnp.minimum(jnp.searchsorted(sums, teeth * sums[-1]), weights.size - 1)


def factor_of(places: Array) -> Array:
    """A triangular factor of the covariance of particles, drawn a little to its diagonal."""
    away = places - jnp.mean(places, axis=0, keepdims=True)
    covariance = away.T @ away / places.shape[0]
    variances = jnp.diagonal(covariance) + jnp.finfo(places.dtype).tiny
    trust = places.shape[0] / (places.shape[0] + 5.0 * places.shape[1])
    return jnp.linalg.cholesky(trust * covariance + (1 - trust + 1e-6) * jnp.diag(variances))


@partial(jax.vmap, in_axes=(None, 0, 0, None, None, None, 0))
def leapt(
    target: AbstractTarget,
    place: Array,
    likelihood: Array,
    share: Array,
    factor: Array,
    leap: Array,
    key: Array,
) -> tuple[Array, Array, Array]:
    """One Hamiltonian move of a particle: its new place, log likelihood, and acceptance."""
    pushing, lengthening, accepting = jax.random.split(key, 3)

    def density(standard: Array) -> tuple[Array, Array]:
        there = place + factor @ standard
        found = target.log_likelihood(there)
        return target.log_prior(there) + scaled(found, share), found

    slope = jax.value_and_grad(density, has_aux=True)
    start = jnp.zeros_like(place)
    # Particles that all leapt as far would return together where the posterior is nearly normal.
    size = leap * jax.random.uniform(lengthening, (), place.dtype, 0.5, 1.5)
    push = jax.random.normal(pushing, place.shape, place.dtype)
    (before, _), gradient = slope(start)

    def on(_: Any, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        at, push, gradient, _, _ = carry
        push = push + 0.5 * size * gradient
        at = at + size * push
        (value, found), gradient = slope(at)
        return at, push + 0.5 * size * gradient, gradient, value, found

    at, last, _, after, found = lax.fori_loop(
        0, LEAPS, on, (start, push, gradient, before, likelihood)
    )
    rise = after - before - 0.5 * (jnp.sum(last**2) - jnp.sum(push**2))
    chance = jnp.exp(jnp.minimum(jnp.where(jnp.isnan(rise), -jnp.inf, rise), 0.0))
    goes = jax.random.uniform(accepting, (), place.dtype) < chance
    return (
        jnp.where(goes, place + factor @ at, place),
        jnp.where(goes, found, likelihood),
        chance,
    )


def moved(
    target: AbstractTarget,
    places: Array,
    likelihoods: Array,
    share: Array,
    factor: Array,
    leap: Array,
    key: Array,
) -> tuple[Array, Array, Array]:
    """All particles after a move each, with their log likelihoods, and the average acceptance."""
    keys = jax.random.split(key, places.shape[0])
    places, likelihoods, chances = leapt(target, places, likelihoods, share, factor, leap, keys)
    return places, likelihoods, jnp.mean(chances)
