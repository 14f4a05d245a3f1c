"""Series of a response: what was done at every trial, and what else was known then."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import is_traced
from pynodes._errors import InputError, nearest, quote
from pynodes._runtime.series import to_plain_numbers
from pynodes._typing import AnyArray, Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Covariate:
    """A covariate: what a response needs of every trial besides beliefs.

    Attributes
    ----------
    default
        Its value where none is given; None if it must be given.
    bounds
        Closed interval of its values.
    optional
        Whether NaN means something to the rule. If not, a trial where it is missing is left out.
    past
        ``"response"`` where it is what was done in the trial before, ``"answer"`` where it is what that led
        to: who simulates responses makes the first of these, and cannot know the second.
    """

    default: float | None = None
    bounds: tuple[float, float] = (-math.inf, math.inf)
    optional: bool = False
    past: str | None = None

    def accepts(self, values: Any) -> Any:
        """Which values lie within the bounds, or are missing."""
        low, high = self.bounds
        return (values != values) | ((values >= low) & (values <= high) & (abs(values) < math.inf))


LAST_CHOICE = Covariate(bounds=(0.0, math.inf), optional=True, past="response")
"""What was chosen in the trial before; NaN where nothing was."""

LAST_REWARD = Covariate(bounds=(0.0, 1.0), optional=True, past="answer")
"""Whether that was rewarded; NaN where nothing was chosen."""

Covariates = Mapping[str, Any]
"""A number per trial, or one for all, by name."""


def numbers(name: str, values: Any) -> AnyArray:
    """Numbers as an array of any shape; on the host unless they are traced."""
    if not is_traced(values):
        return to_plain_numbers(name, values)
    array = jnp.asarray(values)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name!r} is of type {array.dtype}. Give real numbers.")
    return array.astype(jnp.result_type(float))


def align_to_trials(name: str, array: AnyArray, shape: tuple[int, ...] | None) -> Array:
    """A series over trials of a shape; one over time serves every run of a batch.

    Raises
    ------
    InputError
        Another number of trials.
    """
    if shape is None:
        return jnp.asarray(array)
    rank = len(array.shape)
    if rank > len(shape) or (rank and array.shape != shape[len(shape) - rank :]):
        raise InputError(
            f"{name!r} has shape {array.shape}, but the beliefs cover trials of shape {shape}. Give one "
            "value per trial, NaN where there is none."
        )
    return jnp.broadcast_to(array, shape)


def covariates_read(
    declared: Mapping[str, Covariate], values: Covariates | None, shape: tuple[int, ...] | None
) -> tuple[dict[str, Array], Any]:
    """Every declared covariate, with safe numbers in its gaps, and which trials have all they need.

    Raises
    ------
    InputError
        One that is needed and absent, unknown, out of bounds, or of another length.
    """
    values = checked_names(declared, values)
    found, known = {}, True
    for name, covariate in declared.items():
        if name not in values:
            found[name] = align_to_trials(name, np.asarray(covariate.default, float), shape)
            continue
        array = numbers(name, values[name])
        fine = covariate.accepts(array)
        if not is_traced(array):
            refuse(name, array, fine, f"values from {covariate.bounds[0]} to {covariate.bounds[1]}")
        whole, fine = align_to_trials(name, array, shape), align_to_trials(name, fine, shape)
        if covariate.optional:
            found[name] = whole
            continue
        there = fine & ~jnp.isnan(whole)
        found[name] = jnp.where(there, whole, safe(covariate))
        known = known & there
    return found, known


def checked_names(declared: Mapping[str, Covariate], values: Covariates | None) -> Covariates:
    """Covariates that are all known, and all that are needed."""
    values = {} if values is None else values
    if not isinstance(values, Mapping):
        raise InputError(f"Give covariates by name, as in {{'reward': [...]}}, not {values!r}.")
    for name in values:
        if name not in declared:
            hint = nearest(name, declared) if declared else "It takes none."
            raise InputError(f"The response has no covariate {name!r}. {hint}")
    needed = [name for name, covariate in declared.items() if covariate.default is None]
    absent = [name for name in needed if name not in values]
    if absent:
        raise InputError(
            f"The response needs {quote(absent)} of every trial. Give "
            f"covariates={{{absent[0]!r}: [...]}}, one number per trial."
        )
    return values


def safe(covariate: Covariate) -> float:
    """A number that the rule can compute with where a covariate is missing."""
    low, high = covariate.bounds
    return min(max(0.0, low), high)


def refuse(name: str, array: AnyArray, fine: Any, expected: str) -> None:
    """Refuse a series with values that cannot be right, naming the first.

    Raises
    ------
    InputError
        Some value is not fine.
    """
    if not np.all(fine):
        place = np.argwhere(~np.atleast_1d(fine))[0]
        value = float(np.atleast_1d(array)[tuple(place)])
        where = f" at trial {int(place[-1])}" if np.ndim(array) else ""
        raise InputError(
            f"{name!r} is {value}{where}, but takes {expected}, and NaN where missing."
        )
