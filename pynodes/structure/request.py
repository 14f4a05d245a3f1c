"""Request: what a search was asked, so that the same can be asked of other series."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """Series as they were given, and how they are to be searched.

    Attributes
    ----------
    inputs
        Series by name, those of lagged regressors left out where they were.
    dt, observed, frozen
        Times, and which observations count, as they were given.
    settings
        Further arguments of the search: ``by``, ``starts``, ``sweeps``, ``most``.
    seed
        Of its random numbers.
    """

    inputs: Mapping[str, np.ndarray]
    dt: Any
    observed: Any
    frozen: Any
    settings: Mapping[str, Any]
    seed: int

    @property
    def steps(self) -> int:
        """How many steps the series have."""
        return len(next(iter(self.inputs.values())))

    def is_same(self, other: Request) -> bool:
        """Whether the same was asked of the same series; of how often and how long, anything."""
        mine, theirs = (
            [*one.inputs.values(), one.dt, one.frozen, *(one.observed or {}).values()]
            for one in (self, other)
        )
        names = (list(self.inputs), list(self.observed or {}))
        return names == (list(other.inputs), list(other.observed or {})) and all(
            same_numbers(one, two) for one, two in zip(mine, theirs, strict=True)
        )


def same_numbers(one: Any, other: Any) -> bool:
    """Whether two series, or absent ones, are the same, gaps included."""
    if one is None or other is None:
        return one is other
    return np.array_equal(np.asarray(one, float), np.asarray(other, float), equal_nan=True)
