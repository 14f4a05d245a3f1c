"""Learning: a transformation of gradients applied to weights, as a value that compiled programs can share."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from types import FunctionType
from typing import Any

import jax
import numpy as np

from pynodes._errors import MissingExtraError, ParameterError
from pynodes._typing import Array, Scalar


def require_optax() -> Any:
    """The library of optimisers.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        import optax
    except ImportError as error:
        raise MissingExtraError(
            "Training needs optax: pip install '.[deep]' from a copy of the repository."
        ) from error
    return optax


@dataclasses.dataclass(frozen=True, eq=False)
class Learner:
    """How slopes change weights.

    Two learners are equal if their transformations were made of the same code and numbers, so that one
    made anew for every call of :func:`pynodes.deep.train` compiles nothing again.

    Attributes
    ----------
    optimiser
        A gradient transformation of optax.
    """

    optimiser: Any

    def init(self, weights: Any) -> Any:
        """State before the first step."""
        return self.optimiser.init(weights)

    def update(self, slopes: Any, state: Any, weights: Any, rate: Scalar) -> tuple[Any, Any]:
        """Weights after one step, and the state; moves are multiplied by a rate."""
        with jax.numpy_dtype_promotion("standard"):  # optax counts steps in whole numbers
            moves, state = self.optimiser.update(slopes, state, weights)

        def move(weight: Array, by: Array) -> Array:
            return weight + (rate * by).astype(weight.dtype)

        return jax.tree.map(move, weights, moves), state

    def __hash__(self) -> int:
        return hash(fingerprint_function(self.optimiser))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Learner):
            return False
        return fingerprint_function(self.optimiser) == fingerprint_function(other.optimiser)


def check_optimiser(optimiser: object) -> None:
    """Refuse what does not transform gradients.

    Raises
    ------
    ParameterError
        No gradient transformation.
    """
    if not (hasattr(optimiser, "init") and hasattr(optimiser, "update")):
        hint = (
            " Call it: optax.adam(1e-3). A schedule of rates goes into one: optax.adam(schedule)."
            if callable(optimiser)
            else ""
        )
        raise ParameterError(
            "optimiser moves weights and must be a gradient transformation of optax, such as "
            f"optax.adam(1e-3), not {optimiser!r}.{hint}"
        )


def fingerprint_function(value: Any, depth: int = 8) -> Hashable:
    """What a value is made of: for functions their code and what they close over."""
    if isinstance(value, FunctionType) and depth:
        held = tuple(empty_or(cell, depth) for cell in value.__closure__ or ())
        defaults = tuple(fingerprint_function(d, depth - 1) for d in value.__defaults__ or ())
        return value.__code__, held, defaults
    if isinstance(value, tuple | list) and depth:
        return type(value), tuple(fingerprint_function(part, depth - 1) for part in value)
    if isinstance(value, dict) and depth:
        return tuple(
            (fingerprint_function(k), fingerprint_function(v, depth - 1)) for k, v in value.items()
        )
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, int | float | str | bool | None):
        return type(value), value
    return id(value)


def empty_or(cell: Any, depth: int) -> Hashable:
    """The fingerprint of what a cell holds; of one that is empty, nothing."""
    try:
        return fingerprint_function(cell.cell_contents, depth - 1)
    except ValueError:
        return None
