"""What travels up an edge: evidence about a parent's value."""

from __future__ import annotations

import jax.numpy as jnp

from pynodes._core.growth import bounded
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
    """What a child's squared move says about a parent of its log variance.

    Had the parent been at ``x``, the child's move would have had variance
    ``rest + growth * exp(strength * (x - point))``. The edge is looked at twice
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
    variance, growth
        At the prediction: predicted variance, and the part of it that the parent scales.
    carried, log_growth
        At a known parent: variance without growth, and log growth with the parent at ``point``.
    """

    strength: Array
    point: Array
    squared_move: Array
    variance: Array
    growth: Array
    carried: Array
    log_growth: Array

    def predicted(self) -> Evidence:
        """Evidence of the look at the prediction, taken there."""
        share = self.growth / self.variance
        return volatility_evidence(self.strength, share, self.squared_move / self.variance - 1)

    def known(self, x: Array) -> Evidence:
        """Evidence of the look at a known parent, taken at ``x``."""
        share, error = self.share_and_error(x)
        return volatility_evidence(self.strength, share, error)

    def share_and_error(self, x: Array) -> tuple[Array, Array]:
        """Growth's share of the variance, and the volatility error, with the parent known at ``x``."""
        growth = self.growth_at(x)
        precision = 1 / (self.carried + growth)
        return growth * precision, self.squared_move * precision - 1

    def growth_at(self, x: Array) -> Array:
        """Growth of the child's variance with the parent known at ``x``."""
        return jnp.exp(bounded(self.log_growth + self.strength * (x - self.point)))

    def log_density(self, x: Array) -> Array:
        """Expected log density of the child's move with the parent known at ``x``."""
        variance = self.carried + self.growth_at(x)
        return -0.5 * (jnp.log(variance) + self.squared_move / variance)

    def predicted_log_density(self, x: Array) -> Array:
        """Expected log density of the child's move in the look at the prediction."""
        growth = self.growth * jnp.exp(self.strength * (x - self.point))
        variance = self.variance - self.growth + growth
        return -0.5 * (jnp.log(variance) + self.squared_move / variance)


def volatility_evidence(strength: Array, share: Array, error: Array) -> Evidence:
    """First two derivatives of ``-(log v + B/v)/2`` in x, where ``v = rest + exp(strength x + ...)``.

    ``share`` is the growing part of v, ``error`` is ``B/v - 1``.
    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825, eqs 12 and 13; derived in
    docs/theory/volatility.md.
    """
    gradient = 0.5 * strength * share * error
    curvature = 0.5 * strength**2 * share * (share + (2 * share - 1) * error)
    return Evidence(gradient=gradient, curvature=curvature)
