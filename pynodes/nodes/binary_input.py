"""BinaryInput: an observed outcome, 0 or 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import clipped_sigmoid, log
from pynodes._core.beliefs import Gaussian, broadcast
from pynodes._core.modules import choice
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets, read_shape
from pynodes.nodes._outcomes import averaged_outcome


class BinaryInput(AbstractNode):
    """A binary outcome, 0 or 1; its parents add to its logit.

    Its variance is that of a coin with the predicted probability.

    Parameters
    ----------
    probability_clip
        Predicted probabilities stay within [clip, 1 - clip]; the graph's setting unless given here.
        The clip limits the value, not its derivative: a parent of a clipped input still learns.
    shape
        Of an array of outcomes, each with a logit of its own; () for one.

    Source: Mathys et al. (2011), doi 10.3389/fnhum.2011.00039, eq. 2.
    """

    inlets: ClassVar = ("logit",)
    observable: ClassVar = True
    has_memory: ClassVar = False
    expects: ClassVar = "0 or 1"
    uninformed_surprise: ClassVar = math.log(2)

    probability_clip: Any = choice(None)
    shape: Any = choice(())

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", read_shape(self, self.shape))

    def init(self) -> Gaussian:
        return Gaussian.start(0.5, 4.0, self.shape)

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        logit = broadcast(inlet["logit"], self.shape)
        probability = clipped_sigmoid(logit, self.probability_clip)
        return belief.predicted(probability, variance=probability * (1 - probability))

    def average(self, belief: Gaussian, inlet: Inlets, variance: Inlets) -> Gaussian:
        return averaged_outcome(belief, inlet, variance, self.probability_clip, hidden=False)

    def surprise(self, belief: Gaussian) -> Array:
        probability = belief.predicted_mean
        return -log(jnp.where(belief.mean > 0.5, probability, 1 - probability))

    def sample(self, key: Array, belief: Gaussian) -> Array:
        return jax.random.bernoulli(key, belief.predicted_mean).astype(float)

    def accepts(self, values: AnyArray) -> AnyArray:
        return (values == 0) | (values == 1)

    def errors(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        plain = super().errors(fields)["value_error"]
        return {"value_error": plain * fields["predicted_precision"]}
