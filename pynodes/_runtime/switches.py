"""Switches: edges turned on and off in a compiled program, without compiling anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._compiler.labels import Address, Labels
from pynodes._compiler.program import Program
from pynodes._compiler.wiring import Wiring, places
from pynodes._core.modules import parameters_of
from pynodes._core.tracing import traced
from pynodes._errors import ParameterError
from pynodes._graph.check import check_ready
from pynodes._graph.edge_names import Key, edge_named, edge_names
from pynodes._runtime.replacement import element
from pynodes._typing import AnyArray, Array

Spot = tuple[str, int, int]
"""Where a mask is: ``"down"`` or ``"up"``, the group and its bundle."""


def unless_off(rule: Callable[..., Any], instead: float = 0.0) -> Callable[..., Any]:
    """A rule for one edge, which first is told whether the edge is on; None says that it always is.

    An edge that is off sends a number in place of every number it would have sent. Whatever that would
    have been, no derivative goes through it, infinite ones included: they are cut off where the
    rule's arguments come in as well as where its result goes out.
    """

    def sent(on: Array | None, *arguments: Any) -> Any:
        if on is None:
            return rule(*arguments)
        found = rule(*jax.tree.map(lambda leaf: held_still(on, leaf), arguments))
        return jax.tree.map(lambda leaf: jnp.where(on, leaf, jnp.full_like(leaf, instead)), found)

    return sent


def held_still(on: Array, leaf: Any) -> Any:
    """A number that moves where an edge is on."""
    if not isinstance(leaf, jax.Array) or not jnp.issubdtype(leaf.dtype, jnp.floating):
        return leaf
    return jnp.where(on, leaf, lax.stop_gradient(leaf))


def switchable(program: Program) -> Program:
    """A program that says of every edge whether it is on; itself if it does already."""
    groups = program.schedule.groups

    def explicit(size: int, fan: int, wiring: Wiring) -> Wiring:
        if wiring.switched:
            return wiring
        taken = np.ones(places(size, fan), bool) if wiring.present is None else wiring.present
        return dataclasses.replace(wiring, present=taken, switched=True)

    sides = {
        side: tuple(
            tuple(
                explicit(group.size, bundle.fan, wiring)
                for bundle, wiring in zip(getattr(group, side), wirings, strict=True)
            )
            for group, wirings in zip(groups, getattr(program, side), strict=True)
        )
        for side in ("down", "up")
    }
    return dataclasses.replace(program, **sides)


def switched(program: Program, labels: Labels, on: Mapping[str, Any]) -> Program:
    """A program with some edges turned on or off; see :meth:`Network.switch`."""
    if not isinstance(on, Mapping):
        raise ParameterError(
            f"Say by an edge's name whether it is on, as in {{'x3->x2': False}}, not {on!r}."
        )
    changes: dict[Spot, dict[int, Any]] = {}
    off: list[Key] = []
    for name, value in on.items():
        key = edge_named(labels.graph, name)
        check_truth(name, value)
        if not traced(value) and not value:
            off.append(key)
        for side, place in dataclasses.asdict(labels.wires[key]).items():
            if place is not None:
                group, bundle, position = place
                changes.setdefault((side, group, bundle), {})[position] = value
    program = switchable(program)
    sides = {side: [list(group) for group in getattr(program, side)] for side in ("down", "up")}
    for (side, group, bundle), values in changes.items():
        wiring = sides[side][group][bundle]
        revised = revised_mask(wiring.present, values)
        sides[side][group][bundle] = dataclasses.replace(wiring, present=revised)
    whole = {side: tuple(map(tuple, groups)) for side, groups in sides.items()}
    program = dataclasses.replace(program, **whole)
    check_fed(program, labels, off)
    return program


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


def revised_mask(mask: AnyArray, changes: Mapping[int, Any]) -> AnyArray:
    """A mask with some places turned on or off; on the host if all are plain."""
    if any(isinstance(value, jax.Array) for value in (mask, *changes.values())):
        flat = jnp.ravel(jnp.asarray(mask))
        values = jnp.stack([jnp.asarray(value) for value in changes.values()])
        return flat.at[jnp.array(list(changes))].set(values).reshape(jnp.shape(mask))
    flat = np.array(mask).ravel()
    flat[list(changes)] = list(changes.values())
    return flat.reshape(np.shape(mask))


def switch_states(program: Program, labels: Labels) -> dict[str, Any]:
    """Whether each edge is on, by name."""
    names = edge_names(labels.graph.edges)
    return {
        name: is_on(program, labels, key) for name, key in zip(names, labels.edges, strict=True)
    }


def is_on(program: Program, labels: Labels, key: Key) -> Any:
    """Whether an edge is on: a truth value, or an array of them if there are several or it is traced."""
    group, bundle, position = labels.wires[key].down
    mask = program.down[group][bundle].switches
    if mask is None:
        return True
    layout = program.schedule.groups[group]
    rank = len(places(layout.size, layout.down[bundle].fan))
    batch = np.shape(mask)[: np.ndim(mask) - rank]
    found = mask.reshape((*batch, -1))[..., position]
    return found if traced(found) or batch else bool(found)


def check_fed(program: Program, labels: Labels, keys: Iterable[Key]) -> None:
    """The children of edges that were turned off can be filtered without them."""
    for name in dict.fromkeys(child for _, child, _ in keys):
        node = labels.graph.nodes[name]
        group, position = labels.nodes[name]
        now = {
            field: element(program, Address("nodes", group, field, position, spec["rank"]))
            for field, spec in parameters_of(node).items()
        }
        check_ready(name, dataclasses.replace(node, **now), inlets_on(program, labels, name))


def inlets_on(program: Program, labels: Labels, name: str) -> set[str]:
    """The inlets of a node that are fed by an edge that is on, or may be."""
    nodes = labels.graph.nodes
    keys = [(p, name, inlet) for p in labels.graph.parents(name) for inlet in nodes[name].inlets]
    on = [key for key in keys if key in labels.wires and is_on(program, labels, key) is not False]
    return {inlet for _, _, inlet in on}
