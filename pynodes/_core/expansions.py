"""Expansions: how volatility evidence is added to a belief that has heard its value children.

Value evidence always enters as one Newton step at the prediction. The objects here differ only in
where, and how, they expand the evidence of the volatility children; without any they are the same.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import log, reciprocal, seam
from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import Evidence, VolatilityMessage
from pynodes._core.modules import Module
from pynodes._core.surrogate import mode_for_many, mode_for_one
from pynodes._typing import Array


class ChildEvidence(Module):
    """Evidence that one node has from its children in one step.

    Attributes
    ----------
    value
        Evidence of the value children, summed, at the node's predicted mean; None without any.
    volatility
        Messages of the volatility children; None without any.
    support
        Log densities of what the children did, had the node been at each value of its support; None
        for nodes that are not confined to a few values.
    tilt, nodes
        Under Structured: what the value children make of the prediction, and the prediction looked at
        from the volatility children's side; None elsewhere, or where there are no such children.
    """

    value: Evidence | None = None
    volatility: VolatilityMessage | None = None
    support: Any = None
    tilt: Any = None
    nodes: Any = None


def sum_messages(terms: Array, x: Array) -> Array:
    """Sum over the messages of a node with a value ``x``; an array hears each of its elements apart."""
    return terms if jnp.ndim(terms) == jnp.ndim(x) else jnp.sum(terms, axis=-1)


def beside_messages(x: Array, message: VolatilityMessage) -> Array:
    """One value of the node, beside each of its messages."""
    return x if jnp.ndim(message.strength) == jnp.ndim(x) else x[..., None]


def after_value(belief: Gaussian, evidence: ChildEvidence) -> tuple[Array, Array | None]:
    """Variance once the value children are heard, and their pull on the mean if there are any."""
    if evidence.value is None:
        return belief.predicted_variance, None
    variance = belief.predicted_variance
    return variance * reciprocal(1 + variance * evidence.value.curvature), evidence.value.gradient


def step_mean(point: Array, variance: Array, *pulls: Array | None) -> Array:
    """A mean after one Newton step, pulled by whatever there is."""
    there = [pull for pull in pulls if pull is not None]
    return point + variance * sum(there[1:], start=there[0]) if there else point


@dataclasses.dataclass(frozen=True)
class AbstractExpansion(abc.ABC):
    """A volatility update: how volatility evidence changes a belief. Subclasses define ``volatile``."""

    def __call__(self, belief: Gaussian, evidence: ChildEvidence) -> tuple[Array, Array]:
        """Posterior mean and variance of a predicted belief that has heard its children."""
        variance, pull = after_value(belief, evidence)
        if evidence.volatility is None:
            return step_mean(belief.predicted_mean, variance, pull), variance
        return self.volatile(belief.predicted_mean, variance, pull, evidence.volatility)

    @abc.abstractmethod
    def volatile(
        self, point: Array, variance: Array, pull: Array | None, message: VolatilityMessage
    ) -> tuple[Array, Array]:
        """Posterior mean and variance.

        Parameters
        ----------
        point
            The predicted mean, where the value evidence was taken.
        variance, pull
            Variance after, and gradient of, the value evidence; no pull without value children.
        message
            What the volatility children say.
        """


@dataclasses.dataclass(frozen=True)
class Standard(AbstractExpansion):
    """Volatility evidence at the prediction, in the same Newton step as the value evidence.

    The precision may come out negative; the filter then stops with an error that names the node.
    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825, eqs 9 to 14.
    """

    def volatile(
        self, point: Array, variance: Array, pull: Array | None, message: VolatilityMessage
    ) -> tuple[Array, Array]:
        evidence = message.predicted()
        posterior = variance * reciprocal(1 + variance * sum_messages(evidence.curvature, point))
        return step_mean(point, posterior, pull, sum_messages(evidence.gradient, point)), posterior


@dataclasses.dataclass(frozen=True)
class Enhanced(AbstractExpansion):
    """The mean first, with the variance before volatility evidence; then its curvature at that mean.

    Each message's curvature counts only where it is positive, so that the precision never falls.
    Source: the enhanced HGF of the TAPAS toolbox (2023); docs/theory/expansions.md.
    """

    def volatile(
        self, point: Array, variance: Array, pull: Array | None, message: VolatilityMessage
    ) -> tuple[Array, Array]:
        mean = step_mean(point, variance, pull, sum_messages(message.predicted().gradient, point))
        curvature = message.known(beside_messages(mean, message)).curvature
        raised = sum_messages(jnp.where(curvature > 0, curvature, 0.0), point)
        return mean, variance * reciprocal(1 + variance * raised)


@dataclasses.dataclass(frozen=True)
class Unbounded(AbstractExpansion):
    """A blend of two quadratic expansions, one at the prediction and one at the mode of the evidence.

    The first keeps the part of the curvature that is never negative. The second is taken at the mode
    of a concave surrogate of the posterior (docs/theory/unbounded.md). They are mixed by their
    log posterior densities and the mixture is summarised by its mean and variance. Never a negative
    precision. With one volatility child and no value child it is the published form; in general it
    hears every child, whatever their order (docs/theory/unbounded.md).
    Source: the unbounded HGF of pyhgf 0.3.2.
    """

    def volatile(
        self, point: Array, variance: Array, pull: Array | None, message: VolatilityMessage
    ) -> tuple[Array, Array]:
        precision, prior_mean = reciprocal(variance), step_mean(point, variance, pull)
        mean, spread = seam(self.first(point, precision, pull, message))
        far_mean, far_spread = seam(self.second(prior_mean, precision, message))
        usable = jnp.isfinite(far_mean) & jnp.isfinite(far_spread)
        far_mean, far_spread = (
            jnp.where(usable, far_mean, mean),
            jnp.where(usable, far_spread, spread),
        )
        weight = seam(self.weight(prior_mean, precision, message, mean, far_mean))
        gap = far_mean - mean
        mixed = spread + weight * (far_spread - spread) + weight * (1 - weight) * gap**2
        return mean + weight * gap, jnp.where(precision > 0, mixed, variance)

    def first(
        self, point: Array, precision: Array, pull: Array | None, message: VolatilityMessage
    ) -> tuple[Array, Array]:
        """Mean and variance expanded at the prediction."""
        share, _ = message.share_and_error(message.growth_at(beside_messages(point, message)))
        error = message.squared_move * reciprocal(message.variance) - 1
        curvature = message.weigh(0.5 * message.strength**2 * share * (1 - share))
        variance = reciprocal(precision + sum_messages(curvature, point))
        gradient = message.weigh(0.5 * message.strength * share * error)
        return step_mean(point, variance, pull, sum_messages(gradient, point)), variance

    def second(
        self, prior_mean: Array, precision: Array, message: VolatilityMessage
    ) -> tuple[Array, Array]:
        """Mean and variance expanded where the evidence would settle, were growth all the variance."""
        tight = self.tighten(precision, prior_mean, message)
        if jnp.ndim(message.strength) == jnp.ndim(prior_mean):
            ratio = message.move_ratio_at(prior_mean)
            shift, excess = mode_for_one(tight, message.strength, ratio)
            growth = message.squared_move * reciprocal(excess)
        else:
            start = message.log_growth + message.strength * (prior_mean[..., None] - message.point)
            log_ratio = log(message.squared_move) - start
            shift = mode_for_many(tight, message.strength, log_ratio)
            growth = message.growth_at((prior_mean + shift)[..., None])
        share, error = message.share_and_error(growth)
        half = message.weigh(0.5 * message.strength**2 * share)
        full = precision + sum_messages(half * (share + (2 * share - 1) * error), prior_mean)
        safe = precision + sum_messages(half * (1 - share), prior_mean)
        variance = reciprocal(jnp.where(full > 0, full, safe))
        pulls = message.weigh(0.5 * message.strength * share * error)
        gradient = sum_messages(pulls, prior_mean)
        return prior_mean + shift + variance * (gradient - precision * shift), variance

    def tighten(self, precision: Array, x: Array, message: VolatilityMessage) -> Array:
        """A prior precision beside evidence that counts once, as tight as this one beside all that counts.

        Exact where all messages count as often; several that do not are looked at where they would settle
        if each counted as often as they do on average.
        """
        if message.weight is None:
            return precision
        squared = message.strength**2
        total = sum_messages(squared, x)
        mean = sum_messages(message.weight * squared, x) * reciprocal(total)
        return precision * reciprocal(jnp.where(total > 0, mean, 1.0))

    def weight(
        self,
        prior_mean: Array,
        precision: Array,
        message: VolatilityMessage,
        first: Array,
        second: Array,
    ) -> Array:
        """Weight of the second expansion: how much more probable its mean is."""
        difference = sum_messages(
            message.log_ratio(beside_messages(second, message), beside_messages(first, message)),
            prior_mean,
        )
        spring = (second - first) * (second + first - 2 * prior_mean)
        return jax.nn.sigmoid(difference - 0.5 * precision * spring)
