"""Drawn: what a sampler leaves behind, as plain arrays."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """Draws from a posterior, with what the sampler noted on the way.

    Attributes
    ----------
    positions
        Every unit's free values on the lines of their priors, of shape (chains, draws, units, free values).
    population
        What is common to the units, by name, each of shape (chains, draws): coefficients as
        ``"parameter:term"``, scatter as ``"parameter:deviation"``. Empty for a single unit.
    stats
        Of every draw by name, each of shape (chains, draws). Of NUTS ``lp``, ``acceptance_rate``,
        ``diverging``, ``energy``, ``tree_depth``, ``n_steps`` and ``step_size``.
    method
        ``"nuts"``, ``"pathfinder"`` or ``"smc"``.
    settings
        What it was asked for, such as ``seed``, ``chains``, ``draws`` and ``tune``, and what it found out
        besides: numbers and words.
    """

    positions: np.ndarray
    population: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    method: str
    settings: dict[str, Any]
