"""Children as one: what has been observed below a node makes of a Gaussian for it.

Of the structured expansion (``structured.py``); what a Gaussian and a factor make is in ``_core/tilts.py``.
"""

from __future__ import annotations

from typing import Any

import jax

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
from pynodes._engine.edges import (
    mute_if_off,
)
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

    def tilts(self, mean: Array, variance: Array) -> Tilt:
        """What every child makes of N(mean, variance)."""

        def one(on: Any, active: Any, coupling: Any, child: Any) -> Tilt:
            send = mute_if_off(lambda *edge: edge[0].tilt(mean, variance, *edge[1:]))
            heard = silence(on, send(on, coupling, self.parent, child, self.dt))
            return silence(active, heard)

        if self.fan > 1:
            one = jax.vmap(one)
        return one(self.switches, self.active, self.coupling, self.child)


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
    terms: tuple[ChildTerm, ...]
    base: Tilt

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

    def tilt(self, mean: Array, variance: Array) -> Tilt:
        """The tilt of N(mean, variance), its log evidence relative to that at the node's prediction."""
        return tilt_by_value(self.value, mean, variance).since(self.base)
