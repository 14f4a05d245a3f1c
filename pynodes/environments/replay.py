"""Replay: a world that was recorded, or imagined, before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import choice
from pynodes._errors import InputError, quote
from pynodes._runtime.series import to_numbers
from pynodes._typing import AnyArray, Array
from pynodes.environments._base import AbstractEnvironment, pick_action


class Replay(AbstractEnvironment):
    """Observations that are given beforehand; actions may choose which of them are seen.

    Its state is the number of the step. After the end of its series nothing is observed any more.

    Parameters
    ----------
    series
        One series of shape (time, ...) per input of the network, by name; NaN is a missing observation.
    arms
        Names of the inputs of which an action, a number from 0, chooses the one that is observed; inputs
        that are not named are observed whatever is done. By default none.
    stream
        Of several responses, by stream, the one that chooses an arm; None for a single one.

    Raises
    ------
    InputError
        No series, series of different length, or arms that have none.
    """

    series: Mapping[str, AnyArray]
    arms: tuple[str, ...] = choice(())
    stream: str | None = choice(None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arms", tuple(self.arms))
        # JAX rebuilds environments from anything: only what a user gives is looked at.
        if isinstance(self.series, Mapping) and not any(map(rebuilt, self.series.values())):
            object.__setattr__(self, "series", series_of(self.series, self.arms))

    def begin(self, key: Array) -> Array:
        del key
        return jnp.array(0)

    def answer(self, key: Array, state: Array, action: Any) -> tuple[Array, Mapping[str, Array]]:
        del key
        done = pick_action(action, self.stream) if self.arms else 0
        found = {}
        for name, values in self.series.items():
            seen = state < values.shape[0]
            if name in self.arms:
                seen = seen & (jnp.asarray(done) == self.arms.index(name))
            found[name] = jnp.where(seen, jnp.take(values, state, axis=0, mode="clip"), jnp.nan)
        return state + 1, found


def rebuilt(values: Any) -> bool:
    """Whether something stands for an array while JAX takes an environment apart."""
    return type(values) is object or values is None or np.ndim(values) == 0


def series_of(series: Mapping[str, Any], arms: tuple[str, ...]) -> dict[str, Array]:
    """Series as arrays of one length."""
    if not series:
        raise InputError("Replay needs a series for every input of the network, by name.")
    found = {name: jnp.asarray(whole(name, values), float) for name, values in series.items()}
    lengths = {name: values.shape[0] for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"All series of a Replay have one length, but theirs are {lengths}.")
    for arm in arms:
        if arm not in found:
            raise InputError(f"The arm {arm!r} has no series, only {quote(found)} have.")
    return found


def whole(name: str, values: Any) -> AnyArray:
    """One series, of whatever shape one observation has."""
    return to_numbers(name, values, np.shape(values)[1:])
