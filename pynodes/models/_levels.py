"""Chains of states, each the volatility parent of the one below."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from pynodes._errors import GraphError
from pynodes._typing import Scalar
from pynodes.couplings import Volatility
from pynodes.nodes import ContinuousState

PerLevel: TypeAlias = Scalar | Sequence[Scalar | Sequence[Scalar]]
"""One value for all levels, or one per level, lowest first; a level of several states may have a list."""


def per_level(name: str, values: Any, count: int) -> list[Any]:
    """A value for every level.

    Raises
    ------
    GraphError
        Another number of values than of levels.
    """
    if not isinstance(values, Sequence) and np.ndim(values) == 0:
        return [values] * count
    listed = list(values)
    if len(listed) != count:
        raise GraphError(
            f"{name} has {len(listed)} values, but there are {count} of them to give, lowest first."
        )
    return listed


def extended(values: Sequence[float], count: int) -> list[float]:
    """Default values for so many levels: the last one again for those above."""
    return [*values, *[values[-1]] * count][:count]


def checked_levels(levels: int, least: int) -> None:
    """Refuse a number of levels that makes no model."""
    if isinstance(levels, bool) or not isinstance(levels, numbers.Integral) or levels < least:
        raise GraphError(f"levels must be a whole number of at least {least}, not {levels!r}.")


def chain(
    names: Sequence[str], strength: PerLevel, **parameters: PerLevel
) -> tuple[dict[str, ContinuousState], list[tuple[str, str, Volatility]]]:
    """States by name, lowest first, and the edges that make each the volatility parent of the last.

    Parameters of the states have one value for all, or one per state.
    """
    count = len(names)
    columns = {name: per_level(name, values, count) for name, values in parameters.items()}
    nodes = {
        name: ContinuousState(**{field: column[level] for field, column in columns.items()})
        for level, name in enumerate(names)
    }
    strengths = per_level("volatility_strength", strength, count - 1)
    edges = [
        (parent, child, Volatility(strength=value))
        for child, parent, value in zip(names, names[1:], strengths, strict=False)
    ]
    return nodes, edges
