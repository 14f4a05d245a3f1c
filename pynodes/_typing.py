"""Words for the types that cross a boundary."""

from __future__ import annotations

from typing import TypeAlias

import jax
import numpy as np

Array: TypeAlias = jax.Array
"""An array; its shape is said where it is used."""

Scalar: TypeAlias = jax.Array | np.ndarray | np.floating | float
"""One real number: plain, an array of shape (), or traced."""
