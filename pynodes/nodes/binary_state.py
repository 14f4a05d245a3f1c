"""BinaryState: a hidden alternative, 0 or 1, known only through its children."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._core.expansions import ChildEvidence
from pynodes._core.modules import choice
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets
from pynodes.nodes._outcomes import averaged_outcome


class BinaryState(AbstractNode):
    """A hidden binary state, 0 or 1; its parents add to its logit.

    Its posterior odds are its prior odds times the likelihood ratio of what its children did. A
    child averages over it as over a variable of the same mean and variance.

    Parameters
    ----------
    probability_clip
        Predicted and posterior probabilities stay within [clip, 1 - clip]; the graph's setting
        unless given here.

    Source: perceptual uncertainty in Mathys et al. (2014), doi 10.3389/fnhum.2014.00825, section on
    the first level; docs/theory/binary.md.
    """

    inlets: ClassVar = ("logit",)
    has_memory: ClassVar = False
    support: ClassVar = (0.0, 1.0)

    probability_clip: Any = choice(None)

    def init(self) -> Gaussian:
        return Gaussian.start(0.5, 4.0)

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        probability = self.clipped(inlet["logit"])
        return belief.predicted(probability, variance=probability * (1 - probability))

    def average(self, belief: Gaussian, inlet: Inlets, variance: Inlets) -> Gaussian:
        return averaged_outcome(belief, inlet, variance, self.probability_clip)

    def update(self, belief: Gaussian, evidence: ChildEvidence) -> Gaussian:
        prior = jax.scipy.special.logit(belief.predicted_mean)
        probability = self.clipped(prior + evidence.support[..., 1] - evidence.support[..., 0])
        return belief.updated(probability, probability * (1 - probability))

    def clipped(self, logit: Array) -> Array:
        """A probability from its logit, kept away from 0 and 1."""
        return jnp.clip(jax.nn.sigmoid(logit), self.probability_clip, 1 - self.probability_clip)

    def sample(self, key: Array, belief: Gaussian) -> Array:
        return jax.random.bernoulli(key, belief.predicted_mean).astype(float)
