"""Numbers: the parameters of a network beside a layout, taken out and put back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.program import stack_modules
from pynodes._core.modules import Module
from pynodes._graph.edges import Key
from pynodes._runtime.network import Network
from pynodes._typing import AnyArray
from pynodes.couplings import AbstractArrayCoupling, AbstractCoupling
from pynodes.deep.layout import Layout, Slot
from pynodes.nodes import AbstractNode

Weights: TypeAlias = tuple[tuple[dict[str, AnyArray], ...], ...]
"""Learned arrays by block, slot and field."""


class Numbers(Module):
    """The parameters of a graph, block by block; nodes and edges of a block of several are stacked.

    Attributes
    ----------
    nodes
        For every block, its nodes as one.
    couplings
        For every block and slot, its couplings as one.
    """

    nodes: tuple[Any, ...]
    couplings: tuple[tuple[Any, ...], ...]


def lay_out_numbers(network: Network, layout: Layout) -> Numbers:
    """The numbers of a network, laid out."""

    def stack(modules: list[Any]) -> Any:
        return modules[0] if len(modules) == 1 else stack_modules(modules, (len(modules),))

    return Numbers(
        nodes=tuple(stack([node_of(network, n) for n in b.names]) for b in layout.blocks),
        couplings=tuple(
            tuple(stack([coupling_of(network, key) for key in s.edges]) for s in b.slots)
            for b in layout.blocks
        ),
    )


def node_of(network: Network, name: str) -> AbstractNode:
    """One node with its parameters as they are now."""
    group, position = network.labels.nodes[name]
    node = network.program.nodes[group]
    if network.program.schedule.groups[group].size == 1:
        return node
    return jax.tree.map(lambda leaf: leaf[position], node)


def coupling_of(network: Network, key: Key) -> AbstractCoupling:
    """One coupling with its parameters as they are now."""
    stack, position = network.labels.edges[key]
    coupling = network.program.couplings[stack]
    shape = network.program.schedule.stacks[stack]
    if not shape:
        return coupling

    def take(leaf: Any) -> Any:
        return leaf.reshape((-1, *np.shape(leaf)[len(shape) :]))[position]

    return jax.tree.map(take, coupling)


def select_weights(numbers: Numbers) -> Weights:
    """The arrays that learn."""
    return tuple(
        tuple({f: getattr(c, f) for f in weight_fields(c)} for c in slots)
        for slots in numbers.couplings
    )


def weight_fields(coupling: AbstractCoupling) -> list[str]:
    """Names of the arrays of a coupling that learn."""
    return list(coupling.learnable) if isinstance(coupling, AbstractArrayCoupling) else []


def insert_weights(numbers: Numbers, weights: Weights) -> Numbers:
    """The same numbers with other weights."""
    couplings = tuple(
        tuple(dataclasses.replace(c, **w) for c, w in zip(slots, fields, strict=True))
        for slots, fields in zip(numbers.couplings, weights, strict=True)
    )
    return dataclasses.replace(numbers, couplings=couplings)


def name_weights(layout: Layout, weights: Weights) -> dict[str, Any]:
    """Weights by the names of parameters, as in ``"h1->h2.weights"``."""
    found: dict[str, Any] = {}
    for block, slots in zip(layout.blocks, weights, strict=True):
        for slot, fields in zip(block.slots, slots, strict=True):
            for field, value in fields.items():
                for position, name in enumerate(slot.names):
                    found[f"{name}.{field}"] = value if block.size == 1 else value[position]
    return found


def place_weights(layout: Layout, named: Mapping[str, Any]) -> Weights:
    """Weights by name, where a layout has them."""

    def gather(slot: Slot, field: str, size: int) -> Any:
        parts = [named[f"{name}.{field}"] for name in slot.names]
        return parts[0] if size == 1 else jnp.stack(parts)

    fields = {name.rpartition(".")[0]: set[str]() for name in named}
    for name in named:
        edge, _, field = name.rpartition(".")
        fields[edge].add(field)
    return tuple(
        tuple(
            {
                field: gather(slot, field, block.size)
                for field in sorted(fields.get(slot.names[0], ()))
            }
            for slot in block.slots
        )
        for block in layout.blocks
    )


def write_weights(network: Network, layout: Layout, weights: Weights) -> Network:
    """A network with the weights put back under their names."""
    return network.replace(name_weights(layout, weights))


def as_floats(tree: Any) -> Any:
    """All leaves as arrays of the user's floating-point precision."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(float)), tree)
