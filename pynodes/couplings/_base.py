"""What every kind of coupling says: a density, from which its messages follow."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import Evidence, VolatilityMessage
from pynodes._core.modules import Module
from pynodes._core.tilts import Tilt, tilt_by_evidence
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode


class AbstractCoupling(Module, abc.ABC):
    """One kind of edge, written for one edge; subclassing it is all it takes to add a kind.

    A subclass gives :meth:`predict` and :meth:`log_density`. Evidence follows by differentiation,
    unless a closed form overrides it (``pynodes.testing.check_coupling`` holds one to the other).

    Attributes
    ----------
    inlet
        What it feeds at the child; the child's kind must list it.
    """

    inlet: ClassVar[str]

    @property
    def label(self) -> str:
        """Its name among couplings between the same two nodes: its kind."""
        return type(self).__name__

    @property
    def slot(self) -> str:
        """A key that two edges between the same two nodes may not share: the inlet."""
        return self.inlet

    def bind(self, parent: AbstractNode, child: AbstractNode, position: int) -> Self:
        """The coupling for its two ends, and for the position of its parent among the child's.

        Called when the edge is made; a coupling that depends on its ends' choices takes them here.
        """
        del parent, child, position
        return self

    def incompatibility(self, parent: AbstractNode, child: AbstractNode) -> str | None:
        """Why two nodes cannot be so coupled, as words that follow the parent's name; or None."""
        if not parent.value_shape or (
            parent.elementwise and parent.value_shape == child.value_shape
        ):
            return None
        if parent.elementwise:
            return (
                f"holds an array of shape {parent.value_shape}, and {type(self).__name__} joins numbers, a "
                f"number to an array, or arrays of one shape, not one of {child.value_shape}. Use Dense."
            )
        return (
            f"is a {type(parent).__name__}, whose value is one of several, not a number as "
            f"{type(self).__name__} needs. Couple it with Emission."
        )

    @abc.abstractmethod
    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        """What the parent contributes to the child's prediction, by inlet."""

    @abc.abstractmethod
    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        """Log density of the child's belief if the parent were at ``x``.

        Terms that do not depend on ``x`` may be left out; the other parents of the child enter by
        their means.
        """

    def evidence(self, parent: Gaussian, child: Gaussian, dt: Scalar) -> Evidence:
        """Gradient and curvature of :meth:`log_density` at the parent's predicted mean."""

        def total(x: Array) -> Array:
            return jnp.sum(self.log_density(x, parent, child, dt))

        slope = jax.grad(total)
        bend = jax.grad(lambda x: jnp.sum(slope(x)))  # of an array: elements do not interact
        at = parent.predicted_mean
        return Evidence(gradient=slope(at), curvature=-bend(at))

    def tilt(
        self, mean: Array, variance: Array, parent: Gaussian, child: Gaussian, dt: Scalar
    ) -> Tilt:
        """Effect of the child on a parent that is predicted as N(mean, variance).

        The log evidence is relative to that at the parent's own prediction. Unless a coupling says
        otherwise, the child is a Gaussian factor, known by its evidence: exact where the log density is
        quadratic. Heard by the Structured expansion.
        """
        evidence, point = self.evidence(parent, child, dt), parent.predicted_mean
        here = tilt_by_evidence(evidence, point, point, parent.predicted_variance)
        return tilt_by_evidence(evidence, point, mean, variance).since(here)

    def can_tilt(self, child: Gaussian) -> bool:
        """Whether the coupling's own tilt applies to this child."""
        del child
        return True


class AbstractVolatilityCoupling(AbstractCoupling):
    """A parent that moves the log of a part of its child's variance.

    Its evidence is a message that expansions may look at from more than one point.

    Attributes
    ----------
    settles
        Whether the child's value parents are updated and heard again first, so that the evidence is
        about the posterior of the child's mean.
    """

    after_value_parents: ClassVar[bool] = False

    @abc.abstractmethod
    def message(self, parent: Gaussian, child: Gaussian) -> VolatilityMessage:
        """Evidence of the child's move about the parent."""

    def elasticity(self, parent: Gaussian) -> Array:
        """By how much the log of the child's variance that it moves changes, per unit of the parent.

        Of the Structured expansion, which takes it for the same wherever the parent may be.
        """

        def log_variance(x: Array) -> Array:
            return jnp.sum(self.predict(Gaussian.certain(x), jnp.ones(()))[self.inlet])

        return jax.grad(log_variance)(parent.predicted_mean)

    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        return self.message(parent, child).log_density(x)


def check_lag(coupling: AbstractCoupling, lag: Any, upward: Any) -> None:
    """A coupling reaches no or one step back, and says whether its parent hears the child.

    Raises
    ------
    CouplingError
        Something else.
    """
    if isinstance(lag, bool) or lag not in (0, 1):
        raise CouplingError(
            f"{type(coupling).__name__}: lag must be 0 or 1, not {lag!r}. For longer lags give a Regressor "
            "the earlier values, as pynodes.structure.lagged does."
        )
    if not isinstance(upward, bool):
        raise CouplingError(
            f"{type(coupling).__name__}: upward must be True or False, not {upward!r}."
        )


def lag_incompatibility(coupling: AbstractCoupling, parent: AbstractNode) -> str | None:
    """What keeps a parent from being heard one step later, in words that follow its name; or None."""
    if not getattr(coupling, "lag", 0) or (
        parent.has_memory and parent.learns and not parent.support
    ):
        return None
    return (
        f"is a {type(parent).__name__}, which remembers no value of the step before. A lagged edge leads "
        "from a state; to a Regressor give the shifted series."
    )
