"""ContinuousInput: a noisy observation of a quantity."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import CEILING, LIMIT, bound_log_growth, log, reciprocal
from pynodes._core.beliefs import Gaussian, VarianceParts, broadcast
from pynodes._core.modules import choice, is_traced, parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets, read_shape


class ContinuousInput(AbstractNode):
    """An observed real number: its parents' values plus Gaussian noise.

    It is predicted with mean ``location + dt drift`` and variance ``1/precision + exp(log_noise)``
    plus the uncertainty of its value parents; the exponential is there only if a ``Noise`` parent is.

    Parameters
    ----------
    precision
        Precision of the observation, in inverse squared units of the data. May be infinite where a
        ``Noise`` parent supplies the noise; then exp(-80) is the least variance of it. Give a series under
        ``"<name>.precision"`` with the inputs for noise that is known per step.
    marginalise
        Whether the expected noise averages over the uncertainty of ``Noise`` parents; the graph's
        setting unless given here. The predictive density holds the uncertainty of the value parents
        in either case.
    shape
        Of an array of observations with the same precision; () for one.

    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825, eq. 15; with ``Noise``: the jget model
    of the TAPAS HGF toolbox.
    """

    inlets: ClassVar = (
        "location",
        "location_variance",
        "drift",
        "drift_variance",
        "log_noise",
        "log_noise_variance",
        "noise_parents",
    )
    observable: ClassVar = True
    has_memory: ClassVar = False

    precision: Scalar = parameter(1.0, symbol="π_u", positive=True, infinite=True)
    marginalise: bool | None = choice(None)
    shape: Any = choice(())

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", read_shape(self, self.shape))

    def check(self, connected: Collection[str]) -> str | None:
        if not math.isinf(float(self.precision)) or "log_noise" in connected:
            return None
        return (
            "has an infinite precision, but no parent that supplies noise. Couple one with Noise, or give a "
            "finite precision."
        )

    def init(self) -> Gaussian:
        return Gaussian.start(0.0, 1.0, self.shape)

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        location, uncertainty = self.locate(inlet, dt)
        fixed = 1 / jnp.asarray(self.precision)
        log_noise = inlet["log_noise"]
        averaged = self.marginalise is not False
        expected = log_noise + 0.5 * inlet["log_noise_variance"] if averaged else log_noise
        driven = jnp.exp(bound_log_growth(expected))
        growth = jnp.where(inlet["noise_parents"] > 0, driven, 0.0)
        # Beside a vanishing growth, an infinite precision must leave a variance whose inverse is a number.
        carried = jnp.maximum(fixed, math.exp(-CEILING))
        noise = carried + growth
        return belief.predicted(
            broadcast(location, self.shape),
            variance=broadcast(noise + uncertainty, self.shape),
            conditional_variance=noise,
            interval=dt,
            variance_parts=VarianceParts(
                variance=noise,
                added_variance=growth,
                carried_variance=carried,
                log_growth=log_noise,
                at_limit=expected > LIMIT,
            ),
        )

    def locate(self, inlet: Inlets, dt: Scalar) -> tuple[Array, Array]:
        """Mean and variance of the observation without its noise."""
        mean = inlet["location"] + dt * inlet["drift"]
        return mean, inlet["location_variance"] + dt**2 * inlet["drift_variance"]

    def repredict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        return belief.with_origin(*self.locate(inlet, dt))

    def surprise(self, belief: Gaussian) -> Array:
        error = belief.mean - belief.predicted_mean
        variance = belief.predicted_variance
        return 0.5 * (math.log(2 * math.pi) + log(variance) + error**2 * reciprocal(variance))

    def sample(self, key: Array, belief: Gaussian) -> Array:
        noise = jax.random.normal(key, jnp.shape(belief.predicted_mean))
        return belief.predicted_mean + jnp.sqrt(belief.predicted_variance) * noise

    def report(self, belief: Gaussian) -> dict[str, Array]:
        return super().report(belief) | {
            "precision": broadcast(1 / belief.conditional_variance, self.shape)
        }

    def noiseless(self) -> bool:
        """Whether it has no noise but that of its parents."""
        return not is_traced(self.precision) and math.isinf(float(self.precision))
