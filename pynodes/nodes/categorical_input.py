"""CategoricalInput: an observed outcome, one of several."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import log, to_logit
from pynodes._core.beliefs import Gaussian
from pynodes._typing import AnyArray, Array
from pynodes.nodes._outcomes import AbstractCategorical


class CategoricalInput(AbstractCategorical):
    """A categorical outcome, observed as a code from 0; its parents add to the logits.

    Its belief is a vector: the probability of every outcome, and once one was observed, 1 for that
    one and 0 for the others. Its variances are those of as many coins.

    Parameters
    ----------
    outcomes
        Number of outcomes K; the codes are 0 to K - 1.
    normalised
        Whether the probabilities are one softmax of the logits, and sum to one. If not, each outcome
        is judged by itself, by the sigmoid of its logit, as in the literature.
    probability_clip
        Each of K single probabilities stays within [clip, 1 - clip]; normalised, none is less than
        clip times the largest. The graph's setting unless given here. The clip limits the values, not
        their derivatives: a parent of a clipped input still learns.

    Raises
    ------
    ParameterError
        A number of outcomes below two.

    The surprise is minus the log predictive density of what is observed: normalised, of the outcome;
    otherwise of K indicators, of which one is 1. Simulated, exactly one of them is, which makes the
    probabilities of the draws those of the softmax in both forms.

    Source: hgf_categorical and hgf_categorical_norm of the TAPAS HGF toolbox, whose surprise counts the
    outcome's own indicator alone; docs/theory/categories.md.
    """

    observable: ClassVar = True

    @property
    def expects(self) -> str:
        """The codes that it takes, in words."""
        return f"a whole number from 0 to {self.outcomes - 1}"

    @property
    def uninformed_surprise(self) -> float:  # type: ignore[override]
        """That of equally probable outcomes; not normalised, of as many coins of which one shows 1."""
        number = self.outcomes
        others = 0.0 if self.normalised else (number - 1) * math.log1p(-1 / number)
        return math.log(number) - others

    def observe(self, belief: Gaussian, value: Array, observed: Array | bool) -> Gaussian:
        return belief.clamped(self.indicators(value, belief.mean), observed)

    def surprise(self, belief: Gaussian) -> Array:
        probability, happened = belief.predicted_mean, belief.mean > 0.5
        otherwise = jnp.ones(()) if self.normalised else 1 - probability
        return -jnp.sum(log(jnp.where(happened, probability, otherwise)))

    def sample(self, key: Array, belief: Gaussian) -> Array:
        tiny = jnp.finfo(belief.predicted_mean.dtype).eps
        probability = jnp.clip(belief.predicted_mean, tiny, 1 - tiny)
        odds = log(probability) if self.normalised else to_logit(probability)
        return jax.random.categorical(key, odds).astype(float)

    def accepts(self, values: AnyArray) -> AnyArray:
        return (values >= 0) & (values < self.outcomes) & (values == values.round())

    def errors(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        plain = super().errors(fields)["value_error"]
        return {"value_error": plain * fields["predicted_precision"]}
