"""The ratio of two gamma functions, without the loss of digits of a difference of logarithms."""

from __future__ import annotations

import jax.numpy as jnp

from pynodes._typing import Array, Scalar

SHIFT = 10
"""From here on four terms of Stirling's series leave less than 1e-12, and derivatives little more."""


def log_gamma_ratio(x: Scalar, step: Scalar) -> Array:
    """``log Γ(x + step) - log Γ(x)`` for positive x and step, of shape ().

    Where x is large the two logarithms agree in most of their digits; in float32 none would be left
    at x = 1e6. So both arguments are raised by a shift, of which the recurrence takes care, and
    Stirling's series is subtracted term by term. Only logarithms are left to differentiate.
    """
    x, step = jnp.asarray(x), jnp.asarray(step)
    raised = x + SHIFT
    passed = jnp.sum(jnp.log1p(step / (x + jnp.arange(SHIFT).astype(x.dtype))))
    bulk = step * jnp.log(raised) + (raised + step - 0.5) * jnp.log1p(step / raised) - step
    return bulk + correction(raised + step) - correction(raised) - passed


def correction(x: Array) -> Array:
    """What Stirling's series adds to the logarithm of the gamma function."""
    square = 1 / (x * x)
    terms = 1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360)))
    return (1 / 12 - square * (1 / 360 - square * terms)) / x
