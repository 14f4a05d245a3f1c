"""The delta rule: how an expectation moves with its error, at one rate or at two by the error's sign."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from pynodes._typing import Array


def signed_rate(rule: Any, error: Array) -> Array:
    """The learning rate of an error: of one below zero its own, where a rule has it."""
    rate = jnp.asarray(rule.learning_rate)
    if rule.negative_learning_rate is None:
        return rate
    return jnp.where(error < 0, rule.negative_learning_rate, rate)
