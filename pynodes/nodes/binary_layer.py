"""BinaryLayer: an array of outcomes, each 0 or 1, without a past."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian, broadcast
from pynodes._core.modules import choice
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets, read_shape


class BinaryLayer(AbstractNode):
    """An array of binary outcomes; parents add to their logits.

    It has no past. Its values are data, 0 or 1, or shares between them, which count as that many ones
    and zeros.

    Parameters
    ----------
    shape
        Of the array; () for one outcome.

    Source: Bernoulli likelihood of a logit, as in Millidge et al. (2021), arXiv 2107.12979.
    """

    inlets: ClassVar = ("logit",)
    has_memory: ClassVar = False
    discrete: ClassVar = True
    expects: ClassVar = "numbers from 0 to 1"

    shape: Any = choice(())

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", read_shape(self, self.shape))

    def init(self) -> Gaussian:
        return Gaussian.start(0.5, 4.0, self.shape)

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        probability = jax.nn.sigmoid(broadcast(jnp.asarray(inlet["logit"]), self.shape))
        return belief.predicted(probability, variance=probability * (1 - probability))

    def energy(self, value: Array, inlet: Inlets) -> Array:
        logit = broadcast(jnp.asarray(inlet["logit"]), self.shape)
        return jax.nn.softplus(logit) - value * logit

    def surprise(self, belief: Gaussian) -> Array:
        share, probability = belief.mean, belief.predicted_mean
        happened = jax.scipy.special.xlogy(share, probability)
        return -(happened + jax.scipy.special.xlog1py(1 - share, -probability))

    def sample(self, key: Array, belief: Gaussian) -> Array:
        return jax.random.bernoulli(key, belief.predicted_mean).astype(float)

    def accepts(self, values: AnyArray) -> AnyArray:
        return (values >= 0) & (values <= 1)
