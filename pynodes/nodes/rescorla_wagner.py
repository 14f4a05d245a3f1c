"""RescorlaWagner: an expectation that moves by a fixed share of every error."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._delta import move_in_part, signed_rate
from pynodes.nodes._learner import AbstractErrorLearner, Memory


class RescorlaWagner(AbstractErrorLearner):
    """Learns the probability of a 1 at a fixed rate: ``mean += learning_rate (outcome - mean)``.

    For graded rewards see :class:`DeltaRule`.

    Parameters
    ----------
    learning_rate
        Share of an error that the expectation moves by, in [0, 1] (α).
    negative_learning_rate
        The same of errors below zero, in [0, 1] (α₋): after a 0. By default one rate for both.
    initial_mean
        What it expects before the first step, in [0, 1].
    probability_clip
        Predictive probabilities stay within [clip, 1 - clip]; the graph's setting unless given here.

    Source: Rescorla and Wagner (1972), in Classical Conditioning II, eq. 1, for one stimulus; two
    rates Frank et al. (2007), doi 10.1073/pnas.0706111104; docs/learners.md.
    """

    learns_in_part: ClassVar = True

    learning_rate: Scalar = parameter(0.1, symbol="α", bounds=(0.0, 1.0))
    negative_learning_rate: Scalar | None = parameter(None, symbol="α₋", bounds=(0.0, 1.0))
    initial_mean: Scalar = parameter(0.5, symbol="v₀", bounds=(0.0, 1.0))

    def begin(self) -> Memory:
        return {"mean": jnp.asarray(self.initial_mean)}

    def error(self, memory: Memory, value: Array) -> Array:
        return value - memory["mean"]

    def learn_in_part(self, memory: Memory, value: Array, power: Array) -> Memory:
        return move_in_part(self, memory, value, power)

    def learn(self, memory: Memory, value: Array) -> Memory:
        error = self.error(memory, value)
        return {"mean": memory["mean"] + signed_rate(self, error) * error}
