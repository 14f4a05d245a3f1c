"""ContinuousState: a quantity that drifts and whose own volatility may be driven."""

from __future__ import annotations

import jax.numpy as jnp

from pynodes._typing import Scalar
from pynodes.nodes._walk import AbstractWalk


class ContinuousState(AbstractWalk):
    """A Gaussian random walk, or autoregression, with drift and volatility parents.

    Over a step of length dt its mean moves by ``dt (tonic_drift + drift)`` and its variance grows
    by ``dt exp(tonic_volatility + log_volatility)``, where *drift* and *log_volatility* come from
    its parents.

    Parameters
    ----------
    tonic_volatility
        Log variance per unit of time that it gains by itself (ω).
    tonic_drift
        Drift per unit of time that it has by itself (ρ).
    autoconnection
        Share of its previous mean that is kept (λ), in [0, 1]: 1 is a random walk.
    initial_mean, initial_precision
        The belief before the first step.
    memory
        ``"discrete"``: λ times the mean per step whatever its length, the variance carried over
        undiminished, as in the literature. ``"exact"``: an Ornstein-Uhlenbeck process that keeps λ
        per unit of time, in mean and in standard deviation; needs λ > 0.
    expansion
        Its volatility update; the graph's setting unless given here.
    marginalise
        Whether its prediction averages over its parents' uncertainty; the graph's setting unless
        given here.
    shape
        Shape of an array of such states with the same parameters; () for one.

    Raises
    ------
    ParameterError
        A value outside its range, or an unknown memory.

    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825; Weber et al. (2023), arXiv
    2305.10937; derived in docs/theory.
    """

    def memory_gain(self, dt: Scalar) -> tuple[Scalar, Scalar]:
        if self.memory == "discrete":
            return self.autoconnection, 1 - jnp.asarray(self.autoconnection) ** 2
        return jnp.exp(jnp.log(self.autoconnection) * dt), 0.0
