"""NoisyBinaryInput: an outcome, 0 or 1, of which only a noisy reading is seen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import clipped_sigmoid, log, reciprocal, to_logit
from pynodes._core.beliefs import PREDICTED, Gaussian
from pynodes._core.modules import choice, parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets
from pynodes.nodes._outcomes import averaged_outcome


class Percept(Gaussian):
    """A belief about an outcome, 0 or 1, with the reading that it came from.

    Attributes
    ----------
    reading
        What was read; what was expected to be, where nothing was.
    """

    reading: Array = PREDICTED

    def is_valid(self) -> Array:
        return super().is_valid() & jnp.isfinite(self.reading)


class NoisyBinaryInput(AbstractNode):
    """A binary outcome observed with Gaussian noise around one of two levels: perceptual uncertainty.

    The series are readings, real numbers. ``mean`` is the probability that the outcome was 1 given
    the reading, ``predicted_mean`` the one before it; ``reading`` and ``predicted_reading`` are in the
    units of the series. Its parents receive the probability instead of the outcome.

    Parameters
    ----------
    low, high
        Mean reading for outcome 0, and for outcome 1.
    variance
        Variance of a reading, in squared units of the data. Give a series under
        ``"<name>.variance"`` with the inputs for noise that is known per step.
    probability_clip
        Predicted probabilities stay within [clip, 1 - clip]; the graph's setting unless given here.

    Source: perceptual uncertainty in Mathys et al. (2014), doi 10.3389/fnhum.2014.00825; derived in
    docs/theory/binary.md. TAPAS writes η₀, η₁ and α.
    """

    inlets: ClassVar = ("logit",)
    observable: ClassVar = True
    has_memory: ClassVar = False

    low: Scalar = parameter(0.0, symbol="η₀")
    high: Scalar = parameter(1.0, symbol="η₁")
    variance: Scalar = parameter(0.1, symbol="α", positive=True)
    probability_clip: Any = choice(None)

    def init(self) -> Percept:
        return Percept(mean=jnp.asarray(0.5), variance=jnp.asarray(0.25))

    def predict(self, belief: Percept, inlet: Inlets, dt: Scalar) -> Percept:
        probability = clipped_sigmoid(inlet["logit"], self.probability_clip)
        spread = probability * (1 - probability)
        return Percept(
            mean=probability,
            variance=spread,
            predicted_mean=probability,
            predicted_variance=spread,
            conditional_variance=spread,
            reading=self.expected_reading(probability),
        )

    def average(self, belief: Percept, inlet: Inlets, variance: Inlets) -> Percept:
        found = averaged_outcome(belief, inlet, variance, self.probability_clip)
        return dataclasses.replace(found, reading=self.expected_reading(found.predicted_mean))

    def expected_reading(self, probability: Array) -> Array:
        """Mean of a reading, from the probability of 1."""
        return self.low + probability * (self.high - self.low)

    def observe(self, belief: Percept, value: Array, observed: Array | bool) -> Percept:
        probability = jax.nn.sigmoid(to_logit(belief.predicted_mean) + self.log_ratio(value))
        spread = probability * (1 - probability)
        after = dataclasses.replace(belief, mean=probability, variance=spread, reading=value)
        if observed is True:
            return after
        return jax.tree.map(lambda new, old: jnp.where(observed, new, old), after, belief)

    def log_ratio(self, reading: Array) -> Array:
        """Log density of a reading of 1, less that of a reading of 0."""
        middle = 0.5 * (self.low + self.high)
        return (self.high - self.low) * (reading - middle) * reciprocal(jnp.asarray(self.variance))

    def log_noise(self, error: Array) -> Array:
        """Log density of the noise of a reading."""
        variance = jnp.asarray(self.variance)
        return -0.5 * (math.log(2 * math.pi) + log(variance) + error**2 * reciprocal(variance))

    def surprise(self, belief: Percept) -> Array:
        probability = belief.predicted_mean
        one = log(probability) + self.log_noise(belief.reading - self.high)
        return -jnp.logaddexp(
            one, jnp.log1p(-probability) + self.log_noise(belief.reading - self.low)
        )

    def sample(self, key: Array, belief: Percept) -> Array:
        outcome, noise = jax.random.split(key)
        level = jnp.where(jax.random.bernoulli(outcome, belief.predicted_mean), self.high, self.low)
        return level + jnp.sqrt(self.variance) * jax.random.normal(noise)

    def errors(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        plain = super().errors(fields)["value_error"]
        return {"value_error": plain * fields["predicted_precision"]}

    def report(self, belief: Percept) -> dict[str, Array]:
        expected = self.expected_reading(belief.predicted_mean)
        return super().report(belief) | {"reading": belief.reading, "predicted_reading": expected}
