"""Tracing: whether a number is known, or only stands for one while JAX traces a function."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def namespace_of(*arrays: Any) -> Any:
    """NumPy for arrays on the host, ``jax.numpy`` for all others.

    Results of plain calls lie on the host; to look at them should neither copy nor compile anything.
    """
    return np if all(isinstance(array, np.ndarray | np.generic) for array in arrays) else jnp


def traced(tree: Any) -> bool:
    """Whether any leaf of a tree is known only while tracing."""
    if isinstance(tree, Tracer):
        return True
    if tree is None or isinstance(tree, np.ndarray):  # asked for every series of every call
        return False
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))
