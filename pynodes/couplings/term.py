"""Term: the parent is one term of its child's regression."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jax.numpy as jnp

from pynodes._core.arithmetic import reciprocal
from pynodes._core.messages import Evidence
from pynodes._core.modules import choice, index, parameter
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractCoupling

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode


class Term(AbstractCoupling):
    """Value coupling into a regression: the parent is one of the terms whose strengths are beliefs.

    The coupling's own strength multiplies the parent and is not learned: at zero there is no edge.

    Parameters
    ----------
    strength
        By what the parent is multiplied before it is a term: 1 for an edge, 0 for none.
    component
        Number of the term, from 0; the parents of a child take one after another unless it is given.
    size
        How many terms the child has; taken from it when the edge is made.

    Raises
    ------
    CouplingError
        A component that the child does not have, or more parents than it has terms.

    Source: docs/theory/structure.md.
    """

    inlet: ClassVar = "terms"

    strength: Scalar = parameter(1.0, symbol="α")
    component: Any = index()
    size: Any = choice(None)

    def bind(self, parent: AbstractNode, child: AbstractNode, position: int) -> Self:
        size: Any = getattr(child, "terms", 0)
        component = position if self.component is None else self.component
        whole = not isinstance(component, bool) and component == int(component)
        if not whole or not 0 <= component < size:
            raise CouplingError(
                f"The child has {size} terms and none of number {component}; they are counted from 0. Give "
                f"terms={max(int(component) + 1, 1) if whole else 1} to its RegressionInput, or another "
                "component= to say which one the parent is."
            )
        return dataclasses.replace(self, component=int(component), size=int(size))

    def predict(self, parent: Any, dt: Scalar) -> dict[str, Array]:
        del dt
        here = self.here().astype(float)
        return {
            "terms": here * self.strength * parent.predicted_mean,
            "terms_variance": here * self.strength**2 * parent.predicted_variance,
        }

    def log_density(self, x: Array, parent: Any, child: Any, dt: Scalar) -> Array:
        del dt
        gain, error, precision = self.stance(child)
        shift = gain * (x - parent.predicted_mean)
        return precision * (error * shift - 0.5 * shift**2)

    def evidence(self, parent: Any, child: Any, dt: Scalar) -> Evidence:
        del parent, dt
        gain, error, precision = self.stance(child)
        return Evidence(gradient=gain * precision * error, curvature=gain**2 * precision)

    def stance(self, child: Any) -> tuple[Array, Array, Array]:
        """How much the parent moves the prediction, how far that was off, and with which precision."""
        known = child.expected
        mean = self.own(known["mean"])
        hidden = self.own(known["terms_variance"])
        error = child.outcome - jnp.sum(known["mean"] * known["terms"])
        own = hidden * mean**2
        return self.strength * mean, error, reciprocal(known["predicted_variance"] - own)

    def own(self, values: Array) -> Array:
        """The component of a vector that is meant."""
        return jnp.sum(jnp.where(self.here(), values, 0.0))

    def here(self) -> Array:
        """Which of the child's terms is meant."""
        return jnp.arange(self.size) == jnp.asarray(self.component, int)
