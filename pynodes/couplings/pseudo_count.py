"""PseudoCount: the parent is the log of how many observations its child's expectations are worth."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jax
import jax.numpy as jnp

from pynodes._core.messages import Evidence
from pynodes._core.modules import choice, parameter
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractCoupling

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode


class PseudoCount(AbstractCoupling):
    """Value coupling into an exponential-family state: adds ``strength parent`` to its log pseudo-count.

    The higher the parent, the lower the child's learning rate. The evidence for the parent is the
    predictive density of the observation at other counts; families whose predictions do not depend on
    the count (Bernoulli, Categorical) send none.

    The prediction takes the parent's mean. The log density is not concave in the parent for far
    outliers. The curvature of the evidence is therefore no less than that of a density that is linear
    in the count, so that no observation lowers the log count by more than one, and no precision falls.

    Parameters
    ----------
    strength
        Log pseudo-count per unit of the parent.
    family
        Taken from the child.

    Source: docs/theory/families.md.
    """

    inlet: ClassVar = "log_pseudo_count"

    strength: Scalar = parameter(1.0, symbol="κ")
    family: Any = choice(None)

    def bind(self, parent: AbstractNode, child: AbstractNode, position: int) -> Self:
        del position
        family: Any = getattr(child, "family", None)
        if family is None:
            raise CouplingError(
                f"PseudoCount suits a node that has a family, not a {type(child).__name__}."
            )
        return dataclasses.replace(self, family=family)

    def predict(self, parent: Any, dt: Scalar) -> dict[str, Array]:
        del dt
        return {self.inlet: self.strength * parent.predicted_mean}

    def log_density(self, x: Array, parent: Any, child: Any, dt: Scalar) -> Array:
        del dt
        return self.shifted(self.strength * (x - parent.predicted_mean), child)

    def evidence(self, parent: Any, child: Any, dt: Scalar) -> Evidence:
        del dt
        slope = jax.grad(self.shifted)
        at = jnp.zeros_like(parent.predicted_mean)
        gradient = slope(at, child)
        # The second derivative in the log count is that in the count, times its square, plus the gradient.
        curvature = jnp.maximum(-jax.grad(slope)(at, child), jnp.maximum(-gradient, 0.0))
        return Evidence(gradient=self.strength * gradient, curvature=self.strength**2 * curvature)

    def shifted(self, shift: Array, child: Any) -> Array:
        """Log density of the observation, had the log count been higher by a shift."""
        count = child.expected["pseudo_count"] * jnp.exp(shift)
        return self.family.log_density(child.outcome, child.expected["statistics"], count)
