"""Operations: functions of JAX as nodes of PyTensor's graphs, with gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from pynodes._results.tables import extra

Function = Callable[[Any], Any]
"""Takes a list of numbers."""


def operations(function: Function, gradients: Function, count: int) -> Callable[..., Any]:
    """A function of some numbers as an operation of PyTensor, which makes a vector of scalars.

    Parameters
    ----------
    function
        Makes a vector, of shape (rows,).
    gradients
        Makes its changes with every number, of shape (rows, numbers).
    count
        How many numbers there are.
    """
    tensor, op = extra("pytensor.tensor"), extra("pytensor.graph.op").Op
    apply = extra("pytensor.graph.basic").Apply
    values_of, slopes_of = jax.jit(function), jax.jit(gradients)

    class Slopes(op):
        """Changes of the vector with every number, times a weight for every row, summed."""

        def make_node(self, *inputs: Any) -> Any:
            given = [tensor.as_tensor_variable(one) for one in inputs]
            return apply(self, given, [tensor.dscalar() for _ in range(count)])

        def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
            *numbers, weights = inputs
            found = np.asarray(slopes_of([float(one) for one in numbers]), float).T @ weights
            for place, value in zip(outputs, found, strict=True):
                place[0] = np.asarray(value, float)

    slopes = Slopes()

    class Values(op):
        """The vector."""

        def make_node(self, *inputs: Any) -> Any:
            given = [tensor.as_tensor_variable(one) for one in inputs]
            return apply(self, given, [tensor.dvector()])

        def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
            outputs[0][0] = np.asarray(values_of([float(one) for one in inputs]), float)

        def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> Any:
            return slopes(*inputs, cotangents[0])

        def grad(self, inputs: Any, cotangents: Any) -> Any:
            return slopes(*inputs, cotangents[0])

    values = Values()
    # PyMC gives parameters of observed vectors as vectors of one number.
    return lambda *given: values(*(tensor.as_tensor_variable(one).ravel()[0] for one in given))
