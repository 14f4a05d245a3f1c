"""EdgeBeliefs and EdgeMessages: what went along one edge, and what a parent learned from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from pynodes._boundary import boundary
from pynodes._errors import FieldError
from pynodes._typing import Array
from pynodes.couplings import AbstractArrayCoupling, Observation, Probability, Volatility

if TYPE_CHECKING:
    from pynodes._results.node_beliefs import NodeBeliefs
    from pynodes._results.trajectories import Trajectories


def keep_couplings(couplings: Iterable[Any]) -> tuple[Any, ...]:
    """What beliefs keep of a network's couplings: all but arrays of weights, which have no learning rate."""
    return tuple(None if isinstance(one, AbstractArrayCoupling) else one for one in couplings)


class EdgeBeliefs:
    """Prediction errors and learning rates of one edge; fields have shape (time,), after any batch.

    Of a child that holds an array there is one for every element, after time.

    Everything follows from the recorded beliefs of parent and child. For a parent of one child under
    the Standard expansion, the parent's mean moves by ``learning_rate error``.
    Defined for Probability, Observation and Volatility edges (docs/learners.md).

    Parameters
    ----------
    trajectories
        Where the beliefs are kept.
    parent, child, slot
        The edge.

    Raises
    ------
    FieldError
        An edge of another kind, or to a child of several outcomes; beliefs that were not kept.
    """

    @boundary
    def __init__(self, trajectories: Trajectories, parent: str, child: str, slot: str) -> None:
        self.name = f"{parent}->{child}"
        self._parent: NodeBeliefs = trajectories[parent]
        self._child: NodeBeliefs = trajectories[child]
        graph = trajectories.labels.graph
        kinds = {(a, b, edge.slot): type(edge) for a, b, edge in graph.edges}
        self._kind = kinds[parent, child, slot]
        if not issubclass(self._kind, Probability | Observation | Volatility):
            raise FieldError(
                f"{self.name} is a {self._kind.__name__}; weights and rates are defined for Probability, "
                "Observation and Volatility."
            )
        self._place = trajectories.labels.edges[parent, child, slot]
        self._stacks = trajectories.labels.stacks
        self._couplings = trajectories.couplings
        self._binary = issubclass(self._kind, Probability)

    @property
    def error(self) -> Array:
        """The child's value or volatility prediction error; zero in a gap.

        Of an outcome it is how far it was from its probability (δ), of a reading how far the percept was.
        TAPAS: ``da`` of the level below, ``dau`` of a continuous input.
        """
        if issubclass(self._kind, Volatility):
            return self._child.volatility_error
        return self._child.mean - self._child.predicted_mean

    @property
    def precision_weight(self) -> Array:
        """Precision that the error has, relative to the parent's posterior precision (ψ).

        Of a Volatility edge it is the child's predicted precision, of an Observation that of the
        observation, of a Probability one. TAPAS: ``psi`` of the parent's level.
        """
        variance = 1 / self._beside_child(self._parent.precision)
        if self._binary:
            return variance
        if issubclass(self._kind, Volatility):
            return variance * self._child.predicted_precision
        return variance * self._child.precision

    @property
    def weighted_error(self) -> Array:
        """``precision_weight error`` (ε). TAPAS: ``epsi`` of the parent's level."""
        return self.precision_weight * self.error

    @property
    def learning_rate(self) -> Array:
        """How far the error alone moves the parent's mean, per unit of error.

        TAPAS: ``wt`` of the parent's level, without the strength of a Probability.
        """
        coupling = self._coupling()
        if issubclass(self._kind, Volatility):
            share = self._child.effective_precision
            variance = 1 / self._beside_child(self._parent.precision)
            return 0.5 * self._strength() * share * variance
        gain = self._strength() * self._beside_child(self._slope(coupling))
        return gain * self.precision_weight

    @property
    def implied_learning_rate(self) -> Array:
        """Of a Probability edge: the share of the error by which the predicted probability moves.

        The rate at which Rescorla and Wagner's rule would have had to learn; zero where there is no
        error. TAPAS shows ``rate / (1 - rate)`` in column 1 of ``wt``, and the rate where a reading is noisy.
        """
        if not self._binary:
            raise FieldError(
                f"{self.name} is a {self._kind.__name__}; an implied learning rate is about a probability."
            )
        before = self._child.predicted_mean
        logit = jax.scipy.special.logit(before)
        function = self._coupling().function
        step = function(self._parent.mean) - function(self._parent.predicted_mean)
        moved = jax.nn.sigmoid(logit + self._strength() * step) - before
        there = self.error != 0
        return jnp.where(there, moved / jnp.where(there, self.error, 1.0), 0.0)

    def _coupling(self) -> Any:
        """The stack of couplings that the edge is in."""
        if self._couplings is None:
            raise FieldError(
                f"These beliefs do not say what {self.name} was. Take those that network.filter returns."
            )
        return self._couplings[self._place[0]]

    def _strength(self) -> Array:
        """The edge's strength, shaped to stand beside its fields."""
        strength = jnp.asarray(self._coupling().strength)
        stack, position = self._place
        batch = strength.ndim - len(self._stacks[stack])
        own = jnp.reshape(strength, (*strength.shape[:batch], -1))[..., position]
        return self._beside_child(own)

    def _beside_child(self, field: Array) -> Array:
        """What is there by batch or by step, with an axis more for each that the child's beliefs have."""
        more = jnp.ndim(self._child.mean) - jnp.ndim(field)
        return jnp.reshape(field, (*jnp.shape(field), *(1,) * max(more, 0)))

    def _slope(self, coupling: Any) -> Array:
        """Slope of the coupling function where the parent was predicted."""
        means = self._parent.predicted_mean
        slopes = jax.vmap(jax.grad(coupling.function))(jnp.ravel(means))
        return jnp.reshape(slopes, jnp.shape(means))

    def __repr__(self) -> str:
        return f"EdgeBeliefs({self.name!r}, a {self._kind.__name__})"

    def _repr_html_(self) -> str:
        from pynodes._results.html import rates_to_html

        return rates_to_html(self)


@dataclasses.dataclass(frozen=True)
class EdgeMessages:
    """Messages along one edge: the parent's contribution and the child's evidence; time is first.

    NaN where a step did not count, because it was frozen or a belief had failed.

    Attributes
    ----------
    contribution
        What the parent added to the child's prediction, in the units of the edge's inlet: to its drift,
        its logit, its log volatility, ...
    gradient, curvature
        Evidence for the parent: the first derivative and minus the second of the child's log density,
        at the parent's predicted mean; zero where there is no evidence. None for parents that do not
        learn, such as constants.
    support
        Log density of the child at every value of a discrete parent, along the last axis; else None.
    slope, steepness
        Under :class:`~pynodes.Structured`, of an edge on which the child's belief is kept conditional on the
        parent: by how much its posterior mean, and the log of its variance, change per unit of the parent.
        None elsewhere. No variance changes with a value parent.
    correlation
        Of child and parent after the step, by that slope.

    A gradient times the parent's posterior variance is how far the child pulls the parent's mean. These
    pulls add up to the move of the mean where no child is a volatility child, or the expansion is
    Standard. The other expansions evaluate volatility evidence at other points too.
    """

    contribution: Array
    gradient: Array | None = None
    curvature: Array | None = None
    support: Array | None = None
    slope: Array | None = None
    steepness: Array | None = None
    correlation: Array | None = None
