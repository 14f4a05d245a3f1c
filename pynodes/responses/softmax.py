"""Softmax: a choice among several options by what they are worth."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp
from jax import lax

from pynodes._core.modules import choice, parameter
from pynodes._typing import Array, Scalar
from pynodes.responses._base import Given
from pynodes.responses._distributions import AbstractChoiceResponse
from pynodes.responses._fields import Reader, field
from pynodes.responses._probability import beside_options, sharpness
from pynodes.responses._series import LAST_CHOICE, LAST_REWARD, Covariate


class AbstractSoftmax(AbstractChoiceResponse):
    """A choice whose options have their values read from beliefs.

    Parameters
    ----------
    options
        Where the value of every option is read: a tuple of fields, one per option, or one field
        whose last axis is the options.
    """

    options: str | tuple[str, ...] = field("u.predicted_mean")

    @property
    def option_count(self) -> int | None:
        return len(self.options) if isinstance(self.options, tuple) else None

    def values(self, beliefs: Reader) -> Array:
        return beliefs.stacked(self.options)

    @abc.abstractmethod
    def scores(self, beliefs: Reader, given: Given) -> Array:
        """Log probability of each option up to a constant, of shape (..., K)."""

    def check(self) -> str | None:
        """There is something to choose among."""
        if isinstance(self.options, tuple) and len(self.options) < 2:
            return f"options must name two fields at least, not {self.options!r}."
        return None


class Softmax(AbstractSoftmax):
    """Choosing option k with probability proportional to exp(β v_k).

    Parameters
    ----------
    options
        Where the values v are read: a tuple of fields, or one with the options as its last axis.
    offered
        Number of options, where not all are offered in every trial. Whether one is, 1 or 0, is then a
        covariate, ``offered_0``, ``offered_1``, ...; the others are never chosen.
    inverse_temperature
        How deterministic choices are (β).
    log_temperature
        A belief whose exponential divides the inverse temperature in every trial; by default none.
    lapse_rate
        Share of choices that are made blindly, each option alike (ε); by default there is none of it.
    perseveration
        What is added to the log odds of choosing again what was chosen last (κ), which is then the covariate
        ``previous_choice``, made by :func:`~pynodes.responses.previous`; by default there is none of it.

    Source: Daw et al. (2006), doi 10.1038/nature04766, methods; perseveration Lau and Glimcher (2005), doi
    10.1901/jeab.2005.110-04.
    """

    inverse_temperature: Scalar = parameter(1.0, symbol="β", positive=True)
    log_temperature: str | None = field(None)
    offered: int | None = choice(None)
    lapse_rate: Scalar | None = parameter(None, symbol="ε", bounds=(0.0, 1.0))
    perseveration: Scalar | None = parameter(None, symbol="κ")

    @property
    def lapses(self) -> Scalar | None:
        return self.lapse_rate

    @property
    def option_count(self) -> int | None:
        return super().option_count if self.offered is None else None

    @property
    def covariates(self) -> Mapping[str, Covariate]:  # type: ignore[override]
        """Whether each option is offered, where that differs between trials; what was chosen last."""
        found = {f"offered_{k}": Covariate(bounds=(0.0, 1.0)) for k in range(self.offered or 0)}
        return found if self.perseveration is None else found | {"previous_choice": LAST_CHOICE}

    def scores(self, beliefs: Reader, given: Given) -> Array:
        sharp = sharpness(beliefs, self.inverse_temperature, self.log_temperature)
        scores = beside_options(sharp) * self.values(beliefs)
        if self.perseveration is not None:
            option = lax.broadcasted_iota(scores.dtype, scores.shape, scores.ndim - 1)
            again = option == jnp.broadcast_to(given["previous_choice"][..., None], scores.shape)
            scores = scores + jnp.where(again, jnp.asarray(self.perseveration, scores.dtype), 0.0)
        if self.offered is None:
            return scores
        offers = [given[f"offered_{k}"] > 0.5 for k in range(self.offered)]
        there = jnp.stack(offers, axis=-1)
        return jnp.where(jnp.broadcast_to(there, scores.shape), scores, -jnp.inf)

    def check(self) -> str | None:
        count = len(self.options) if isinstance(self.options, tuple) else self.offered
        whole = isinstance(self.offered, int) and not isinstance(self.offered, bool)
        if self.offered is not None and not (whole and self.offered == count and self.offered > 1):
            return f"offered must be the number of options, {count}, or None, not {self.offered!r}."
        return super().check()


class TwoTemperatureSoftmax(AbstractSoftmax):
    """A softmax whose inverse temperature depends on the kind of trial (covariate ``condition``, 0 or 1).

    Parameters
    ----------
    options
        Where the values are read, as in :class:`Softmax`.
    inverse_temperature_zero, inverse_temperature_one
        How deterministic choices are where the condition is 0, and where it is 1.

    Source: ``softmax_2beta`` of the TAPAS toolbox, where the condition is the trial's outcome.
    """

    covariates: ClassVar = {"condition": Covariate(bounds=(0.0, 1.0))}

    inverse_temperature_zero: Scalar = parameter(1.0, symbol="β₀", positive=True)
    inverse_temperature_one: Scalar = parameter(1.0, symbol="β₁", positive=True)

    def scores(self, beliefs: Reader, given: Given) -> Array:
        one = given["condition"] > 0.5
        sharp = jnp.where(one, self.inverse_temperature_one, self.inverse_temperature_zero)
        return beside_options(sharp) * self.values(beliefs)


class StayShiftSoftmax(AbstractSoftmax):
    """A softmax in which the last choice gains or loses value after a win or a loss.

    The option chosen last gains ``win_bias`` if it was rewarded and ``loss_bias`` if it was not. Both
    choice and reward, 0 or 1, are covariates ``previous_choice`` and ``previous_reward``; where either is
    NaN nothing is added. :func:`~pynodes.responses.previous` makes them of the series themselves.

    Parameters
    ----------
    options
        Where the values are read, as in :class:`Softmax`.
    inverse_temperature
        How deterministic choices are (β).
    log_temperature
        A belief whose exponential divides the inverse temperature in every trial; by default none.
    win_bias, loss_bias
        What is added to the last choice after a win, to stay, and after a loss, negative to shift, in
        units of value.

    Source: Worthy, Hawthorne and Otto (2013), doi 10.3758/s13423-012-0324-9, for the two biases;
    ``softmax_wld`` and ``softmax_mu3_wld`` of the TAPAS toolbox, whose first reads its biases from the
    wrong places (docs/responses.md).
    """

    covariates: ClassVar = {
        "previous_choice": LAST_CHOICE,
        "previous_reward": LAST_REWARD,
    }

    inverse_temperature: Scalar = parameter(1.0, symbol="β", positive=True)
    log_temperature: str | None = field(None)
    win_bias: Scalar = parameter(0.0, symbol="λ_w")
    loss_bias: Scalar = parameter(0.0, symbol="λ_l")

    def scores(self, beliefs: Reader, given: Given) -> Array:
        values = self.values(beliefs)
        last, reward = given["previous_choice"], given["previous_reward"]
        # A comparison with NaN is false, so that a missing past adds nothing.
        bias = jnp.where(reward > 0.5, self.win_bias, jnp.where(reward <= 0.5, self.loss_bias, 0.0))
        option = lax.broadcasted_iota(values.dtype, values.shape, values.ndim - 1)
        again = option == jnp.broadcast_to(last[..., None], values.shape)
        sharp = sharpness(beliefs, self.inverse_temperature, self.log_temperature)
        biased = values + jnp.where(again, jnp.broadcast_to(bias[..., None], values.shape), 0.0)
        return beside_options(sharp) * biased
