"""DualRescorlaWagner: two options, of which the one that was not chosen is learned about too."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._delta import move_in_part
from pynodes.nodes._learner import AbstractErrorLearner, Memory


class DualRescorlaWagner(AbstractErrorLearner):
    """Learns how likely a 1 is under each of two options, one of which is chosen at every step.

    The chosen option moves by ``learning_rate`` times its error. The other one learns from the outcome
    that it would have had, were exactly one of the two to pay: the opposite one, discounted. ``mean`` and
    ``value_error`` are vectors of two.

    Parameters
    ----------
    learning_rate
        Share of the chosen option's error that its expectation moves by, in [0, 1] (α).
    counterfactual
        Learning rate of the other option, as a share of that, in [0, 1] (κ).
    choice
        Which option was chosen, 0 or 1; a series of it is given under ``"<name>.choice"`` with the inputs.
    initial_mean
        What it expects of each option before the first step, in [0, 1].
    probability_clip
        Predictive probabilities stay within [clip, 1 - clip]; the graph's setting unless given here.

    Source: rw_binary_dual of the TAPAS HGF toolbox, which codes choices 1 and 2; docs/learners.md.
    """

    learns_in_part: ClassVar = True
    required: ClassVar = ("choice",)

    learning_rate: Scalar = parameter(0.1, symbol="α", bounds=(0.0, 1.0))
    counterfactual: Scalar = parameter(0.5, symbol="κ", bounds=(0.0, 1.0))
    choice: Scalar = parameter(0.0, bounds=(0.0, 1.0), whole=True)
    initial_mean: Any = parameter((0.5, 0.5), symbol="v₀", rank=1, bounds=(0.0, 1.0))

    def check(self, connected: Collection[str]) -> str | None:
        if np.shape(self.initial_mean) != (2,):
            return f"has {len(self.initial_mean)} initial means. Give two numbers, one for each option."
        return None

    def begin(self) -> Memory:
        return {"mean": jnp.asarray(self.initial_mean)}

    def chosen(self) -> Array:
        """1 for the option that was chosen, 0 for the other; NaN if that is not known."""
        return 1 - abs(jnp.arange(2.0) - self.choice)

    def error(self, memory: Memory, value: Array) -> Array:
        chosen = self.chosen()
        return chosen * value + (1 - chosen) * (1 - value) - memory["mean"]

    def learn_in_part(self, memory: Memory, value: Array, power: Array) -> Memory:
        return move_in_part(self, memory, value, power)

    def learn(self, memory: Memory, value: Array) -> Memory:
        chosen = self.chosen()
        rate = self.learning_rate * (chosen + (1 - chosen) * self.counterfactual)
        return {"mean": memory["mean"] + rate * self.error(memory, value)}

    def probability(self, memory: Memory) -> Array:
        chosen = jnp.sum(self.chosen() * memory["mean"])
        return jnp.clip(chosen, self.probability_clip, 1 - self.probability_clip)
