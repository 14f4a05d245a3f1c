"""Identity: what a run of a sampler depends on, as short values that can be compared."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import jax
import numpy as np

from pynodes._citing.citation import versions

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object is in memory: another place in every run."""


def identity(parts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """What a run depends on: fingerprints of some trees, its settings, and what computes it."""
    prints = {name: fingerprint(tree) for name, tree in parts.items()}
    return {**prints, **settings, **versions(), "device": jax.default_backend()}


def fingerprint(tree: Any) -> str:
    """A text that another structure or another number in a tree would change."""
    leaves, structure = jax.tree.flatten(tree)
    found = hashlib.sha256(ADDRESS.sub("", str(structure)).encode())
    for leaf in leaves:
        array = np.asarray(leaf)
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
