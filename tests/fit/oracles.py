"""Other ways to the same numbers: differences instead of derivatives, grids instead of modes."""

from __future__ import annotations

import jax
import numpy as np


def hessian_by_differences(function, at, steps):
    """Second derivatives by central differences of the gradient."""
    slope = jax.jit(jax.grad(function))
    rows = []
    for index, step in enumerate(np.asarray(steps)):
        away = np.zeros(len(at))
        away[index] = step
        rows.append((np.asarray(slope(at + away)) - np.asarray(slope(at - away))) / (2 * step))
    return np.array(rows)
