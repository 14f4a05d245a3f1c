"""What learners share: what they know, what they expect, and how they learn from an outcome."""

from __future__ import annotations

import abc
import dataclasses
import math
from typing import Any, ClassVar, Self, TypeAlias

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import log
from pynodes._core.beliefs import AbstractBelief, alongside
from pynodes._core.modules import choice
from pynodes._errors import PynodesError
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets


class LearnerBelief(AbstractBelief):
    """The belief of a node that learns by a rule of its own; see :class:`AbstractLearner`.

    Attributes
    ----------
    memory
        What it knows: arrays in any tree.
    expected
        What it knew when it predicted this step.
    outcome
        What was observed; any number where nothing was.
    seen
        Whether something was observed.
    """

    memory: Any
    expected: Any = None
    outcome: Any = None
    seen: Any = None

    def predicted(self, expected: Any) -> Self:
        """The prediction that follows from this belief."""
        return dataclasses.replace(
            self, memory=expected, expected=expected, outcome=None, seen=None
        )

    def learned(self, memory: Any, outcome: Array, observed: Array | bool) -> Self:
        """The belief once something was observed; where it was not, what was expected stays."""

        def keep(new: Array, old: Array) -> Array:
            new = jnp.asarray(new, jnp.result_type(old))
            return new if observed is True else jnp.where(alongside(observed, old), new, old)

        kept = jax.tree.map(keep, memory, self.expected)
        return dataclasses.replace(self, memory=kept, outcome=outcome, seen=jnp.asarray(observed))

    def carry(self) -> Self:
        return type(self)(memory=self.memory)

    def from_state(self, state: Self) -> Self:
        return dataclasses.replace(state, expected=state.memory, outcome=self.outcome)

    def where(self, informed: Array) -> Self:
        del informed
        return self


class AbstractLearner(AbstractNode):
    """An observed node that learns by a rule of its own, whatever its memory is made of.

    Where an input of the usual kind leaves learning to its parents, a learner keeps what it knows:
    values, counts, probabilities of hidden states. A subclass gives :meth:`begin`, :meth:`learn`,
    :meth:`log_density`, :meth:`sample_from` and :meth:`show`; where nothing is observed it keeps what it
    expected.

    Simulated, it learns from what it draws: its series are draws from its successive predictions.
    """

    observable: ClassVar = True
    learns_in_part: ClassVar = False

    @abc.abstractmethod
    def begin(self) -> Any:
        """The memory before the first step: arrays in any tree."""

    def expect(self, memory: Any, inlet: Inlets, dt: Scalar) -> Any:
        """The memory predicted for this step: the same, unless time changes it."""
        del inlet, dt
        return memory

    @abc.abstractmethod
    def learn(self, memory: Any, value: Array) -> Any:
        """The memory after an observation."""

    def learn_in_part(self, memory: Any, value: Array, power: Array) -> Any:
        """The memory after an observation whose likelihood counts to a power between 0 and 1.

        A kind that defines it sets ``learns_in_part``.
        """
        del memory, value, power
        raise PynodesError(
            f"{type(self).__name__} has learns_in_part, but no learn_in_part(memory, value, power)."
        )

    @abc.abstractmethod
    def log_density(self, memory: Any, value: Array) -> Array:
        """Log predictive density of a value, of shape ()."""

    @abc.abstractmethod
    def sample_from(self, key: Array, memory: Any) -> Array:
        """A value from the predictive density."""

    @abc.abstractmethod
    def show(self, memory: Any) -> dict[str, Array]:
        """Fields of the memory in trajectories; predictions are ``predicted_...``."""

    def init(self) -> LearnerBelief:
        return LearnerBelief(memory=self.begin())

    def predict(self, belief: LearnerBelief, inlet: Inlets, dt: Scalar) -> LearnerBelief:
        return belief.predicted(self.expect(belief.memory, inlet, dt))

    def observe(self, belief: LearnerBelief, value: Array, observed: Array | bool) -> LearnerBelief:
        return belief.learned(self.learn(belief.expected, value), value, observed)

    def observe_in_part(
        self, belief: LearnerBelief, value: Array, observed: Array | bool, power: Array
    ) -> LearnerBelief:
        memory = self.learn_in_part(belief.expected, value, power)
        return belief.learned(memory, value, observed)

    def surprise(self, belief: LearnerBelief) -> Array:
        return -self.log_density(belief.expected, belief.outcome)

    def sample(self, key: Array, belief: LearnerBelief) -> Array:
        return self.sample_from(key, belief.expected)

    def sample_initial(self, key: Array, belief: LearnerBelief) -> LearnerBelief:
        del key
        return belief

    def known_as(self, belief: LearnerBelief, value: Array) -> LearnerBelief:
        return self.observe(belief, value, True).carry()

    def report(self, belief: LearnerBelief) -> dict[str, Array]:
        predicted = self.show(belief.expected).items()
        return self.show(belief.memory) | {f"predicted_{name}": field for name, field in predicted}


Memory: TypeAlias = dict[str, Array]
"""What a learner knows, by the name of the field that shows it; ``"mean"`` is what it predicts with."""


class AbstractErrorLearner(AbstractLearner):
    """A learner that moves what it expects of outcomes, 0 or 1, in proportion to its errors.

    Its expectation is the predictive probability of a 1. It learns once per observation, however much
    time has passed. Fields: ``mean`` after the step, ``predicted_mean`` before it, ``value_error``, which
    is zero where nothing was observed, and whatever else the rule remembers.
    """

    expects: ClassVar = "0 or 1"
    uninformed_surprise: ClassVar = math.log(2)

    probability_clip: Any = choice(None)

    @abc.abstractmethod
    def error(self, memory: Memory, value: Array) -> Array:
        """How far an outcome is from what was expected, of the shape of the mean."""

    def probability(self, memory: Memory) -> Array:
        """Predictive probability of a 1, within [clip, 1 - clip]."""
        return jnp.clip(memory["mean"], self.probability_clip, 1 - self.probability_clip)

    def accepts(self, values: AnyArray) -> AnyArray:
        return (values == 0) | (values == 1)

    def log_density(self, memory: Memory, value: Array) -> Array:
        probability = self.probability(memory)
        return log(jnp.where(value > 0.5, probability, 1 - probability))

    def sample_from(self, key: Array, memory: Memory) -> Array:
        return jax.random.bernoulli(key, self.probability(memory)).astype(float)

    def show(self, memory: Memory) -> dict[str, Array]:
        return memory

    def report(self, belief: LearnerBelief) -> dict[str, Array]:
        nothing = jnp.zeros_like(belief.memory["mean"])
        error = nothing
        if belief.seen is not None:
            error = jnp.where(belief.seen, self.error(belief.expected, belief.outcome), nothing)
        return super().report(belief) | {"value_error": error}
