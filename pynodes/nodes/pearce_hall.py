"""PearceHall: an expectation that moves the faster, the larger the error before was."""

from __future__ import annotations

import jax.numpy as jnp

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._learner import AbstractErrorLearner, Memory


class PearceHall(AbstractErrorLearner):
    """Learns the probability of a 1 at a rate in proportion to its associability, the last error's size.

    ``mean += salience associability (outcome - mean)``, whereupon the associability is what the absolute
    error was. Where nothing is observed, both stay what they are. ``predicted_associability`` is the one
    that a step learned with.

    Parameters
    ----------
    salience
        Learning rate per unit of associability (S).
    initial_associability
        Associability before the first error, in [0, 1] (α₀).
    initial_mean
        What it expects before the first step, in [0, 1].
    probability_clip
        Predictive probabilities stay within [clip, 1 - clip]; the graph's setting unless given here. A
        salience above one can take the mean itself out of that range.

    Source: Pearce and Hall (1980), doi 10.1037/0033-295X.87.6.532; docs/learners.md. In TAPAS an ignored
    trial sets the associability to zero.
    """

    salience: Scalar = parameter(0.1, symbol="S", positive=True)
    initial_associability: Scalar = parameter(0.5, symbol="α₀", bounds=(0.0, 1.0))
    initial_mean: Scalar = parameter(0.5, symbol="v₀", bounds=(0.0, 1.0))

    def begin(self) -> Memory:
        return {
            "mean": jnp.asarray(self.initial_mean),
            "associability": jnp.asarray(self.initial_associability),
        }

    def error(self, memory: Memory, value: Array) -> Array:
        return value - memory["mean"]

    def learn(self, memory: Memory, value: Array) -> Memory:
        error = self.error(memory, value)
        rate = self.salience * memory["associability"]
        return {"mean": memory["mean"] + rate * error, "associability": jnp.abs(error)}
