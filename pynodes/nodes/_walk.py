"""What Gaussian states share: a walk by themselves, and an expansion by which they hear."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import LIMIT, bound_log_growth
from pynodes._core.beliefs import Gaussian, VarianceParts
from pynodes._core.expansions import ChildEvidence
from pynodes._core.modules import Module, choice, parameter
from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets, read_shape


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
        growth = jnp.exp(bound_log_growth(expected))
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
        return (
            kept * belief.mean,
            kept**2 * belief.variance,
            integrate_decay(decay, dt),
            integrate_decay(2 * decay, dt),
        )


def integrate_decay(decay: Array, dt: Scalar) -> Array:
    """The integral of exp(-decay t) from 0 to dt: dt itself where nothing decays."""
    still = jnp.abs(decay * dt) < 1e-5
    safe = jnp.where(still, 1.0, decay)
    series = dt * (1 - 0.5 * decay * dt + decay**2 * dt**2 / 6)
    return jnp.where(still, series, -jnp.expm1(-safe * dt) / safe)


class AbstractWalk(AbstractNode):
    """A state that walks, with drift and volatility parents; what the parameters mean, its kinds say."""

    inlets: ClassVar = ("drift", "drift_variance", "log_volatility", "log_volatility_variance")

    tonic_volatility: Scalar = parameter(-4.0, symbol="ω")
    tonic_drift: Scalar = parameter(0.0, symbol="ρ")
    autoconnection: Scalar = parameter(1.0, symbol="λ", bounds=(0.0, 1.0))
    initial_mean: Scalar = parameter(0.0, symbol="μ₀")
    initial_precision: Scalar = parameter(1.0, symbol="π₀", positive=True)
    memory: str = choice("discrete")
    expansion: Any = choice(None)
    marginalise: bool | None = choice(None)
    shape: Any = choice(())

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", read_shape(self, self.shape))
        if self.memory not in ("discrete", "exact"):
            raise ParameterError(
                f"{type(self).__name__}: memory must be 'discrete' or 'exact', not {self.memory!r}."
            )

    def check(self, connected: Collection[str]) -> str | None:
        return self.oblivious("autoconnection")

    def oblivious(self, *names: str) -> str | None:
        """What is wrong with an exact memory that keeps nothing, by the names of what it should keep."""
        for name in names:
            if self.memory == "exact" and not float(getattr(self, name)) > 0:
                return (
                    f"has memory='exact' and an {name} of 0, under which nothing is left after any time. "
                    f"Give an {name} above 0, such as 0.01, or memory='discrete'."
                )
        return None

    def init(self) -> Gaussian:
        return Gaussian.start(self.initial_mean, self.initial_precision, self.shape)

    def walk(self) -> Walk:
        """How its value moves by itself."""
        return Walk(
            tonic_volatility=self.tonic_volatility,
            tonic_drift=self.tonic_drift,
            autoconnection=self.autoconnection,
            memory=self.memory,
            averaged=self.marginalise is not False,
        )

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        return self.walk().predict(belief, inlet, dt)

    def kept_share(self, dt: Scalar) -> tuple[Scalar, Scalar]:
        if self.memory == "discrete":
            return self.autoconnection, 1.0
        kept = jnp.exp(jnp.log(self.autoconnection) * dt)
        return kept, kept**2

    def update(self, belief: Gaussian, evidence: ChildEvidence) -> Gaussian:
        return belief.updated(*self.expansion(belief, evidence))

    def surprise(self, belief: Gaussian) -> Array:
        error = belief.mean - belief.predicted_mean
        variance = belief.predicted_variance
        return 0.5 * (jnp.log(2 * jnp.pi * variance) + error**2 / variance)

    def sample(self, key: Array, belief: Gaussian) -> Array:
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
        driven = {
            "effective_precision": belief.variance_parts.added_variance / belief.predicted_variance
        }
        return super().report(belief) | driven
