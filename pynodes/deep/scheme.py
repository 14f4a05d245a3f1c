"""Scheme: how the values of a graph are found, and what its weights learn from them."""

from __future__ import annotations

import abc
from typing import Any

from pynodes._core.modules import Module
from pynodes._typing import Array
from pynodes.deep.numbers import Weights
from pynodes.deep.problem import Found, Problem, Record


class AbstractPointScheme(Module, abc.ABC):
    """How point values of a graph are found, given those of some nodes; a frozen value.

    A subclass says it in :meth:`find`. Its numbers are leaves, so that another step size compiles nothing;
    its choices are structure.
    """

    @abc.abstractmethod
    def find(self, problem: Problem, key: Array, record: Record | None = None) -> Found:
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

    def gradients(self, problem: Problem, found: Found) -> Weights:
        """What weights descend, as a mean over samples: the slope of the energy at what was found."""
        return problem.weight_slopes(found.variables)

    def take_turns(self, labels: Any, roles: dict[str, str]) -> dict[str, int] | None:
        """When each node moves, by name; None if all move at once."""
        del labels, roles
        return None
