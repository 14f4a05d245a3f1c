"""The delta rule: how an expectation moves with its error, at one rate or at two by the error's sign."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from pynodes._typing import Array
from pynodes.nodes._learner import Memory


def signed_rate(rule: Any, error: Array) -> Array:
    """The learning rate of an error: of one below zero its own, where a rule has it."""
    rate = jnp.asarray(rule.learning_rate)
    if rule.negative_learning_rate is None:
        return rate
    return jnp.where(error < 0, rule.negative_learning_rate, rate)


def move_in_part(rule: Any, memory: Memory, value: Array, power: Array) -> Memory:
    """The memory after an observation that counts in part: a rule moves by as large a part of its step."""
    before = memory["mean"]
    return {"mean": before + power * (rule.learn(memory, value)["mean"] - before)}
