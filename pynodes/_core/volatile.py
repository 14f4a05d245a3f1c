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

    def held(self, informed: Array) -> Volatile:
        return Volatile.around(super().held(informed), self.inner.held(informed))

    def remembered(self) -> Volatile:
        return Volatile.around(super().remembered(), self.inner.remembered())

    def resting(self, state: Volatile) -> Volatile:  # type: ignore[override]
        return Volatile.around(super().resting(state), self.inner.resting(state.inner))

    def overgrown(self) -> Array:
        return super().overgrown() | self.inner.overgrown()

    def healthy(self) -> Array:
        return super().healthy() & self.inner.healthy()
