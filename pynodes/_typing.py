"""Words for the types that cross a boundary."""

from __future__ import annotations

from typing import TypeAlias

import jax
import numpy as np

Array: TypeAlias = jax.Array
"""An array; its shape is said where it is used."""

AnyArray: TypeAlias = jax.Array | np.ndarray
"""An array that may still be on the host."""

Scalar: TypeAlias = jax.Array | float
"""One real number: plain, an array of shape (), or traced."""
