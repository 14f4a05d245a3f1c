"""DeltaRule: an expectation of a quantity that moves by a fixed share of every error."""

from __future__ import annotations

import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import log
from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._delta import move_in_part, signed_rate
from pynodes.nodes._learner import AbstractLearner, LearnerBelief, Memory


class DeltaRule(AbstractLearner):
    """Learns what a quantity is at a fixed rate: ``mean += learning_rate (outcome - mean)``.

    For graded rewards: money, points, ratings. It predicts outcomes to be Gaussian around its mean. Fields:
    ``mean`` after the step, ``predicted_mean`` before it; ``value_error``, zero where nothing was observed.

    Parameters
    ----------
    learning_rate
        Share of an error that the expectation moves by, in [0, 1] (α).
    negative_learning_rate
        The same of errors below zero, in [0, 1] (α₋): an outcome worse than expected. By default one rate
        for both.
    initial_mean
        What it expects before the first step, in units of the outcomes.
    precision
        Precision of outcomes around the mean (π_u). It matters to the surprise alone.

    Source: Rescorla and Wagner (1972), in Classical Conditioning II, eq. 1; two rates Niv et al. (2012),
    doi 10.1523/JNEUROSCI.5498-10.2012; docs/learners.md.
    """

    learns_in_part: ClassVar = True

    learning_rate: Scalar = parameter(0.1, symbol="α", bounds=(0.0, 1.0))
    negative_learning_rate: Scalar | None = parameter(None, symbol="α₋", bounds=(0.0, 1.0))
    initial_mean: Scalar = parameter(0.0, symbol="v₀")
    precision: Scalar = parameter(1.0, symbol="π_u", positive=True)

    def begin(self) -> Memory:
        return {"mean": jnp.asarray(self.initial_mean)}

    def learn_in_part(self, memory: Memory, value: Array, power: Array) -> Memory:
        return move_in_part(self, memory, value, power)

    def learn(self, memory: Memory, value: Array) -> Memory:
        error = value - memory["mean"]
        return {"mean": memory["mean"] + signed_rate(self, error) * error}

    def log_density(self, memory: Memory, value: Array) -> Array:
        squared = self.precision * (value - memory["mean"]) ** 2
        return 0.5 * (log(jnp.asarray(self.precision)) - math.log(2 * math.pi) - squared)

    def sample_from(self, key: Array, memory: Memory) -> Array:
        return memory["mean"] + jax.random.normal(key) / jnp.sqrt(jnp.asarray(self.precision))

    def show(self, memory: Memory) -> dict[str, Array]:
        return memory

    def report(self, belief: LearnerBelief) -> dict[str, Array]:
        error = jnp.zeros_like(belief.memory["mean"])
        if belief.seen is not None:
            error = jnp.where(belief.seen, belief.outcome - belief.expected["mean"], error)
        return super().report(belief) | {"value_error": error}
