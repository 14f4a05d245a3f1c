"""Bandit: options that pay with fixed probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import checked_value, choice, parameter, parameters_of
from pynodes._errors import ParameterError
from pynodes._typing import AnyArray, Array
from pynodes.environments._base import AbstractEnvironment, pick_action


class Bandit(AbstractEnvironment):
    """Arms of which each pays 1 with its own probability, and 0 otherwise.

    The agent's action is the number of an arm, from 0; another number is an arm that is not there, and
    nothing is observed. Only the chosen arm's input observes something. Before each action the last one
    and what it paid are shown, as ``previous_choice`` and ``previous_reward``; NaN before the first.

    Parameters
    ----------
    arms
        Names of the network's inputs, one per arm.
    probabilities
        How probable it is that an arm pays, of shape (arms,), each in [0, 1].
    stream
        Of several responses, by stream, the one that chooses an arm; None for a single one.

    Raises
    ------
    ParameterError
        Names and probabilities of different number.
    """

    arms: tuple[str, ...] = choice()
    probabilities: AnyArray = parameter((), rank=1, bounds=(0.0, 1.0))
    stream: str | None = choice(None)

    def __post_init__(self) -> None:
        check_arms(self, "probabilities")
        object.__setattr__(self, "arms", tuple(self.arms))

    def begin(self, key: Array) -> dict[str, Array]:
        del key
        return no_past()

    def show(self, state: dict[str, Array]) -> Mapping[str, Array]:
        return state

    def answer(
        self, key: Array, state: dict[str, Array], action: Any
    ) -> tuple[dict[str, Array], Mapping[str, Array]]:
        del state
        done = pick_action(action, self.stream)
        return pay_out(key, self.arms, jnp.asarray(self.probabilities), done)


def no_past() -> dict[str, Array]:
    """What is shown before the first action."""
    missing = jnp.asarray(jnp.nan, float)
    return {"previous_choice": missing, "previous_reward": missing}


def pay_out(
    key: Array, arms: tuple[str, ...], probabilities: Array, action: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    """What is shown after one arm was chosen, and what every arm's input observes."""
    won = jax.random.bernoulli(key, probabilities).astype(float)
    chosen = jnp.arange(len(arms)) == jnp.asarray(action, int)
    seen = jnp.where(chosen, won, jnp.nan)
    there = jnp.any(chosen)
    past = {
        "previous_choice": jnp.where(there, jnp.asarray(action, float), jnp.nan),
        "previous_reward": jnp.where(there, jnp.sum(jnp.where(chosen, won, 0.0)), jnp.nan),
    }
    return past, {arm: seen[number] for number, arm in enumerate(arms)}


def check_arms(environment: Any, field: str) -> None:
    """There is one value for every arm, and each is in its range.

    Raises
    ------
    ParameterError
        Other numbers of them, values out of range, or arms that are not given as names.
    """
    owner, arms, values = type(environment).__name__, environment.arms, getattr(environment, field)
    if isinstance(arms, str) or not isinstance(arms, tuple | list) or len(arms) < 1:
        raise ParameterError(
            f"{owner}: arms must be names of inputs, as in ('left', 'right'), not {arms!r}."
        )
    # JAX rebuilds environments from anything, batches among them; the last dimension is the arms'.
    if np.ndim(values) and np.shape(values)[-1] != len(arms):
        raise ParameterError(
            f"{owner}: {len(arms)} arms need {len(arms)} {field}, not {np.shape(values)[-1]}."
        )
    if isinstance(values, np.ndarray) and values.ndim == 1:
        checked_value(owner, field, values, parameters_of(environment)[field])
