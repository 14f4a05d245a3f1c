"""Graphs as dictionaries, JSON text and networkx graphs, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pynodes.couplings
import pynodes.nodes
from pynodes._core.expansions import EXPANSIONS, AbstractExpansion
from pynodes._core.modules import Module, choices_of, is_default, parameters_of
from pynodes._errors import FormatError, GraphError, nearest
from pynodes._graph.graph import Graph
from pynodes._graph.settings import name_of as expansion_name
from pynodes.couplings import AbstractCoupling
from pynodes.couplings.functions import FUNCTIONS
from pynodes.couplings.functions import name_of as function_name
from pynodes.nodes import AbstractNode

if TYPE_CHECKING:
    import networkx

FORMAT, VERSION = "pynodes-graph", 1
INITIAL = "initial_"
"""Parameters whose names begin so are kept apart, as the belief before the first step."""

Kinds = Iterable[type[AbstractNode] | type[AbstractCoupling] | AbstractExpansion]


def to_dict(graph: Graph) -> dict[str, Any]:
    """A graph as a dictionary of plain values (docs/reference/format.md)."""
    settings = graph.settings
    return {
        "format": FORMAT,
        "version": VERSION,
        "settings": {
            "expansion": expansion_name(settings.expansion),
            "marginalise": settings.marginalise,
            "probability_clip": settings.probability_clip,
        },
        "nodes": [node_to_dict(name, node) for name, node in graph.nodes.items()],
        "edges": [edge_to_dict(*edge) for edge in graph.edges],
    }


def node_to_dict(name: str, node: AbstractNode) -> dict[str, Any]:
    """One node as plain values."""
    values = {field: plain(getattr(node, field)) for field in parameters_of(node)}
    entry: dict[str, Any] = {"name": name, "kind": type(node).__name__}
    entry["parameters"] = {k: v for k, v in values.items() if not k.startswith(INITIAL)}
    initial = {k.removeprefix(INITIAL): v for k, v in values.items() if k.startswith(INITIAL)}
    choices = choices_to_dict(node, skip=())
    return entry | ({"initial": initial} if initial else {}) | ({"choices": choices} if choices else {})


def edge_to_dict(parent: str, child: str, coupling: AbstractCoupling) -> dict[str, Any]:
    """One edge as plain values."""
    entry: dict[str, Any] = {"parent": parent, "child": child, "coupling": type(coupling).__name__}
    entry |= {field: plain(getattr(coupling, field)) for field in parameters_of(coupling)}
    if "function" in choices_of(coupling):
        entry["function"] = function_name(coupling.function)  # type: ignore[attr-defined]
    choices = choices_to_dict(coupling, skip=("function",))
    return entry | ({"choices": choices} if choices else {})


def choices_to_dict(module: Module, skip: tuple[str, ...]) -> dict[str, Any]:
    """The static fields of a module that differ from their defaults."""
    defaults = {name: field.default for name, field in type(module).__dataclass_fields__.items()}
    values = {name: getattr(module, name) for name in choices_of(module) if name not in skip}
    return {
        name: expansion_name(value) if isinstance(value, AbstractExpansion) else value
        for name, value in values.items()
        if not is_default(value, defaults[name])
    }


def plain(value: Any) -> float:
    """A parameter as a plain number."""
    return float(value)


def from_dict(data: Mapping[str, Any], kinds: Kinds = (), functions: Mapping[str, Any] | None = None) -> Graph:
    """A graph from the dictionary that :func:`to_dict` writes.

    Raises
    ------
    FormatError
        Not such a dictionary, another version, or an entry that cannot be read.
    """
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise FormatError(f"This is not a graph: its 'format' is not {FORMAT!r}.")
    if data.get("version") != VERSION:
        raise FormatError(
            f"This graph is of version {data.get('version')!r}; this pynodes reads version {VERSION}. "
            "Read it with the pynodes that wrote it, or install a newer one."
        )
    unknown = set(data) - {"format", "version", "settings", "nodes", "edges"}
    if unknown:
        raise FormatError(f"The graph has an unknown section {min(unknown)!r}.")
    library = Library(kinds, functions or {})
    nodes: dict[str, AbstractNode] = {}
    for entry in entries(data, "nodes"):
        name = required(entry, "name", "A node")
        if name in nodes:
            raise FormatError(f"Two nodes are named {name!r}.")
        nodes[name] = library.node(entry)
    edges = [library.edge(entry) for entry in entries(data, "edges")]
    return Graph(**library.settings(data.get("settings", {}))).extend(nodes, edges)


def entries(data: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    """The entries of a section, each a dictionary."""
    found = data.get(section, [])
    if not isinstance(found, list) or not all(isinstance(entry, Mapping) for entry in found):
        raise FormatError(f"The section {section!r} must be a list of objects.")
    return found


def required(entry: Mapping[str, Any], key: str, owner: str) -> str:
    """A text that an entry must have."""
    value = entry.get(key)
    if not isinstance(value, str):
        raise FormatError(f"{owner} lacks {key!r}, or has one that is no text: {dict(entry)!r}.")
    return value


class Library:
    """The kinds, couplings, expansions and functions that a file may name."""

    def __init__(self, kinds: Kinds, functions: Mapping[str, Any]) -> None:
        self.nodes = own(pynodes.nodes, AbstractNode)
        self.couplings = own(pynodes.couplings, AbstractCoupling)
        self.expansions = dict(EXPANSIONS)
        self.functions = FUNCTIONS | dict(functions)
        for kind in kinds:
            if isinstance(kind, AbstractExpansion):
                self.expansions[type(kind).__name__] = kind
            elif issubclass(kind, AbstractNode):
                self.nodes[kind.__name__] = kind
            else:
                self.couplings[kind.__name__] = kind

    def settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a file, ready for Graph."""
        for name in settings:
            if name not in ("expansion", "marginalise", "probability_clip"):
                raise FormatError(f"The graph has an unknown setting {name!r}.")
        return {name: self.chosen(name, value) for name, value in settings.items()}

    def chosen(self, name: str, value: Any) -> Any:
        """A choice of a file, expansions by name."""
        if name != "expansion" or value is None:
            return value
        if value not in self.expansions:
            raise FormatError(f"No expansion is named {value!r}. {nearest(value, self.expansions)}")
        return self.expansions[value]

    def node(self, entry: Mapping[str, Any]) -> AbstractNode:
        """The node of an entry."""
        kind = required(entry, "kind", "A node")
        if kind not in self.nodes:
            raise FormatError(
                f"{entry['name']!r} is of kind {kind!r}, which is not known here. {nearest(kind, self.nodes)} "
                "A kind of your own is named in kinds=[...]."
            )
        reject(entry, ("name", "kind", "parameters", "initial", "choices"), f"Node {entry['name']!r}")
        fields = dict(entry.get("parameters", {}))
        fields |= {INITIAL + key: value for key, value in entry.get("initial", {}).items()}
        fields |= {k: self.chosen(k, v) for k, v in entry.get("choices", {}).items()}
        return self.nodes[kind](**fields)

    def edge(self, entry: Mapping[str, Any]) -> tuple[str, str, AbstractCoupling]:
        """Parent, child and coupling of an entry."""
        parent, child = required(entry, "parent", "An edge"), required(entry, "child", "An edge")
        kind = required(entry, "coupling", "An edge")
        if kind not in self.couplings:
            raise FormatError(
                f"The edge {parent}->{child} is a {kind!r}, which is not known here. "
                f"{nearest(kind, self.couplings)} A coupling of your own is named in kinds=[...]."
            )
        cls = self.couplings[kind]
        own_fields = [*parameters_of(cls), *(["function"] if "function" in choices_of(cls) else [])]
        reject(entry, ("parent", "child", "coupling", "choices", *own_fields), f"Edge {parent}->{child}")
        fields = {key: entry[key] for key in own_fields if key in entry} | dict(entry.get("choices", {}))
        if isinstance(fields.get("function"), str) and fields["function"] in self.functions:
            fields["function"] = self.functions[fields["function"]]
        return parent, child, cls(**fields)


def own(module: Any, base: type) -> dict[str, Any]:
    """The kinds that a package of ours exports, abstract ones left out."""
    found = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    return {
        name: cls
        for name, cls in found.items()
        if issubclass(cls, base) and not getattr(cls, "__abstractmethods__", None)
    }


def reject(entry: Mapping[str, Any], known: tuple[str, ...], owner: str) -> None:
    """Refuse keys that nobody would read."""
    for key in entry:
        if key not in known:
            raise FormatError(f"{owner} has an unknown entry {key!r}. {nearest(key, known)}")


def to_json(graph: Graph, indent: int | None = 1) -> str:
    """A graph as JSON text; infinite precisions are written as ``Infinity``."""
    return json.dumps(to_dict(graph), indent=indent)


def from_json(text: str, kinds: Kinds = (), functions: Mapping[str, Any] | None = None) -> Graph:
    """A graph from JSON text.

    Raises
    ------
    FormatError
        Not JSON, or not a graph.
    """
    try:
        data = json.loads(text)
    except (TypeError, json.JSONDecodeError) as error:
        raise FormatError(f"This is not JSON: {error}.") from error
    return from_dict(data, kinds, functions)


def to_networkx(graph: Graph) -> networkx.MultiDiGraph:
    """A networkx graph with edges from parent to child.

    Every node carries its kind as ``kind`` and itself as ``node``; every edge its coupling's name as
    ``kind`` and itself as ``coupling``; parameters are attributes too. The settings are in ``graph``.
    """
    import networkx

    result = networkx.MultiDiGraph(settings=graph.settings)
    for name, node in graph.nodes.items():
        values = {field: plain(getattr(node, field)) for field in parameters_of(node)}
        result.add_node(name, kind=type(node).__name__, node=node, **values)
    for parent, child, coupling in graph.edges:
        values = {field: plain(getattr(coupling, field)) for field in parameters_of(coupling)}
        kind = type(coupling).__name__
        result.add_edge(parent, child, key=coupling.inlet, kind=kind, coupling=coupling, **values)
    return result


def from_networkx(source: networkx.DiGraph, kinds: Kinds = ()) -> Graph:
    """A graph from a directed networkx graph with edges from parent to child.

    A node is its attribute ``node`` if it has one, else the ``kind`` it names with its other
    attributes as parameters, else a ContinuousState, or, without children, a ContinuousInput. An
    edge is its attribute ``coupling``, else the ``kind`` it names (``"value"`` unless given), with its
    ``strength`` and ``function``. Node names become text.

    Raises
    ------
    FormatError
        An undirected graph, a name that is ambiguous as text, or an attribute that nobody would read.
    """
    if not hasattr(source, "is_directed") or not source.is_directed():
        raise FormatError("Give a directed networkx graph, with edges from parent to child.")
    library = Library(kinds, {})
    nodes: dict[str, AbstractNode] = {}
    for label, attributes in source.nodes(data=True):
        if str(label) in nodes:
            raise FormatError(f"Two nodes are named {str(label)!r} once their names are text.")
        nodes[str(label)] = node_of(str(label), attributes, not source.out_degree(label), library)
    edges = [
        (str(a), str(b), edge_of(str(a), str(b), attributes, nodes[str(b)], library))
        for a, b, attributes in source.edges(data=True)
    ]
    settings = source.graph.get("settings")
    graph = Graph() if settings is None else Graph().with_settings(**vars(settings))
    return graph.extend(nodes, edges)


def node_of(name: str, attributes: Mapping[str, Any], leaf: bool, library: Library) -> AbstractNode:
    """The node behind the attributes of a networkx node."""
    if isinstance(attributes.get("node"), AbstractNode):
        return attributes["node"]
    kind = attributes.get("kind", "ContinuousInput" if leaf else "ContinuousState")
    fields = {key: value for key, value in attributes.items() if key != "kind"}
    return library.node({"name": name, "kind": kind, "parameters": fields})


def edge_of(
    parent: str, child: str, attributes: Mapping[str, Any], target: AbstractNode, library: Library
) -> AbstractCoupling:
    """The coupling behind the attributes of a networkx edge."""
    from pynodes._graph.resolve import WORDS, resolved

    if isinstance(attributes.get("coupling"), AbstractCoupling):
        return attributes["coupling"]
    kind = attributes.get("kind", "value")
    fields = {key: value for key, value in attributes.items() if key != "kind"}
    if kind in WORDS:
        kind = type(resolved(kind, target, child)).__name__
    return library.edge({"parent": parent, "child": child, "coupling": kind, **fields})[2]


def with_functions(functions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Named functions of one's own, checked."""
    for name, function in functions.items():
        if not callable(function):
            raise GraphError(f"The function {name!r} cannot be called.")
    return functions
