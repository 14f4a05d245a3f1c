"""What a node holds: a belief before and after the evidence of a step."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, Self

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import reciprocal
from pynodes._core.messages import Evidence, VolatilityMessage
from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray, Array, Scalar


class VarianceParts(Module):
    """Parts of the predicted variance of a node's move.

    Attributes
    ----------
    variance, added_variance
        At the prediction: the variance of the move, and the part of it that was driven.
    carried_variance, log_growth
        With the parents known at their means: variance that is there without growth, and log growth.
    at_limit
        Whether the log growth at the prediction reached its bound.
    """

    variance: Array
    added_variance: Array
    carried_variance: Array
    log_growth: Array
    at_limit: Array


class AbstractBelief(Module, abc.ABC):
    """Interface of beliefs, of one node or of a stacked group.

    A subclass says what the next step starts from; the other methods have answers that suit a belief
    without children.
    """

    @abc.abstractmethod
    def carry(self) -> Any:
        """The part of the belief from which the next step starts."""

    @abc.abstractmethod
    def from_state(self, state: Any) -> Any:
        """The belief of the previous step as a prediction."""

    @abc.abstractmethod
    def where(self, informed: Array) -> Any:
        """The posterior where evidence arrived, the prediction elsewhere."""

    def parent_view(self) -> Any:
        """The belief as its children's couplings see it."""
        return self

    def as_prior(self) -> Any:
        """The current belief as the prediction for its children."""
        return self

    def with_posterior(self, posterior: Any) -> Any:
        """A posterior beside this prediction, which is not the one that it came from."""
        return posterior

    def at_growth_limit(self) -> Array:
        """Whether the log growth of the node's variance reached its bound."""
        return jnp.array(False)

    def is_valid(self) -> Array:
        """Whether the belief is valid: finite, at least."""
        fine = jnp.array(True)
        for leaf in jax.tree.leaves(self):
            fine = fine & jnp.all(jnp.isfinite(leaf))
        return fine


def broadcast(value: Any, shape: tuple[int, ...]) -> Any:
    """A number or array spread over a shape; as it is where the shape is that of one number."""
    return jnp.broadcast_to(value, shape) if shape else value


def alongside(flags: AnyArray | bool, values: AnyArray) -> Array:
    """Flags of nodes, shaped to stand beside values that have dimensions of their own."""
    return jnp.reshape(flags, (*jnp.shape(flags), *(1,) * (jnp.ndim(values) - jnp.ndim(flags))))


ROUNDINGS = 8
"""A difference of so many roundings of its terms may be nothing but rounding."""


PREDICTED: Any = None
"""Default of the fields that are there once a belief has been predicted."""


class JointFacts(Module):
    """What settling together with others found out of a node.

    Attributes
    ----------
    remaining
        How far one more step would have moved its value, in posterior standard deviations.
    gain
        Its share of what hearing all inputs together adds to their log evidence apart.
    """

    remaining: Array
    gain: Array


class Gaussian(AbstractBelief):
    """A belief summarised by a mean and a variance, with the prediction it came from.

    Attributes
    ----------
    mean, variance
        The current belief: the prediction until evidence arrives, the posterior afterwards.
    predicted_mean, predicted_variance
        The belief before this step's evidence.
    conditional_variance
        The predicted variance had the value parents been known.
    interval
        How much a unit of drift moves the predicted mean: the time step, for a random walk.
    variance_parts
        Where the variance comes from, for nodes whose variance has parents.
    origin_mean, origin_variance
        Where the node moved from, as far as known: the predicted mean and no variance, unless
        its value parents have been heard again (:meth:`with_origin`).
    evident
        Which elements of an array learned something, where only some did; None elsewhere.
    logit
        Of a node that is one of several outcomes: the Gaussian over its logits that it was predicted
        from, where that was averaged over.
    structured
        What the Structured expansion knows besides; None under the others.
    settled
        What settling together found out; None under schemes of one sweep.
    remembered
        The belief of the step before, for nodes whose children hear that; None elsewhere.
    averaged
        Whether the prediction averages over the parents' uncertainty or takes them at their means.
    """

    mean: Array
    variance: Array
    predicted_mean: Array = PREDICTED
    predicted_variance: Array = PREDICTED
    conditional_variance: Array = PREDICTED
    interval: Scalar | None = None
    variance_parts: VarianceParts = PREDICTED
    origin_mean: Array | None = None
    origin_variance: Array | None = None
    evident: Array | None = None
    logit: Any = None
    structured: Any = None
    settled: JointFacts | None = None
    remembered: Any = None
    averaged: bool = choice(True)

    @classmethod
    def start(cls, mean: Scalar, precision: Scalar, shape: tuple[int, ...] = ()) -> Gaussian:
        """A belief to begin with, alike in all elements of a shape."""
        mean, variance = jnp.asarray(mean), 1 / jnp.asarray(precision)
        return cls(mean=broadcast(mean, shape), variance=broadcast(variance, shape))

    @classmethod
    def extend(cls, belief: Gaussian, **more: Any) -> Self:
        """A belief of a kind that says more: what another one says, and the rest by name."""
        names = [field.name for field in dataclasses.fields(belief) if field.name != "_class"]
        return cls(**{name: getattr(belief, name) for name in names} | more)

    @classmethod
    def certain(cls, value: Array) -> Gaussian:
        """A belief that knows its value."""
        still = jnp.zeros_like(value)
        return cls(mean=value, variance=still, predicted_mean=value, predicted_variance=still)

    @property
    def precision(self) -> Array:
        """Precision of the current belief."""
        return 1 / self.variance

    @property
    def predicted_precision(self) -> Array:
        """Precision of the prediction."""
        return 1 / self.predicted_variance

    def predicted(
        self,
        mean: Array,
        *,
        variance: Array | None = None,
        precision: Array | None = None,
        conditional_variance: Array | None = None,
        interval: Scalar | None = None,
        variance_parts: VarianceParts = PREDICTED,
        averaged: bool = True,
    ) -> Gaussian:
        """The prediction that follows from this belief; give its variance or its precision."""
        if variance is None:
            if precision is None:
                raise TypeError("predicted() needs a variance or a precision")
            variance = 1 / precision
        return Gaussian(
            mean=mean,
            variance=variance,
            predicted_mean=mean,
            predicted_variance=variance,
            conditional_variance=variance if conditional_variance is None else conditional_variance,
            interval=interval,
            variance_parts=variance_parts,
            averaged=averaged,
        )

    def updated(self, mean: Array, variance: Array) -> Gaussian:
        """The same prediction with a new posterior."""
        return dataclasses.replace(self, mean=mean, variance=variance)

    def clamped(self, value: Array, observed: Array | bool = True) -> Gaussian:
        """The belief after an observation; where it is missing, the prediction stays."""
        still = jnp.zeros_like(self.variance)
        if observed is True:
            return self.updated(jnp.broadcast_to(value, jnp.shape(self.mean)), still)
        observed = alongside(observed, self.mean)
        return self.updated(
            jnp.where(observed, value, self.mean), jnp.where(observed, still, self.variance)
        )

    def with_origin(self, origin_mean: Array, origin_variance: Array) -> Gaussian:
        """The same belief, knowing better where it moved from."""
        return dataclasses.replace(self, origin_mean=origin_mean, origin_variance=origin_variance)

    def where(self, informed: Array) -> Gaussian:
        """The posterior where evidence arrived, the prediction elsewhere."""
        where = alongside(informed, self.mean)
        return self.updated(
            jnp.where(where, self.mean, self.predicted_mean),
            jnp.where(where, self.variance, self.predicted_variance),
        )

    def carry(self) -> Gaussian:
        """The part of the belief from which the next step starts."""
        kept = None if self.structured is None else self.structured.carry()
        return Gaussian(mean=self.mean, variance=self.variance, structured=kept)

    def parent_view(self) -> Gaussian:
        """The belief as its children's couplings see it."""
        return Gaussian(
            mean=self.mean,
            variance=self.variance,
            predicted_mean=self.predicted_mean,
            predicted_variance=self.predicted_variance,
        )

    def as_prior(self) -> Gaussian:
        """The current belief as the prediction for its children."""
        return dataclasses.replace(self, predicted_mean=self.mean, predicted_variance=self.variance)

    def with_posterior(self, posterior: Gaussian) -> Gaussian:
        """A posterior beside this prediction, which is not the one that it came from."""
        return dataclasses.replace(
            self, mean=posterior.mean, variance=posterior.variance, evident=posterior.evident
        )

    def from_state(self, state: Gaussian) -> Gaussian:
        """The belief of the previous step as a prediction."""
        still = state.predicted(state.mean, variance=state.variance)
        return dataclasses.replace(still, variance_parts=self.variance_parts)

    def at_growth_limit(self) -> Array:
        """Whether the log growth of the node's variance reached its bound."""
        return (
            jnp.array(False) if self.variance_parts is PREDICTED else self.variance_parts.at_limit
        )

    def is_valid(self) -> Array:
        """Whether the belief is valid: finite, and of positive precision."""
        return (self.variance >= 0) & (jnp.abs(self.mean) + self.variance < jnp.inf)

    @property
    def squared_move(self) -> Array:
        """Expected squared distance between where the node is and where it moved from."""
        if self.origin_mean is None or self.origin_variance is None:
            return self.variance + (self.mean - self.predicted_mean) ** 2
        return self.variance + self.distance_to(self.origin_mean) ** 2 + self.origin_variance

    def distance_to(self, origin_mean: Array) -> Array:
        """Distance of the node from the prediction of its updated value parents.

        Parents of a value that is seen with little noise take nearly all of its error: the difference
        of two nearly equal numbers is then rounding, which a small variance would make an enormous error.
        What is left of the error is the share of the noise, which is not lost so.
        """
        distance = self.mean - origin_mean
        rounding = jnp.finfo(distance.dtype).eps * (
            jnp.abs(self.mean) + jnp.abs(self.predicted_mean)
        )
        share = self.conditional_variance * reciprocal(self.predicted_variance)
        left = share * (self.mean - self.predicted_mean)
        return jnp.where(jnp.abs(distance) > ROUNDINGS * rounding, distance, left)

    def volatility_message(self, strength: Array, point: Array) -> VolatilityMessage:
        """Evidence of the node's move about a parent of its log variance, predicted at ``point``.

        An array says as much for each of its elements; those that were not observed say nothing.
        """
        shape = jnp.shape(self.mean)
        if self.evident is not None:
            strength = jnp.where(self.evident, strength, 0.0)
        parts = self.variance_parts
        return VolatilityMessage(
            strength=broadcast(strength, shape),
            point=broadcast(point, shape),
            squared_move=self.squared_move,
            variance=broadcast(parts.variance, shape),
            added_variance=broadcast(parts.added_variance, shape),
            carried_variance=broadcast(parts.carried_variance, shape),
            log_growth=broadcast(parts.log_growth, shape),
        )

    def shift_evidence(self) -> Evidence:
        """Evidence of the node's belief about a shift of its predicted mean.

        With averaged predictions it is the likelihood of the shift, the node's own value integrated
        out: what the node learned from below, widened by its conditional variance. At the parents'
        means it is the expected log density under the posterior. Source: Weber et al. (2023),
        arXiv 2305.10937, section on value coupling; derived in docs/theory/value.md.
        """
        error = self.mean - self.predicted_mean
        if not self.averaged:
            precision = reciprocal(self.predicted_variance)
            if self.evident is not None:
                precision = jnp.where(self.evident, precision, 0.0)
            return Evidence(gradient=error * precision, curvature=precision)
        kept = self.variance * reciprocal(self.predicted_variance)
        gain = reciprocal(self.variance + self.conditional_variance * (1 - kept))
        return Evidence(gradient=gain * error, curvature=gain * (1 - kept))
