"""Scatter: units around what is expected of them, from coordinates and back."""

from __future__ import annotations

import jax.numpy as jnp

from pynodes._typing import AnyArray, Array


def scattered(
    coordinates: Array, mean: Array, deviations: Array, factor: Array, centred: tuple[bool, ...]
) -> tuple[Array, Array]:
    """Positions of units, of shape (units, parameters), and the log density of their coordinates.

    A position is its mean and deviation times a sum of standard normal scores, of which those of earlier
    parameters have the weights that the factor of the correlation says. Where a parameter is centred, its
    coordinate is the position, and the score follows; elsewhere its coordinate is the score.
    """
    scores: list[Array] = []
    positions: list[Array] = []
    density = jnp.zeros((), coordinates.dtype)
    for index, at_place in enumerate(centred):
        given, expected = coordinates[:, index], mean[:, index]
        shared = common(scores, factor, index)
        if at_place:
            score = ((given - expected) / deviations[index] - shared) / factor[index, index]
            volume = jnp.log(deviations[index]) + jnp.log(factor[index, index])
            position, density = given, density - volume * given.shape[0]
        else:
            score = given
            position = expected + deviations[index] * (shared + factor[index, index] * score)
        density = density + jnp.sum(log_normal(score))
        scores.append(score)
        positions.append(position)
    return jnp.stack(positions, axis=-1), density


def settled(
    positions: Array, mean: Array, deviations: Array, factor: Array, centred: tuple[bool, ...]
) -> Array:
    """Coordinates of units at some positions: what :func:`scattered` makes these positions of."""
    scores: list[Array] = []
    coordinates: list[Array] = []
    for index, at_place in enumerate(centred):
        away = (positions[:, index] - mean[:, index]) / deviations[index]
        score = (away - common(scores, factor, index)) / factor[index, index]
        scores.append(score)
        coordinates.append(positions[:, index] if at_place else score)
    return jnp.stack(coordinates, axis=-1)


def common(scores: list[Array], factor: Array, index: int) -> Array:
    """What the scores of earlier parameters add to one."""
    shared = [factor[index, earlier] * score for earlier, score in enumerate(scores)]
    return sum(shared[1:], start=shared[0]) if shared else jnp.zeros((), factor.dtype)


def log_normal(scores: Array) -> Array:
    """Log density of standard normal numbers, each."""
    return -0.5 * (scores**2 + jnp.log(2 * jnp.pi))


def log_half_normal(logs: Array, spreads: AnyArray) -> Array:
    """Log density of the logarithms of sizes of normal numbers around zero, each."""
    spreads = jnp.asarray(spreads, float)
    scores = jnp.exp(logs) / spreads
    return 0.5 * jnp.log(2 / jnp.pi) - jnp.log(spreads) - 0.5 * scores**2 + logs
