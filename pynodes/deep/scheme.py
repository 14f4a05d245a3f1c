"""Scheme: how the values of a graph are found, and what its weights learn from them."""

from __future__ import annotations

import abc
import dataclasses
import numbers
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import numpy as np

from pynodes._core.modules import Module, checked_value, parameters_of
from pynodes._errors import ParameterError
from pynodes._typing import Array
from pynodes.deep.numbers import Weights, insert_weights
from pynodes.deep.problem import PointProblem, PointResult, Record

Update: TypeAlias = Callable[[Weights, Any, Weights], tuple[Weights, Any]]
"""From slopes, an optimiser's state and weights to weights and state."""


class AbstractPointScheme(Module, abc.ABC):
    """How point values of a graph are found, given those of some nodes; a frozen value.

    A subclass says it in :meth:`find`. Its numbers are leaves, so that another step size compiles nothing;
    its choices are structure.
    """

    def __post_init__(self) -> None:
        check_numbers(self)

    @abc.abstractmethod
    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        """Values of all nodes that are to be found.

        Parameters
        ----------
        problem
            The graph with its numbers, and what is given.
        key
            A JAX random key, for schemes that draw.
        record
            What to keep of every step; None for nothing.
        """

    def find_free(
        self, problem: PointProblem, key: Array, record: Record | None = None
    ) -> PointResult:
        """The same, where something is free; otherwise nothing is to be found."""
        if problem.layout.variables or record is not None:
            return self.find(problem, key, record)
        return PointResult(variables={}, first={}, last={})

    @property
    def draws(self) -> bool:
        """Whether what it finds are draws, also of nodes that nothing given depends on."""
        return False

    def gradients(self, problem: PointProblem, found: PointResult) -> Weights:
        """What weights descend, as a mean over samples: the slope of the energy at what was found."""
        return problem.weight_slopes(found.variables)

    def learn(
        self,
        problem: PointProblem,
        key: Array,
        record: Record | None,
        update: Update,
        weights: Weights,
        state: Any,
        times: int = 1,
    ) -> tuple[PointResult, Weights, Any]:
        """Learn from one batch: by default, find values and move the weights down their slopes there.

        Parameters
        ----------
        problem, key, record
            As for :meth:`find`.
        update
            From slopes, the optimiser's state and weights to weights and state.
        weights, state
            As they are before the batch.
        times
            How often the weights move at the same values.

        Returns
        -------
        What was found, the weights and the state.
        """
        found = self.find_free(problem, key, record)
        for _ in range(times):
            moved = dataclasses.replace(problem, numbers=insert_weights(problem.numbers, weights))
            weights, state = update(self.gradients(moved, found), state, weights)
        return found, weights, state

    def own_weights(self) -> dict[str, Any]:
        """What of the scheme itself learns, by name; nothing of most."""
        return {}

    def with_own_weights(self, weights: dict[str, Any]) -> AbstractPointScheme:
        """The scheme with others in their place."""
        del weights
        return self

    def own_slopes(self, problem: PointProblem, found: PointResult) -> dict[str, Any]:
        """What they descend, as a mean over samples."""
        del problem, found
        return {}

    def take_turns(self, labels: Any, roles: dict[str, str]) -> dict[str, int] | None:
        """When each node moves, by name; None if all move at once."""
        del labels, roles
        return None


def check_numbers(module: Any, *, arrays: bool = False) -> None:
    """Numbers of a scheme lie in the ranges that it declares.

    JAX rebuilds schemes from anything, placeholders and batches among them; so what a user may have written
    is looked at, and arrays only where a scheme is used.

    Raises
    ------
    ParameterError
        A text, a truth value, an array, or a number outside its range.
    """
    for name, spec in parameters_of(module).items():
        value = getattr(module, name)
        written = str | bytes | list | tuple | dict | numbers.Real | np.generic
        number = isinstance(value, np.ndarray | jax.Array) and (arrays or not np.ndim(value))
        if number or isinstance(value, written):
            checked_value(type(module).__name__, name, value, spec)


def check_inner(outer: Any, inner: object) -> None:
    """What a scheme is made of is a scheme on points.

    Raises
    ------
    ParameterError
        It is something else.
    """
    if not isinstance(inner, AbstractPointScheme) and type(inner) is not object:
        raise ParameterError(
            f"{type(outer).__name__}: scheme must be a scheme on points, such as "
            f"pynodes.deep.Settle(steps=20), not {inner!r}."
        )
