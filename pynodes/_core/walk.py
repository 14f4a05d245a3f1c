"""Walk: how a Gaussian state moves by itself, from one belief to the prediction of the next."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian, VarianceParts
from pynodes._core.growth import LIMIT, bounded
from pynodes._core.modules import Module, choice
from pynodes._typing import Array, Scalar


class Walk(Module):
    """A Gaussian random walk, or autoregression, with drift and volatility from elsewhere.

    Attributes
    ----------
    tonic_volatility, tonic_drift
        Log variance that it gains, and drift, per unit of time.
    autoconnection
        What it keeps of its previous mean.
    memory
        ``"discrete"``, per step, or ``"exact"``, an Ornstein-Uhlenbeck process in time.
    averaged
        Whether the prediction averages over the parents' uncertainty.
    """

    tonic_volatility: Scalar
    tonic_drift: Scalar
    autoconnection: Scalar
    memory: str = choice()
    averaged: bool = choice()

    def predict(self, belief: Gaussian, inlet: Mapping[str, Array], dt: Scalar) -> Gaussian:
        """The belief after a step, from the one before and what the parents contribute."""
        mean, carried, interval, exposure = self.recall(belief, dt)
        log_growth = self.tonic_volatility + inlet["log_volatility"] + jnp.log(exposure)
        averaged = self.averaged
        expected = log_growth + 0.5 * inlet["log_volatility_variance"] if averaged else log_growth
        growth = jnp.exp(bounded(expected))
        conditional = carried + growth
        variance = conditional + interval**2 * inlet["drift_variance"] if averaged else conditional
        return belief.predicted(
            mean + interval * (self.tonic_drift + inlet["drift"]),
            variance=variance,
            conditional_variance=conditional,
            interval=interval,
            variance_parts=VarianceParts(
                variance=variance,
                added_variance=growth,
                carried_variance=carried,
                log_growth=log_growth,
                at_limit=expected > LIMIT,
            ),
            averaged=averaged,
        )

    def recall(self, belief: Gaussian, dt: Scalar) -> tuple[Array, Array, Scalar, Scalar]:
        """Mean and variance that survive a step, and the times for which drift and noise act."""
        if self.memory == "discrete":
            return self.autoconnection * belief.mean, belief.variance, dt, dt
        decay = -jnp.log(self.autoconnection)
        kept = jnp.exp(-decay * dt)
        return kept * belief.mean, kept**2 * belief.variance, faded(decay, dt), faded(2 * decay, dt)


def faded(decay: Array, dt: Scalar) -> Array:
    """The integral of exp(-decay t) from 0 to dt: dt itself where nothing decays."""
    still = jnp.abs(decay * dt) < 1e-5
    safe = jnp.where(still, 1.0, decay)
    series = dt * (1 - 0.5 * decay * dt + decay**2 * dt**2 / 6)
    return jnp.where(still, series, -jnp.expm1(-safe * dt) / safe)
