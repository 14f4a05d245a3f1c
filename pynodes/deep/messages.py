"""Messages: slopes of single terms of the energy, by explicit products along every edge.

``problem.slopes`` differentiates the whole sum at once, which is faster. Here the same slopes are put
together from what travels along each edge: for inspection, for rules that freeze a part of them, and as
the other side of the law that both are equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._typing import Array
from pynodes.deep.energy import Values, batched, contribute, node_at, sum_inlets, value_at
from pynodes.deep.layout import Layout, Where
from pynodes.deep.numbers import Numbers, Weights, weight_fields

Forces = dict[str, Array]
"""Slope of one node's energy along each of its inlets."""


def force(node: Any, value: Array, inlet: Mapping[str, Any], weigh: Array | None = None) -> Forces:
    """Slope of a node's energy along what comes in, for every sample."""
    fed = {name: sent for name, sent in inlet.items() if jnp.ndim(sent)}
    unfed = {name: sent for name, sent in inlet.items() if not jnp.ndim(sent)}

    def along(node: Any, value: Array, fed: Any, weigh: Any) -> Forces:
        def term(fed: Any) -> Array:
            own = node.energy(value, unfed | fed)
            return jnp.sum(own if weigh is None else own * weigh)

        return jax.grad(term)(fed)

    return batched(along, 1)(node, value, fed, weigh)


def send_up(coupling: Any, parent: Array, forces: Forces) -> Array:
    """What a child's force says along an edge: slope of its energy along the parent, for every sample."""

    def back(coupling: Any, value: Array, forces: Forces) -> Array:
        sent, pull = jax.vjp(lambda x: contribute(coupling, x), value)
        return pull({name: jnp.broadcast_to(forces[name], jnp.shape(sent[name])) for name in sent})[
            0
        ]

    return batched(back, 1)(coupling, parent, forces)


def weight_slope(coupling: Any, parent: Array, forces: Forces, count: int) -> dict[str, Array]:
    """Slope of the mean energy along an edge's weights, from its two ends alone."""
    fields = {name: jnp.asarray(getattr(coupling, name)) for name in weight_fields(coupling)}
    if not fields:
        return {}

    def sent(fields: Any) -> Array:
        moved = type(coupling).contribution
        return jax.vmap(lambda x: moved(with_fields(coupling, fields), x))(parent)

    _, pull = jax.vjp(sent, fields)
    return pull(forces[coupling.inlet] / count)[0]


def with_fields(coupling: Any, fields: Mapping[str, Any]) -> Any:
    """A coupling with other weights."""
    return dataclasses.replace(coupling, **fields)


def forces_at(
    layout: Layout, numbers: Numbers, values: Values, weighs: Values
) -> dict[Where, Forces]:
    """The force at the inlets of every node whose energy counts and that has parents."""
    found = {}
    for index in layout.terms:
        block = layout.blocks[index]
        if not block.slots:
            continue
        inlet = sum_inlets(layout, numbers, values, index)
        for position in range(block.size):
            take = lambda tree: node_at(block.size, position, tree)  # noqa: B023, E731
            fed = {name: take(sent) if jnp.ndim(sent) else sent for name, sent in inlet.items()}
            found[index, position] = force(
                take(numbers.nodes[index]), take(values[index]), fed, take(weighs.get(index))
            )
    return found


def edge_slopes(
    layout: Layout, numbers: Numbers, values: Values, forces: Mapping[Where, Forces], count: int
) -> Weights:
    """Slopes of all weights from the forces at their children."""
    sizes = [block.size for block in layout.blocks]
    found = []
    for index, block in enumerate(layout.blocks):
        slots = []
        for slot, coupling in zip(block.slots, numbers.couplings[index], strict=True):
            single = []
            for position, where in enumerate(slot.parents):
                own = node_at(block.size, position, coupling)
                if (index, position) in forces:
                    parent = value_at(values, sizes, where)
                    single.append(weight_slope(own, parent, forces[index, position], count))
                else:
                    single.append(
                        {
                            n: jnp.zeros_like(jnp.asarray(getattr(own, n)))
                            for n in weight_fields(own)
                        }
                    )
            slots.append(
                single[0]
                if block.size == 1
                else jax.tree.map(lambda *leaves: jnp.stack(leaves), *single)
            )
        found.append(tuple(slots))
    return tuple(found)
