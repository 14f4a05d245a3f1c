"""Division and logarithm whose derivatives do not divide again.

JAX differentiates ``a / b`` and ``log(b)`` with further divisions, one for every tangent that the loop
over time carries. Here the reciprocal that the value needs, or one more, serves all of them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pynodes._typing import Array


@jax.custom_jvp
def reciprocal(x: Array) -> Array:
    """``1 / x``."""
    return 1 / x


@reciprocal.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    inverse = reciprocal(primals[0])
    return inverse, -(inverse * inverse) * tangents[0]


@jax.custom_jvp
def log(x: Array) -> Array:
    """The natural logarithm."""
    return jnp.log(x)


@log.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return log(primals[0]), reciprocal(primals[0]) * tangents[0]
