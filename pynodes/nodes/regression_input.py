"""RegressionInput: an observed number whose parents' strengths are beliefs."""

from __future__ import annotations

import math
from collections.abc import Collection
from numbers import Integral
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from pynodes._core.arithmetic import log, reciprocal
from pynodes._core.modules import choice, parameter
from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import Inlets
from pynodes.nodes._learner import AbstractLearner, LearnerBelief


class RegressionInput(AbstractLearner):
    """Bayesian linear regression on its parents, learned online, all strengths jointly.

    Each parent is one term, joined by a ``Term`` coupling. The surprise is the exact log evidence of the
    parents, strengths and noise integrated out, as long as the parents are known (regressors, states that
    are observed). Of a hidden parent the mean is taken; its variance widens the prediction, and its
    evidence takes the strengths at their means: an approximation.

    Parameters
    ----------
    terms
        Number of parents.
    noise
        ``"learned"``: its variance is inverse gamma, and strengths and their variances are in units of it.
        ``"known"``: it is ``1 / precision``.
    initial_mean, initial_variance
        The belief about the strengths before the first step: numbers for all of them, or arrays of one for
        each. With learned noise the variance is in units of that of the noise.
    tonic_volatility
        Log variance that each strength gains per unit of time (ω), in the units of the initial variance;
        minus infinity for strengths that stay as they are.
    noise_shape, noise_scale
        Of the inverse gamma distribution of the noise variance (a₀, b₀), if that is learned.
    precision
        Of an observation, if the noise is known.

    Raises
    ------
    ParameterError
        No whole number of terms, or as many numbers as there are none.

    Fields: ``strengths`` and ``strength_sd``, the belief about them, ``noise_variance``, its expectation,
    and ``mean``, what it would predict; each also as predicted.

    Source: West and Harrison (1997), section 4.5; derived in docs/theory/structure.md.
    """

    learns_in_part: ClassVar = True
    inlets: ClassVar = ("terms", "terms_variance")

    terms: int = choice(1)
    noise: str = choice("learned")
    initial_mean: Any = parameter(0.0, symbol="μ₀", rank=1)
    initial_variance: Any = parameter(1.0, symbol="v₀", rank=1, positive=True)
    tonic_volatility: Scalar = parameter(
        -math.inf, symbol="ω", bounds=(-math.inf, 64.0), infinite=True
    )
    noise_shape: Scalar = parameter(2.0, symbol="a₀", positive=True)
    noise_scale: Scalar = parameter(1.0, symbol="b₀", positive=True)
    precision: Scalar = parameter(1.0, symbol="π_u", positive=True)

    def __post_init__(self) -> None:
        terms = self.terms
        if not isinstance(terms, Integral) or isinstance(terms, bool) or terms < 1:
            raise ParameterError(
                f"RegressionInput: terms must be a positive whole number, not {terms!r}."
            )
        if self.noise not in ("learned", "known"):
            raise ParameterError(
                f"RegressionInput: noise must be 'learned' or 'known', not {self.noise!r}."
            )
        for field in ("initial_mean", "initial_variance"):
            value = getattr(self, field)
            if isinstance(value, float):
                object.__setattr__(self, field, np.full(int(terms), value))

    @property
    def unused(self) -> tuple[str, ...]:
        """The parameters that mean nothing under its choice of noise."""
        return ("noise_shape", "noise_scale") if self.noise == "known" else ("precision",)

    def check(self, connected: Collection[str]) -> str | None:
        for field in ("initial_mean", "initial_variance"):
            shape = np.shape(getattr(self, field))
            if shape != (self.terms,):
                return (
                    f"has {self.terms} terms and an {field} of shape {shape}. Give one number for all, or "
                    "one for each."
                )
        return None

    def begin(self) -> dict[str, Array]:
        kind = jnp.result_type(float)
        none = jnp.zeros(self.terms, kind)
        variance = jnp.asarray(self.initial_variance, kind)
        return {
            "mean": none + jnp.asarray(self.initial_mean, kind),
            "covariance": jnp.diag(jnp.broadcast_to(variance, (self.terms,))),
            "shape": jnp.asarray(self.noise_shape, kind),
            "scale": jnp.asarray(self.noise_scale, kind),
            "terms": none,
            "terms_variance": none,
            "predicted_variance": jnp.zeros((), kind),
        }

    def expect(self, memory: Any, inlet: Inlets, dt: Scalar) -> dict[str, Array]:
        growth = dt * jnp.exp(jnp.asarray(self.tonic_volatility, memory["mean"].dtype))
        eye = jnp.eye(self.terms, dtype=memory["mean"].dtype)
        terms, variance = (
            jnp.broadcast_to(jnp.asarray(inlet[name], eye.dtype), (self.terms,))
            for name in self.inlets
        )
        expected = memory | {
            "covariance": memory["covariance"] + growth * eye,
            "terms": terms,
            "terms_variance": variance,
        }
        scale = self.spread(expected) * self.noise_of(expected)
        return expected | {"predicted_variance": scale}

    def learn(self, memory: Any, value: Array) -> dict[str, Array]:
        return self.move(memory, value, reciprocal(self.spread(memory)), 1.0)

    def learn_in_part(self, memory: Any, value: Array, power: Array) -> dict[str, Array]:
        """A likelihood to a power has noise that is as many times as precise, and counts as often."""
        own = self.own_noise()
        around = self.spread(memory) - own
        return self.move(memory, value, power * reciprocal(own + power * around), power)

    def move(self, memory: Any, value: Array, precision: Array, count: Scalar) -> dict[str, Array]:
        """The memory after an observation of a predictive precision, that counts so often."""
        error = value - self.fitted(memory)
        pull = memory["covariance"] @ memory["terms"]
        return memory | {
            "mean": memory["mean"] + pull * (precision * error),
            "covariance": memory["covariance"] - jnp.outer(pull, pull) * precision,
            "shape": memory["shape"] + 0.5 * count,
            "scale": memory["scale"] + 0.5 * error**2 * precision,
        }

    def log_density(self, memory: Any, value: Array) -> Array:
        error, spread = value - self.fitted(memory), self.spread(memory)
        if self.noise == "known":
            return -0.5 * (math.log(2 * math.pi) + log(spread) + error**2 * reciprocal(spread))
        shape, scale = memory["shape"], memory["scale"]
        distance = error**2 * reciprocal(2 * scale * spread)
        constant = gammaln(shape + 0.5) - gammaln(shape)
        width = log(2 * math.pi * scale * spread)
        return constant - 0.5 * width - (shape + 0.5) * jnp.log1p(distance)

    def fitted(self, memory: Any) -> Array:
        """What the strengths make of the terms."""
        return jnp.sum(memory["mean"] * memory["terms"])

    def noise_of(self, memory: Any) -> Array:
        """Scale of the noise variance: what variances of strengths are multiples of."""
        if self.noise == "known":
            return jnp.ones_like(memory["scale"])
        return memory["scale"] * reciprocal(memory["shape"])

    def own_noise(self) -> Any:
        """Variance of the noise, in the units in which strengths vary."""
        return reciprocal(jnp.asarray(self.precision)) if self.noise == "known" else 1.0

    def spread(self, memory: Any) -> Array:
        """Variance of the prediction, in the units in which strengths vary."""
        own = self.own_noise()
        terms, covariance = memory["terms"], memory["covariance"]
        hidden = memory["terms_variance"]
        around = jnp.sum(hidden * memory["mean"] ** 2) * reciprocal(self.noise_of(memory))
        return own + terms @ covariance @ terms + jnp.sum(hidden * jnp.diag(covariance)) + around

    def sample_from(self, key: Array, memory: Any) -> Array:
        one, other = jax.random.split(key)
        drawn = jax.random.normal(one, dtype=memory["mean"].dtype)
        variance = self.spread(memory)
        if self.noise == "learned":
            gamma = jax.random.gamma(other, memory["shape"], dtype=memory["mean"].dtype)
            variance = variance * memory["scale"] / gamma
        return self.fitted(memory) + jnp.sqrt(variance) * drawn

    def show(self, memory: Any) -> dict[str, Array]:
        known = self.noise == "known"
        above = memory["shape"] - 1
        expected = jnp.where(
            above > 0, memory["scale"] / jnp.where(above > 0, above, 1.0), self.noise_of(memory)
        )
        unit = jnp.ones_like(expected) if known else expected
        return {
            "strengths": memory["mean"],
            "strength_sd": jnp.sqrt(unit * jnp.diag(memory["covariance"])),
            "noise_variance": 1 / jnp.asarray(self.precision, expected.dtype)
            if known
            else expected,
            "mean": self.fitted(memory),
        }

    def report(self, belief: LearnerBelief) -> dict[str, Array]:
        error = jnp.zeros_like(belief.expected["shape"])
        if belief.seen is not None:
            error = jnp.where(belief.seen, belief.outcome - self.fitted(belief.expected), error)
        precision = 1 / belief.expected["predicted_variance"]
        return super().report(belief) | {"value_error": error, "predicted_precision": precision}
