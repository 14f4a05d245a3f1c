"""Replacement: new parameter values, by name, in the arrays of a program."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import checked_value, parameters_of
from pynodes._core.tracing import traced
from pynodes._errors import ParameterError
from pynodes._graph.check import check_ready
from pynodes._graph.graph import Graph
from pynodes._typing import Scalar


def replaced(program: Program, labels: Labels, values: Mapping[str, Scalar]) -> Program:
    """A program with some parameters changed.

    Raises
    ------
    ParameterError
        An unknown name, or a value outside the parameter's range.
    """
    if not isinstance(values, Mapping):
        raise ParameterError(
            f"Give values by parameter name, as in {{'x.tonic_volatility': -4.0}}, not {values!r}."
        )
    stacks: dict[tuple[str, int, str], dict[int, Scalar]] = {}
    for name, value in values.items():
        where = labels.address(name)
        module = getattr(program, where.section)[where.stack]
        checked_value(repr(name), where.field, value, parameters_of(module)[where.field])
        if where.section == "nodes" and not traced(value):
            check_replaced(labels.graph, name.removesuffix(f".{where.field}"), where.field, value)
        stacks.setdefault((where.section, where.stack, where.field), {})[where.position] = value
    for (section, stack, field), changes in stacks.items():
        modules = list(getattr(program, section))
        revised = changed(getattr(modules[stack], field), changes)
        modules[stack] = dataclasses.replace(modules[stack], **{field: revised})
        program = dataclasses.replace(program, **{section: tuple(modules)})
    return program


def check_replaced(graph: Graph, name: str, field: str, value: Scalar) -> None:
    """A node can still be filtered with its new value."""
    node = dataclasses.replace(graph.nodes[name], **{field: value})
    check_ready(name, node, graph.inlets_fed(name))


def changed(stack: Any, changes: Mapping[int, Scalar]) -> Any:
    """A stack of parameters with new values at some positions; on the host if all are plain."""
    if np.ndim(stack) == 0:
        value = changes[0]
        plain = not isinstance(value, jax.Array)
        return np.asarray(value, float) if plain else value.astype(jnp.result_type(float))
    if any(isinstance(value, jax.Array) for value in (stack, *changes.values())):
        flat = jnp.ravel(jnp.asarray(stack, float))
        values = jnp.stack([jnp.asarray(value, float) for value in changes.values()])
        return flat.at[jnp.array(list(changes))].set(values).reshape(jnp.shape(stack))
    flat = np.array(stack, dtype=float).ravel()
    flat[list(changes)] = list(changes.values())
    return flat.reshape(np.shape(stack))
