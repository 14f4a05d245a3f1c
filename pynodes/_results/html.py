"""Networks and beliefs as small tables for notebooks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from pynodes._core.html import table
from pynodes._core.modules import is_traced
from pynodes._typing import Array

if TYPE_CHECKING:
    from pynodes._results.edge_beliefs import EdgeBeliefs
    from pynodes._results.node_beliefs import NodeBeliefs
    from pynodes._results.trajectories import Trajectories
    from pynodes._runtime.network import Network


SHOWN = 30
"""Larger networks show this many nodes, then say how many more there are."""


COMPONENTS = 6
"""Of an array, this many numbers are shown."""


def trajectories_to_html(beliefs: Trajectories) -> str:
    """What every node believed at the end, and how surprised the inputs were."""
    shape = np.shape(beliefs.found.alive)
    if len(shape) != 1:
        return table(f"Trajectories of {len(beliefs)} nodes, shape {shape}")
    rows = [row(beliefs, name) for name in beliefs.names[:SHOWN]]
    total = float(np.sum(np.asarray(beliefs.surprise)))
    title = f"{shape[0]} steps, total surprise {total:.6g} nats. {beliefs.status.message}"
    head = ("node", "kind", "last mean", "last sd", "surprise")
    return table(title, head, rows, more=len(beliefs) - SHOWN)


def row(beliefs: Trajectories, name: str) -> tuple[str, ...]:
    """One node's row."""
    node = beliefs[name]
    kind = type(beliefs.labels.graph.nodes[name]).__name__
    observed, mean = "surprise" in node.fields, ""
    if "mean" in node.fields:
        mean = ", ".join(f"{value:.4g}" for value in np.ravel(node.mean[-1])[:COMPONENTS])
    precision = np.asarray(node.precision)[-1] if "precision" in node.fields else np.inf
    known = observed or np.ndim(precision) or not np.isfinite(precision)
    spread = "" if known else f"{1 / np.sqrt(precision):.4g}"
    surprise = f"{np.sum(np.asarray(node.surprise)):.6g}" if observed else ""
    return name, kind, mean, spread, surprise


def fields_to_html(beliefs: NodeBeliefs) -> str:
    """The fields of one node, and where they were at the end."""
    node = beliefs._trajectories.labels.graph.nodes[beliefs._name]
    title = f"Beliefs about {beliefs._name!r}, a {type(node).__name__}"
    return table(title, HEAD, [field_row(name, getattr(beliefs, name)) for name in beliefs.fields])


def rates_to_html(beliefs: EdgeBeliefs) -> str:
    """The fields of one edge, and where they were at the end."""
    kind = beliefs._kind.__name__
    names = ("error", "precision_weight", "weighted_error")
    rows = [field_row(name, getattr(beliefs, name)) for name in names]
    return table(f"What went up {beliefs.name}, a {kind} edge", HEAD, rows)


HEAD = ("field", "shape", "least", "mean", "most", "last")


def field_row(name: str, values: Array) -> tuple[object, ...]:
    """A field in numbers; what is no number but of several is left to its shape."""
    array = np.asarray(values, dtype=float)
    shape = "(" + ", ".join(map(str, array.shape)) + ")"
    known = array[np.isfinite(array)]
    if not known.size:
        return name, shape, "", "", "", ""
    last = float(array[-1]) if array.ndim == 1 else ""
    return name, shape, float(known.min()), float(known.mean()), float(known.max()), last


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
            own[owner].append(f"{field} {show_parameter(network, name, alike)}")
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


def show_parameter(network: Network, name: str, alike: Counter[tuple[str, int, str]]) -> str:
    """A parameter in a few digits; of an array, or of a batch of networks, its shape."""
    section, stack, field = place = place_of(network, name)
    values = getattr(getattr(network.program, section)[stack], field)
    if is_traced(values):
        return "traced"
    value = network[name]
    if np.ndim(value):
        return f"of shape {np.shape(value)}"
    return (
        f"{float(value):.4g}" if np.size(values) == alike[place] else f"of shape {np.shape(values)}"
    )
