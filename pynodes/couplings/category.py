"""Category: the parent is the logit of one outcome of a categorical child."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._core.logistic import LogitBelief
from pynodes._core.modules import choice, index
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._logit import AbstractLogit

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode


class Category(AbstractLogit):
    """Value coupling into a categorical node: adds ``strength f(parent)`` to the logit of one outcome.

    The prediction takes the parent's mean, whether outcomes are judged one by one or share a softmax.

    Parameters
    ----------
    outcome
        The code of the outcome, from 0; by default the parents of a child take one after another.
    outcomes
        How many outcomes the child has; taken from it when the edge is made.
    strength
        Logits per unit of f(parent).
    function
        Coupling function f: a name (``pynodes.couplings.FUNCTIONS``) or a function that JAX can trace.
    curvature
        How the bend of f enters the evidence: ``"gauss_newton"`` or ``"regression"``, under which no
        precision falls, or ``"exact"``.

    Raises
    ------
    CouplingError
        An outcome that the child does not have, more parents than outcomes, an unknown curvature, or a
        function that is unknown or cannot be traced.

    Source: the categorical models of the TAPAS HGF toolbox; docs/theory/categories.md.
    """

    inlet: ClassVar = "logits"

    outcome: Any = index()
    outcomes: int | None = choice(None)

    def bind(self, parent: AbstractNode, child: AbstractNode, position: int) -> Self:
        outcomes: int = getattr(child, "outcomes", 0)
        outcome = position if self.outcome is None else self.outcome
        if isinstance(outcome, bool) or outcome != int(outcome) or not 0 <= outcome < outcomes:
            raise CouplingError(
                f"A {type(child).__name__} of {outcomes} outcomes has no outcome {outcome}; their codes are "
                f"0 to {outcomes - 1}. Give outcome= to say which one the parent is the logit of."
            )
        return dataclasses.replace(self, outcome=int(outcome), outcomes=outcomes)

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        logit = self.contribution(parent)
        return {self.inlet: jnp.where(self.here(), logit, 0.0)}

    def logit_of(self, child: Gaussian) -> LogitBelief:
        return jax.tree.map(self.own, child.logit)

    def outcome_of(self, child: Gaussian) -> tuple[Array, Array, Array]:
        return (
            self.own(child.mean),
            self.own(child.predicted_mean),
            self.own(child.predicted_variance),
        )

    def own(self, values: Array) -> Array:
        """Of a number per outcome, that of the one that is meant."""
        return jnp.sum(jnp.where(self.here(), values, 0.0))

    def here(self) -> Array:
        """Which of the child's outcomes is meant."""
        return jnp.arange(self.outcomes) == jnp.asarray(self.outcome, int)
