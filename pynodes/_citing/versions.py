"""Versions: with what something was computed."""

from __future__ import annotations

import platform
import sys

import jax

PACKAGES = ("jax", "jaxlib", "numpy", "blackjax")
"""Whose versions are noted, where they are installed."""


def versions() -> dict[str, str]:
    """Versions of what computes here, and in which precision."""
    from importlib import metadata  # slow to import, and seldom needed

    found = {"pynodes": sys.modules["pynodes"].__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found | {"precision": "float64" if jax.config.jax_enable_x64 else "float32"}  # type: ignore[attr-defined]
