"""Comparison of numbers and of runs, with messages that say what was compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from pynodes._results.trajectories import Trajectories


def same(what: str, actual: Any, expected: Any, rtol: float, atol: float = 1e-10) -> None:
    """Fail with a sentence unless two numbers or arrays agree."""
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    if actual.shape != expected.shape:
        raise AssertionError(f"{what}: shape {actual.shape}, expected {expected.shape}.")
    wrong = ~np.isclose(actual, expected, rtol=rtol, atol=atol)
    if wrong.any():
        gaps = np.where(wrong, np.abs(actual - expected) / (atol / rtol + np.abs(expected)), 0.0)
        worst = np.unravel_index(np.nanargmax(np.where(np.isnan(gaps), np.inf, gaps)), gaps.shape)
        at = f" at {', '.join(map(str, worst))}" if worst else ""
        raise AssertionError(
            f"{what}{at}: {actual[worst]:.9g} is not {expected[worst]:.9g} "
            f"(relative gap {gaps[worst]:.1e}, allowed {rtol:.0e})."
        )


def same_beliefs(what: str, one: Trajectories, other: Trajectories, rtol: float) -> None:
    """Fail unless two runs agree in every field of every node that both have."""
    for name in one:
        if name in other:
            for field in one[name].fields:
                same(
                    f"{what}: {name}.{field}",
                    getattr(one[name], field),
                    getattr(other[name], field),
                    rtol,
                )


def tree_same(what: str, one: Any, other: Any, rtol: float) -> None:
    """Fail unless two trees of numbers agree leaf by leaf."""
    for actual, expected in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        same(what, actual, expected, rtol)


def slope(function: Callable[[float], Any], at: float, step: float = 1e-5) -> float:
    """A derivative by central differences."""
    return float((function(at + step) - function(at - step)) / (2 * step))


def finite(what: str, tree: Any) -> None:
    """Fail unless every number of a tree is finite."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not np.all(np.isfinite(np.asarray(leaf, float))):
            where = "".join(str(key.key) for key in path if isinstance(key, jax.tree_util.DictKey))
            raise AssertionError(f"{what}: {where + ' ' if where else ''}is not finite: {leaf}.")
