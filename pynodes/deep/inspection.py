"""Inspection: energies, errors, forces and messages of a network at values, and slopes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._boundary import boundary
from pynodes._errors import InputError, quote
from pynodes._graph.edges import find_edge
from pynodes._runtime.network import Network
from pynodes._typing import Array
from pynodes.deep.energy import node_at
from pynodes.deep.energy import node_energies as layout_energies
from pynodes.deep.layout import Layout, lay_out
from pynodes.deep.messages import find_forces, send_up
from pynodes.deep.numbers import Numbers, lay_out_numbers, name_weights
from pynodes.deep.reading import Data, make_point_problem, read_data
from pynodes.deep.scheme import AbstractPointScheme
from pynodes.deep.settle import Settle
from pynodes.deep.settled import (
    Settled,
    check_network,
    read_question,
    settle,
    split_blocks,
)


@boundary
def energy(network: Network, values: Mapping[str, Any]) -> Array:
    """Energy of a network at values of all its nodes, sample by sample, in nats.

    It is minus the log density of the values, roots with a flat prior left out.

    Parameters
    ----------
    network
        The network.
    values
        A value of every node, samples first.

    Raises
    ------
    InputError
        A node without a value, or values that do not fit.
    """
    found = by_node(network, values)
    return sum(found.values(), start=jnp.zeros(()))


@boundary
def energies(network: Network, values: Mapping[str, Any]) -> dict[str, Array]:
    """The same by node name."""
    return by_node(network, values)


@boundary
def errors(network: Network, values: Mapping[str, Any]) -> dict[str, Array]:
    """How far the value of every node is from what its parents predict, by name."""
    return {name: node.error for name, node in at_values(network, values).items()}


@boundary
def forces(network: Network, values: Mapping[str, Any]) -> dict[str, dict[str, Array]]:
    """Slope of every node's energy along what comes in from its parents, by name and inlet."""
    return {name: dict(node.force) for name, node in at_values(network, values).items()}


@boundary
def messages(network: Network, values: Mapping[str, Any], edge: str) -> Array:
    """What goes up an edge: the slope of the child's energy along the parent, sample by sample.

    Parameters
    ----------
    network, values
        As for :func:`energy`.
    edge
        Its name, as in ``"h1->h2"``.

    Raises
    ------
    GraphError
        No edge of that name.
    """
    check_network(network)
    key = find_edge(network.labels.graph, edge)
    data = complete(network, values)
    layout = lay_out(network.labels, tuple(data.arrays))
    sent = run_message(
        layout, lay_out_numbers(network, layout), data.arrays, data.count, *place_edge(layout, key)
    )
    return sent[0] if data.single else sent


@boundary
def gradients(
    network: Network,
    values: Mapping[str, Any],
    scheme: AbstractPointScheme | None = None,
    *,
    key: Array | int = 0,
) -> dict[str, Array]:
    """What weights learn from a batch: slopes of its mean energy, by the names of parameters.

    Parameters
    ----------
    network
        The network.
    values
        What is given, by node name, samples first.
    scheme
        How the values of the other nodes are found; 20 steps of :class:`Settle` by default.
    key
        A JAX random key or a seed, for schemes that draw.

    Raises
    ------
    InputError
        Values that do not fit.
    """
    scheme = Settle() if scheme is None else scheme
    layout, *rest = read_question(network, values, scheme, key)
    found = run_gradients(layout, *rest)
    return dict(name_weights(layout, found))


@partial(jax.jit, static_argnames=("layout", "count"))
def run_gradients(
    layout: Layout,
    numbers: Numbers,
    scheme: AbstractPointScheme,
    arrays: dict[str, Any],
    masks: dict[str, Any],
    count: int,
    key: Array,
) -> Any:
    """Slopes of the weights at what a scheme finds."""
    problem = make_point_problem(layout, numbers, arrays, masks, count)
    return scheme.gradients(problem, scheme.find_free(problem, key))


@partial(jax.jit, static_argnames=("layout", "count"))
def run_energies(layout: Layout, numbers: Numbers, arrays: dict[str, Any], count: int) -> Any:
    """Energies of all blocks."""
    problem = make_point_problem(layout, numbers, arrays, {}, count)
    return layout_energies(layout, numbers, problem.given, {})


@partial(jax.jit, static_argnames=("layout", "count", "index", "slot", "position"))
def run_message(
    layout: Layout,
    numbers: Numbers,
    arrays: dict[str, Any],
    count: int,
    index: int,
    slot: int,
    position: int,
) -> Any:
    """What goes up one edge."""
    values = make_point_problem(layout, numbers, arrays, {}, count).given
    forces = find_forces(layout, numbers, values, {}, index)
    sent = send_up(layout, numbers, values, forces, index, slot)
    return node_at(layout.blocks[index].size, position, sent)


def place_edge(layout: Layout, key: tuple[str, str, str]) -> tuple[int, int, int]:
    """Block, slot and position of an edge."""
    for index, block in enumerate(layout.blocks):
        for number, slot in enumerate(block.slots):
            if key in slot.edges:
                return index, number, slot.edges.index(key)
    raise InputError(f"There is no edge {key}.")


def by_node(network: Network, values: Mapping[str, Any]) -> dict[str, Array]:
    """Energies by name, sample by sample."""
    check_network(network)
    data = complete(network, values)
    layout = lay_out(network.labels, tuple(data.arrays))
    terms = run_energies(layout, lay_out_numbers(network, layout), data.arrays, data.count)
    found = split_blocks(layout, terms, 0)
    return {name: term[0] for name, term in found.items()} if data.single else found


def at_values(network: Network, values: Mapping[str, Any]) -> Settled:
    """The network at values of all nodes."""
    check_network(network)
    complete(network, values)
    return settle(network, values)


def complete(network: Network, values: Mapping[str, Any]) -> Data:
    """Values of all nodes, checked.

    Raises
    ------
    InputError
        A node without a value, or with a part of one.
    """
    data = read_data(network.labels, values)
    missing = [name for name in network.labels.nodes if name not in data.arrays]
    if missing or data.masks:
        what = f"no value of {quote(missing)}" if missing else f"NaN in {quote(data.masks)}"
        raise InputError(
            f"Every node needs a value, and there is {what}. pynodes.deep.settle finds those that are free."
        )
    return data
