"""Wrong uses of transfer."""

from __future__ import annotations

import pynodes as pn
from tests.small import network, paired, tracked
from tests.wrong_use import Wrong


def transfer(graph: pn.Graph, **options: object) -> pn.State:
    """The first state of two inputs, carried over to another graph's network."""
    return network(paired()).start().transfer(graph.compile(), **options)


WRONG = [
    Wrong(
        "a transfer to a graph",
        lambda: network(paired()).start().transfer(tracked()),
        pn.StateError,
        ("Graph(2 nodes", "graph.compile()"),
    ),
    Wrong(
        "a transfer of what was not there",
        lambda: transfer(tracked(), names={"z": "x"}),
        pn.UnknownNodeError,
        ("'z'", "Known here"),
    ),
    Wrong(
        "a transfer to what is not there",
        lambda: transfer(tracked(), names={"y": "z"}),
        pn.UnknownNodeError,
        ("'z'",),
    ),
    Wrong(
        "a transfer of two beliefs to one node",
        lambda: transfer(tracked(), names={"y": "x", "top": "x"}),
        pn.StateError,
        ("'y'", "'top'", "'x'", "one belief"),
    ),
    Wrong(
        "a transfer that begins anew as well",
        lambda: transfer(tracked(), names={"y": "x"}, restart="x"),
        pn.StateError,
        ("'x'", "'y'", "one of them"),
    ),
    Wrong(
        "a transfer with an unknown beginning",
        lambda: transfer(tracked(), restart=["z"]),
        pn.UnknownNodeError,
        ("'z'",),
    ),
    Wrong(
        "a transfer by pairs",
        lambda: transfer(tracked(), names=[("y", "x")]),
        pn.StateError,
        ("new names by old",),
    ),
    Wrong(
        "a transfer to another kind",
        lambda: transfer(paired().revise(top=pn.ConstantState(value=0.0))),
        pn.StateError,
        ("'top'", "ConstantState", "restart=['top']"),
    ),
    Wrong(
        "a transfer to a node that remembers nothing",
        lambda: transfer(paired(), names={"x": "u"}),
        pn.StateError,
        ("'u'", "'x'", "remembers nothing", "restart=['u']"),
    ),
]
