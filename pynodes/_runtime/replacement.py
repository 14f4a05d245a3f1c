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
from pynodes._core.modules import as_array, checked_value, parameters_of
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
    ranks: dict[tuple[str, int, str], int] = {}
    for name, value in values.items():
        where = labels.address(name)
        module = getattr(program, where.section)[where.stack]
        value = as_array(value) if where.rank else value
        checked_value(repr(name), where.field, value, parameters_of(module)[where.field])
        if where.rank:
            check_shape(
                name, value, element(getattr(module, where.field), where.position, where.rank)
            )
        if where.section == "nodes" and not traced(value):
            check_replaced(labels.graph, name.removesuffix(f".{where.field}"), where.field, value)
        key = (where.section, where.stack, where.field)
        stacks.setdefault(key, {})[where.position] = value
        ranks[key] = where.rank
    for (section, stack, field), changes in stacks.items():
        modules = list(getattr(program, section))
        revised = changed(getattr(modules[stack], field), changes, ranks[section, stack, field])
        modules[stack] = dataclasses.replace(modules[stack], **{field: revised})
        program = dataclasses.replace(program, **{section: tuple(modules)})
    return program


def check_shape(name: str, value: Any, now: Any) -> None:
    """An array is replaced by one of its shape."""
    if np.shape(value) != np.shape(now):
        raise ParameterError(
            f"{name!r} must keep its shape {np.shape(now)}, not become {np.shape(value)}. Build a graph for "
            "another size."
        )


def check_replaced(graph: Graph, name: str, field: str, value: Scalar) -> None:
    """A node can still be filtered with its new value."""
    node = dataclasses.replace(graph.nodes[name], **{field: value})
    check_ready(name, node, graph.inlets_fed(name))


def element(stack: Any, position: int, rank: int) -> Any:
    """One value of a stack of values that have ``rank`` dimensions each."""
    if np.ndim(stack) == rank:
        return stack
    shape = np.shape(stack)
    return jnp.reshape(stack, (-1, *shape[len(shape) - rank :]))[position]


def changed(stack: Any, changes: Mapping[int, Scalar], rank: int) -> Any:
    """A stack of parameters with new values at some positions; on the host if all are plain."""
    if np.ndim(stack) == rank:
        value = changes[0]
        plain = not isinstance(value, jax.Array)
        return np.asarray(value, float) if plain else value.astype(jnp.result_type(float))
    shape = np.shape(stack)
    each = shape[len(shape) - rank :]
    if any(isinstance(value, jax.Array) for value in (stack, *changes.values())):
        flat = jnp.reshape(jnp.asarray(stack, float), (-1, *each))
        values = jnp.stack([jnp.asarray(value, float) for value in changes.values()])
        return flat.at[jnp.array(list(changes))].set(values).reshape(shape)
    flat = np.array(stack, dtype=float).reshape((-1, *each))
    flat[list(changes)] = list(changes.values())
    return flat.reshape(shape)
