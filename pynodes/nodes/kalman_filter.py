"""KalmanFilter: a random walk under noise, both of known variance, followed exactly."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import log, reciprocal
from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import Inlets
from pynodes.nodes._learner import AbstractLearner, LearnerBelief


class KalmanFilter(AbstractLearner):
    """The Kalman filter of a Gaussian random walk with observation noise.

    The same beliefs as of a ContinuousState, random walk and all, over a ContinuousInput, in one node.
    ``mean`` and ``precision`` are of the walk; ``gain`` is the share of the error that a step moves by.

    Parameters
    ----------
    tonic_volatility
        Log variance that the walk gains per unit of time (ω).
    precision
        Precision of an observation (π_u).
    initial_mean, initial_precision
        The belief before the first step.

    Source: Kalman (1960), doi 10.1115/1.3662552; kf of the TAPAS HGF toolbox, whose initial gain is
    ``precision / initial_precision``; docs/learners.md.
    """

    learns_in_part: ClassVar = True

    tonic_volatility: Scalar = parameter(-4.0, symbol="ω", bounds=(-math.inf, 64.0))
    precision: Scalar = parameter(1.0, symbol="π_u", positive=True)
    initial_mean: Scalar = parameter(0.0, symbol="μ₀")
    initial_precision: Scalar = parameter(1.0, symbol="π₀", positive=True)

    def begin(self) -> Any:
        return {
            "mean": jnp.asarray(self.initial_mean),
            "variance": 1 / jnp.asarray(self.initial_precision),
        }

    def expect(self, memory: Any, inlet: Inlets, dt: Scalar) -> Any:
        return memory | {"variance": memory["variance"] + dt * jnp.exp(self.tonic_volatility)}

    def gain(self, memory: Any) -> Array:
        """The share of an error that the mean moves by."""
        odds = self.precision * memory["variance"]
        return odds * reciprocal(1 + odds)

    def learn_in_part(self, memory: Any, value: Array, power: Array) -> Any:
        return dataclasses.replace(self, precision=self.precision * power).learn(memory, value)

    def learn(self, memory: Any, value: Array) -> Any:
        gain = self.gain(memory)
        return {
            "mean": memory["mean"] + gain * (value - memory["mean"]),
            "variance": gain / self.precision,
        }

    def log_density(self, memory: Any, value: Array) -> Array:
        variance = memory["variance"] + 1 / jnp.asarray(self.precision)
        squared = (value - memory["mean"]) ** 2 * reciprocal(variance)
        return -0.5 * (math.log(2 * math.pi) + log(variance) + squared)

    def sample_from(self, key: Array, memory: Any) -> Array:
        variance = memory["variance"] + 1 / jnp.asarray(self.precision)
        return memory["mean"] + jnp.sqrt(variance) * jax.random.normal(key)

    def show(self, memory: Any) -> dict[str, Array]:
        return {"mean": memory["mean"], "precision": 1 / memory["variance"]}

    def report(self, belief: LearnerBelief) -> dict[str, Array]:
        error = jnp.zeros_like(belief.memory["mean"])
        if belief.seen is not None:
            error = jnp.where(belief.seen, belief.outcome - belief.expected["mean"], error)
        return super().report(belief) | {"value_error": error, "gain": self.gain(belief.expected)}
