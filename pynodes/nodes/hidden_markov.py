"""HiddenMarkov: one of several hidden states at a time, known through what it emits."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.arithmetic import log, reciprocal
from pynodes._core.modules import parameter
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.nodes._base import Inlets
from pynodes.nodes._learner import AbstractLearner, LearnerBelief

CLOSE = 1e-5
"""How near to one the sum of probabilities must be."""


class HiddenMarkov(AbstractLearner):
    """Infers the hidden state of a Markov chain from outcomes, whose probabilities depend on it.

    ``mean`` holds the probability of every state after the step's outcome, ``predicted_mean`` before it,
    and ``predicted_outcome`` the predictive probability of every outcome. The chain moves once per step,
    however much time has passed, from the second step on. An outcome that no possible state emits has
    infinite surprise and leaves the prediction.

    Parameters
    ----------
    initial
        Probability of every state at the first step.
    transition
        Probability of every state, given the one before: a row for each of these, which sums to one.
    emission
        Probability of every outcome, coded from 0: a row for each state, which sums to one.

    Source: Rabiner (1989), doi 10.1109/5.18626, section III A, forward recursion; docs/learners.md.
    TAPAS shows the last posterior as the prediction, where here the chain has moved on.
    """

    expects: ClassVar = "whole numbers from 0, one for each column of the emission"

    initial: Any = parameter((0.5, 0.5), symbol="p", rank=1, bounds=(0.0, 1.0))
    transition: Any = parameter(((0.9, 0.1), (0.1, 0.9)), symbol="A", rank=2, bounds=(0.0, 1.0))
    emission: Any = parameter(((0.85, 0.15), (0.15, 0.85)), symbol="B", rank=2, bounds=(0.0, 1.0))

    def check(self, connected: Collection[str]) -> str | None:
        count = len(self.initial)
        if np.shape(self.transition) != (count, count) or len(self.emission) != count:
            return (
                f"has {count} initial probabilities, a transition of shape {np.shape(self.transition)} and "
                f"an emission of shape {np.shape(self.emission)}. Give a row for each state in both, and a "
                "column for each in the transition."
            )
        for name in ("initial", "transition", "emission"):
            sums = np.atleast_1d(np.sum(getattr(self, name), axis=-1))
            if np.any(np.abs(sums - 1) > CLOSE):
                worst = sums[np.argmax(np.abs(sums - 1))]
                return (
                    f"has probabilities in {name} that sum to {worst:g}. Let each row sum to one."
                )
        return None

    @property
    def uninformed_surprise(self) -> float:  # type: ignore[override]
        """That of outcomes that are all as probable."""
        return math.log(np.shape(self.emission)[1])

    def accepts(self, values: AnyArray) -> AnyArray:
        codes = np.shape(self.emission)[1]
        return (values >= 0) & (values < codes) & (values == values.round())

    def begin(self) -> Any:
        return {"mean": jnp.asarray(self.initial), "begun": jnp.zeros(())}

    def expect(self, memory: Any, inlet: Inlets, dt: Scalar) -> Any:
        moved = memory["mean"] @ jnp.asarray(self.transition)
        return {
            "mean": jnp.where(memory["begun"] > 0, moved, memory["mean"]),
            "begun": jnp.ones_like(memory["begun"]),
        }

    def emitting(self, memory: Any, value: Array) -> Array:
        """Probability of every state together with an outcome."""
        code = jnp.asarray(value, int)
        emission = jnp.asarray(self.emission)
        return memory["mean"] * jnp.take(emission, code, axis=1, mode="clip")

    def learn(self, memory: Any, value: Array) -> Any:
        joint = self.emitting(memory, value)
        total = jnp.sum(joint)
        possible = total > 0
        posterior = joint * reciprocal(jnp.where(possible, total, 1.0))
        return memory | {"mean": jnp.where(possible, posterior, memory["mean"])}

    def log_density(self, memory: Any, value: Array) -> Array:
        total = jnp.sum(self.emitting(memory, value))
        possible = total > 0
        return jnp.where(possible, log(jnp.where(possible, total, 1.0)), -jnp.inf)

    def outcomes(self, memory: Any) -> Array:
        """Predictive probability of every outcome."""
        return memory["mean"] @ jnp.asarray(self.emission)

    def sample_from(self, key: Array, memory: Any) -> Array:
        return jax.random.categorical(key, jnp.log(self.outcomes(memory))).astype(float)

    def show(self, memory: Any) -> dict[str, Array]:
        return {"mean": memory["mean"]}

    def report(self, belief: LearnerBelief) -> dict[str, Array]:
        return super().report(belief) | {"predicted_outcome": self.outcomes(belief.expected)}
