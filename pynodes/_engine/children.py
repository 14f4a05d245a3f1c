"""Children as one: what has been observed below a node makes of a Gaussian for it.

Of the structured expansion (``structured.py``); what a Gaussian and a factor make is in ``_core/tilts.py``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import alongside
from pynodes._core.messages import Evidence
from pynodes._core.modules import Module, choice
from pynodes._core.tilts import (
    Tilt,
    combine_tilts,
    silence,
    tilt_by_evidence,
    tilt_by_value,
    tilt_further,
)
from pynodes._core.value_conditionals import LinearPrediction
from pynodes._engine.edges import mute_if_off
from pynodes._typing import Array


class ChildTerm(Module):
    """Value children in one bundle of a node whose tilt is no Gaussian factor.

    Attributes
    ----------
    switches, active
        Which edges are on, and which lead to a child that learned something.
    coupling, parent, child, dt
        As :meth:`AbstractCoupling.tilt` takes them; those of several children along a first axis.
    fan
        How many children there is room for.
    """

    switches: Any
    active: Any
    coupling: Any
    parent: Any
    child: Any
    dt: Any
    fan: int = choice(1)

    quadratic: ClassVar = False

    @property
    def single(self) -> bool:
        """Whether it is one child, and no array, which says what it says relative to its prediction."""
        return self.fan == 1 and jnp.ndim(self.child.mean) == jnp.ndim(self.parent.mean)

    def tilts(self, mean: Array, variance: Array) -> Tilt:
        """What every child makes of N(mean, variance)."""

        def one(on: Any, active: Any, coupling: Any, child: Any) -> Tilt:
            send = mute_if_off(lambda *edge: edge[0].tilt(mean, variance, *edge[1:]))
            heard = silence(on, send(on, coupling, self.parent, child, self.dt))
            return silence(active, heard)

        if self.fan > 1:
            one = jax.vmap(one)
        return one(self.switches, self.active, self.coupling, self.child)


class ConditionalTerm(Module):
    """Value children in one bundle of a node, each known given where the node is.

    Attributes
    ----------
    switches, active, fan
        As those of a :class:`ChildTerm`.
    prediction
        Of the children given their parent.
    below
        What has a ``tilt(mean, variance)``: all that was observed below each child.
    """

    switches: Any
    active: Any
    prediction: LinearPrediction
    below: Any
    fan: int = choice(1)

    def tilts(self, mean: Array, variance: Array) -> Tilt:
        """What every child makes of N(mean, variance), along leading axes if they are several."""
        own = jnp.ndim(variance)

        def elements_first(sent: Array) -> Array:
            others = tuple(range(own, jnp.ndim(sent)))
            return jnp.moveaxis(sent, others, tuple(range(len(others))))

        def one(on: Any, active: Any, prediction: LinearPrediction, below: Any) -> Tilt:
            send = mute_if_off(lambda line, children: line.tilt(children, mean, variance))
            tilt = silence(on, send(on, prediction, below))
            if active is not None:
                tilt = silence(alongside(active, tilt.gradient), tilt)
            return jax.tree.map(elements_first, tilt)

        if self.fan > 1:
            one = jax.vmap(one)
        return one(self.switches, self.active, self.prediction, self.below)

    @property
    def quadratic(self) -> bool:
        """Whether all that was observed below the children is known to be Gaussian factors."""
        return self.below.quadratic

    @property
    def single(self) -> bool:
        """Whether it is one child, and no array, which says what it says relative to its prediction."""
        return self.fan == 1 and jnp.ndim(self.prediction.mean) == jnp.ndim(self.prediction.point)


Term = ChildTerm | ConditionalTerm
"""Value children in one bundle that are asked for a tilt of their own."""


class ValueChildren(Module):
    """All that a node's value children make of a Gaussian.

    Attributes
    ----------
    point
        The node's predicted mean, at which evidence was taken.
    value
        Evidence of those that are Gaussian factors.
    terms
        The others.
    base
        What they make of the node's own prediction.
    """

    point: Array
    value: Evidence | None
    terms: tuple[Term, ...]
    base: Tilt

    @property
    def quadratic(self) -> bool:
        """Whether all children are Gaussian factors."""
        return all(term.quadratic for term in self.terms)

    def tilt(self, mean: Array, variance: Array) -> Tilt:
        """The tilt of N(mean, variance), its log evidence relative to that at the node's prediction."""
        return self.absolute(mean, variance).since(self.base)

    def absolute(self, mean: Array, variance: Array) -> Tilt:
        """The tilt of N(mean, variance), relative to a node that is known to be at its predicted mean."""
        if self.value is None:
            return combine_tilts([term.tilts(mean, variance) for term in self.terms], variance)
        first = tilt_by_evidence(self.value, self.point, mean, variance)
        if not self.terms:
            return first
        middle, left = first.moments(mean, variance)
        second = combine_tilts([term.tilts(middle, left) for term in self.terms], left)
        return tilt_further(first, second, variance)


class Seen(Module):
    """A node whose value was observed.

    Attributes
    ----------
    value
        What was observed.
    base
        What it makes of the node's prediction.
    """

    value: Array
    base: Tilt

    quadratic: ClassVar = True

    def tilt(self, mean: Array, variance: Array) -> Tilt:
        """The tilt of N(mean, variance), its log evidence relative to that at the node's prediction."""
        return tilt_by_value(self.value, mean, variance).since(self.base)
