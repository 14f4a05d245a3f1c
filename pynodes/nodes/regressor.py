"""Regressor: a value that is given at every step, not predicted."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian, broadcast
from pynodes._core.modules import choice, parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets, read_shape


class Regressor(AbstractNode):
    """A known value per step that drives its children's drift, volatility, noise or logit.

    Its series is given with the inputs, under its own name, and must have no gaps.

    Parameters
    ----------
    value
        Set at every step from the series; the value here is what :meth:`Network.sample` uses when
        no series is given.
    shape
        Of an array of values, as what a layer of states is driven by; () for one.
    """

    has_memory: ClassVar = False
    learns: ClassVar = False
    given: ClassVar = "value"

    value: Scalar = parameter(0.0)
    shape: Any = choice(())

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", read_shape(self, self.shape))

    def init(self) -> Gaussian:
        return Gaussian.certain(broadcast(jnp.asarray(self.value), self.shape))

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        return Gaussian.certain(broadcast(jnp.asarray(self.value), self.shape))

    def sample(self, key: Array, belief: Gaussian) -> Array:
        return belief.predicted_mean

    def report(self, belief: Gaussian) -> dict[str, Array]:
        return {"mean": belief.mean, "predicted_mean": belief.predicted_mean}
