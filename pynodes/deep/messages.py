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
from pynodes.deep.energy import Values, apply_rule, contribute, gather_slot, sum_block_inlets
from pynodes.deep.layout import Layout
from pynodes.deep.numbers import Numbers, Weights, weight_fields

Forces = dict[str, Array]
"""Slope of the energy of a block's nodes along each of their inlets."""


def split_fed(inlet: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inlets that somebody feeds, and the others."""
    fed = {name: sent for name, sent in inlet.items() if jnp.ndim(sent)}
    return fed, {name: sent for name, sent in inlet.items() if not jnp.ndim(sent)}


def find_forces(
    layout: Layout, numbers: Numbers, values: Values, weighs: Values, index: int
) -> Forces:
    """Slope of a block's energies along what comes in, sample by sample."""
    fed, unfed = split_fed(sum_block_inlets(layout, numbers, values, index))

    def along(node: Any, value: Array, fed: Any, weigh: Any) -> Forces:
        def term(fed: Any) -> Array:
            own = node.energy(value, unfed | fed)
            return jnp.sum(own if weigh is None else own * weigh)

        return jax.grad(term)(fed)

    rule = apply_rule(along, layout.blocks[index].size)
    return rule(numbers.nodes[index], values[index], fed, weighs.get(index))


def send_up(
    layout: Layout, numbers: Numbers, values: Values, forces: Forces, index: int, slot: int
) -> Array:
    """What the forces at a block say along one slot: slopes along the parents, sample by sample."""

    def back(coupling: Any, value: Array, forces: Forces) -> Array:
        sent, pull = jax.vjp(lambda x: contribute(coupling, x), value)
        return pull({name: jnp.broadcast_to(forces[name], jnp.shape(sent[name])) for name in sent})[
            0
        ]

    block = layout.blocks[index]
    parents = gather_slot(layout, values, block.slots[slot])
    return apply_rule(back, block.size)(numbers.couplings[index][slot], parents, forces)


def edge_slopes(
    layout: Layout, numbers: Numbers, values: Values, forces: Mapping[int, Forces], count: int
) -> Weights:
    """Slopes of the mean energy along all weights, each from the two ends of its edge."""

    def slope(coupling: Any, parent: Array, force: Array) -> dict[str, Array]:
        fields = {name: jnp.asarray(getattr(coupling, name)) for name in weight_fields(coupling)}

        def sent(fields: Any) -> Array:
            moved = dataclasses.replace(coupling, **fields)
            return jax.vmap(moved.contribution)(parent)

        return jax.vjp(sent, fields)[1](force / count)[0]

    found = []
    for index, block in enumerate(layout.blocks):
        slots: list[dict[str, Any]] = []
        for slot, coupling in zip(block.slots, numbers.couplings[index], strict=True):
            names = weight_fields(coupling)
            if not names:
                slots.append({})
            elif index not in forces:
                slots.append({n: jnp.zeros_like(jnp.asarray(getattr(coupling, n))) for n in names})
            else:
                rule = slope if block.size == 1 else jax.vmap(slope)
                parents = gather_slot(layout, values, slot)
                slots.append(rule(coupling, parents, forces[index][coupling.inlet]))
        found.append(tuple(slots))
    return tuple(found)
