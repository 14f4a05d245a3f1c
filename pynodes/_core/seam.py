"""Seams: where derivatives are written down instead of being worked out again and again."""

from __future__ import annotations

from typing import Any

import jax
from jax import lax


@jax.custom_jvp
def seam(values: Any) -> Any:
    """The same values; their tangents are materialised.

    XLA's CPU compiler fuses cheap arithmetic into whoever uses it. A long chain of it with several
    users, which is what the derivative of a blend is, is then computed once per user, recursively.
    A seam ends the chain. It costs nothing where nothing is differentiated.
    """
    return values


@seam.defjvp
def _(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    return primals[0], lax.optimization_barrier(tangents[0])
