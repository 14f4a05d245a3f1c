"""Documents: graphs as dictionaries and JSON text, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pynodes._core.expansions import AbstractExpansion
from pynodes._core.modules import Module, choices_of, indices_of, is_default, parameters_of, plain
from pynodes._errors import FormatError
from pynodes._graph.described import Described
from pynodes._graph.graph import Graph
from pynodes._graph.library import INITIAL, Kinds, Library, part, reject, required
from pynodes._graph.settings import name_of as expansion_name
from pynodes.couplings import AbstractCoupling
from pynodes.couplings.functions import name_of as function_name
from pynodes.families import AbstractFamily
from pynodes.nodes import AbstractNode

FORMAT, VERSION = "pynodes-graph", 1


def to_dict(graph: Described) -> dict[str, Any]:
    """A graph as a dictionary of plain values (docs/format.md).

    Raises
    ------
    FormatError
        Two coupling functions of one name: who reads them could not tell them apart.
    """
    check_functions(graph)
    settings = graph._settings
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
    return (
        entry
        | ({"initial": initial} if initial else {})
        | ({"choices": choices} if choices else {})
    )


def edge_to_dict(parent: str, child: str, coupling: AbstractCoupling) -> dict[str, Any]:
    """One edge as plain values."""
    entry: dict[str, Any] = {"parent": parent, "child": child, "coupling": type(coupling).__name__}
    entry |= {field: plain(getattr(coupling, field)) for field in parameters_of(coupling)}
    entry |= {field: int(getattr(coupling, field)) for field in indices_of(coupling)}
    if "function" in choices_of(coupling):
        entry["function"] = function_name(coupling.function)  # type: ignore[attr-defined]
    choices = choices_to_dict(coupling, skip=("function",))
    return entry | ({"choices": choices} if choices else {})


def check_functions(graph: Described) -> None:
    """Different coupling functions have different names."""
    known: dict[str, Any] = {}
    for _, _, coupling in graph.edges:
        function = getattr(coupling, "function", None)
        if function is not None and known.setdefault(function_name(function), function) != function:
            raise FormatError(
                f"Two coupling functions are named {function_name(function)!r}, so a reader could not tell "
                "them apart. Give each a name of its own, with def."
            )


def choices_to_dict(module: Module, skip: tuple[str, ...]) -> dict[str, Any]:
    """The static fields of a module that differ from their defaults."""
    defaults = {name: field.default for name, field in type(module).__dataclass_fields__.items()}
    values = {name: getattr(module, name) for name in choices_of(module) if name not in skip}
    return {
        name: written(value)
        for name, value in values.items()
        if not is_default(value, defaults[name])
    }


def written(value: Any) -> Any:
    """A choice as plain values: an expansion by name, a family by name and choices of its own."""
    if isinstance(value, AbstractExpansion):
        return expansion_name(value)
    if isinstance(value, AbstractFamily):
        return {"name": type(value).__name__, **dataclasses.asdict(value)}
    return value


def from_dict(
    data: Mapping[str, Any], kinds: Kinds = (), functions: Mapping[str, Any] | None = None
) -> Graph:
    """A graph from the dictionary that :func:`to_dict` writes.

    Raises
    ------
    FormatError
        Not such a dictionary, another version, or an entry that cannot be read.
    """
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise FormatError(
            f"This is not a graph: its 'format' is not {FORMAT!r}. graph.to_json() and graph.to_dict() write "
            "what can be read."
        )
    if data.get("version") != VERSION:
        raise FormatError(
            f"This graph is of version {data.get('version')!r}; this pynodes reads version {VERSION}. "
            "Read it with the pynodes that wrote it, or install a newer one."
        )
    reject(data, ("format", "version", "settings", "nodes", "edges"), "The graph")
    library = Library(kinds, functions or {})
    nodes: dict[str, AbstractNode] = {}
    for entry in entries(data, "nodes"):
        name = required(entry, "name", "A node")
        if name in nodes:
            raise FormatError(f"Two nodes are named {name!r}.")
        nodes[name] = library.node(entry)
    edges = [library.edge(entry) for entry in entries(data, "edges")]
    return Graph(**library.settings(part(data, "settings", "The graph"))).extend(nodes, edges)


def entries(data: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    """The entries of a section, each a dictionary."""
    found = data.get(section, [])
    if not isinstance(found, list) or not all(isinstance(entry, Mapping) for entry in found):
        raise FormatError(f"The section {section!r} must be a list of objects.")
    return found


def to_json(graph: Described, indent: int | None = 1) -> str:
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
        raise FormatError(
            f"This is not JSON: {error}. Give the text that graph.to_json() wrote, not a file's name; for a "
            "dictionary use Graph.from_dict."
        ) from error
    return from_dict(data, kinds, functions)
