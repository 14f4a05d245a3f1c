"""Graphs as networkx graphs, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pynodes._core.modules import indices_of, parameters_of, plain
from pynodes._errors import FormatError
from pynodes._graph.document import drawn_parameters
from pynodes._graph.edges import WORDS, make_coupling
from pynodes._graph.graph import Graph
from pynodes._graph.library import Kinds, Library, take_object
from pynodes._graph.settings import Settings
from pynodes.couplings import AbstractCoupling
from pynodes.nodes import AbstractNode

if TYPE_CHECKING:
    import networkx


def to_networkx(graph: Graph) -> networkx.MultiDiGraph:
    """A networkx graph with edges from parent to child; see :meth:`Graph.to_networkx`."""
    import networkx

    result = networkx.MultiDiGraph(settings=graph._settings)
    for name, node in graph.nodes.items():
        values = {field: plain(getattr(node, field)) for field in parameters_of(node)}
        result.add_node(name, kind=type(node).__name__, node=node, **values)
    for parent, child, coupling in graph.edges:
        values = drawn_parameters(coupling)
        values |= {field: int(getattr(coupling, field)) for field in indices_of(coupling)}
        kind = type(coupling).__name__
        result.add_edge(parent, child, key=coupling.slot, kind=kind, coupling=coupling, **values)
    return result


def from_networkx(source: networkx.DiGraph, kinds: Kinds = ()) -> Graph:
    """A graph from a directed networkx graph; see :meth:`Graph.from_networkx`."""
    if not hasattr(source, "is_directed") or not source.is_directed():
        raise FormatError("Give a directed networkx graph, with edges from parent to child.")
    library = Library(kinds, {})
    nodes: dict[str, AbstractNode] = {}
    for label, attributes in source.nodes(data=True):
        if str(label) in nodes:
            raise FormatError(f"Two nodes are named {str(label)!r} once their names are text.")
        nodes[str(label)] = read_node_attributes(
            str(label), attributes, source.out_degree(label) == 0, library
        )
    edges = [
        (str(a), str(b), read_edge_attributes(str(a), str(b), attributes, nodes[str(b)], library))
        for a, b, attributes in source.edges(data=True)
    ]
    return Graph(**read_settings_attribute(source, library)).extend(nodes, edges)


def read_settings_attribute(source: networkx.DiGraph, library: Library) -> dict[str, Any]:
    """The settings of a networkx graph: an object, or names and values."""
    settings = source.graph.get("settings", {})
    if isinstance(settings, Settings):
        return vars(settings)
    return library.read_settings(take_object(source.graph, "settings", "The networkx graph"))


def read_node_attributes(
    name: str, attributes: Mapping[str, Any], leaf: bool, library: Library
) -> AbstractNode:
    """The node behind the attributes of a networkx node."""
    if isinstance(attributes.get("node"), AbstractNode):
        return attributes["node"]
    if "node" in attributes:
        raise FormatError(
            f"The attribute 'node' of {name!r} is {attributes['node']!r}, which is no node. Leave it out, or "
            "give one such as pynodes.ContinuousState()."
        )
    kind = attributes.get("kind", "ContinuousInput" if leaf else "ContinuousState")
    fields = {key: value for key, value in attributes.items() if key != "kind"}
    return library.read_node({"name": name, "kind": kind, "parameters": fields})


def read_edge_attributes(
    parent: str, child: str, attributes: Mapping[str, Any], target: AbstractNode, library: Library
) -> AbstractCoupling:
    """The coupling behind the attributes of a networkx edge."""
    if isinstance(attributes.get("coupling"), AbstractCoupling):
        return attributes["coupling"]
    kind = attributes.get("kind", attributes.get("coupling", "value"))
    fields = {key: value for key, value in attributes.items() if key not in ("kind", "coupling")}
    if isinstance(kind, str) and kind in WORDS:
        kind = type(make_coupling(kind, target, child)).__name__
    return library.read_edge({"parent": parent, "child": child, "coupling": kind, **fields})[2]
