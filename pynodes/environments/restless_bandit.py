"""RestlessBandit: options whose probabilities to pay wander."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._core.modules import choice, parameter
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.environments._base import AbstractEnvironment, pick_action
from pynodes.environments.bandit import check_arms, no_past, pay_out


class RestlessBandit(AbstractEnvironment):
    """Arms that pay 1 or 0, with probabilities whose logits are Gaussian random walks.

    Actions, observations and what is shown are those of a :class:`Bandit`. Its state holds the
    ``logits``, of shape (arms,).

    Parameters
    ----------
    arms
        Names of the network's inputs, one per arm.
    logits
        Where the walks begin, of shape (arms,).
    tonic_volatility
        Log variance per step of every walk.
    stream
        Of several responses, by stream, the one that chooses an arm; None for a single one.

    Raises
    ------
    ParameterError
        Names and logits of different number.

    Source: the restless bandit of Daw et al. (2006), doi 10.1038/nature04766, with walks of logits, the
    world that a binary hierarchical Gaussian filter supposes.
    """

    arms: tuple[str, ...] = choice()
    logits: AnyArray = parameter((), rank=1)
    tonic_volatility: Scalar = parameter(-4.0, symbol="ω")
    stream: str | None = choice(None)

    def __post_init__(self) -> None:
        check_arms(self, "logits")
        object.__setattr__(self, "arms", tuple(self.arms))

    def begin(self, key: Array) -> dict[str, Array]:
        del key
        return {"logits": jnp.asarray(self.logits, float), **no_past()}

    def show(self, state: dict[str, Array]) -> Mapping[str, Array]:
        return {name: value for name, value in state.items() if name != "logits"}

    def answer(
        self, key: Array, state: dict[str, Array], action: Any
    ) -> tuple[dict[str, Array], Mapping[str, Array]]:
        walk, pay = jax.random.split(key)
        before = state["logits"]
        step = jnp.exp(0.5 * jnp.asarray(self.tonic_volatility, before.dtype))
        moved = before + step * jax.random.normal(walk, before.shape, before.dtype)
        past, seen = pay_out(
            pay, self.arms, jax.nn.sigmoid(moved), pick_action(action, self.stream)
        )
        return {"logits": moved, **past}, seen
