"""Units: whose parameters are their own, by the columns that name them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynodes.fit.data.trials import Trials


def keys_of(trials: Trials) -> list[dict[str, Any]]:
    """What the columns that name a unit say of each, in the order of the data."""
    return [trials.key_of(unit) for unit in trials.subjects]


def trials_of(trials: Trials, unit: Any) -> Trials:
    """The trials of one unit."""
    key = trials.key_of(unit)
    return trials.only(**key) if key else trials


def coordinates(trials: Trials) -> tuple[str, dict[str, Any]]:
    """The name of the units' dimension, and what names them along it."""
    keys = keys_of(trials)
    columns = {name: plain([key[name] for key in keys]) for name in (keys[0] if keys else {})}
    if len(columns) == 1:
        name = next(iter(columns))
        return name, columns
    labels = plain([", ".join(map(str, key.values())) for key in keys])
    return "unit", {"unit": labels} | {name: ("unit", values) for name, values in columns.items()}


def plain(values: list[Any]) -> np.ndarray:
    """Values as an array that a file can hold: numbers as they are, all else as texts."""
    array = np.asarray(values)
    return array if array.dtype.kind in "iufb" else np.asarray([str(v) for v in values], object)
