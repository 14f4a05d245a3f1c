"""A network in a notebook: what was compiled, and its parameters as they are now."""

from __future__ import annotations

from collections import Counter

import numpy as np

from pynodes._core.html import table
from pynodes._core.modules import traced
from pynodes._runtime.network import Network

SHOWN = 30
"""Larger networks show this many nodes, then how many more there are."""


def network_to_html(network: Network) -> str:
    """A row for every node, with its kind, its parameters and its parents."""
    graph, labels = network.graph, network.labels
    nodes, edges = len(labels.nodes), len(graph.edges)
    title = (
        f"Network of {nodes} nodes and {edges} edges in {len(labels.groups)} groups, with "
        f"{len(labels.parameters)} parameters. Inputs: {', '.join(graph.inputs) or 'none'}."
    )
    named = list(labels.nodes)[:SHOWN]
    own: dict[str, list[str]] = {name: [] for name in named}
    alike = Counter(place_of(network, name) for name in labels.parameters)
    for name in labels.parameters:
        owner, _, field = name.rpartition(".")
        if owner in own:
            own[owner].append(f"{field} {shown(network, name, alike)}")
    rows = [
        (
            name,
            type(graph.nodes[name]).__name__,
            ", ".join(own[name]),
            ", ".join(graph.parents(name)),
        )
        for name in named
    ]
    return table(title, ("node", "kind", "parameters", "parents"), rows, more=nodes - SHOWN)


def place_of(network: Network, name: str) -> tuple[str, int, str]:
    """Which stack of values a parameter is in."""
    where = network.labels.address(name)
    return where.section, where.stack, where.field


def shown(network: Network, name: str, alike: Counter[tuple[str, int, str]]) -> str:
    """A parameter in a few digits; of an array, or of a batch of networks, its shape."""
    section, stack, field = place = place_of(network, name)
    values = getattr(getattr(network.program, section)[stack], field)
    if traced(values):
        return "traced"
    value = network[name]
    if np.ndim(value):
        return f"of shape {np.shape(value)}"
    return (
        f"{float(value):.4g}" if np.size(values) == alike[place] else f"of shape {np.shape(values)}"
    )
