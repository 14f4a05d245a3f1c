"""What nodes with an inner level share: a belief about it, and how it hears what the value did."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from pynodes._core.beliefs import PREDICTED, Gaussian
from pynodes._core.expansions import ChildEvidence
from pynodes._typing import Array


class Volatile(Gaussian):
    """A Gaussian belief that holds another one, about the node's inner level.

    Attributes
    ----------
    inner
        The belief about the log volatility that the node has by itself.
    """

    inner: Gaussian = PREDICTED

    @classmethod
    def around(cls, value: Gaussian, inner: Gaussian) -> Volatile:
        """Two beliefs as one."""
        return cls.extend(value, inner=inner)

    def where(self, informed: Array) -> Volatile:
        return Volatile.around(super().where(informed), self.inner.where(informed))

    def carry(self) -> Volatile:
        return Volatile.around(super().carry(), self.inner.carry())

    def from_state(self, state: Volatile) -> Volatile:  # type: ignore[override]
        return Volatile.around(super().from_state(state), self.inner.from_state(state.inner))

    def at_growth_limit(self) -> Array:
        return super().at_growth_limit() | self.inner.at_growth_limit()

    def is_valid(self) -> Array:
        return super().is_valid() & self.inner.is_valid()


def update_inner(expansion: Any, belief: Any) -> Volatile:
    """The belief once the inner level has heard how far the value moved."""
    message = belief.volatility_message(jnp.ones(()), belief.inner.predicted_mean)
    inner = belief.inner.updated(*expansion(belief.inner, ChildEvidence(volatility=message)))
    return dataclasses.replace(belief, inner=inner)


def observe_inner(expansion: Any, belief: Any, value: Array, observed: Array | bool) -> Volatile:
    """The belief once its value was seen; where it was not, the inner level stays too."""
    seen = update_inner(expansion, belief.clamped(value, observed))
    if observed is True:
        return seen
    inner = belief.inner.updated(
        jnp.where(observed, seen.inner.mean, belief.inner.mean),
        jnp.where(observed, seen.inner.variance, belief.inner.variance),
    )
    return dataclasses.replace(seen, inner=inner)


def report_inner(belief: Any) -> dict[str, Array]:
    """The fields of the inner level that trajectories keep."""
    inner = belief.inner
    return {
        "inner_mean": inner.mean,
        "inner_precision": inner.precision,
        "predicted_inner_mean": inner.predicted_mean,
        "predicted_inner_precision": inner.predicted_precision,
    }
