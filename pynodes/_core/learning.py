"""What a learner holds: what it knew before a step, what it knows after, and what it saw."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import AbstractBelief, alongside
from pynodes._typing import Array


class Learning(AbstractBelief):
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
