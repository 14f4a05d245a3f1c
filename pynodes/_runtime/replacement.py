"""Replacement: new parameter values, by name, in the arrays of a program."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Address, Labels
from pynodes._compiler.program import Program
from pynodes._compiler.wiring import places
from pynodes._core.modules import as_array, checked_value, parameters_of
from pynodes._core.tracing import traced
from pynodes._errors import ParameterError
from pynodes._graph.check import check_ready
from pynodes._graph.graph import Graph
from pynodes._typing import Scalar


def replaced(program: Program, labels: Labels, values: Mapping[str, Scalar]) -> Program:
    """A program with some parameters changed; of a batch of programs, all of them alike.

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
    found: dict[tuple[str, int, str], Address] = {}
    for name, value in values.items():
        where = labels.address(name)
        module = getattr(program, where.section)[where.stack]
        value = as_array(value) if where.rank else value
        checked_value(repr(name), where.field, value, parameters_of(module)[where.field])
        if where.rank:
            now = np.shape(element(program, where))
            check_shape(name, np.shape(value), now[len(now) - where.rank :])
        if where.section == "nodes" and not traced(value):
            check_replaced(labels.graph, name.removesuffix(f".{where.field}"), where.field, value)
        key = (where.section, where.stack, where.field)
        stacks.setdefault(key, {})[where.position] = value
        found[key] = where
    for (section, stack, field), changes in stacks.items():
        modules = list(getattr(program, section))
        revised = changed(program, found[section, stack, field], changes)
        modules[stack] = dataclasses.replace(modules[stack], **{field: revised})
        program = dataclasses.replace(program, **{section: tuple(modules)})
    return program


def check_shape(name: str, shape: tuple[int, ...], now: tuple[int, ...]) -> None:
    """An array is replaced by one of its shape."""
    if shape != now:
        raise ParameterError(
            f"{name!r} must keep its shape {now}, not become {shape}. Build a graph for another size."
        )


def check_replaced(graph: Graph, name: str, field: str, value: Scalar) -> None:
    """A node can still be filtered with its new value."""
    node = dataclasses.replace(graph.nodes[name], **{field: value})
    check_ready(name, node, graph.inlets_fed(name))


def batch_of(program: Program, where: Address) -> tuple[int, ...]:
    """Shape of a batch of programs, as ``jax.vmap`` makes one; empty for a single one."""
    shape = np.shape(values_of(program, where))
    return shape[: len(shape) - where.rank - len(layout(program, where))]


def values_of(program: Program, where: Address) -> Any:
    """The stack of values that a parameter is in."""
    return getattr(getattr(program, where.section)[where.stack], where.field)


def layout(program: Program, where: Address) -> tuple[int, ...]:
    """Shape in which the values of a stack lie; before it comes a batch, after it a value's own shape."""
    if where.section == "couplings":
        return program.schedule.stacks[where.stack]
    return places(program.schedule.groups[where.stack].size, 1)


def element(program: Program, where: Address) -> Any:
    """The value of a parameter; of a batch of programs one each, the batch first."""
    stack = values_of(program, where)
    if not layout(program, where):
        return stack
    return flat(jnp.asarray(stack), program, where)[at(program, where, where.position)]


def flat(stack: Any, program: Program, where: Address) -> Any:
    """A stack with its values in a row, after any batch."""
    batch, shape = batch_of(program, where), np.shape(stack)
    return stack.reshape((*batch, -1, *shape[len(shape) - where.rank :]))


def at(program: Program, where: Address, positions: Any) -> tuple[Any, ...]:
    """The index of some values in a row, of every program of a batch."""
    return *(slice(None) for _ in batch_of(program, where)), positions


def changed(program: Program, where: Address, changes: Mapping[int, Scalar]) -> Any:
    """A stack of parameters with new values at some positions; on the host if all are plain."""
    stack = values_of(program, where)
    shape = np.shape(stack)
    if len(shape) == where.rank:
        value = changes[0]
        plain = not isinstance(value, jax.Array)
        return np.asarray(value, float) if plain else value.astype(jnp.result_type(float))
    positions = at(program, where, np.array(list(changes)))
    if any(isinstance(value, jax.Array) for value in (stack, *changes.values())):
        values = jnp.stack([jnp.asarray(value, float) for value in changes.values()])
        row = flat(jnp.asarray(stack, float), program, where)
        return row.at[positions].set(values).reshape(shape)
    row = flat(np.array(stack, dtype=float), program, where)
    row[positions] = list(changes.values())
    return row.reshape(shape)
