"""What every learner says: what it knows, what it expects, and how it learns from an outcome."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from pynodes._core.learning import Learning
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets


class AbstractLearner(AbstractNode):
    """An observed node that learns by a rule of its own, whatever its memory is made of.

    Where an input of the usual kind leaves learning to its parents, a learner keeps what it knows:
    values, counts, probabilities of hidden states. A subclass gives :meth:`begin`, :meth:`learn`,
    :meth:`log_density`, :meth:`sample_from` and :meth:`show`; where nothing is observed it keeps what it
    expected.

    Simulated, it learns from what it draws: its series are draws from its successive predictions.
    """

    observable: ClassVar = True

    @abc.abstractmethod
    def begin(self) -> Any:
        """What it knows before the first step: arrays in any tree."""

    def expect(self, memory: Any, inlet: Inlets, dt: Scalar) -> Any:
        """What it expects to know at this step before it observes: the same, unless time changes it."""
        del inlet, dt
        return memory

    @abc.abstractmethod
    def learn(self, memory: Any, value: Array) -> Any:
        """What it knows once it has observed a value."""

    @abc.abstractmethod
    def log_density(self, memory: Any, value: Array) -> Array:
        """Log predictive density of a value, of shape ()."""

    @abc.abstractmethod
    def sample_from(self, key: Array, memory: Any) -> Array:
        """A value from the predictive density."""

    @abc.abstractmethod
    def show(self, memory: Any) -> dict[str, Array]:
        """What trajectories keep of a memory, by field; also as ``predicted_...`` of what it expected."""

    def init(self) -> Learning:
        return Learning(memory=self.begin())

    def predict(self, belief: Learning, inlet: Inlets, dt: Scalar) -> Learning:
        return belief.predicted(self.expect(belief.memory, inlet, dt))

    def observe(self, belief: Learning, value: Array, observed: Array | bool) -> Learning:
        return belief.learned(self.learn(belief.expected, value), value, observed)

    def surprise(self, belief: Learning) -> Array:
        return -self.log_density(belief.expected, belief.outcome)

    def sample(self, key: Array, belief: Learning) -> Array:
        return self.sample_from(key, belief.expected)

    def sample_initial(self, key: Array, belief: Learning) -> Learning:
        del key
        return belief

    def known_as(self, belief: Learning, value: Array) -> Learning:
        return self.observe(belief, value, True).carry()

    def report(self, belief: Learning) -> dict[str, Array]:
        predicted = self.show(belief.expected).items()
        return self.show(belief.memory) | {f"predicted_{name}": field for name, field in predicted}
