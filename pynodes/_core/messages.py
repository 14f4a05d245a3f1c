"""What travels up an edge: evidence about a parent's value."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import CEILING, log, reciprocal
from pynodes._core.modules import Module
from pynodes._typing import Array


class Evidence(Module):
    """A log density of a parent's value, to second order at a stated point.

    Attributes
    ----------
    gradient
        Its first derivative there.
    curvature
        Minus its second derivative there: a precision where it is positive.
    """

    gradient: Array
    curvature: Array


class VolatilityMessage(Module):
    """Evidence of a child's squared move about a parent of its log variance.

    Had the parent been at ``x``, the child's move would have had variance
    ``other_variance + added_variance * exp(strength * (x - point))``. The edge is looked at twice
    (docs/theory/volatility.md). *At the prediction* everything else that is uncertain is averaged
    over: the growth is its expectation and the variance holds the uncertainty of the value
    parents. *At a known parent* only the child's own carried variance remains beside the growth.

    Fields have shape () for one message, or (messages,) for several to one parent.

    Attributes
    ----------
    strength
        Coupling strength κ; zero where there is nothing to hear.
    point
        The parent's predicted mean.
    squared_move
        Expected squared move of the child.
    variance, added_variance
        At the prediction: predicted variance, and the part of it that the parent scales.
    carried_variance, log_growth
        At a known parent: variance without growth, and log growth with the parent at ``point``.
    weight
        How often its log density counts; None for once.
    """

    strength: Array
    point: Array
    squared_move: Array
    variance: Array
    added_variance: Array
    carried_variance: Array
    log_growth: Array
    weight: Array | None = None

    def weigh(self, part: Array) -> Array:
        """A part of the log density, or of a derivative of it, as often as it counts."""
        return part if self.weight is None else self.weight * part

    def predicted(self) -> Evidence:
        """Evidence evaluated at the prediction."""
        precision = reciprocal(self.variance)
        error = self.squared_move * precision - 1
        evidence = volatility_evidence(self.strength, self.added_variance * precision, error)
        return jax.tree.map(self.weigh, evidence)

    def known(self, x: Array) -> Evidence:
        """Evidence evaluated at a known parent, at ``x``."""
        evidence = volatility_evidence(self.strength, *self.share_and_error(self.growth_at(x)))
        return jax.tree.map(self.weigh, evidence)

    def growth_at(self, x: Array) -> Array:
        """Growth of the child's variance with the parent known at ``x``."""
        log_growth = self.log_growth + self.strength * (x - self.point)
        return jnp.exp(jnp.where(log_growth < CEILING, log_growth, CEILING))

    def move_ratio_at(self, x: Array) -> Array:
        """The squared move over that growth; no derivative squares the inverse of a tiny growth."""
        log_growth = self.log_growth + self.strength * (x - self.point)
        return self.squared_move * jnp.exp(-jnp.where(log_growth < CEILING, log_growth, CEILING))

    def share_and_error(self, growth: Array) -> tuple[Array, Array]:
        """Growth's share of the variance, and the volatility error, had the growth been known."""
        precision = reciprocal(self.carried_variance + growth)
        return growth * precision, self.squared_move * precision - 1

    def log_density(self, x: Array) -> Array:
        """Expected log density of the child's move with the parent known at ``x``."""
        variance = self.carried_variance + self.growth_at(x)
        return self.weigh(-0.5 * (log(variance) + self.squared_move * reciprocal(variance)))

    def log_ratio(self, x: Array, other: Array) -> Array:
        """:meth:`log_density` at ``x``, less that at another value."""
        here = reciprocal(self.carried_variance + self.growth_at(x))
        variance = self.carried_variance + self.growth_at(other)
        difference = log(here * variance) - self.squared_move * (here - reciprocal(variance))
        return self.weigh(0.5 * difference)

    def predicted_log_density(self, x: Array) -> Array:
        """Expected log density of the child's move, evaluated at the prediction."""
        growth = self.added_variance * jnp.exp(self.strength * (x - self.point))
        variance = self.variance - self.added_variance + growth
        return self.weigh(-0.5 * (log(variance) + self.squared_move * reciprocal(variance)))


def volatility_evidence(strength: Array, share: Array, error: Array) -> Evidence:
    """First two derivatives of ``-(log v + B/v)/2`` in x, where ``v = rest + exp(strength x + ...)``.

    ``share`` is the growing part of v, ``error`` is ``B/v - 1``.
    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825, eqs 12 and 13; derived in
    docs/theory/volatility.md.
    """
    gradient = 0.5 * strength * share * error
    curvature = 0.5 * strength**2 * share * (share + (2 * share - 1) * error)
    return Evidence(gradient=gradient, curvature=curvature)
