"""VolatileState: a quantity that drifts, and learns how fast it does so."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import bound_log_growth
from pynodes._core.beliefs import Gaussian
from pynodes._core.expansions import ChildEvidence
from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import Inlets
from pynodes.nodes._volatile import Volatile, observe_inner, report_inner, update_inner
from pynodes.nodes._walk import AbstractWalk, Walk


class VolatileState(AbstractWalk):
    """A state with a log volatility of its own, a random walk that is learned as well.

    It is a :class:`ContinuousState` and its volatility parent of strength 1 (the inner level) as one
    node. It has value and volatility parents and children as a ContinuousState has; volatility
    parents add to the inner level.

    Parameters
    ----------
    tonic_volatility, tonic_drift, autoconnection, initial_mean, initial_precision
        Of its value, as for :class:`ContinuousState`.
    inner_tonic_volatility, inner_tonic_drift, inner_autoconnection
        Of its inner level.
    initial_inner_mean, initial_inner_precision
        The belief about the inner level before the first step.
    memory, expansion, marginalise
        As for :class:`ContinuousState`, of both levels.
    shape
        Shape of an array of such states, each with its inner level; () for one.

    Raises
    ------
    ParameterError
        A value outside its range, or an unknown memory.

    Beliefs about the inner level are the fields ``inner_mean``, ``inner_precision``,
    ``predicted_inner_mean`` and ``predicted_inner_precision``.

    Source: the layers of volatile nodes in pyhgf 0.3.2, whose values are no random walks; derived in
    docs/theory/volatility.md.
    """

    learns_in_part: ClassVar = False

    inner_tonic_volatility: Scalar = parameter(-4.0, symbol="ω₂")
    inner_tonic_drift: Scalar = parameter(0.0, symbol="ρ₂")
    inner_autoconnection: Scalar = parameter(1.0, symbol="λ₂", bounds=(0.0, 1.0))
    initial_inner_mean: Scalar = parameter(0.0, symbol="μ₀₂")
    initial_inner_precision: Scalar = parameter(1.0, symbol="π₀₂", positive=True)

    def check(self, connected: Collection[str]) -> str | None:
        return self.oblivious("autoconnection", "inner_autoconnection")

    def init(self) -> Volatile:
        mean, precision = self.initial_inner_mean, self.initial_inner_precision
        inner = Gaussian.start(mean, precision, self.shape)
        return Volatile.around(super().init(), inner)

    def inner_walk(self) -> Walk:
        """How its inner level moves by itself."""
        return dataclasses.replace(
            self.walk(),
            tonic_volatility=self.inner_tonic_volatility,
            tonic_drift=self.inner_tonic_drift,
            autoconnection=self.inner_autoconnection,
        )

    def predict(self, belief: Any, inlet: Inlets, dt: Scalar) -> Volatile:
        inner = self.inner_walk().predict(
            belief.inner, dict.fromkeys(self.inlets, jnp.zeros(())), dt
        )
        own = {
            "log_volatility": inner.predicted_mean,
            "log_volatility_variance": inner.predicted_variance,
        }
        driven = {name: sent + own[name] if name in own else sent for name, sent in inlet.items()}
        return Volatile.around(super().predict(belief, driven, dt), inner)

    def update(self, belief: Any, evidence: ChildEvidence) -> Volatile:
        return update_inner(self.expansion, super().update(belief, evidence))

    def observe(self, belief: Any, value: Array, observed: Array | bool) -> Volatile:
        return observe_inner(self.expansion, belief, value, observed)

    def sample_initial(self, key: Array, belief: Any) -> Volatile:
        value, inner = jax.random.split(key)
        known = super().sample_initial(inner, belief.inner)
        return Volatile.around(super().sample_initial(value, belief), known)

    def sample_hidden(self, key: Array, belief: Any) -> Volatile:
        known = super().sample(key, belief.inner)
        log_growth = belief.variance_parts.log_growth + known - belief.inner.predicted_mean
        variance = belief.variance_parts.carried_variance + jnp.exp(bound_log_growth(log_growth))
        predicted = belief.predicted(belief.predicted_mean, variance=variance)
        return Volatile.around(predicted, Gaussian.certain(known))

    def known_as(self, belief: Any, value: Array) -> Volatile:
        return Volatile.around(Gaussian.certain(value), belief.inner)

    def report(self, belief: Any) -> dict[str, Array]:
        return super().report(belief) | report_inner(belief)
