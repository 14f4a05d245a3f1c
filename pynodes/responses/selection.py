"""Selection: beliefs about whatever each trial was about, and what was done the last time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._core.modules import is_traced
from pynodes._errors import InputError
from pynodes._runtime.series import flag_beginnings
from pynodes._typing import Array
from pynodes.responses._fields import Beliefs, read_field, read_node
from pynodes.responses._series import numbers


class SelectedNodes:
    """Beliefs in which some names stand for another node in every trial. :func:`select` makes one."""

    def __init__(self, beliefs: Beliefs, names: dict[str, Any], index: Any) -> None:
        self._beliefs, self._names, self._index = beliefs, names, index

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            return self._beliefs[name]
        return SelectedBeliefs(self._beliefs, self._names[name], self._index)

    def __iter__(self) -> Iterator[str]:
        known = self._beliefs if isinstance(self._beliefs, Iterable) else ()
        return iter([*self._names, *known])

    @property
    def status(self) -> Any:
        """Whether every step of the beliefs went well, as far as known."""
        return getattr(self._beliefs, "status", None)


class SelectedBeliefs:
    """The fields of the node that each trial was about."""

    def __init__(self, beliefs: Beliefs, names: Any, index: Any) -> None:
        self._beliefs, self._names, self._index = beliefs, names, index

    def __getattr__(self, of_it: str) -> Array:
        if of_it.startswith("__"):
            raise AttributeError(of_it)
        if isinstance(self._names, str):
            options = jnp.asarray(read_field(self._beliefs[self._names], self._names, of_it))
        else:
            each = [read_field(read_node(self._beliefs, n), n, of_it) for n in self._names]
            options = jnp.stack([jnp.asarray(values) for values in each], axis=-1)
        index = jnp.broadcast_to(self._index, options.shape[:-1])
        return jnp.take_along_axis(options, index[..., None], axis=-1)[..., 0]


def select(
    beliefs: Beliefs, index: Any, **names: str | list[str] | tuple[str, ...]
) -> SelectedNodes:
    """Beliefs with further names, each for one of several nodes in every trial.

    ``select(beliefs, arm, chosen=["left", "right"])["chosen"].predicted_mean`` is what was predicted of
    the arm that was chosen.

    Parameters
    ----------
    beliefs
        What network.filter returned, or a mapping.
    index
        Which of them each trial is about: whole numbers from 0, of the shape of the trials.
    names
        For every new name the nodes in order, or one node whose fields have them as last axis.

    Raises
    ------
    InputError
        An index that is missing, not whole, or beyond the last node.
    """
    numbered = numbers("index", index)
    counts = [len(group) for group in names.values() if not isinstance(group, str)]
    if not is_traced(numbered):
        fine = (numbered >= 0) & (numbered % 1 == 0) & (numbered < min([*counts, np.inf]))
        if not np.all(fine):
            place = int(np.argwhere(~np.atleast_1d(fine))[0][-1])
            raise InputError(
                f"index is {float(np.atleast_1d(numbered)[..., place].flat[0])} at trial {place}, but counts "
                f"nodes from 0 to {min([*counts, np.inf]) - 1}. Where nothing was selected give any, and no "
                "response."
            )
    return SelectedNodes(beliefs, dict(names), jnp.asarray(numbered).astype(int))


def previous(series: Any, *, by: Any = None) -> Array:
    """The last value before each trial that was not missing; NaN before the first.

    Parameters
    ----------
    series
        Numbers of shape (..., time): choices, rewards; NaN where missing.
    by
        Whose every trial is, of shape (time,), such as a column of subjects, or several columns in a list:
        nothing is carried from one to the next. None where all trials are one subject's in one session.

    Returns
    -------
    An array of the same shape, fit for the covariates of :class:`StayShiftSoftmax`.

    Raises
    ------
    InputError
        Another length of ``by``, or trials of one subject that are not together.
    """
    values = jnp.atleast_1d(jnp.asarray(numbers("series", series)))
    steps = lax.broadcasted_iota(int, values.shape, values.ndim - 1)
    last = lax.cummax(jnp.where(jnp.isnan(values), -1, steps), axis=values.ndim - 1)
    before = jnp.concatenate([jnp.full_like(last[..., :1], -1), last[..., :-1]], axis=-1)
    begins = jnp.asarray(flag_beginnings(by, values.shape[-1]))
    first = lax.cummax(jnp.where(begins, jnp.arange(len(begins)), 0))
    known = before >= jnp.broadcast_to(first, before.shape)
    found = jnp.take_along_axis(values, jnp.maximum(before, 0), axis=-1)
    return jnp.where(known, found, jnp.nan)
