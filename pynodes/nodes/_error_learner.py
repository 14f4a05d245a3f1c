"""What learners of a probability by prediction errors share."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.arithmetic import log
from pynodes._core.learning import Learning
from pynodes._core.modules import choice
from pynodes._typing import Array
from pynodes.nodes._learner import AbstractLearner

Memory: TypeAlias = dict[str, Array]
"""What a learner knows, by the name of the field that shows it; ``"mean"`` is what it predicts with."""


class AbstractErrorLearner(AbstractLearner):
    """A learner that moves what it expects of outcomes, 0 or 1, in proportion to its errors.

    Its expectation is the predictive probability of a 1. It learns once per observation, however much
    time has passed. Fields: ``mean`` after the step, ``predicted_mean`` before it, ``value_error``, which
    is zero where nothing was observed, and whatever else the rule remembers.
    """

    expects: ClassVar = "0 or 1"

    probability_clip: Any = choice(None)

    @abc.abstractmethod
    def error(self, memory: Memory, value: Array) -> Array:
        """How far an outcome is from what was expected, of the shape of the mean."""

    def probability(self, memory: Memory) -> Array:
        """Predictive probability of a 1, within [clip, 1 - clip]."""
        return jnp.clip(memory["mean"], self.probability_clip, 1 - self.probability_clip)

    def accepts(self, values: np.ndarray) -> np.ndarray:
        return (values == 0) | (values == 1)

    def log_density(self, memory: Memory, value: Array) -> Array:
        probability = self.probability(memory)
        return log(jnp.where(value > 0.5, probability, 1 - probability))

    def sample_from(self, key: Array, memory: Memory) -> Array:
        return jax.random.bernoulli(key, self.probability(memory)).astype(float)

    def show(self, memory: Memory) -> dict[str, Array]:
        return memory

    def report(self, belief: Learning) -> dict[str, Array]:
        nothing = jnp.zeros_like(belief.memory["mean"])
        error = nothing
        if belief.seen is not None:
            error = jnp.where(belief.seen, self.error(belief.expected, belief.outcome), nothing)
        return super().report(belief) | {"value_error": error}
