"""Gates: which nodes may learn in a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynodes._runtime.edges import both
from pynodes._typing import AnyArray

Seen = Mapping[int, tuple[AnyArray, Any]]
"""Values by group, and which of them were observed."""

Gates = Mapping[int, AnyArray]
"""Whether a group's nodes may learn; groups whose nodes all may are left out."""

OPEN: Gates = {}


def let_in(seen: Seen, gates: Gates) -> Seen:
    """What was seen, as observed only where the gate of the node is open."""
    return {
        index: (value, both(observed, gates.get(index, True)))
        for index, (value, observed) in seen.items()
    }
