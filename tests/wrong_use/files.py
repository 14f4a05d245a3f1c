"""Wrong documents and wrong networkx graphs."""

from __future__ import annotations

import copy
import json
from typing import Any

import networkx as nx

import pynodes as pn
from tests.small import tracked
from tests.wrong_use import Wrong

DOCUMENT = tracked().to_dict()


def read(**changes: Any) -> pn.Graph:
    """A document with other sections."""
    return pn.Graph.from_json(json.dumps({**DOCUMENT, **changes}))


def read_entry(section: str, **changes: Any) -> pn.Graph:
    """A document whose first entry of a section is changed; None leaves an item out."""
    document = copy.deepcopy(DOCUMENT)
    document[section][0] |= changes
    document[section][0] = {k: v for k, v in document[section][0].items() if v is not None}
    return pn.Graph.from_dict(document)


def drawn(*edges: tuple[Any, ...], nodes: Any = (), cls: type[nx.Graph] = nx.DiGraph) -> pn.Graph:
    """A networkx graph of some edges, read."""
    source = cls()
    source.add_nodes_from(nodes)
    source.add_edges_from(edges)
    return pn.Graph.from_networkx(source)


DOCUMENTS = [
    Wrong(
        "a document cut short",
        lambda: pn.Graph.from_json(tracked().to_json()[:60]),
        pn.FormatError,
        ("not JSON", "graph.to_json()"),
    ),
    Wrong(
        "a file's name for a document",
        lambda: pn.Graph.from_json("graph.json"),
        pn.FormatError,
        ("not JSON", "not a file's name"),
    ),
    Wrong(
        "a dictionary as JSON",
        lambda: pn.Graph.from_json(DOCUMENT),
        pn.FormatError,
        ("not JSON", "Graph.from_dict"),
    ),
    Wrong(
        "another format",
        lambda: read(format="graphml"),
        pn.FormatError,
        ("'format'", "'pynodes-graph'", "graph.to_json()"),
    ),
    Wrong(
        "a newer version",
        lambda: read(version=2),
        pn.FormatError,
        ("version 2", "reads version 1", "newer"),
    ),
    Wrong(
        "an unknown section",
        lambda: read(node=[]),
        pn.FormatError,
        ("'node'", "Did you mean 'nodes'"),
    ),
    Wrong("nodes as an object", lambda: read(nodes={}), pn.FormatError, ("'nodes'", "list")),
    Wrong(
        "settings as a list", lambda: read(settings=[1]), pn.FormatError, ("'settings'", "object")
    ),
    Wrong(
        "an unknown setting",
        lambda: read(settings={"expnsion": "standard"}),
        pn.FormatError,
        ("'expnsion'", "Did you mean 'expansion'"),
    ),
    Wrong(
        "an unknown expansion",
        lambda: read(settings={"expansion": "ehgf"}),
        pn.FormatError,
        ("'ehgf'", "'enhanced'"),
    ),
    Wrong(
        "an unknown kind",
        lambda: read_entry("nodes", kind="CountInput"),
        pn.FormatError,
        ("'u'", "'CountInput'", "kinds=[...]"),
    ),
    Wrong(
        "a node without a kind", lambda: read_entry("nodes", kind=None), pn.FormatError, ("'kind'",)
    ),
    Wrong(
        "an unknown entry of a node",
        lambda: read_entry("nodes", colour="red"),
        pn.FormatError,
        ("'u'", "'colour'", "'parameters'"),
    ),
    Wrong(
        "an unknown parameter in a document",
        lambda: read_entry("nodes", parameters={"precison": 1.0}),
        pn.ParameterError,
        ("'precison'", "Did you mean 'precision'"),
    ),
    Wrong(
        "parameters as a list",
        lambda: read_entry("nodes", parameters=[1.0]),
        pn.FormatError,
        ("'u'", "'parameters'", "names and values"),
    ),
    Wrong(
        "a parameter as text",
        lambda: read_entry("nodes", parameters={"precision": "1"}),
        pn.ParameterError,
        ("'u'", "precision", "'1'", "real number"),
    ),
    Wrong(
        "two nodes of one name in a document",
        lambda: read_entry("nodes", name="x"),
        pn.FormatError,
        ("Two nodes", "'x'"),
    ),
    Wrong(
        "an edge to an unknown node",
        lambda: read_entry("edges", parent="z"),
        pn.UnknownNodeError,
        ("'z'", "Known here", "'x'"),
    ),
    Wrong(
        "an unknown coupling",
        lambda: read_entry("edges", coupling="Drfit"),
        pn.FormatError,
        ("x->u", "'Drfit'", "Did you mean 'Drift'"),
    ),
    Wrong(
        "an unknown entry of an edge",
        lambda: read_entry("edges", weight=2.0),
        pn.FormatError,
        ("x->u", "'weight'", "'strength'"),
    ),
    Wrong(
        "an unknown function in a document",
        lambda: read_entry("edges", function="mish"),
        pn.FormatError,
        ("x->u", "'mish'", "functions={"),
    ),
    Wrong(
        "a node for a kind of one's own",
        lambda: pn.Graph.from_dict(DOCUMENT, kinds=[pn.BinaryInput()]),
        pn.FormatError,
        ("BinaryInput()", "kinds", "classes"),
    ),
]

DRAWINGS = [
    Wrong(
        "an undirected graph",
        lambda: drawn(("x", "u"), cls=nx.Graph),
        pn.FormatError,
        ("directed", "from parent to child"),
    ),
    Wrong(
        "no networkx graph",
        lambda: pn.Graph.from_networkx({"x": ["u"]}),
        pn.FormatError,
        ("directed networkx graph",),
    ),
    Wrong(
        "names that coincide as text",
        lambda: drawn((1, "u"), ("1", "u")),
        pn.FormatError,
        ("'1'", "text"),
    ),
    Wrong(
        "an unknown kind of a networkx node",
        lambda: drawn(nodes=[("u", {"kind": "Count"})]),
        pn.FormatError,
        ("'u'", "'Count'", "kinds=[...]"),
    ),
    Wrong(
        "a number for a networkx node",
        lambda: drawn(nodes=[("u", {"node": 3})]),
        pn.FormatError,
        ("'u'", "'node'", "3", "pynodes.ContinuousState()"),
    ),
    Wrong(
        "an unknown attribute of a networkx node",
        lambda: drawn(nodes=[("u", {"weight": 1.0})]),
        pn.ParameterError,
        ("'weight'", "'precision'"),
    ),
    Wrong(
        "an unknown attribute of a networkx edge",
        lambda: drawn(("x", "u", {"weight": 1.0})),
        pn.FormatError,
        ("x->u", "'weight'", "'strength'"),
    ),
    Wrong(
        "the same edge twice in a multigraph",
        lambda: drawn(("x", "u"), ("x", "u"), cls=nx.MultiDiGraph),
        pn.DuplicateNodeError,
        ("'x'", "'u'", "network.replace"),
    ),
    Wrong(
        "a cycle in a networkx graph",
        lambda: drawn(("x", "y"), ("y", "z"), ("z", "x")),
        pn.CycleError,
        ("x -> y -> z -> x", "without cycles"),
    ),
    Wrong(
        "an unknown setting of a networkx graph",
        lambda: pn.Graph.from_networkx(nx.DiGraph(settings={"expnsion": "standard"})),
        pn.FormatError,
        ("'expnsion'", "Did you mean 'expansion'"),
    ),
]

WRONG = [*DOCUMENTS, *DRAWINGS]
