"""Wrong uses while a graph is edited."""

from __future__ import annotations

import pynodes as pn
from tests.small import paired, tracked
from tests.wrong_use import Wrong

STATE, INPUT = pn.ContinuousState(), pn.ContinuousInput()


def doubled() -> pn.Graph:
    """Two states that are coupled twice."""
    graph = pn.Graph().add(a=STATE, b=STATE).couple("a", "b", "value")
    return graph.couple("a", "b", "volatility")


def halves() -> tuple[pn.Graph, pn.Graph]:
    """Two graphs that form a cycle together."""
    graph = pn.Graph().add(a=STATE, b=STATE)
    return graph.couple("a", "b"), graph.couple("b", "a")


WRONG = [
    Wrong(
        "removing a node that is not there",
        lambda: paired().remove(["x", "topp"]),
        pn.UnknownNodeError,
        ("'topp'", "Did you mean 'top'?"),
    ),
    Wrong("removing by number", lambda: paired().remove(0), pn.GraphError, ("0", "name of a node")),
    Wrong(
        "keeping a node that is not there",
        lambda: paired().subgraph(["x", "z"]),
        pn.UnknownNodeError,
        ("'z'", "Known here"),
    ),
    Wrong(
        "renaming a node that is not there",
        lambda: paired().rename({"w": "u"}),
        pn.UnknownNodeError,
        ("'w'",),
    ),
    Wrong(
        "renaming to a name that is taken",
        lambda: paired().rename({"x": "y"}),
        pn.DuplicateNodeError,
        ("'y'", "another name"),
    ),
    Wrong(
        "renaming to a name with a dot",
        lambda: paired().rename({"x": "x.1"}),
        pn.GraphError,
        ("'x.1'", "'.'"),
    ),
    Wrong(
        "renaming by a pair",
        lambda: paired().rename(("x", "y")),
        pn.GraphError,
        ("new names by old",),
    ),
    Wrong(
        "uncoupling what is not coupled",
        lambda: paired().uncouple("x", "v"),
        pn.UnknownEdgeError,
        ("'x'", "'v'", "Its parents are 'y'."),
    ),
    Wrong(
        "uncoupling the wrong way round",
        lambda: paired().uncouple("u", "x"),
        pn.UnknownEdgeError,
        ("leads from 'x' to 'u'", "parent first"),
    ),
    Wrong(
        "uncoupling what is coupled otherwise",
        lambda: paired().uncouple("top", "x", "value"),
        pn.UnknownEdgeError,
        ("value", "only Volatility"),
    ),
    Wrong(
        "uncoupling what has no parents",
        lambda: paired().uncouple("x", "top"),
        pn.UnknownEdgeError,
        ("leads from 'top' to 'x'",),
    ),
    Wrong(
        "uncoupling by a strength",
        lambda: paired().uncouple("top", "x", 0.7),
        pn.CouplingError,
        ("0.7", "pynodes.Volatility"),
    ),
    Wrong(
        "rewiring by a pair",
        lambda: paired().rewire(("top", "x"), parent="y"),
        pn.GraphError,
        ("('top', 'x')", "'x2->u'"),
    ),
    Wrong(
        "rewiring nothing",
        lambda: paired().rewire("top->x"),
        pn.GraphError,
        ("'top->x'", "parent="),
    ),
    Wrong(
        "rewiring one of two edges",
        lambda: doubled().rewire("a->b", coupling=pn.Drift(strength=2.0)),
        pn.GraphError,
        ("'a->b.Drift'", "'a->b.Volatility'", "which"),
    ),
    Wrong(
        "rewiring a kind that is not there",
        lambda: paired().rewire("top->x.Drift", parent="y"),
        pn.UnknownEdgeError,
        ("Drift", "only Volatility"),
    ),
    Wrong(
        "rewiring to a node that is not there",
        lambda: paired().rewire("top->x", parent="tip"),
        pn.UnknownNodeError,
        ("'tip'", "Did you mean 'top'?"),
    ),
    Wrong(
        "rewiring into a cycle",
        lambda: paired().couple("x", "y").rewire("top->x", parent="y"),
        pn.CycleError,
        ("'x'", "x -> y -> x", "ancestor"),
    ),
    Wrong(
        "rewiring onto another edge",
        lambda: paired().couple("y", "x", "volatility").rewire("top->x", parent="y"),
        pn.DuplicateNodeError,
        ("'y'", "already feeds"),
    ),
    Wrong(
        "rewiring a coupling to a child that it does not suit",
        lambda: paired().rewire("top->x", child="v"),
        pn.CouplingError,
        ("Volatility", "'v'", "Noise"),
    ),
    Wrong(
        "revising a node that is not there",
        lambda: paired().revise(z=STATE),
        pn.UnknownNodeError,
        ("'z'",),
    ),
    Wrong(
        "revising to a kind that its parents do not suit",
        lambda: paired().revise(x=pn.ConstantState(value=1.0)),
        pn.CouplingError,
        ("Volatility", "'x'", "no parents"),
    ),
    Wrong(
        "revising to a kind that has no children",
        lambda: paired().revise(top=INPUT),
        pn.CouplingError,
        ("'top'", "has no children"),
    ),
    Wrong(
        "revising by a list", lambda: paired().revise([STATE]), pn.GraphError, ("list", "by name")
    ),
    Wrong(
        "revising by parameters",
        lambda: paired().revise(x={"tonic_volatility": 1.0}),
        pn.GraphError,
        ("'x'", "must be a node"),
    ),
    Wrong(
        "merging graphs with a name in common",
        lambda: tracked().merge(paired()),
        pn.DuplicateNodeError,
        ("'u'", "shared=['u']", "rename"),
    ),
    Wrong(
        "merging graphs that share what differs",
        lambda: tracked().merge(paired(), shared=["u", "x"]),
        pn.GraphError,
        ("'x'", "tonic_volatility=-2.0", "revise"),
    ),
    Wrong(
        "merging graphs that share what one lacks",
        lambda: tracked().merge(paired().remove("x"), shared=["u", "x"]),
        pn.UnknownNodeError,
        ("'x'",),
    ),
    Wrong(
        "merging graphs whose couplings differ",
        lambda: tracked().merge(
            tracked().rewire("x->u", coupling=pn.Observation(strength=2.0)), shared=["x", "u"]
        ),
        pn.GraphError,
        ("'x'", "'u'", "strength=2.0", "Uncouple"),
    ),
    Wrong(
        "merging graphs of other settings",
        lambda: tracked().merge(pn.Graph(marginalise=False)),
        pn.GraphError,
        ("'marginalise'", "with_settings(marginalise="),
    ),
    Wrong(
        "merging graphs into a cycle",
        lambda: halves()[0].merge(halves()[1], shared=["a", "b"]),
        pn.CycleError,
        ("a -> b -> a", "ancestor"),
    ),
    Wrong(
        "merging a network",
        lambda: tracked().merge(tracked().compile()),
        pn.GraphError,
        ("Network", "with a graph"),
    ),
]
