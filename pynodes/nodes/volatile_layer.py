"""VolatileLayer: a layer whose units each learn how far they stray from what is predicted."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian, broadcast
from pynodes._core.expansions import ChildEvidence
from pynodes._core.modules import choice, parameter
from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets, read_shape
from pynodes.nodes._volatile import Volatile, observe_inner, report_inner, update_inner
from pynodes.nodes._walk import Walk


class VolatileLayer(AbstractNode):
    """An array of units, Gaussian around what its parents predict, each with a log variance of its own.

    The log variances are an inner level, a random walk from sample to sample, which is learned by one sweep
    in closed form; under schemes on points they keep their initial values.

    Parameters
    ----------
    shape
        Shape of the array; () for one unit.
    log_variance
        Added to the inner level.
    inner_tonic_volatility, inner_tonic_drift, inner_autoconnection
        The random walk of the inner level.
    initial_inner_mean, initial_inner_precision
        The belief about the inner level before the first sample.
    memory
        Whether a unit's variance carries over from sample to sample, as in pyhgf. The variance of
        exchangeable samples does not.
    marginalise, expansion
        As for :class:`Layer`, of both levels.

    Raises
    ------
    ParameterError
        A memory that is no truth value.

    Beliefs about the inner level are the fields ``inner_mean``, ``inner_precision``,
    ``predicted_inner_mean`` and ``predicted_inner_precision``.

    Source: layers of volatile nodes in pyhgf 0.3.2, with ``memory=True``; without it derived in
    docs/theory/deep.md.
    """

    learns_in_part: ClassVar = False
    inlets: ClassVar = (
        "location",
        "location_variance",
        "log_volatility",
        "log_volatility_variance",
    )

    shape: Any = choice(())
    log_variance: Scalar = parameter(0.0, symbol="ω")
    inner_tonic_volatility: Scalar = parameter(-4.0, symbol="ω₂")
    inner_tonic_drift: Scalar = parameter(0.0, symbol="ρ₂")
    inner_autoconnection: Scalar = parameter(1.0, symbol="λ₂", bounds=(0.0, 1.0))
    initial_inner_mean: Scalar = parameter(0.0, symbol="μ₀₂")
    initial_inner_precision: Scalar = parameter(1.0, symbol="π₀₂", positive=True)
    memory: bool = choice(False)
    marginalise: bool | None = choice(None)
    expansion: Any = choice(None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", read_shape(self, self.shape))
        if not isinstance(self.memory, bool):
            raise ParameterError(
                f"VolatileLayer: memory must be True or False, not {self.memory!r}."
            )

    def init(self) -> Volatile:
        inner = Gaussian.start(self.initial_inner_mean, self.initial_inner_precision, self.shape)
        return Volatile.around(Gaussian.start(0.0, 1.0, self.shape), inner)

    def walk(self, volatility: Scalar, drift: Scalar, kept: Scalar) -> Walk:
        """How one of its levels moves."""
        return Walk(
            tonic_volatility=volatility,
            tonic_drift=drift,
            autoconnection=kept,
            memory="discrete",
            averaged=self.marginalise is not False,
        )

    def predict(self, belief: Any, inlet: Inlets, dt: Scalar) -> Volatile:
        names = ("drift", "drift_variance", "log_volatility", "log_volatility_variance")
        nothing: dict[str, Array] = {name: jnp.zeros(()) for name in names}
        inner_walk = self.walk(
            self.inner_tonic_volatility, self.inner_tonic_drift, self.inner_autoconnection
        )
        inner = inner_walk.predict(belief.inner, nothing, dt)
        driven = {
            "drift": broadcast(jnp.asarray(inlet["location"]), self.shape),
            "drift_variance": inlet["location_variance"],
            "log_volatility": inlet["log_volatility"] + inner.predicted_mean,
            "log_volatility_variance": inlet["log_volatility_variance"] + inner.predicted_variance,
        }
        before = belief
        if not self.memory:  # as little as there can be, so that shares of it are numbers
            tiny = jnp.full_like(belief.variance, jnp.finfo(belief.variance.dtype).tiny)
            before = dataclasses.replace(belief, variance=tiny)
        own = self.walk(self.log_variance, jnp.zeros(()), jnp.zeros(()))
        return Volatile.around(own.predict(before, driven, jnp.ones(())), inner)

    def update(self, belief: Any, evidence: ChildEvidence) -> Volatile:
        heard = belief.updated(*self.expansion(belief, evidence))
        return update_inner(self.expansion, heard)

    def observe(self, belief: Any, value: Array, observed: Array | bool) -> Volatile:
        return observe_inner(self.expansion, belief, value, observed)

    def surprise(self, belief: Any) -> Array:
        error = belief.mean - belief.predicted_mean
        variance = belief.predicted_variance
        return 0.5 * (jnp.log(2 * jnp.pi * variance) + error**2 / variance)

    def sample(self, key: Array, belief: Any) -> Array:
        noise = jax.random.normal(key, jnp.shape(belief.predicted_mean))
        return belief.predicted_mean + jnp.sqrt(belief.predicted_variance) * noise

    def known_as(self, belief: Any, value: Array) -> Volatile:
        return Volatile.around(Gaussian.certain(value), belief.inner)

    def report(self, belief: Any) -> dict[str, Array]:
        return super().report(belief) | report_inner(belief)
