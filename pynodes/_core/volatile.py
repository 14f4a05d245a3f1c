"""Volatile: a belief about a value together with one about its log volatility."""

from __future__ import annotations

import dataclasses
from typing import Any

from pynodes._core.beliefs import PREDICTED, Gaussian
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
        names = [field.name for field in dataclasses.fields(value) if field.name != "_class"]
        own: dict[str, Any] = {name: getattr(value, name) for name in names}
        own["inner"] = inner
        return cls(**own)

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
