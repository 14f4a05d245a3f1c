"""Documents: graphs as dictionaries and JSON text, and back."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from pynodes._core.expansions import AbstractExpansion
from pynodes._core.functions import name_function as function_name
from pynodes._core.modules import (
    Module,
    Undrawn,
    choices_of,
    indices_of,
    is_default,
    parameters_in,
    parameters_of,
    plain,
)
from pynodes._core.scheme import AbstractScheme
from pynodes._core.structured import Structured
from pynodes._errors import FormatError, format_value
from pynodes._graph.graph import Graph
from pynodes._graph.library import INITIAL, Kinds, Library, check_keys, take_object, take_text
from pynodes._graph.settings import name_expansion as expansion_name
from pynodes.couplings import AbstractCoupling, Compose
from pynodes.couplings.initial import AbstractInitialiser
from pynodes.families import AbstractFamily
from pynodes.nodes import AbstractNode

FORMAT, VERSION = "pynodes-graph", 1

ADVICE = " Give the text that graph.to_json() wrote, not a file's name; for a dictionary use Graph.from_dict."
"""What is said to whom reads something else than JSON as a graph."""

UNNAMED_EXPANSION = "unbounded"
"""What a document of version 1 means that names no expansion: the default when the format was made."""

DEEPEST = 50
"""Lists and objects of a JSON text that may lie inside one another; a graph needs seven."""

DIGITS = 308
"""Digits that a whole number may have: with more it is beyond every floating-point number."""


def to_dict(graph: Graph) -> dict[str, Any]:
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
            "expansion": write_choice(settings.expansion),
            "marginalise": settings.marginalise,
            "probability_clip": settings.probability_clip,
            **({} if settings.scheme is None else {"scheme": write_choice(settings.scheme)}),
            **({} if settings.evidence == "at_once" else {"evidence": settings.evidence}),
        },
        "nodes": [node_to_dict(name, node) for name, node in graph.nodes.items()],
        "edges": [edge_to_dict(*edge) for edge in graph.edges],
    }


def node_to_dict(name: str, node: AbstractNode) -> dict[str, Any]:
    """One node as plain values."""
    values = {field: plain(getattr(node, field)) for field in parameters_in(node)}
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
    return {"parent": parent, "child": child} | coupling_to_dict(coupling)


def coupling_to_dict(coupling: AbstractCoupling) -> dict[str, Any]:
    """One coupling as plain values; of one that is made of others, these as well."""
    entry: dict[str, Any] = {"coupling": type(coupling).__name__}
    entry |= drawn_parameters(coupling)
    if isinstance(coupling, Compose):
        entry["parts"] = [coupling_to_dict(part) for part in coupling.parts]
    entry |= {field: int(getattr(coupling, field)) for field in indices_of(coupling)}
    if "function" in choices_of(coupling):
        entry["function"] = function_name(coupling.function)  # type: ignore[attr-defined]
    choices = choices_to_dict(coupling, skip=("function",))
    return entry | ({"choices": choices} if choices else {})


def drawn_parameters(coupling: AbstractCoupling) -> dict[str, Any]:
    """Parameters as plain values: those that have numbers, and False for what is absent but need not be."""
    found: dict[str, Any] = {}
    for field, spec in parameters_of(type(coupling)).items():
        value = getattr(coupling, field)
        if value is None and spec["drawn"]:
            found[field] = False
        elif value is not None and value is not True and not isinstance(value, Undrawn):
            found[field] = plain(value)
    return found


def check_functions(graph: Graph) -> None:
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
    """The static fields of a module that differ from what a reader would take them for."""
    defaults = {name: field.default for name, field in type(module).__dataclass_fields__.items()}
    defaults |= getattr(module, "meaning_unnamed", {})
    values = {name: getattr(module, name) for name in choices_of(module) if name not in skip}
    return {
        name: write_choice(value)
        for name, value in values.items()
        if not is_default(value, defaults[name])
    }


def write_choice(value: Any) -> Any:
    """A choice as plain values: an expansion by name, other objects by name and their own."""
    if isinstance(value, Structured) and value != Structured():
        own, usual = dataclasses.asdict(value), dataclasses.asdict(Structured())
        return {"name": "structured", **{key: own[key] for key in own if own[key] != usual[key]}}
    if isinstance(value, AbstractExpansion):
        return expansion_name(value)
    if isinstance(value, AbstractFamily | AbstractScheme | AbstractInitialiser):
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
    return read_document(data, Library(kinds, functions or {}))


def read_document(data: Mapping[str, Any], library: Library) -> Graph:
    """The same, of one document among several that share what they may ask for."""
    if not isinstance(data, Mapping) or not is_text(data.get("format"), FORMAT):
        raise FormatError(
            f"This is not a graph: its 'format' is not {FORMAT!r}. graph.to_json() and graph.to_dict() write "
            "what can be read."
        )
    if type(data.get("version")) is not int or data["version"] != VERSION:
        raise FormatError(
            f"This graph is of version {format_value(data.get('version'), 40)}; this pynodes reads "
            f"version {VERSION}. Read it with the pynodes that wrote it, or install a newer one."
        )
    check_keys(data, ("format", "version", "settings", "nodes", "edges"), "The graph")
    nodes: dict[str, AbstractNode] = {}
    for entry in list_entries(data, "nodes"):
        name = take_text(entry, "name", "A node")
        if name in nodes:
            raise FormatError(f"Two nodes are named {name!r}.")
        nodes[name] = library.read_node(entry)
    edges = [library.read_edge(entry) for entry in list_entries(data, "edges")]
    settings: dict[str, Any] = {"expansion": UNNAMED_EXPANSION}
    settings |= library.read_settings(take_object(data, "settings", "The graph"))
    graph = Graph(**settings).extend(nodes, edges)
    library.check_weights(graph.edges)
    return graph


def is_text(value: object, text: str) -> bool:
    """Whether a value of a document is just this text."""
    return isinstance(value, str) and value == text


def list_entries(data: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    """The entries of a section, each a dictionary."""
    found = data.get(section, [])
    if not isinstance(found, list) or not all(isinstance(entry, Mapping) for entry in found):
        raise FormatError(f"The section {section!r} must be a list of objects.")
    return found


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
    return from_dict(parse_json(text, ADVICE), kinds, functions)


def parse_json(text: str | bytes, advice: str = "") -> Any:
    """The values of a JSON text, read strictly: nothing in it is dropped, rounded to infinity or endless.

    Raises
    ------
    FormatError
        Not JSON; a key that stands twice in one object; a number with more digits or a larger exponent than
        numbers have; lists in lists without end. What is no JSON at all is told the advice.
    """
    try:
        data = json.loads(
            text, object_pairs_hook=make_object, parse_int=parse_whole, parse_float=parse_number
        )
    except RecursionError as error:
        raise FormatError("This is not JSON that can be read: it is nested without end.") from error
    except (TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FormatError(f"This is not JSON: {error}.{advice}") from error
    check_depth(data)
    return data


def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of some keys and values, no key of which stands twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise FormatError(
                f"The key {key!r} stands twice in one object, so that it is not known which is meant. Leave "
                "one out."
            )
        found[key] = value
    return found


def parse_whole(text: str) -> int:
    """A whole number."""
    if len(text) > DIGITS:
        raise FormatError(
            f"A number of {len(text)} digits, {text[:12]}..., is beyond what a number can be."
        )
    return int(text)


def parse_number(text: str) -> float:
    """A real number; infinity is written as such and does not come out of rounding."""
    number = float(text)
    if math.isinf(number):
        raise FormatError(f"The number {text[:40]} is beyond what a number can be.")
    return number


def check_depth(data: Any) -> None:
    """Lists and objects do not lie inside one another without end."""
    level, depth = [data], 0
    while level:
        if depth > DEEPEST:
            raise FormatError(f"Lists and objects are nested more than {DEEPEST} deep.")
        parts = [
            v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list)
        ]
        level = [each for part in parts for each in part if isinstance(each, dict | list)]
        depth += 1
