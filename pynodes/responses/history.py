"""History: what was done, or came of it, the last time."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from pynodes._typing import Array
from pynodes.responses._series import numbers


def previous(series: Any) -> Array:
    """The last value before each trial that was not missing; NaN before the first.

    Parameters
    ----------
    series
        Numbers of shape (..., time): choices, rewards; NaN where missing.

    Returns
    -------
    An array of the same shape, fit for the covariates of :class:`StayShiftSoftmax`.
    """
    values = jnp.atleast_1d(jnp.asarray(numbers("series", series)))
    steps = lax.broadcasted_iota(int, values.shape, values.ndim - 1)
    last = lax.cummax(jnp.where(jnp.isnan(values), -1, steps), axis=values.ndim - 1)
    before = jnp.concatenate([jnp.full_like(last[..., :1], -1), last[..., :-1]], axis=-1)
    found = jnp.take_along_axis(values, jnp.maximum(before, 0), axis=-1)
    return jnp.where(before < 0, jnp.nan, found)
