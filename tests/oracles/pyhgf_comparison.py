"""How far apart two runs are, by the measure that the recorded tolerances refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.oracles.pyhgf import Run

BELIEFS = ("mean", "precision", "predicted_mean", "predicted_precision")
"""The fields of a state that are compared; the others follow from them."""


def worst(actual: Any, expected: Any) -> float:
    """Largest gap where a number is expected, relative to it or to the typical size of the array."""
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    assert actual.shape == expected.shape
    known = np.isfinite(expected)
    if not known.any():
        return 0.0
    size = np.abs(expected[known])
    gap = np.abs(actual[known] - expected[known]) / np.maximum(size, max(np.median(size), 1e-3))
    return float(np.where(np.isnan(gap), np.inf, gap).max())


def apart(one: Run, other: Run) -> float:
    """Largest gap between the beliefs of two runs before their failure; infinite if that is not shared."""
    if one.failed != other.failed:
        return np.inf
    return apart_until(one.failed, one.fields, other.fields)


def apart_until(
    stop: int | None, actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> float:
    """Largest gap between the beliefs of all states before a step."""
    states = [key for key in expected if key.endswith("/mean")]
    keys = [key.replace("mean", field) for key in states for field in BELIEFS]
    if stop == 0:
        return 0.0
    return max(worst(actual[key][:stop], expected[key][:stop]) for key in keys)


def as_run(beliefs: Any, document: Mapping[str, Any]) -> Run:
    """What pynodes found, in the form of the oracle's runs; naming broken nodes takes it long."""
    states = [node["name"] for node in document["nodes"] if node["kind"] == "ContinuousState"]
    fields = {
        f"{name}/{field}": np.asarray(getattr(beliefs[name], field))
        for name in states
        for field in BELIEFS
    }
    return Run(fields, failed=None if beliefs.status.ok else beliefs.status.step, broken=[])
