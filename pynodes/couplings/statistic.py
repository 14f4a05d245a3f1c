"""Statistic: the parent is what one sufficient statistic of its child is expected to be."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jax.numpy as jnp

from pynodes._core.messages import Evidence
from pynodes._core.modules import choice, index, parameter
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractCoupling

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode


class Statistic(AbstractCoupling):
    """Value coupling into an exponential-family state: adds ``strength parent`` to one expected statistic.

    The evidence for the parent is that statistic of every observation, as a Gaussian observation with
    the child's ``precision``. The statistics of one observation are taken as independent.

    Parameters
    ----------
    strength
        Units of the statistic per unit of the parent.
    component
        Number of the statistic, from 0; the parents of a child take one after another unless it is given.
    family
        Taken from the child.

    Raises
    ------
    CouplingError
        A component that the child's family does not have.

    Source: Mathys and Weber (2020), doi 10.1007/978-3-030-64919-7_7; docs/theory/families.md.
    """

    inlet: ClassVar = "statistics"

    strength: Scalar = parameter(1.0, symbol="α")
    component: Any = index()
    family: Any = choice(None)

    def bind(self, parent: AbstractNode, child: AbstractNode, position: int) -> Self:
        family: Any = getattr(child, "family", None)
        size = len(family.default_statistics) if family is not None else 0
        component = position if self.component is None else self.component
        whole = not isinstance(component, bool) and component == int(component)
        if not whole or not 0 <= component < size:
            raise CouplingError(
                f"{family!r} has {size} statistics and none of number {component}; they are counted from 0. "
                "Give component= to say which one the parent is."
            )
        return dataclasses.replace(self, component=int(component), family=family)

    def predict(self, parent: Any, dt: Scalar) -> dict[str, Array]:
        del dt
        here = self.here().astype(parent.predicted_mean.dtype)
        return {
            "statistics": here * self.strength * parent.predicted_mean,
            "statistics_variance": here * self.strength**2 * parent.predicted_variance,
            "statistics_parents": here,
        }

    def log_density(self, x: Array, parent: Any, child: Any, dt: Scalar) -> Array:
        del dt
        error, precision = self.error(child)
        shift = self.strength * (x - parent.predicted_mean)
        return precision * (error * shift - 0.5 * shift**2)

    def evidence(self, parent: Any, child: Any, dt: Scalar) -> Evidence:
        del parent, dt
        error, precision = self.error(child)
        return Evidence(
            gradient=self.strength * precision * error, curvature=self.strength**2 * precision
        )

    def error(self, child: Any) -> tuple[Array, Array]:
        """How far the statistic was from what all parents predicted, and its precision."""
        error = self.family.statistics(child.outcome) - child.expected["predictions"]
        return self.own(error), self.own(child.expected["precision"])

    def own(self, values: Array) -> Array:
        """The component of a vector that is meant."""
        return jnp.sum(jnp.where(self.here(), values, 0.0))

    def here(self) -> Array:
        """Which of the child's statistics is meant."""
        size = len(self.family.default_statistics)
        return jnp.arange(size) == jnp.asarray(self.component, int)
