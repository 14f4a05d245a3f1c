"""CategoricalState: a hidden alternative, one of several, known only through its children."""

from __future__ import annotations

import jax

from pynodes._core.arithmetic import clipped_softmax, log
from pynodes._core.beliefs import Gaussian
from pynodes._core.expansions import ChildEvidence
from pynodes._typing import Array
from pynodes.nodes._outcomes import AbstractCategorical


class CategoricalState(AbstractCategorical):
    """A hidden categorical state; its parents add to the logits of its outcomes.

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

    @property
    def support(self) -> tuple[float, ...]:
        """The codes of its outcomes."""
        return tuple(float(code) for code in range(self.outcomes))

    def update(self, belief: Gaussian, evidence: ChildEvidence) -> Gaussian:
        weights = log(belief.predicted_mean) + evidence.support
        probability = clipped_softmax(weights, self.probability_clip)
        return belief.updated(probability, probability * (1 - probability))

    def sample(self, key: Array, belief: Gaussian) -> Array:
        return jax.random.categorical(key, log(belief.predicted_mean)).astype(float)

    def known_as(self, belief: Gaussian, value: Array) -> Gaussian:
        return Gaussian.certain(self.indicators(value, belief.mean))
