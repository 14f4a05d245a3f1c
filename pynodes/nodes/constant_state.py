"""ConstantState: a value that is known and never changes."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets


class ConstantState(AbstractNode):
    """A known constant: a bias for its children, through any coupling.

    Parameters
    ----------
    value
        The constant.
    """

    has_memory: ClassVar = False
    learns: ClassVar = False

    value: Scalar = parameter(1.0, symbol="c")

    def init(self) -> Gaussian:
        return Gaussian.certain(jnp.asarray(self.value))

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        return belief

    def sample(self, key: Array, belief: Gaussian) -> Array:
        return belief.predicted_mean

    def report(self, belief: Gaussian) -> dict[str, Array]:
        return {"mean": belief.mean, "predicted_mean": belief.predicted_mean}
