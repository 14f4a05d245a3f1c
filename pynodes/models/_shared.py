"""Several states side by side under one ladder of volatility parents that they share."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from pynodes._errors import GraphError
from pynodes.couplings import Volatility
from pynodes.models._levels import PerLevel, chain, per_level
from pynodes.nodes import ContinuousState


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
    ladder, edges = chain([lowest[0], *above], strength, **first)
    states = {
        state: ContinuousState(**{name: values[at] for name, values in side_by_side.items()})
        for at, state in enumerate(lowest)
    }
    fanned = [(parent, state, coupling) for parent, _, coupling in edges[:1] for state in lowest]
    return states | {name: ladder[name] for name in above}, [*fanned, *edges[1:]]
