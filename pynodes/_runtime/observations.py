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
from pynodes._runtime.series import stacked
from pynodes.nodes import AbstractNode


def observations(
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
        pair = (array, mask) if traced(array) or traced(mask) else tidied(name, node, array, mask)
        columns.setdefault(group, {})[position] = pair
    values: dict[int, Any] = {}
    seen: dict[int, Any] = {}
    for group, found in columns.items():
        array, mask = side_by_side(found, len(labels.groups[group]))
        if traced(array) or traced(mask):
            event = len(labels.graph.nodes[labels.groups[group][0]].event_shape)
            array, mask = split(array, mask, event)
        values[group] = array
        if mask is not None:
            seen[group] = mask
    return values, seen


def tidied(name: str, node: AbstractNode, array: np.ndarray, mask: Any) -> tuple[Any, Any]:
    """A series that the node can take, and a mask of what was observed; None if everything was."""
    fit = np.isfinite(array) & node.accepts(array)
    if fit.all():
        return array, None if mask is None or mask.all() else mask
    parts = tuple(range(1, array.ndim))
    missing = np.isnan(array).all(parts) if mask is None else np.isnan(array).all(parts) | ~mask
    wrong = ~fit.all(parts) & ~missing
    if wrong.any():
        step = int(np.argmax(wrong))
        found = f"{array[step]:g}" if not parts else str(array[step].tolist())
        raise InputError(
            f"{name!r} is {found} at step {step}, but a {type(node).__name__} takes {node.expects}. "
            "Write NaN where nothing was observed."
        )
    return np.where(missing.reshape(-1, *(1,) * len(parts)), 0.0, array).astype(
        array.dtype
    ), ~missing


def side_by_side(columns: Mapping[int, tuple[Any, Any]], size: int) -> tuple[Any, Any]:
    """Series of a group's nodes as one array, and their masks, if any has one; blank for the others."""
    if size == 1:
        return columns[0]
    some, _ = next(iter(columns.values()))
    everywhere = np.ones(some.shape[:1], bool)
    blank = np.zeros(some.shape, some.dtype), ~everywhere
    pairs = [columns.get(position, blank) for position in range(size)]
    values = stacked([array for array, _ in pairs])
    if all(mask is None for _, mask in pairs):
        return values, None
    return values, stacked([everywhere if mask is None else mask for _, mask in pairs])


def split(array: Any, mask: Any, event: int) -> tuple[Any, Any]:
    """A traced array without NaN, and a mask of what was observed; one is of ``event`` dimensions."""
    present = ~jnp.any(jnp.isnan(array), axis=tuple(range(array.ndim - event, array.ndim)))
    present = present if mask is None else present & mask
    return jnp.where(alongside(present, array), array, jnp.zeros((), array.dtype)), present
