"""Observations: series of values by name as arrays by group, with masks of what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._core.beliefs import alongside
from pynodes._core.tracing import traced
from pynodes._errors import InputError
from pynodes._runtime.series import stack_series
from pynodes.nodes import AbstractNode


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
            if traced(array) or traced(mask)
            else check_values(name, node, array, mask)
        )
        columns.setdefault(group, {})[position] = pair
    values: dict[int, Any] = {}
    seen: dict[int, Any] = {}
    for group, found in columns.items():
        array, mask = join_columns(found, len(labels.groups[group]))
        if traced(array) or traced(mask):
            node = labels.graph.nodes[labels.groups[group][0]]
            array, mask = split_missing(
                array, mask, 0 if node.elementwise else len(node.event_shape)
            )
        values[group] = array
        if mask is not None:
            seen[group] = mask
    return values, seen


def check_values(name: str, node: AbstractNode, array: np.ndarray, mask: Any) -> tuple[Any, Any]:
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
