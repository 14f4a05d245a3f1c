"""CategoricalState: a hidden alternative, one of several, known only through its children."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import log
from pynodes._core.beliefs import Gaussian
from pynodes._core.expansions import Heard
from pynodes._core.logits import categorical_probabilities, clipped_softmax
from pynodes._core.modules import choice
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets
from pynodes.nodes._outcomes import check_outcomes


class CategoricalState(AbstractNode):
    """An unobserved outcome, one of several, each with a logit that its parents sum to.

    Its belief is the vector of their probabilities. The posterior weighs each predicted probability by
    the likelihood of what the children did, and sums to one. Children are coupled with ``Emission``.

    Parameters
    ----------
    outcomes
        Number of outcomes.
    normalised
        Whether the predicted probabilities are one softmax of the logits, and sum to one. If not, each
        is the sigmoid of its logit; children then take them in proportion.
    probability_clip
        As for :class:`CategoricalInput`; of the posterior, no probability is less than clip times the
        largest.

    Raises
    ------
    ParameterError
        A number of outcomes below two.

    Source: hgf_whichworld of the TAPAS HGF toolbox, which has two outcomes, not normalised;
    docs/theory/categories.md.
    """

    inlets: ClassVar = ("logits",)
    remembers: ClassVar = False

    outcomes: int = choice(2)
    normalised: bool = choice(False)
    probability_clip: Any = choice(None)

    def __post_init__(self) -> None:
        check_outcomes(self)

    @property
    def support(self) -> tuple[float, ...]:
        """The codes of its outcomes."""
        return tuple(float(code) for code in range(self.outcomes))

    @property
    def value_shape(self) -> tuple[int, ...]:
        return (self.outcomes,)

    def init(self) -> Gaussian:
        even = jnp.full(self.outcomes, 1 / self.outcomes)
        return Gaussian(mean=even, variance=even * (1 - even))

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        logits = jnp.zeros(self.outcomes) + inlet["logits"]
        clip = self.probability_clip
        probability = categorical_probabilities(logits, clip, normalised=self.normalised)
        return belief.predicted(probability, variance=probability * (1 - probability))

    def update(self, belief: Gaussian, heard: Heard) -> Gaussian:
        weights = log(belief.predicted_mean) + heard.support
        probability = clipped_softmax(weights, self.probability_clip)
        return belief.updated(probability, probability * (1 - probability))

    def draw(self, key: Array, belief: Gaussian) -> Array:
        return jax.random.categorical(key, log(belief.predicted_mean)).astype(float)

    def become(self, belief: Gaussian, value: Array) -> Gaussian:
        happened = jnp.arange(self.outcomes) == jnp.asarray(value, int)
        return Gaussian.certain(happened.astype(belief.mean.dtype))
