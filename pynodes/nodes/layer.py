"""Layer: an array of real numbers without a past, Gaussian around what its parents predict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import LIMIT, bound_log_growth, log, reciprocal
from pynodes._core.beliefs import PREDICTED, Gaussian, VarianceParts, broadcast
from pynodes._core.expansions import ChildEvidence
from pynodes._core.functions import Function, identity, look_up_function, slope
from pynodes._core.messages import Evidence
from pynodes._core.modules import choice, parameter
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import AbstractNode, Inlets, read_shape


class Linked(Gaussian):
    """A Gaussian belief that knows how steep its link is where it was predicted.

    Attributes
    ----------
    steepness
        Slope of the predicted mean along what the parents add up to, element by element.
    """

    steepness: Array = PREDICTED

    @classmethod
    def around(cls, belief: Gaussian, steepness: Array) -> Linked:
        """A belief with the slope of its link."""
        return cls.extend(belief, steepness=steepness)

    def shift_evidence(self) -> Evidence:
        """What the belief says about a shift of what the parents add up to, the link taken as straight."""
        heard = super().shift_evidence()
        through = jnp.square(self.steepness)
        return Evidence(
            gradient=self.steepness * heard.gradient, curvature=through * heard.curvature
        )


class Layer(AbstractNode):
    """A layer of units: a link function of the sum of the parents' contributions, plus Gaussian noise.

    A unit is predicted with mean ``link(location)`` and variance ``1/precision + exp(log_noise)``; the
    exponential is there only with a ``Noise`` parent. It has no memory: steps, trials and samples are
    independent given the parents. Given a value, it is data; otherwise it is inferred.

    Edges with ``feedback=True`` predict it a second time, by the same link: its energy then has two terms,
    each with a precision of its own. Schemes on points settle such graphs.

    Parameters
    ----------
    shape
        Shape of the array; () for one unit.
    link
        The nonlinearity of the child: a name (``pynodes.couplings.FUNCTIONS``) or a function.
    precision
        Precision of every unit given its parents.
    prior_precision
        Precision of a layer without parents, around 0; None for a flat prior.
    feedback_precision
        Precision of every unit around what feedback edges predict; as ``precision`` unless given.
    marginalise
        Whether predictions average over the uncertainty of parents; the graph's setting unless given.
    expansion
        Volatility update of one sweep in closed form; the graph's setting unless given.
    root
        Whether it has no parents; found out when a graph is compiled.
    bidirectional
        Whether feedback edges end here; found out likewise.

    Raises
    ------
    CouplingError
        A link that is unknown or cannot be traced.

    Source: Whittington and Bogacz (2017), doi 10.1162/NECO_a_00949, eqs. 2.1 to 2.4.
    """

    inlets: ClassVar = (
        "location",
        "location_variance",
        "log_noise",
        "log_noise_variance",
        "noise_parents",
        "feedback",
    )
    has_memory: ClassVar = False

    shape: Any = choice(())
    link: Function = choice(identity)
    precision: Scalar = parameter(1.0, symbol="π", positive=True)
    prior_precision: Any = parameter(None, symbol="π₀", positive=True)
    feedback_precision: Any = parameter(None, symbol="π_f", positive=True)
    marginalise: bool | None = choice(None)
    expansion: Any = choice(None)
    root: bool = choice(False)
    bidirectional: bool = choice(False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", read_shape(self, self.shape))
        object.__setattr__(self, "link", look_up_function(self.link))

    def bind(self, fed: Collection[str]) -> Self:
        return dataclasses.replace(
            self, root="location" not in fed, bidirectional="feedback" in fed
        )

    def init(self) -> Gaussian:
        return Gaussian.start(0.0, 1.0, self.shape)

    def predict(self, belief: Gaussian, inlet: Inlets, dt: Scalar) -> Gaussian:
        averaged = self.marginalise is not False
        carried, growth, log_noise, expected = self.noise(inlet, averaged)
        noise = carried + growth
        location = broadcast(inlet["location"], self.shape)
        steepness = jnp.ones_like(location) if self.link is identity else slope(self.link, location)
        reach = steepness**2 * inlet["location_variance"] if averaged else 0.0
        predicted = belief.predicted(
            self.link(location),
            variance=broadcast(noise + reach, self.shape),
            conditional_variance=broadcast(noise, self.shape),
            variance_parts=VarianceParts(
                variance=noise,
                added_variance=growth,
                carried_variance=carried,
                log_growth=log_noise,
                at_limit=expected > LIMIT,
            ),
            averaged=averaged,
        )
        return predicted if self.link is identity else Linked.around(predicted, steepness)

    def noise(self, inlet: Inlets, averaged: bool = False) -> tuple[Array, Array, Array, Array]:
        """Variance of its own and from parents, the log of the latter, and that log as expected."""
        log_noise = jnp.asarray(inlet["log_noise"])
        expected = log_noise + 0.5 * inlet["log_noise_variance"] if averaged else log_noise
        growth = jnp.where(inlet["noise_parents"] > 0, jnp.exp(bound_log_growth(expected)), 0.0)
        precision = self.precision
        if self.root:
            precision = 0.0 if self.prior_precision is None else self.prior_precision
        return 1 / jnp.asarray(precision), growth, log_noise, expected

    def energy(self, value: Array, inlet: Inlets) -> Array:
        energy = self.energy_of_level(value, inlet)
        if not self.bidirectional:
            return energy
        return energy + self.feedback_energy(self.feedback_error(value, inlet))

    def feedback_error(self, value: Array, inlet: Inlets) -> Array:
        """How far a value is from what feedback edges predict."""
        return value - self.link(broadcast(inlet["feedback"], self.shape))

    def feedback_energy(self, error: Array) -> Array:
        """The term of its energy that feedback edges make."""
        given = self.feedback_precision
        precision = self.precision if given is None else given
        return normal_surprise(error, 1 / jnp.asarray(precision))

    def energy_of_level(self, value: Array, inlet: Inlets) -> Array:
        """The term of its energy that its parents in the order of levels make."""
        if self.root and self.prior_precision is None:
            return jnp.zeros_like(value)
        carried, growth, *_ = self.noise(inlet)
        error = value - self.link(broadcast(inlet["location"], self.shape))
        return normal_surprise(error, carried + growth)

    def update(self, belief: Gaussian, evidence: ChildEvidence) -> Gaussian:
        return belief.updated(*self.expansion(belief, evidence))

    def surprise(self, belief: Gaussian) -> Array:
        if self.root and self.prior_precision is None:
            return jnp.zeros_like(belief.mean)
        return normal_surprise(belief.mean - belief.predicted_mean, belief.predicted_variance)

    def sample(self, key: Array, belief: Gaussian) -> Array:
        noise = jax.random.normal(key, jnp.shape(belief.predicted_mean))
        return belief.predicted_mean + jnp.sqrt(belief.predicted_variance) * noise


def normal_surprise(error: Array, variance: Array) -> Array:
    """Minus the log density of a Gaussian at an error, in nats."""
    return 0.5 * (math.log(2 * math.pi) + log(variance) + error**2 * reciprocal(variance))
