"""Switches: edges turned on and off in a compiled program, without compiling anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Address, Labels
from pynodes._compiler.program import Program, Wiring, places
from pynodes._core.modules import is_traced, parameters_of
from pynodes._errors import ParameterError
from pynodes._graph.checks import check_ready_to_filter
from pynodes._graph.edges import Key, find_edge, name_edges
from pynodes._runtime.parameters import get_parameter


def make_switchable(program: Program, labels: Labels) -> Program:
    """A program that says of every edge whether it is on; itself if it does already."""
    if program.edges_on is not None:
        return program
    groups = program.schedule.groups

    def number_edges(side: str) -> tuple[tuple[Wiring, ...], ...]:
        numbers = [
            [
                np.zeros(int(np.prod(places(group.size, bundle.fan), dtype=int)), np.int32)
                for bundle in getattr(group, side)
            ]
            for group in groups
        ]
        for wire in labels.wires.values():
            place = getattr(wire, side)
            if place is not None:
                group, bundle, position = place
                numbers[group][bundle][position] = wire.number
        return tuple(
            tuple(
                dataclasses.replace(wiring, edges=flat.reshape(places(group.size, bundle.fan)))
                for wiring, flat, bundle in zip(
                    wirings, numbers[index], getattr(group, side), strict=True
                )
            )
            for index, (group, wirings) in enumerate(
                zip(groups, getattr(program, side), strict=True)
            )
        )

    every = np.ones(len(labels.wires), bool)
    return dataclasses.replace(
        program, down=number_edges("down"), up=number_edges("up"), edges_on=every
    )


def switch_edges(program: Program, labels: Labels, on: Mapping[str, Any]) -> Program:
    """A program with some edges turned on or off; see :meth:`Network.switch`."""
    if not isinstance(on, Mapping):
        raise ParameterError(
            f"Say by an edge's name whether it is on, as in {{'x3->x2': False}}, not {on!r}."
        )
    program = make_switchable(program, labels)
    changes: dict[int, Any] = {}
    off: list[Key] = []
    for name, value in on.items():
        key = find_edge(labels.graph, name)
        check_truth(name, value)
        if not is_traced(value) and not value:
            off.append(key)
        changes[labels.wires[key].number] = value
    if changes:
        revised = revise_switches(program.edges_on, changes)
        program = dataclasses.replace(program, edges_on=revised)
    check_remaining_parents(program, labels, off)
    return program


def revise_switches(edges_on: Any, changes: Mapping[int, Any]) -> Any:
    """Whether every edge is on, with some changed; on the host if all are plain."""
    where = np.array(list(changes))
    if any(isinstance(value, jax.Array) for value in (edges_on, *changes.values())):
        values = jnp.stack([jnp.asarray(value) for value in changes.values()])
        return jnp.asarray(edges_on).at[..., where].set(values)
    revised = np.array(edges_on)
    revised[..., where] = list(changes.values())
    return revised


def check_truth(name: str, value: Any) -> None:
    """An edge is on or off."""
    kind = getattr(value, "dtype", None)
    if not isinstance(value, bool) and kind != np.bool_:
        raise ParameterError(f"The edge {name!r} is on (True) or off (False), not {value!r}.")
    if np.shape(value):
        raise ParameterError(
            f"The edge {name!r} is on or off, one of both, not an array of shape {np.shape(value)}. To try "
            "many at once, use jax.vmap over network.switch."
        )


def switch_states(program: Program, labels: Labels) -> dict[str, Any]:
    """Whether each edge is on, by name."""
    names = name_edges(labels.graph.edges)
    return {name: is_on(program, number) for number, name in enumerate(names)}


def is_on(program: Program, number: int) -> Any:
    """Whether an edge is on: a truth value, or an array of them if there are several or it is traced."""
    if program.edges_on is None:
        return True
    found = program.edges_on[..., number]
    return found if is_traced(found) or np.shape(found) else bool(found)


def check_remaining_parents(program: Program, labels: Labels, keys: Iterable[Key]) -> None:
    """The children of edges that were turned off can be filtered without them."""
    for name in dict.fromkeys(child for _, child, _ in keys):
        node = labels.graph.nodes[name]
        group, position = labels.nodes[name]
        now = {
            field: get_parameter(program, Address("nodes", group, field, position, spec["rank"]))
            for field, spec in parameters_of(node).items()
        }
        check_ready_to_filter(
            name, dataclasses.replace(node, **now), inlets_on(program, labels, name)
        )


def inlets_on(program: Program, labels: Labels, name: str) -> set[str]:
    """The inlets of a node that are fed by an edge that is on, or may be."""
    parents, inlets = labels.graph.parents(name), labels.graph.nodes[name].inlets
    numbers = {
        (p, name, inlet): labels.wires.get((p, name, inlet)) for p in parents for inlet in inlets
    }
    return {
        inlet
        for (_, _, inlet), wire in numbers.items()
        if wire is not None and is_on(program, wire.number) is not False
    }
