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
    """

    inputs: Mapping[str, np.ndarray]
    dt: Any
    observed: Any
    frozen: Any
    settings: Mapping[str, Any]

    @property
    def steps(self) -> int:
        """How many steps the series have."""
        return len(next(iter(self.inputs.values())))
