"""Parameters by name: read from the arrays of a program, and replaced in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Address, Labels
from pynodes._compiler.program import Program, places
from pynodes._core.modules import as_array, blank_invalid, checked_value, is_traced, parameters_of
from pynodes._errors import ParameterError
from pynodes._graph.checks import check_ready_to_filter
from pynodes._graph.graph import Graph
from pynodes._typing import Array, Scalar

Values: TypeAlias = Mapping[Any, Any]
"""New values by name; or an array of them by several names."""

Prior: TypeAlias = Callable[[Array], Any]
"""Draws a value of a parameter with a key."""

Stack = tuple[str, int, str]
"""Where the values of some parameters lie side by side: section, number and field."""

Places: TypeAlias = list[tuple[int, Address]]
"""Parameters of one stack: where each is among the names that were asked for, and in the stack."""


@dataclasses.dataclass
class Change:
    """New values for some places of one stack.

    Attributes
    ----------
    where
        One of the places.
    positions
        All of them.
    values
        A value for each.
    """

    where: Address
    positions: list[int]
    values: list[Any]


def replace_parameters(program: Program, labels: Labels, values: Values) -> Program:
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
    check_once(name for key in values for name in (key if isinstance(key, tuple) else (key,)))
    changes: dict[Stack, list[Change]] = {}
    for key, given in values.items():
        if isinstance(key, tuple):
            found = read_vector(program, labels, key, given)
        else:
            found = read_change(program, labels, key, given)
        for change in found:
            where = change.where
            changes.setdefault((where.section, where.stack, where.field), []).append(change)
    for (section, stack, field), found in changes.items():
        modules = list(getattr(program, section))
        modules[stack] = dataclasses.replace(
            modules[stack], **{field: revise_stack(program, found)}
        )
        program = dataclasses.replace(program, **{section: tuple(modules)})
    return program


def check_once(names: Iterable[str]) -> None:
    """Refuse a name that is given two values, alone or in an array."""
    found = set[str]()
    for name in names:
        if name in found:
            raise ParameterError(f"{name!r} is given twice. Give it once.")
        found.add(name)


def read_change(program: Program, labels: Labels, name: str, value: Any) -> list[Change]:
    """The change that one new value makes, once it is known to be one of its parameter's."""
    where = labels.address(name)
    module = getattr(program, where.section)[where.stack]
    value = as_array(value) if where.rank else value
    checked_value(repr(name), where.field, value, parameters_of(module)[where.field])
    if where.rank:
        now = np.shape(get_parameter(program, where))
        check_shape(name, np.shape(value), now[len(now) - where.rank :])
    if is_traced(value):
        value = blank_invalid(jnp.asarray(value), parameters_of(module)[where.field])
    elif where.section == "nodes":
        check_new_value(labels.graph, name.removesuffix(f".{where.field}"), where.field, value)
    return [Change(where, [where.position], [value])]


def read_vector(
    program: Program, labels: Labels, names: tuple[str, ...], given: Any
) -> list[Change]:
    """The changes that an array of values makes, one for each of several names."""
    shape = np.shape(given)
    if shape != (len(names),):
        raise ParameterError(
            f"{len(names)} parameters take an array of shape ({len(names)},), not of shape {shape}. Give one "
            "number for each name, in their order."
        )
    if not is_traced(given):
        plain = np.asarray(given, dtype=float).tolist()
        return [
            change
            for name, value in zip(names, plain, strict=True)
            for change in read_change(program, labels, name, value)
        ]
    values = jnp.asarray(given)
    return [
        Change(
            where=found[0][1],
            positions=[where.position for _, where in found],
            values=[
                blank_invalid(
                    values[np.array([number for number, _ in found])],
                    specification(program, found[0][1]),
                )
            ],
        )
        for found in group_by_stack(labels, names).values()
    ]


def specification(program: Program, where: Address) -> dict[str, Any]:
    """What a parameter may be."""
    return parameters_of(getattr(program, where.section)[where.stack])[where.field]


def revise_stack(program: Program, changes: Sequence[Change]) -> Any:
    """A stack of parameters with new values at some positions; on the host if all are plain."""
    where = changes[0].where
    stack = get_stack(program, where)
    shape, rank = np.shape(stack), where.rank
    given = [value for change in changes for value in change.values]
    positions = np.array([position for change in changes for position in change.positions])
    plain = not any(isinstance(value, jax.Array) for value in (stack, *given))
    if len(shape) == rank:
        value = given[-1] if plain or np.ndim(given[-1]) == rank else given[-1][0]
        return np.asarray(value, float) if plain else jnp.asarray(value, jnp.result_type(float))
    at = index_batch(program, where, positions)
    if plain:
        row = flatten_stack(np.array(stack, dtype=float), program, where)
        row[at] = given
        return row.reshape(shape)
    singles = [jnp.asarray(value, float) for value in given if np.ndim(value) == rank]
    vectors = [jnp.asarray(value, float) for value in given if np.ndim(value) > rank]
    order = [p for c in changes for p in c.positions if np.ndim(c.values[0]) == rank]
    order += [p for c in changes for p in c.positions if np.ndim(c.values[0]) > rank]
    parts = [jnp.stack(singles), *vectors] if singles else vectors
    values = parts[0] if len(parts) == 1 else jnp.concatenate(parts)
    row = flatten_stack(jnp.asarray(stack, float), program, where)
    at = index_batch(program, where, np.array(order))
    return row.at[at].set(values).reshape(shape)


def get_vector(program: Program, labels: Labels, names: Sequence[str]) -> Array:
    """The values of several parameters as one array, in the order of their names.

    Raises
    ------
    ParameterError
        A single name, an unknown one, or a parameter that is an array.
    """
    if isinstance(names, str):
        raise ParameterError(f"Give a list of names, as in [{names!r}], not one name.")
    found = list(group_by_stack(labels, names).values())
    parts = [get_values(program, places) for places in found]
    order = np.argsort([number for places in found for number, _ in places])
    return jnp.concatenate(parts, axis=-1)[..., order] if parts else jnp.zeros(0)


def get_values(program: Program, places: Places) -> Array:
    """The values at some places of one stack; of a batch of programs, the batch first."""
    where = places[0][1]
    stack = jnp.asarray(get_stack(program, where), float)
    if not stack_shape(program, where):
        return stack[..., None]
    row = flatten_stack(stack, program, where)
    return row[index_batch(program, where, np.array([place.position for _, place in places]))]


def group_by_stack(labels: Labels, names: Sequence[str]) -> dict[Stack, Places]:
    """Where parameters that are numbers lie, by the stack that holds them; with their places among the names.

    Raises
    ------
    ParameterError
        An unknown name, or a parameter that is an array.
    """
    found: dict[Stack, Places] = {}
    for number, name in enumerate(names):
        where = labels.address(name)
        if where.rank:
            raise ParameterError(f"{name!r} is an array. Read or replace it by its own name.")
        found.setdefault((where.section, where.stack, where.field), []).append((number, where))
    return found


def get_parameter(program: Program, where: Address) -> Any:
    """The value of a parameter; of a batch of programs one each, the batch first."""
    stack = get_stack(program, where)
    if not stack_shape(program, where):
        return stack
    row = flatten_stack(jnp.asarray(stack), program, where)
    return row[index_batch(program, where, where.position)]


def get_stack(program: Program, where: Address) -> Any:
    """The stack of values that a parameter is in."""
    return getattr(getattr(program, where.section)[where.stack], where.field)


def stack_shape(program: Program, where: Address) -> tuple[int, ...]:
    """Shape in which the values of a stack lie; before it comes a batch, after it a value's own shape."""
    if where.section == "couplings":
        return program.schedule.stacks[where.stack]
    return places(program.schedule.groups[where.stack].size, 1)


def batch_shape(program: Program, where: Address) -> tuple[int, ...]:
    """Shape of a batch of programs, as ``jax.vmap`` makes one; empty for a single one."""
    shape = np.shape(get_stack(program, where))
    return shape[: len(shape) - where.rank - len(stack_shape(program, where))]


def flatten_stack(stack: Any, program: Program, where: Address) -> Any:
    """A stack with its values in a row, after any batch."""
    batch, shape = batch_shape(program, where), np.shape(stack)
    return stack.reshape((*batch, -1, *shape[len(shape) - where.rank :]))


def index_batch(program: Program, where: Address, positions: Any) -> tuple[Any, ...]:
    """The index of some values in a row, of every program of a batch."""
    return *(slice(None) for _ in batch_shape(program, where)), positions


def check_shape(name: str, shape: tuple[int, ...], now: tuple[int, ...]) -> None:
    """An array is replaced by one of its shape."""
    if shape != now:
        raise ParameterError(
            f"{name!r} must keep its shape {now}, not become {shape}. Build a graph for another size."
        )


def check_new_value(graph: Graph, name: str, field: str, value: Scalar) -> None:
    """A node can still be filtered with its new value."""
    node = dataclasses.replace(graph.nodes[name], **{field: value})
    check_ready_to_filter(name, node, graph.inlets_fed(name))


def sample_parameters(
    labels: Labels, program: Program, priors: Mapping[str, Prior], key: Array, draws: int
) -> dict[str, Array]:
    """So many values of every parameter that has a prior, by name.

    Raises
    ------
    ParameterError
        Priors that are no functions by name, an unknown name, or draws outside the parameter's range.
    """
    if not isinstance(priors, Mapping) or not all(map(callable, priors.values())):
        raise ParameterError(
            "Give priors as functions of a key by parameter name, as in {'x.tonic_volatility': lambda key: "
            f"jax.random.normal(key)}}, not {priors!r}."
        )
    keys = jax.random.split(key, max(len(priors), 1))
    found: dict[str, Array] = {}
    for (name, prior), own in zip(priors.items(), keys, strict=False):
        found[name] = jax.vmap(prior)(jax.random.split(own, draws))
        check_draws(labels, program, name, found[name])
    return found


def check_draws(labels: Labels, program: Program, name: str, values: Array) -> None:
    """All draws of a parameter are in its range: its extremes are."""
    where = labels.address(name)
    spec = specification(program, where)
    if jnp.ndim(values) != 1 + where.rank:
        raise ParameterError(
            f"A draw of {name!r} must have {where.rank} dimensions, not shape {jnp.shape(values)[1:]}."
        )
    if not is_traced(values):
        for extreme in (np.min(values, axis=0), np.max(values, axis=0)):
            checked_value(f"A draw of {name!r}", where.field, extreme, spec)
