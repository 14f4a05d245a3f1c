"""Coupling functions that have a name, so that they can be written to a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp

from pynodes._errors import CouplingError, nearest
from pynodes._typing import Array

Function: TypeAlias = Callable[[Array], Array]


def identity(x: Array) -> Array:
    """The linear coupling."""
    return x


def square(x: Array) -> Array:
    """The quadratic coupling."""
    return x * x


FUNCTIONS: dict[str, Function] = {
    "identity": identity,
    "tanh": jnp.tanh,
    "sin": jnp.sin,
    "relu": jax.nn.relu,
    "softplus": jax.nn.softplus,
    "square": square,
    "sigmoid": jax.nn.sigmoid,
    "exp": jnp.exp,
}
"""The functions that a coupling may be given by name."""


def resolved(function: Function | str) -> Function:
    """The function behind a name; a function stands for itself.

    Raises
    ------
    CouplingError
        An unknown name, something that cannot be called, or a function that JAX cannot trace from
        a number to a number.
    """
    if isinstance(function, str):
        if function not in FUNCTIONS:
            raise CouplingError(
                f"No coupling function is named {function!r}. {nearest(function, FUNCTIONS)}"
            )
        return FUNCTIONS[function]
    if function in FUNCTIONS.values():
        return function
    if not callable(function):
        raise CouplingError(f"A coupling function is a function or a name, not {function!r}.")
    try:
        result = jax.eval_shape(function, jax.ShapeDtypeStruct((), jnp.result_type(float)))
    except Exception as error:
        raise CouplingError(
            f"{name_of(function)} cannot be traced by JAX: {type(error).__name__}. Write the coupling "
            "function with jax.numpy, for example jnp.tanh instead of np.tanh."
        ) from error
    if getattr(result, "shape", None) != ():
        raise CouplingError(f"{name_of(function)} must turn one number into one number.")
    return function


def name_of(function: Function) -> str:
    """The name under which a function is written down."""
    for name, known in FUNCTIONS.items():
        if function is known:
            return name
    return getattr(function, "__name__", repr(function))


def slope(function: Function, x: Array) -> Array:
    """First derivative of a coupling function."""
    if function is identity:
        return jnp.ones_like(x)
    return jax.jvp(function, (x,), (jnp.ones_like(x),))[1]


def bend(function: Function, x: Array) -> Array:
    """Second derivative of a coupling function."""
    if function is identity:
        return jnp.zeros_like(x)
    return jax.jvp(lambda y: slope(function, y), (x,), (jnp.ones_like(x),))[1]
