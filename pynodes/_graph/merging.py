"""Merging: when two graphs may become one."""

from __future__ import annotations

from graphlib import CycleError as Loop
from graphlib import TopologicalSorter

from pynodes._core.modules import same_module
from pynodes._errors import CycleError, DuplicateNodeError, GraphError
from pynodes._graph.check import check_known, cycle_message
from pynodes._graph.settings import Settings
from pynodes._graph.structure import Structure


def check_settings(one: Settings, other: Settings) -> None:
    """Graphs that are merged have the same settings: each node goes on doing what it did."""
    for name in Settings.names():
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine != theirs:
            raise GraphError(
                f"The graphs differ in their setting {name!r}: {mine!r} here, {theirs!r} there. Give one of "
                f"them the other's with with_settings({name}=...), or give nodes a choice of their own."
            )


def check_shared(one: Structure, other: Structure, shared: list[str]) -> set[str]:
    """The shared names, each of which stands for the same in both graphs."""
    for name in shared:
        check_known(name, one.nodes)
        check_known(name, other.nodes)
        mine, theirs = one.nodes[name], other.nodes[name]
        if not same_module(mine, theirs):
            raise GraphError(
                f"The graphs share {name!r}, but it is {mine!r} here and {theirs!r} there. Make it the same "
                "in both with revise, or rename one of them."
            )
    common = set(shared)
    for key, coupling in other._edges.items():
        if key in one._edges and not same_module(one._edges[key], coupling):
            raise GraphError(
                f"Both graphs couple {key[0]!r} to {key[1]!r}, by {one._edges[key]!r} here and "
                f"{coupling!r} there. Uncouple them in one of the graphs."
            )
    return common


def check_apart(one: Structure, other: Structure, shared: set[str]) -> None:
    """A name that is not shared is in one of the graphs only."""
    for name in other.nodes:
        if name in one.nodes and name not in shared:
            raise DuplicateNodeError(
                f"Both graphs have a node {name!r}. If it is the same in both, say so: shared=[{name!r}]; "
                "if not, rename one of them."
            )


def check_joined(graph: Structure) -> None:
    """Graphs that were joined at several nodes form no cycle together."""
    below = {name: graph.children(name) for name in graph.nodes}
    try:
        TopologicalSorter(below).prepare()
    except Loop as error:
        raise CycleError(cycle_message(error.args[1][:0:-1])) from None
