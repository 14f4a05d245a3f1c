"""Series: numbers, times and masks as a user gives them, as arrays by group of nodes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.errors import TracerArrayConversionError, TracerBoolConversionError

from pynodes._compiler.labels import Labels
from pynodes._core.beliefs import alongside
from pynodes._core.modules import is_traced
from pynodes._errors import InputError, PrecisionWarning, PynodesError, format_value
from pynodes._typing import AnyArray
from pynodes.nodes import AbstractNode

Series: TypeAlias = AnyArray | Sequence[float]
"""One number per step: an array, a list, a pandas column."""


def to_numbers(name: str, values: Any, event: tuple[int, ...] = ()) -> AnyArray:
    """A series as an array of real numbers, of shape (time, *event); NaN where one is masked or None."""
    plain = isinstance(values, np.ndarray)  # asked first: most are
    if not plain and isinstance(values, Sequence | Tracer) and is_traced(values):
        array: Any = jnp.asarray(values)
        if array.dtype.kind not in "fiub":
            raise InputError(f"{name!r} is of type {array.dtype}. Give real numbers.")
        array = array.astype(jnp.result_type(float))
    else:
        array = to_plain_numbers(name, values)
    if array.ndim != 1 + len(event) or array.shape[1:] != event:
        expected = f"({', '.join(map(str, ('time', *event)))}{'' if event else ','})"
        single = array.ndim == len(event)
        advice = "For a single step give [value], or use network.step."
        raise InputError(
            f"{name!r} must have shape {expected}, not {array.shape}. "
            + (advice if single else "To run several series, use jax.vmap over network.filter.")
        )
    if array.shape[0] == 0:
        raise InputError(f"{name!r} is empty: there is no step to filter. Give one value at least.")
    return array


def to_plain_numbers(name: str, values: Any) -> np.ndarray:
    """An array of real numbers on the host."""
    try:
        if isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(float), math.nan)
        array = np.asarray(values)
        if array.dtype.kind in "USM":
            raise TypeError(f"it begins with {array.ravel()[:1].tolist()}")
        if array.dtype.kind not in "fiub":
            filled = [math.nan if v is None else v for v in array.astype(object).ravel()]
            array = np.array(filled, float).reshape(array.shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{name!r} is not a series of numbers: {error}. Give real numbers, and NaN where there is none."
        ) from error
    return array.astype(jax.dtypes.canonicalize_dtype(np.float64), copy=False)


SINGLE = float(np.finfo(np.float32).eps)
"""How finely single precision tells numbers near one apart."""

ROUNDING = 0.05
"""A step of a series that rounding may change by such a share is not what was given any more."""


def warn_of_rounding(name: str, values: AnyArray) -> None:
    """Say where a series lies so far from zero that single precision rounds its steps away."""
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 1:
        return
    low, high = float(values.min()), float(values.max())  # NaN if there is one
    far = max(abs(low), abs(high)) * SINGLE
    if far < ROUNDING * 0.01 * (high - low):
        return
    seen = values[np.isfinite(values)]
    far = float(np.max(np.abs(seen), initial=0.0)) * SINGLE
    steps = np.abs(np.diff(seen))
    moving = steps[steps > 0]
    if moving.size and far > ROUNDING * float(np.median(moving)):
        warnings.warn(
            f"{name!r} lies so far from zero, at about {np.median(seen):.3g}, that single precision rounds "
            f"its steps, of about {np.median(moving):.2g}, by {far:.2g}. Subtract its first value, here and "
            "from initial_mean, or compute in double precision: jax.config.update('jax_enable_x64', True).",
            PrecisionWarning,
            stacklevel=4,
        )


def count_steps(series: Mapping[str, AnyArray], dt: Any) -> int:
    """The number of steps, on which all series agree."""
    lengths = {name: values.shape[0] for name, values in series.items()}
    if not lengths:
        if np.ndim(dt) == 1 and len(dt):
            return len(dt)
        raise InputError(
            "No series was given, so the number of steps is not known. Give steps, or one dt per step."
        )
    first, steps = next(iter(lengths.items()))
    for name, other in lengths.items():
        if other != steps:
            raise InputError(
                f"{first!r} has {steps} steps, but {name!r} has {other}. All series cover the same steps."
            )
    return steps


def to_flags(name: str, values: Any, steps: int) -> AnyArray:
    """A series of truth values."""
    if is_traced(values):
        array: Any = values.astype(bool)
    else:
        try:
            array = np.asarray(values)
        except ValueError:  # rows of different lengths
            array = np.array(None)
        if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
            raise InputError(
                f"{name} must hold truth values, one per step: True and False, or 1 and 0, not "
                f"{format_value(values)}."
            )
        array = array.astype(bool)
    if array.shape != (steps,):
        raise InputError(f"{name} must have {steps} values, one per step, not shape {array.shape}.")
    return array


def to_gate(name: str, values: Any, steps: int) -> AnyArray:
    """A series of truth values, or of numbers from 0 to 1; those that are traced may be either."""
    if is_traced(values):
        soft = jnp.issubdtype(values.dtype, jnp.floating)
    else:
        array = np.asarray(values) if np.ndim(values) == 1 else np.array(None)
        soft = array.dtype.kind == "f" and not np.isin(array, (0, 1)).all()
        if soft and not ((array >= 0) & (array <= 1)).all():
            raise InputError(
                f"{name} must hold truth values or numbers from 0 to 1, one per step, not "
                f"{format_value(values)}."
            )
    if not soft:
        return to_flags(name, values, steps)
    if np.shape(values) != (steps,):
        raise InputError(
            f"{name} must have {steps} values, one per step, not shape {np.shape(values)}."
        )
    return values if is_traced(values) else np.asarray(values, float)


def stack_series(parts: list[Any]) -> Any:
    """Several series as one array (time, series, ...); in as many equations for many as for two."""
    if any(map(is_traced, parts)):
        return jnp.swapaxes(lax.concatenate(parts, 0).reshape(len(parts), *parts[0].shape), 0, 1)
    return np.stack(parts, axis=1)


def flag_beginnings(by: Any, steps: int) -> np.ndarray:
    """Where the trials of another subject or session begin, from labels per step; at the first without.

    Raises
    ------
    InputError
        Labels of another number, or the same ones again after others.
    """
    begins = np.arange(steps) == 0
    if by is None:
        return begins
    columns = list(by) if isinstance(by, list | tuple) and len(np.shape(by[0])) == 1 else [by]
    parts = [np.asarray(column).tolist() for column in columns]
    if any(not isinstance(part, list) or len(part) != steps for part in parts):
        raise InputError(f"by must have a key, such as a subject, for each of {steps} steps.")
    keys = list(zip(*parts, strict=True))
    begins[1:] = [one != other for one, other in zip(keys[1:], keys[:-1], strict=True)]
    heads = [key for key, begin in zip(keys, begins, strict=True) if begin]
    twice = next((key for number, key in enumerate(heads) if key in heads[:number]), None)
    if twice is not None:
        label = ", ".join(map(str, twice))
        raise InputError(
            f"The trials of {label} are not contiguous. Sort the rows by the columns of by."
        )
    return begins


def positive(name: str, number: Any) -> int:
    """A positive whole number.

    Raises
    ------
    InputError
        Anything else.
    """
    if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
        raise InputError(f"{name} must be a positive whole number, not {number!r}.")
    return int(number)


def read_share(name: str, number: Any) -> float:
    """A number between zero and one, neither of them.

    Raises
    ------
    InputError
        Anything else.
    """
    if isinstance(number, bool) or not isinstance(number, Real) or not 0 < float(number) < 1:
        raise InputError(f"{name} must be a number between 0 and 1, not {number!r}.")
    return float(number)


def group_observations(
    labels: Labels, series: Mapping[str, Any], masks: Mapping[str, Any]
) -> tuple[dict[int, Any], dict[int, Any]]:
    """Values by group and, for groups where something is missing, masks."""
    columns: dict[int, dict[int, tuple[Any, Any]]] = {}
    for name, array in series.items():
        node = labels.graph.nodes.get(name)
        if node is None or node.given:
            continue
        group, position = labels.place(name)
        mask = masks.get(name)
        pair = (
            (array, mask)
            if is_traced(array) or is_traced(mask)
            else check_observations(name, node, array, mask)
        )
        columns.setdefault(group, {})[position] = pair
    values: dict[int, Any] = {}
    seen: dict[int, Any] = {}
    for group, found in columns.items():
        array, mask = join_columns(found, len(labels.groups[group]))
        if is_traced(array) or is_traced(mask):
            node = labels.graph.nodes[labels.groups[group][0]]
            event = 0 if node.elementwise else len(node.event_shape)
            array, mask = split_missing(array, mask, event)
            array = mark_invalid(node, array, mask)
        values[group] = array
        if mask is not None:
            seen[group] = mask
    return values, seen


def check_observations(
    name: str, node: AbstractNode, array: np.ndarray, mask: Any
) -> tuple[Any, Any]:
    """A series that the node can take, and a mask of what was observed; None if everything was."""
    fit = np.isfinite(array) & node.accepts(array)
    if fit.all():
        return array, None if mask is None or mask.all() else mask
    parts = () if node.elementwise else tuple(range(1, array.ndim))
    missing = np.isnan(array).all(parts) if parts else np.isnan(array)
    if mask is not None:
        missing = missing | ~mask.reshape(-1, *(1,) * (missing.ndim - 1))
    wrong = ~fit.all(parts) & ~missing if parts else ~fit & ~missing
    if wrong.any():
        step = int(np.argmax(wrong.reshape(len(array), -1).any(-1)))
        found = f"{array[step]:g}" if array.ndim == 1 else str(array[step].tolist())
        raise InputError(
            f"{name!r} is {found} at step {step}, but a {type(node).__name__} takes {node.expects}. "
            "Write NaN where nothing was observed."
        )
    missing_parts = missing.reshape(*missing.shape, *(1,) * (array.ndim - missing.ndim))
    return np.where(missing_parts, 0.0, array).astype(array.dtype), ~missing


def join_columns(columns: Mapping[int, tuple[Any, Any]], size: int) -> tuple[Any, Any]:
    """Series of a group's nodes as one array, and their masks, if any has one; blank for the others."""
    if size == 1:
        return columns[0]
    some, _ = next(iter(columns.values()))
    blank = np.zeros(some.shape, some.dtype), np.zeros(some.shape[:1], bool)
    pairs = [columns.get(position, blank) for position in range(size)]
    values = stack_series([array for array, _ in pairs])
    masks = [mask for _, mask in pairs]
    if all(mask is None for mask in masks):
        return values, None
    rank = max(np.ndim(mask) for mask in masks if mask is not None)
    shape = some.shape[:rank]
    return values, stack_series([spread_mask(mask, shape) for mask in masks])


def spread_mask(mask: Any, shape: tuple[int, ...]) -> Any:
    """A mask of steps as one of the elements of every step; None observes everything."""
    everything = np.ones(shape, bool)
    if mask is None:
        return everything
    return mask.reshape((*mask.shape, *(1,) * (len(shape) - mask.ndim))) & everything


def split_missing(array: Any, mask: Any, event: int) -> tuple[Any, Any]:
    """A traced array without NaN, and a mask of what was observed; one is of ``event`` dimensions."""
    present = ~jnp.any(jnp.isnan(array), axis=tuple(range(array.ndim - event, array.ndim)))
    present = present if mask is None else present & alongside(mask, present)
    return jnp.where(alongside(present, array), array, jnp.zeros((), array.dtype)), present


def mark_invalid(node: AbstractNode, array: Any, present: Any) -> Any:
    """Traced observations with infinity for those that the node would refuse if they were known.

    No belief holds an infinite value, so that the filter stops there, with an infinite surprise.
    """
    try:
        fit = node.accepts(array)
    except (TracerArrayConversionError, TracerBoolConversionError) as error:
        kind = type(node).__name__
        raise PynodesError(
            f"{kind}.accepts(values) was given values that JAX traces. Write it with comparisons and "
            "methods of arrays, as in (values >= 0) & (values == values.round())."
        ) from error
    return jnp.where(jnp.asarray(fit) | ~alongside(present, array), array, jnp.inf)
