"""Tuning: the step size and the metric of a chain while it warms up."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from pynodes._core.modules import Module
from pynodes._typing import Array

STABILISER, SHRINKAGE, FORGETTING = 10.0, 0.05, 0.75
"""Of dual averaging: t0, gamma and kappa."""

TRUST = 5.0
"""How many draws the metric at the start is worth beside those of a window."""


class Tuning(Module):
    """Step size and metric, and what is known about better ones.

    Attributes
    ----------
    step, average
        Logarithms of the step size that is tried, and of its weighted average, which is kept.
    error
        By how much acceptance fell short of its target on average.
    count
        Transitions since the averages began, from one.
    attractor
        What the logarithm of the step size is drawn to.
    metric
        Variances of the places, of shape (places,).
    seen, mean, squares
        Of the window: number of places, their mean, and the sum of squared distances from it.
    """

    step: Array
    average: Array
    error: Array
    count: Array
    attractor: Array
    metric: Array
    seen: Array
    mean: Array
    squares: Array


def untuned(place: Array) -> Tuning:
    """Where tuning begins in places whose variances should be near one."""
    step = jnp.asarray(-0.25 * jnp.log(place.size), place.dtype)
    none = jnp.zeros_like(place)
    zero = jnp.zeros((), place.dtype)
    return Tuning(
        step=step,
        average=step,
        error=zero,
        count=zero + 1,
        attractor=attractor(step),
        metric=jnp.ones_like(place),
        seen=zero,
        mean=none,
        squares=none,
    )


def attractor(step: Array) -> Array:
    """What the logarithm of a step size is drawn to that begins at some value: ten times it."""
    return step + jnp.log(jnp.asarray(10.0, step.dtype))


def stepped(tuning: Tuning, acceptance: Array, target: Array) -> Tuning:
    """The tuning after a transition: dual averaging.

    Source: M. Hoffman and A. Gelman (2014), JMLR 15, equation 6.
    """
    count = tuning.count
    weight = 1 / (count + STABILISER)
    error = (1 - weight) * tuning.error + weight * (target - acceptance)
    step = tuning.attractor - jnp.sqrt(count) / SHRINKAGE * error
    recent = count**-FORGETTING
    average = recent * step + (1 - recent) * tuning.average
    return dataclasses.replace(tuning, step=step, average=average, error=error, count=count + 1)


def collected(tuning: Tuning, place: Array) -> Tuning:
    """The tuning with one more place in its window.

    Source: B. Welford (1962), doi 10.1080/00401706.1962.10490022.
    """
    seen = tuning.seen + 1
    away = place - tuning.mean
    mean = tuning.mean + away / seen
    return dataclasses.replace(
        tuning, seen=seen, mean=mean, squares=tuning.squares + away * (place - mean)
    )


def closed(tuning: Tuning) -> Tuning:
    """The tuning at the end of a window: its variances are the metric, drawn to one."""
    metric = (tuning.squares + TRUST) / (tuning.seen - 1 + TRUST)
    none = jnp.zeros_like(metric)
    return dataclasses.replace(
        tuning,
        step=tuning.average,
        error=jnp.zeros_like(tuning.error),
        count=jnp.ones_like(tuning.count),
        attractor=attractor(tuning.average),
        metric=metric,
        seen=jnp.zeros_like(tuning.seen),
        mean=none,
        squares=none,
    )


def tuned(
    tuning: Tuning, place: Array, acceptance: Array, target: Array, collects: Array, closes: Array
) -> Tuning:
    """The tuning after one transition of the warm-up."""
    tuning = stepped(tuning, acceptance, target)
    tuning = jax.lax.cond(collects, lambda: collected(tuning, place), lambda: tuning)
    return jax.lax.cond(closes, lambda: closed(tuning), lambda: tuning)
