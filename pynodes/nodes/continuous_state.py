"""ContinuousState: a quantity that drifts and whose own volatility may be driven."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian, Spread
from pynodes._core.expansions import Heard
from pynodes._core.growth import LIMIT, bounded
from pynodes._core.modules import choice, parameter
from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets


class ContinuousState(AbstractNode):
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
        What it keeps of its previous mean (λ), in [0, 1]: 1 is a random walk.
    initial_mean, initial_precision
        The belief before the first step.
    memory
        ``"discrete"``: λ times the mean per step whatever its length, the variance carried over
        undiminished, as in the literature. ``"exact"``: an Ornstein-Uhlenbeck process that keeps λ
        per unit of time, in mean and in standard deviation; needs λ > 0.
    expansion
        How it hears its volatility children; the graph's setting unless given here.
    marginalise
        Whether its prediction averages over its parents' uncertainty; the graph's setting unless
        given here.

    Raises
    ------
    ParameterError
        A value outside its range, or an unknown memory.

    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825; Weber et al. (2023), arXiv
    2305.10937; derived in docs/theory.
    """

    inlets: ClassVar = ("drift", "drift_variance", "log_volatility", "log_volatility_variance")

    tonic_volatility: Scalar = parameter(-4.0, symbol="ω")
    tonic_drift: Scalar = parameter(0.0, symbol="ρ")
    autoconnection: Scalar = parameter(1.0, symbol="λ", bounds=(0.0, 1.0))
    initial_mean: Scalar = parameter(0.0, symbol="μ₀")
    initial_precision: Scalar = parameter(1.0, symbol="π₀", positive=True)
    memory: str = choice("discrete")
    expansion: Any = choice(None)
    marginalise: bool | None = choice(None)

    def __post_init__(self) -> None:
        if self.memory not in ("discrete", "exact"):
            raise ParameterError(
                f"ContinuousState: memory must be 'discrete' or 'exact', not {self.memory!r}."
            )

    def flaw(self, fed: Collection[str]) -> str | None:
        if self.memory == "discrete" or float(self.autoconnection) > 0:
            return None
        return (
            "has memory='exact' and an autoconnection of 0, under which nothing is left after any time. "
            "Give an autoconnection above 0, such as 0.01, or memory='discrete'."
        )

    def init(self) -> Gaussian:
        return Gaussian.start(self.initial_mean, self.initial_precision)

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        mean, carried, interval, exposure = self.recall(belief, dt)
        log_growth = self.tonic_volatility + inlet["log_volatility"] + jnp.log(exposure)
        averaged = self.marginalise is not False
        expected = log_growth + 0.5 * inlet["log_volatility_variance"] if averaged else log_growth
        growth = jnp.exp(bounded(expected))
        conditional = carried + growth
        variance = conditional + interval**2 * inlet["drift_variance"] if averaged else conditional
        return belief.predicted(
            mean + interval * (self.tonic_drift + inlet["drift"]),
            variance=variance,
            conditional_variance=conditional,
            interval=interval,
            spread=Spread(
                variance=variance,
                growth=growth,
                carried=carried,
                log_growth=log_growth,
                bounded=expected > LIMIT,
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

    def keeps(self, dt: Scalar) -> tuple[Scalar, Scalar]:
        if self.memory == "discrete":
            return self.autoconnection, 1 - jnp.asarray(self.autoconnection) ** 2
        return jnp.exp(jnp.log(self.autoconnection) * dt), 0.0

    def update(self, belief: Gaussian, heard: Heard) -> Gaussian:
        return belief.updated(*self.expansion(belief, heard))

    def surprise(self, belief: Gaussian) -> Array:
        return gaussian_surprise(belief)

    def draw(self, key: Array, belief: Gaussian) -> Array:
        noise = jax.random.normal(key, jnp.shape(belief.predicted_mean))
        return belief.predicted_mean + jnp.sqrt(belief.predicted_variance) * noise

    def errors(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        error = fields["mean"] - fields["predicted_mean"]
        squared = 1 / fields["precision"] + error**2
        return {
            "value_error": error,
            "volatility_error": fields["predicted_precision"] * squared - 1,
        }

    def report(self, belief: Gaussian) -> dict[str, Array]:
        driven = {"effective_precision": belief.spread.growth / belief.predicted_variance}
        return super().report(belief) | driven


def faded(decay: Array, dt: Scalar) -> Array:
    """The integral of exp(-decay t) from 0 to dt: dt itself where nothing decays."""
    still = jnp.abs(decay * dt) < 1e-5
    safe = jnp.where(still, 1.0, decay)
    series = dt * (1 - 0.5 * decay * dt + decay**2 * dt**2 / 6)
    return jnp.where(still, series, -jnp.expm1(-safe * dt) / safe)


def gaussian_surprise(belief: Gaussian) -> Array:
    """Minus the log density of the mean under the Gaussian prediction."""
    error = belief.mean - belief.predicted_mean
    variance = belief.predicted_variance
    return 0.5 * (jnp.log(2 * jnp.pi * variance) + error**2 / variance)
