"""What nodes of several outcomes share: a vector of probabilities, from logits that parents sum to."""

from __future__ import annotations

import dataclasses
import numbers
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import categorical_probabilities
from pynodes._core.beliefs import Gaussian
from pynodes._core.logistic import LogitBelief
from pynodes._core.modules import choice
from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets


class AbstractCategorical(AbstractNode):
    """One of several outcomes, known by the vector of their probabilities.

    Its variances are those of as many coins.
    """

    inlets: ClassVar = ("logits",)
    has_memory: ClassVar = False

    outcomes: int = choice(2)
    normalised: bool = choice(False)
    probability_clip: Any = choice(None)

    def __post_init__(self) -> None:
        check_outcomes(self)

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

    def average(self, belief: Gaussian, inlet: Inlets, variance: Inlets) -> Gaussian:
        logits = jnp.zeros(self.outcomes) + inlet["logits"]
        spread = jnp.zeros(self.outcomes) + variance["logits"]
        if self.normalised:
            logits = logits - log_sum_of_others(logits)
        floor = jnp.full_like(logits, self.probability_clip)
        logit = LogitBelief.of(logits, spread, floor)
        probability = logit.probability
        if self.normalised:
            probability = probability / jnp.sum(probability)
        return predict_outcomes(belief, probability, logit)

    def indicators(self, code: Array, like: Array) -> Array:
        """1 for the outcome of a code, 0 for the others, as the type of an array; NaN for no code."""
        known = jnp.isfinite(code)
        happened = jnp.arange(self.outcomes) == jnp.asarray(jnp.where(known, code, 0), int)
        return jnp.where(known, happened.astype(like.dtype), jnp.nan)


def log_sum_of_others(logits: Array) -> Array:
    """For each of some logits, the log of the summed exponentials of all others."""
    others = jnp.where(jnp.eye(logits.shape[-1], dtype=bool), -jnp.inf, logits[None, :])
    return jax.nn.logsumexp(others, axis=-1)


def averaged_outcome(
    belief: Any, inlet: Inlets, variance: Inlets, clip: float, *, hidden: bool = True
) -> Any:
    """The prediction of a node that is 0 or 1, averaged over what its logit may be."""
    shape = jnp.shape(belief.predicted_mean)
    logit = LogitBelief.of(
        jnp.broadcast_to(inlet["logit"], shape),
        jnp.broadcast_to(variance["logit"], shape),
        jnp.full_like(belief.predicted_mean, clip),
        hidden=hidden,
    )
    return predict_outcomes(belief, logit.probability, logit)


def predict_outcomes(belief: Any, probability: Array, logit: LogitBelief) -> Any:
    """A prediction of outcomes with these probabilities, from these logits."""
    spread = probability * (1 - probability)
    return dataclasses.replace(
        belief,
        mean=probability,
        variance=spread,
        predicted_mean=probability,
        predicted_variance=spread,
        conditional_variance=spread,
        logit=logit,
    )


def check_outcomes(node: Any) -> None:
    """Refuse a number of outcomes that leaves nothing to choose between.

    Raises
    ------
    ParameterError
        Not a whole number of at least two.
    """
    check_count(node)
    if not isinstance(node.normalised, bool):
        raise ParameterError(
            f"{type(node).__name__}: normalised must be True or False, not {node.normalised!r}."
        )


def check_count(node: Any) -> None:
    """Refuse what is no number of outcomes.

    Raises
    ------
    ParameterError
        Not a whole number of at least two.
    """
    found = node.outcomes
    if isinstance(found, bool) or not isinstance(found, numbers.Integral) or found < 2:
        raise ParameterError(
            f"{type(node).__name__}: outcomes must be a whole number of at least 2, not {found!r}."
        )
