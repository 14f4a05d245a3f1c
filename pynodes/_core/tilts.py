"""Tilts: what everything below a node makes of a Gaussian that the node might be predicted with.

Evidence (``messages.py``) is a log density at one point. A tilt integrates it over a Gaussian: how probable
what happened was, and where it leaves the Gaussian. All that is below a node is asked in this one form,
whatever it consists of; derived in docs/theory/structured.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import inverse_root, log, reciprocal
from pynodes._core.messages import Evidence
from pynodes._core.modules import Module
from pynodes._typing import Array


class Tilt(Module):
    """Log evidence under a Gaussian N(mean, variance), and its first two derivatives in the mean.

    Attributes
    ----------
    log_evidence
        Log probability of what happened, up to a constant that does not depend on the Gaussian, and without
        what ``factor`` says of it.
    gradient
        Its first derivative in the mean: the posterior mean is ``mean + variance * gradient``.
    curvature
        Minus its second: the posterior variance is ``variance * (1 - variance * curvature)``.
    factor
        By which the probability is to be multiplied further: what is a product need not go through a
        logarithm, the dearest of all operations here, to be weighed.
    """

    log_evidence: Array
    gradient: Array
    curvature: Array
    factor: Any = 1.0

    def total(self) -> Array:
        """The whole log evidence."""
        if isinstance(self.factor, float):
            return self.log_evidence
        return self.log_evidence + log(self.factor)

    def since(self, base: Tilt) -> Tilt:
        """The same, its evidence relative to that of another tilt."""
        return dataclasses.replace(
            self,
            log_evidence=self.log_evidence - base.log_evidence,
            factor=self.factor * reciprocal(base.factor),
        )

    def moments(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Mean and variance of the posterior of N(mean, variance)."""
        return mean + variance * self.gradient, variance * (1 - variance * self.curvature)


def nothing_heard(mean: Array) -> Tilt:
    """The tilt of nothing."""
    still = jnp.zeros_like(mean)
    return Tilt(log_evidence=still, gradient=still, curvature=still, factor=still + 1.0)


def tilt_by_evidence(evidence: Evidence, point: Array, mean: Array, variance: Array) -> Tilt:
    """The tilt by a quadratic log density that is zero at a point."""
    step = mean - point
    root = inverse_root(1 + evidence.curvature * variance)
    share = root * root
    gradient = evidence.gradient - evidence.curvature * step
    return Tilt(
        log_evidence=step * (evidence.gradient - 0.5 * evidence.curvature * step)
        + 0.5 * variance * share * gradient**2,
        gradient=share * gradient,
        curvature=share * evidence.curvature,
        factor=root,
    )


def tilt_by_value(value: Array, mean: Array, variance: Array) -> Tilt:
    """The tilt by an observation of the value itself."""
    precision = reciprocal(variance)
    error = (value - mean) * precision
    return Tilt(
        log_evidence=-0.5 * error * (value - mean),
        gradient=error,
        curvature=precision,
        factor=jnp.sqrt(precision),
    )


def combine_tilts(tilts: Sequence[Tilt], variance: Array) -> Tilt:
    """The tilt by several at once, each taken alone at the same Gaussian, as if each were a Gaussian factor.

    Exact for quadratic log densities, and for a single tilt of any kind; in no order. Several may lie along
    leading axes.
    """
    rank = jnp.ndim(variance)
    if len(tilts) == 1 and jnp.ndim(tilts[0].gradient) == rank:
        return tilts[0]
    constant, pull, precision = (
        jnp.zeros_like(variance),
        jnp.zeros_like(variance),
        jnp.zeros_like(variance),
    )
    for one in tilts:
        kept = reciprocal(1 - variance * one.curvature)
        without = one.total() + 0.5 * (log(kept) - variance * kept * one.gradient**2)
        axes = tuple(range(jnp.ndim(one.gradient) - rank))
        constant = constant + jnp.sum(without, axes)
        pull = pull + jnp.sum(kept * one.gradient, axes)
        precision = precision + jnp.sum(kept * one.curvature, axes)
    share = reciprocal(1 + precision * variance)
    return Tilt(
        log_evidence=constant + 0.5 * (log(share) + variance * share * pull**2),
        gradient=share * pull,
        curvature=share * precision,
    )


def tilt_further(first: Tilt, second: Tilt, variance: Array) -> Tilt:
    """A tilt of N(mean, variance), and another one of the Gaussian that the first one left."""
    share = 1 - variance * first.curvature
    return Tilt(
        log_evidence=first.log_evidence + second.log_evidence,
        gradient=first.gradient + share * second.gradient,
        curvature=first.curvature + share**2 * second.curvature,
        factor=first.factor * second.factor,
    )


def weigh_tilts(
    weights: Sequence[float], heard: Sequence[tuple[Array, Any]]
) -> tuple[list[Array], Array]:
    """Weights by how probable what happened was at each of some places, and the log of the average.

    ``heard`` is log evidence, and the factor by which the probability is to be multiplied further.
    """
    top = heard[0][0]
    for value, _ in heard[1:]:
        top = jnp.maximum(top, value)
    top = jax.lax.stop_gradient(top)
    parts = [
        weight * factor * jnp.exp(value - top)
        for weight, (value, factor) in zip(weights, heard, strict=True)
    ]
    norm = sum(parts[1:], start=parts[0])
    total, share = top + log(norm), reciprocal(norm)
    return [part * share for part in parts], total


def mix_tilts(
    weights: Sequence[float],
    tilts: Sequence[Tilt],
    components: Sequence[tuple[Array, Array]],
    whole: tuple[Array, Array],
) -> Tilt:
    """The tilt of a mixture of Gaussians, from the tilts of its components, as of one Gaussian.

    Components and whole are means and variances. Evidence, mean and variance of the posterior are those of
    the mixture.
    """
    parts, total = weigh_tilts(weights, [(one.log_evidence, one.factor) for one in tilts])
    after = [tilt.moments(*one) for tilt, one in zip(tilts, components, strict=True)]
    mean, variance = whole
    steps = [one - mean for one, _ in after]
    moved = sum(part * step for part, step in zip(parts, steps, strict=True))
    left = sum(
        part * (own + (step - moved) ** 2)
        for part, step, (_, own) in zip(parts, steps, after, strict=True)
    )
    precision = reciprocal(variance)
    return Tilt(
        log_evidence=total,
        gradient=moved * precision,
        curvature=(variance - left) * precision**2,
    )


class Site(Module):
    """A tilt known at one Gaussian, as a factor that answers for any other.

    Where the factor has a positive precision it is that Gaussian factor. Where what happened made the
    belief wider than it was, no factor of negative precision is used, for that would explode under wider
    Gaussians: mean and variance agree with the known tilt at its Gaussian, are bounded elsewhere, and
    the log evidence has there the value and the slope in the variance that it should have.

    Attributes
    ----------
    mean, variance
        The Gaussian at which the tilt is known.
    gradient, curvature
        Of the log of the factor at that mean.
    """

    mean: Array
    variance: Array
    gradient: Array
    curvature: Array

    quadratic: ClassVar = False

    @classmethod
    def between(
        cls, mean: Array, variance: Array, posterior_mean: Array, posterior_variance: Array
    ) -> Site:
        """The factor that takes one Gaussian to another."""
        precision = reciprocal(posterior_variance)
        return cls(
            mean=mean,
            variance=variance,
            gradient=(posterior_mean - mean) * precision,
            curvature=precision - reciprocal(variance),
        )

    def tilt(self, mean: Array, variance: Array) -> Tilt:
        """The tilt of N(mean, variance), its log evidence relative to that at the known Gaussian."""
        proper, wide = self.as_factor(mean, variance), self.as_widening(mean, variance)
        narrows = self.curvature >= 0
        return Tilt(
            log_evidence=jnp.where(narrows, proper.log_evidence, wide.log_evidence),
            gradient=jnp.where(narrows, proper.gradient, wide.gradient),
            curvature=jnp.where(narrows, proper.curvature, wide.curvature),
            factor=jnp.where(narrows, proper.factor, 1.0),
        )

    def as_factor(self, mean: Array, variance: Array) -> Tilt:
        """The tilt by a Gaussian factor."""
        curvature = jnp.where(self.curvature >= 0, self.curvature, 0.0)
        evidence = Evidence(gradient=self.gradient, curvature=curvature)
        here = tilt_by_evidence(evidence, self.mean, self.mean, self.variance)
        return tilt_by_evidence(evidence, self.mean, mean, variance).since(here)

    def as_widening(self, mean: Array, variance: Array) -> Tilt:
        """The bounded tilt by a factor that widens."""
        curvature = jnp.where(self.curvature < 0, self.curvature, 0.0)
        kept = reciprocal(1 + curvature * self.variance)
        fading = (1 - curvature * self.variance) * reciprocal(1 - curvature * variance)
        pull = kept * self.gradient
        slope = 0.5 * (pull**2 - kept * curvature)
        return Tilt(
            log_evidence=fading * (pull * (mean - self.mean) + slope * (variance - self.variance)),
            gradient=fading * pull,
            curvature=(1 - fading * kept) * reciprocal(variance),
        )


def silence(active: Array | bool | None, tilt: Tilt) -> Tilt:
    """The tilt where there was something to hear, none elsewhere; None says that there always was."""
    if active is True or active is None:
        return tilt
    nothing = nothing_heard(tilt.log_evidence)
    return jax.tree.map(lambda one, other: jnp.where(active, one, other), tilt, nothing)
