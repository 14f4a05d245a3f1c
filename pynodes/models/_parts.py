"""Parts of models: levels of volatility parents, states that share them, and series of codes."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from pynodes._core.modules import is_traced
from pynodes._errors import GraphError, InputError
from pynodes._runtime.series import to_numbers
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


def extend_defaults(values: Sequence[float], count: int) -> list[float]:
    """Default values for so many levels: the last one again for those above."""
    return [*values, *[values[-1]] * count][:count]


def checked_levels(levels: int, least: int) -> None:
    """Refuse a number of levels that makes no model."""
    if isinstance(levels, bool) or not isinstance(levels, numbers.Integral) or levels < least:
        raise GraphError(f"levels must be a whole number of at least {least}, not {levels!r}.")


def make_volatility_chain(
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


def checked_count(name: str, count: Any, least: int = 2) -> None:
    """Refuse a number of things side by side that makes no model."""
    if isinstance(count, bool) or not isinstance(count, numbers.Integral) or count < least:
        raise GraphError(f"{name} must be a whole number of at least {least}, not {count!r}.")


def shared_ladder(
    lowest: Sequence[str],
    above: Sequence[str],
    strength: PerLevel,
    *,
    autoconnection: PerLevel = 1.0,
    attractor: PerLevel = 0.0,
    **parameters: PerLevel,
) -> tuple[dict[str, ContinuousState], list[tuple[str, str, Volatility]]]:
    """States by name and the edges between them; parameters by level.

    Every state of the lowest level has the first of those above as its volatility parent, which has
    the next, and so on. The lowest level's value is one for all of its states, or a sequence of one
    each. A state that keeps ``autoconnection`` of its mean is drawn to its attractor.
    """
    count = 1 + len(above)
    kept = per_level("autoconnection", autoconnection, count)
    drawn = per_level("attractor", attractor, count)
    parameters |= {
        "autoconnection": kept,
        "tonic_drift": [(1.0 - keep) * end for keep, end in zip(kept, drawn, strict=True)],
    }
    columns = {name: per_level(name, values, count) for name, values in parameters.items()}
    side_by_side = {
        name: per_level(f"{name} of the lowest level", column[0], len(lowest))
        for name, column in columns.items()
    }
    first = {name: [side_by_side[name][0], *column[1:]] for name, column in columns.items()}
    ladder, edges = make_volatility_chain([lowest[0], *above], strength, **first)
    states = {
        state: ContinuousState(**{name: values[at] for name, values in side_by_side.items()})
        for at, state in enumerate(lowest)
    }
    fanned = [(parent, state, coupling) for parent, _, coupling in edges[:1] for state in lowest]
    return states | {name: ladder[name] for name in above}, [*fanned, *edges[1:]]


def checked_codes(name: str, series: Any, count: int) -> Any:
    """A series of codes from 0 to count - 1, NaN where there is none.

    Raises
    ------
    InputError
        Something else.
    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise InputError(f"The number of codes must be a positive whole number, not {count!r}.")
    codes = to_numbers(name, series, ())
    if is_traced(codes):
        return codes
    wrong = ~np.isnan(codes) & ~((codes >= 0) & (codes < count) & (codes == np.floor(codes)))
    if wrong.any():
        step = int(np.argmax(wrong))
        raise InputError(
            f"{name} is {codes[step]:g} at step {step}, but must hold codes, whole numbers from 0 to "
            f"{count - 1}; NaN where there is none."
        )
    return codes
