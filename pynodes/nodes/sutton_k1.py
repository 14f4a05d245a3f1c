"""SuttonK1: an expectation whose learning rate grows while errors keep their sign."""

from __future__ import annotations

from collections.abc import Collection

import jax
import jax.numpy as jnp

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._learner import AbstractErrorLearner, Memory


class SuttonK1(AbstractErrorLearner):
    """Learns the probability of a 1, and by the gradient of its own squared errors how fast to learn it.

    At every outcome the logit of the learning rate moves by ``meta_rate`` times the error times a trace
    of recent moves; then the mean moves by the learning rate times the error, and the trace becomes
    ``(trace + learning_rate error) (1 - learning_rate)``. ``learning_rate`` is the one that a step learned
    with, ``predicted_learning_rate`` the one before.

    Parameters
    ----------
    meta_rate
        How fast the logit of the learning rate moves (μ).
    initial_learning_rate
        Learning rate before the first step, in (0, 1).
    initial_trace
        Trace before the first step (h).
    initial_mean
        What it expects before the first step, in [0, 1].
    probability_clip
        Predictive probabilities stay within [clip, 1 - clip]; the graph's setting unless given here.

    Source: Sutton (1992), Gain adaptation beats least squares?, algorithm K1, with one constant input.
    There the learning rate is ``exp(β) / (R + exp(β))``; R does no more than shift β. docs/learners.md.
    """

    meta_rate: Scalar = parameter(1.0, symbol="μ", positive=True)
    initial_learning_rate: Scalar = parameter(0.5, symbol="η₀", positive=True, bounds=(0.0, 1.0))
    initial_trace: Scalar = parameter(0.005, symbol="h₁")
    initial_mean: Scalar = parameter(0.5, symbol="v₁", bounds=(0.0, 1.0))

    def check(self, connected: Collection[str]) -> str | None:
        if float(self.initial_learning_rate) < 1:
            return None
        return "has an initial learning rate of 1, whose logit is infinite. Give one below it, such as 0.9."

    def begin(self) -> Memory:
        rate = jnp.asarray(self.initial_learning_rate)
        return {
            "mean": jnp.asarray(self.initial_mean),
            "rate_logit": jnp.log(rate) - jnp.log1p(-rate),
            "trace": jnp.asarray(self.initial_trace),
        }

    def error(self, memory: Memory, value: Array) -> Array:
        return value - memory["mean"]

    def learn(self, memory: Memory, value: Array) -> Memory:
        error = self.error(memory, value)
        logit = memory["rate_logit"] + self.meta_rate * error * memory["trace"]
        rate = jax.nn.sigmoid(logit)
        return {
            "mean": memory["mean"] + rate * error,
            "rate_logit": logit,
            "trace": (memory["trace"] + rate * error) * (1 - rate),
        }

    def show(self, memory: Memory) -> dict[str, Array]:
        rate = jax.nn.sigmoid(memory["rate_logit"])
        return {"mean": memory["mean"], "learning_rate": rate, "trace": memory["trace"]}
