"""Laws of what kinds and couplings say to the Structured expansion."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.beliefs import Gaussian
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling
from pynodes.couplings._shift import AbstractShift
from pynodes.nodes import AbstractNode
from pynodes.testing.shapes import same

DT = 1.3
"""Time of the steps that are looked at."""

FIT = 0.01
"""Averages of outcomes are taken under a fit of the logistic function, off by 0.003 and in sums by more."""


BOUND = 0.003
"""By so much a curvature may differ from its evidence's, which is that fit's error."""


def overrides(instance: Any, base: type, hook: str) -> bool:
    """Whether a kind or coupling says something itself, instead of taking the default."""
    return getattr(type(instance), hook, None) is not getattr(base, hook)


def keeps_what_it_says(node: AbstractNode, seed: int) -> None:
    """The shares that a step keeps are the slopes of the prediction in the belief before it."""
    belief: Any = node.init() if node.has_memory else None
    if type(belief) is not Gaussian or not overrides(node, AbstractNode, "kept_share"):
        return
    rng = np.random.default_rng(seed)
    before = belief.updated(
        jnp.asarray(rng.normal(size=jnp.shape(belief.mean))),
        jnp.asarray(rng.gamma(2.0, 0.5, jnp.shape(belief.mean))),
    )
    still: dict[str, Any] = dict.fromkeys(node.inlets, jnp.zeros_like(before.mean))

    def mean(value: Any) -> Any:
        moved = dataclasses.replace(before, mean=value)
        return jnp.sum(node.predict(moved, still, DT).predicted_mean)

    def variance(value: Any) -> Any:
        moved = dataclasses.replace(before, variance=value)
        return jnp.sum(node.predict(moved, still, DT).predicted_variance)

    shares = node.kept_share(DT)
    slopes = jax.grad(mean)(before.mean), jax.grad(variance)(before.variance)
    for what, share, slope in zip(("value", "variance"), shares, slopes, strict=True):
        expected = jnp.broadcast_to(jnp.asarray(share), jnp.shape(slope))
        same(f"kept_share: the share of its {what} that a step keeps", expected, slope, rtol=1e-8)


def averages_what_it_predicts(node: AbstractNode, seed: int) -> None:
    """An average over parents that are known is the prediction, but for the fit."""
    if not overrides(node, AbstractNode, "average"):
        return
    rng = np.random.default_rng(seed)
    shape = node.value_shape
    inlet: dict[str, Any] = {name: jnp.asarray(rng.normal(size=shape)) for name in node.inlets}
    none: dict[str, Any] = {name: jnp.zeros(shape) for name in node.inlets}
    predicted: Any = node.predict(node.init(), inlet, DT)
    averaged: Any = node.average(predicted, inlet, none)
    same(
        "average: over parents that are known it is the prediction",
        averaged.predicted_mean,
        predicted.predicted_mean,
        rtol=FIT,
        atol=FIT,
    )


def leans_as_it_predicts(coupling: AbstractCoupling, parent: Gaussian) -> None:
    """The elasticity is the slope of the log variance in the parent."""
    if not isinstance(coupling, AbstractVolatilityCoupling):
        return
    if not overrides(coupling, AbstractVolatilityCoupling, "elasticity"):
        return

    def log_variance(x: Any) -> Any:
        return jnp.sum(coupling.predict(Gaussian.certain(x), DT)[coupling.inlet])

    same(
        "elasticity: the slope of the child's log variance in the parent",
        coupling.elasticity(parent),
        jax.grad(log_variance)(parent.predicted_mean),
        rtol=1e-8,
    )


def moves_as_it_says(
    coupling: AbstractCoupling, parent: Gaussian, before: Any, child: AbstractNode
) -> None:
    """The sensitivity is the slope of the child's predicted mean in the parent."""
    if not isinstance(coupling, AbstractShift):
        return

    def predict(x: Any) -> Any:
        inlet: dict[str, Any] = dict.fromkeys(child.inlets, jnp.zeros(jnp.shape(x)))
        return child.predict(before, inlet | coupling.predict(Gaussian.certain(x), DT), DT)

    at = parent.predicted_mean
    said = jnp.asarray(coupling.sensitivity(Gaussian.certain(at), predict(at), DT))
    same(
        "sensitivity: the slope of the child's predicted mean in the parent",
        jnp.sum(said, tuple(range(jnp.ndim(at), jnp.ndim(said)))),
        jax.grad(lambda x: jnp.sum(predict(x).predicted_mean))(at),
        rtol=1e-8,
    )


def tilts_as_it_says(
    coupling: AbstractCoupling, parent: Gaussian, before: Any, child: AbstractNode, value: Any
) -> None:
    """A tilt's derivatives are those of its log evidence, in the mean and in the variance.

    Whatever happened, its probability under N(mean, variance) obeys the heat equation: in the variance it
    changes by half of what it bends in the mean.
    """
    if not overrides(coupling, AbstractCoupling, "tilt"):
        return
    below = average_child(coupling, parent, before, child)
    below = child.observe(below, value, jnp.asarray(True)) if child.observable else below

    def total(mean: Any, variance: Any) -> Any:
        return coupling.tilt(mean, variance, parent, below, DT).total()

    @jax.jit
    @jax.vmap
    def look(mean: Any, variance: Any) -> Any:
        tilt = coupling.tilt(mean, variance, parent, below, DT)
        slope = jax.grad(total)
        found = tilt.gradient, tilt.curvature, 0.5 * (tilt.gradient**2 - tilt.curvature)
        bend = -jax.grad(slope)(mean, variance)
        return found, (slope(mean, variance), bend, jax.grad(total, 1)(mean, variance))

    mean, variance = parent.predicted_mean, parent.predicted_variance
    found, expected = look(
        mean + jnp.asarray([-1.0, 0.0, 0.6]), variance * jnp.asarray([0.5, 1.0, 1.4])
    )
    laws = (
        "gradient is the slope of its log evidence in the mean",
        "curvature is minus the second derivative of its log evidence in the mean",
        "log evidence changes with the variance by half of the gradient's square less the curvature",
    )
    # In the tails curvature is kept within true bounds, which the fit of the logistic function leaves.
    for law, one, other, atol in zip(laws, found, expected, (1e-9, BOUND, BOUND), strict=True):
        same(f"tilt: its {law}", one, other, rtol=1e-6, atol=atol)
    here = total(mean, variance)
    same("tilt: its log evidence is relative to the parent's prediction", here, 0.0, 1e-6, 1e-9)


def average_child(
    coupling: AbstractCoupling, parent: Gaussian, before: Any, child: AbstractNode
) -> Any:
    """The child's prediction, averaged over where the parent may be as the engine does it."""
    deviation = jnp.sqrt(parent.predicted_variance)
    middle, above, below = (
        coupling.predict(Gaussian.certain(parent.predicted_mean + step), DT)
        for step in (0.0, deviation, -deviation)
    )
    inlet: dict[str, Any] = dict.fromkeys(child.inlets, jnp.asarray(0.0)) | middle
    variance: dict[str, Any] = dict.fromkeys(child.inlets, jnp.asarray(0.0))
    variance |= {name: (0.5 * (above[name] - below[name])) ** 2 for name in above}
    return child.average(child.predict(before, inlet, DT), inlet, variance)
