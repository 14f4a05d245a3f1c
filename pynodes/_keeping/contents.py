"""Contents: what a file says of a graph, a network, a state or trajectories.

A graph is written as a document (docs/format.md), and everything else as the graph it was compiled
from, the settings, and arrays. No structure is written down: it is compiled again (``revival.py``).
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import jax
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._core.modules import parameters_of
from pynodes._graph.document import to_dict
from pynodes._graph.graph import Graph
from pynodes._graph.settings import Settings
from pynodes._keeping.leaves import Leaves, check_plain, leaves_of
from pynodes._results.state import State
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.network import Network


class Content(NamedTuple):
    """What is written down of one thing: plain values, and arrays by part and place."""

    said: dict[str, Any]
    arrays: dict[str, Leaves]


def graph_content(graph: Graph) -> Content:
    """A graph's document."""
    for name, node in graph.nodes.items():
        check_plain([getattr(node, field) for field in parameters_of(node)], f"The node {name!r}")
    for parent, child, coupling in graph.edges:
        check_plain(coupling, f"The coupling {parent}->{child}")
    return Content({"graph": to_dict(graph)}, {})


def compiled_content(labels: Labels) -> dict[str, Any]:
    """The graph and the settings that were compiled, and a sign of how the nodes were grouped."""
    return graph_content(labels.graph).said | {
        "settings": settings_to_dict(labels.settings),
        "groups": sign(labels.groups),
    }


def network_content(network: Network) -> Content:
    """A network's graph with all its numbers: parameters, wiring and switches."""
    labels, program = network.labels, network.program
    said = {
        "switched": any(wiring.switched for wirings in program.down for wiring in wirings),
        "layout": sign(layout_of(labels)),
    }
    leaves = leaves_of(program, "The network")
    return Content(compiled_content(labels) | said, {"program": leaves})


def state_content(state: State) -> Content:
    """A state's graph and what its nodes remember."""
    return Content(compiled_content(state.labels), {"state": leaves_of(state.groups, "The state")})


def trajectories_content(beliefs: Trajectories) -> Content:
    """All that was recorded, where it ended, and what happened; the nodes of a failure by name."""
    check_plain(beliefs, "What was believed")
    single = np.ndim(beliefs.status.alive) < 2
    said = {
        "kept": beliefs.kept,
        "named": beliefs.status.nodes if single else [],
        "layout": sign(layout_of(beliefs.labels)),
    }
    records = {
        f"{g}/{field}": a for g, fields in beliefs.records.items() for field, a in fields.items()
    }
    parts = {
        "state": leaves_of(beliefs.final.groups, "The state"),
        "records": records,
        "surprises": {str(group): values for group, values in beliefs.surprises.items()},
        "observed": {str(group): values for group, values in beliefs.observed.items()},
        "status": {"alive": beliefs.status.alive, "bounded": beliefs.status.bounded},
    }
    if beliefs.couplings is not None:
        parts["couplings"] = leaves_of(beliefs.couplings, "What was believed")
    arrays = {part: jax.tree.map(np.asarray, leaves) for part, leaves in parts.items()}
    return Content(compiled_content(beliefs.labels) | said, arrays)


def settings_to_dict(settings: Settings) -> dict[str, Any]:
    """Settings as plain values, as a graph's document has them."""
    return to_dict(Graph().with_settings(**vars(settings)))["settings"]


def layout_of(labels: Labels) -> tuple[Any, ...]:
    """Where everything is in a program."""
    return labels.groups, labels.edges, labels.wires


def sign(layout: object) -> int:
    """A number by which a layout is known again."""
    return zlib.crc32(repr(layout).encode())
