"""Several states side by side under one ladder of volatility parents that they share."""

from __future__ import annotations

import dataclasses
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
    tonic_volatility: PerLevel,
    initial_mean: PerLevel,
    initial_precision: PerLevel,
    strength: PerLevel,
    autoconnection: PerLevel = 1.0,
    attractor: PerLevel = 0.0,
) -> tuple[dict[str, ContinuousState], list[tuple[str, str, Volatility]]]:
    """States by name and the edges between them; parameters by level, the same for the whole lowest one.

    Every state of the lowest level has the first of those above as its volatility parent, which has
    the next, and so on. A state that keeps ``autoconnection`` of its mean is drawn to its attractor.
    """
    states, edges = chain(
        [lowest[0], *above], tonic_volatility, initial_mean, initial_precision, strength
    )
    count = len(states)
    kept = per_level("autoconnection", autoconnection, count)
    drawn = per_level("attractor", attractor, count)
    states = {
        name: dataclasses.replace(state, autoconnection=keep, tonic_drift=(1.0 - keep) * end)
        for (name, state), keep, end in zip(states.items(), kept, drawn, strict=True)
    }
    side_by_side = dict.fromkeys(lowest, states[lowest[0]])
    first = [(parent, name, coupling) for parent, _, coupling in edges[:1] for name in lowest]
    return side_by_side | states, [*first, *edges[1:]]
