"""Emission: which of several alternatives is the case decides the probability of an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import jax.numpy as jnp

from pynodes._core.arithmetic import log_probability_of_shift, to_logit
from pynodes._core.beliefs import Gaussian
from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractCoupling

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode


class Emission(AbstractCoupling):
    """Coupling from a hidden state into a binary node, whose probability depends on it.

    The child is predicted with the average of the probabilities over what the parent may be. The
    parent's posterior is Bayes' rule, if it is the child's only parent; further parents of the child
    shift its logit, whatever the alternative.

    Parameters
    ----------
    probabilities
        Probability that the child is 1, for each of the parent's alternatives in order; each within
        (0, 1).

    Raises
    ------
    CouplingError
        A parent that is no hidden alternative, or has another number of them.

    Source: hgf_whichworld of the TAPAS HGF toolbox; docs/theory/categories.md.
    """

    inlet: ClassVar = "logit"

    probabilities: Any = parameter((0.15, 0.85), symbol="p", rank=1, bounds=(0.0, 1.0))

    def incompatibility(self, parent: AbstractNode, child: AbstractNode) -> str | None:
        del child
        count = len(self.probabilities)
        if parent.support is None:
            return (
                f"is a {type(parent).__name__}; Emission needs a parent that is one of several alternatives, "
                "a CategoricalState or a BinaryState."
            )
        if len(parent.support) != count:
            return (
                f"is one of {len(parent.support)} alternatives, but Emission was given {count} "
                "probabilities: give one for each alternative."
            )
        return None

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        return {"logit": to_logit(self.expected(parent))}

    def expected(self, parent: Gaussian) -> Array:
        """The child's probability, averaged over the alternatives in proportion to their weights."""
        mean = parent.predicted_mean
        weights = mean if jnp.ndim(mean) else jnp.stack([1 - mean, mean])
        average = jnp.sum(weights * jnp.asarray(self.probabilities)) / jnp.sum(weights)
        tiny = jnp.finfo(average.dtype).eps
        return jnp.clip(average, tiny, 1 - tiny)

    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        here = jnp.arange(len(self.probabilities)) == jnp.asarray(x, int)
        probability = jnp.sum(jnp.where(here, self.probabilities, 0.0))
        tiny = jnp.finfo(child.mean.dtype).eps
        odds = to_logit(jnp.clip(probability, tiny, 1 - tiny))
        return log_probability_of_shift(
            child.mean, child.predicted_mean, odds - to_logit(self.expected(parent))
        )
