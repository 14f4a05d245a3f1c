"""Coupling functions that have a name, so that they can be written to a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

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


def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return jnp.tanh(x)


def sin(x: Array) -> Array:
    """The sine."""
    return jnp.sin(x)


def relu(x: Array) -> Array:
    """The positive part."""
    return jax.nn.relu(x)


def softplus(x: Array) -> Array:
    """The logarithm of one plus the exponential."""
    return jax.nn.softplus(x)


def sigmoid(x: Array) -> Array:
    """The logistic function."""
    return jax.nn.sigmoid(x)


def exp(x: Array) -> Array:
    """The exponential."""
    return jnp.exp(x)


def leaky_relu(x: Array) -> Array:
    """The positive part, and a hundredth of the negative one."""
    return jax.nn.leaky_relu(x)


def gelu(x: Array) -> Array:
    """A number times the probability that a standard normal one is below it."""
    return jax.nn.gelu(x, approximate=False)


def silu(x: Array) -> Array:
    """A number times its logistic function."""
    return jax.nn.silu(x)


def elu(x: Array) -> Array:
    """The positive part, and the exponential minus one of the negative one."""
    return jax.nn.elu(x)


def hard_tanh(x: Array) -> Array:
    """What lies between -1 and 1, and the nearer of these beyond."""
    return jax.nn.hard_tanh(x)


FUNCTIONS: dict[str, Function] = {
    function.__name__: function
    for function in (
        *(identity, tanh, sin, relu, softplus, square, sigmoid, exp),
        *(leaky_relu, gelu, silu, elu, hard_tanh),
    )
}
"""The functions that a coupling may be given by name. Plain ones: those of JAX cannot be pickled."""

JAX_FUNCTIONS: list[tuple[Any, str]] = [
    (jnp.tanh, "tanh"),
    (jnp.sin, "sin"),
    (jax.nn.relu, "relu"),
    (jax.nn.softplus, "softplus"),
    (jnp.square, "square"),
    (jax.nn.sigmoid, "sigmoid"),
    (jnp.exp, "exp"),
    (jax.nn.leaky_relu, "leaky_relu"),
    (jax.nn.silu, "silu"),
    (jax.nn.elu, "elu"),
    (jax.nn.hard_tanh, "hard_tanh"),
]
"""Functions of JAX that are the same as one with a name."""


def look_up_function(function: Function | str) -> Function:
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
    if not callable(function):
        raise CouplingError(
            f"A coupling function is a function or a name, not {function!r}. {nearest('', FUNCTIONS)}"
        )
    for known, name in JAX_FUNCTIONS:
        if function is known:
            return FUNCTIONS[name]
    if any(function is known for known in FUNCTIONS.values()):
        return function
    try:
        # JAX 0.12 crashes where the same ufunc of NumPy is traced twice, so it is not given itself.
        number = jax.ShapeDtypeStruct((), jnp.result_type(float))
        result = jax.eval_shape(lambda x: function(x), number)
    except Exception as error:
        raise CouplingError(
            f"{name_function(function)} cannot be traced by JAX ({str(error).splitlines()[0]}). Write the "
            "coupling function with jax.numpy, of one argument: jnp.tanh, for example, instead of np.tanh."
        ) from error
    if getattr(result, "shape", None) != ():
        raise CouplingError(
            f"The coupling function {name_function(function)} must turn one number into one number."
        )
    return function


def name_function(function: Function) -> str:
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
