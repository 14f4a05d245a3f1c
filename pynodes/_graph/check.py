"""The rules that a graph keeps, one function each; all raise errors that name the culprit."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pynodes._core.modules import Module, checked_value, choices_of, parameters_of
from pynodes._core.tracing import traced
from pynodes._errors import (
    CouplingError,
    CycleError,
    DuplicateNodeError,
    GraphError,
    ParameterError,
    UnknownNodeError,
    nearest,
)
from pynodes._graph.resolve import advice
from pynodes._graph.settings import Settings
from pynodes.couplings import AbstractCoupling
from pynodes.nodes import AbstractNode

RESERVED = (".", "->", "/")
"""What a name may not contain, because parameters are addressed as ``node.parameter``, ``a->b.strength``."""


def check_name(name: object) -> None:
    """A node's name is a non-empty text without the marks that addresses are made of."""
    if not isinstance(name, str) or not name.strip():
        raise GraphError(f"A node's name must be a non-empty text, not {name!r}.")
    for mark in RESERVED:
        if mark in name:
            raise GraphError(
                f"The name {name!r} contains {mark!r}, which addresses of parameters use."
            )


def check_node(name: str, node: object) -> None:
    """A node is an instance of a kind, with parameters in their ranges."""
    if inspect.isclass(node) and issubclass(node, AbstractNode) and not inspect.isabstract(node):
        raise GraphError(f"{name!r} was given the class {node.__name__}; write {node.__name__}().")
    if not isinstance(node, AbstractNode):
        raise GraphError(
            f"{name!r} must be a node such as pynodes.ContinuousState(), not {node!r}."
        )
    owner = f"{type(node).__name__} {name!r}"
    for field, spec in parameters_of(node).items():
        checked_value(owner, field, getattr(node, field), spec)
    check_choices(owner, node)


def check_choices(owner: str, module: Module) -> None:
    """A choice that stands in for a setting of the graph is one that the setting allows."""
    for name in choices_of(module):
        value = getattr(module, name)
        if value is not None and name in Settings.names():
            try:
                Settings(**{name: value})
            except GraphError as error:
                raise ParameterError(f"{owner}: {error}") from error


def check_new(name: str, known: Mapping[str, object]) -> None:
    """Names are used once."""
    if name in known:
        raise DuplicateNodeError(f"The graph already has a node {name!r}. Choose another name.")


def check_known(name: object, known: Mapping[str, object]) -> None:
    """An edge joins nodes that are there."""
    if not isinstance(name, str) or name not in known:
        raise UnknownNodeError(f"The graph has no node {name!r}. {nearest(name, known)}")


def check_coupling(
    parent: str, child: str, coupling: AbstractCoupling, nodes: Mapping[str, AbstractNode]
) -> None:
    """A coupling feeds an inlet that its child has, from a parent that is not an input."""
    if parent == child:
        raise CycleError(f"{parent!r} cannot be its own parent.")
    target = nodes[child]
    if coupling.inlet not in target.inlets:
        raise CouplingError(
            f"{type(coupling).__name__} feeds {coupling.inlet!r}, but {child!r} is a "
            f"{type(target).__name__}{advice(target) if target.inlets else ', which takes no parents.'}"
        )
    source = nodes[parent]
    if source.observable:
        raise CouplingError(
            f"{parent!r} is a {type(source).__name__}, which is observed and has no children. To drive "
            f"{child!r} by known values use a Regressor; to observe a state that has children, give a "
            "ContinuousState its series."
        )
    mismatch = coupling.incompatibility(source, target)
    if mismatch:
        raise CouplingError(f"{parent!r} {mismatch}")
    for field, spec in parameters_of(coupling).items():
        owner = f"{type(coupling).__name__} {parent}->{child}"
        checked_value(owner, field, getattr(coupling, field), spec)
    check_choices(f"{type(coupling).__name__} {parent}->{child}", coupling)


def check_acyclic(
    parent: str, child: str, parents: Mapping[str, list[str]], children: Mapping[str, list[str]]
) -> None:
    """No node is its own ancestor.

    The new edge closes a cycle if the parent already descends from the child. The search goes up
    from the parent and down from the child in turn and ends with the shorter of the two, so that
    growing a graph at its rim costs nothing.
    """
    came_up: dict[str, str | None] = {parent: None}
    came_down: dict[str, str | None] = {child: None}
    for up, down in zip(walk(came_up, parents), walk(came_down, children), strict=False):
        if up == child:
            raise CycleError(cycle_message(trace(came_up, child)))
        if down == parent:
            raise CycleError(cycle_message(trace(came_down, parent)[::-1]))


def walk(came: dict[str, str | None], neighbours: Mapping[str, list[str]]) -> Iterator[str]:
    """Every node reachable from the one in ``came``, breadth first; notes where it came from."""
    queue = list(came)
    for node in queue:
        yield node
        for neighbour in neighbours.get(node, ()):
            if neighbour not in came:
                came[neighbour] = node
                queue.append(neighbour)


def trace(came: Mapping[str, str | None], end: str) -> list[str]:
    """The way from a node back to where a walk began."""
    path, step = [end], came[end]
    while step is not None:
        path.append(step)
        step = came[step]
    return path


def cycle_message(path: list[str]) -> str:
    """A cycle in words, from the way down that the new edge would close."""
    around = " -> ".join([*path, path[0]])
    return (
        f"{path[0]!r} would be its own ancestor: {around}. "
        "Belief propagation needs a graph without cycles."
    )


def check_whole(nodes: Mapping[str, AbstractNode]) -> None:
    """A graph that is compiled has nodes."""
    if not nodes:
        raise GraphError("The graph has no nodes. Add some with graph.add(name=kind(...)).")


def check_ready(name: str, node: AbstractNode, fed: Collection[str]) -> None:
    """A node can be filtered with its parameters and what its parents feed."""
    if any(traced(getattr(node, field)) for field in parameters_of(node)):
        return
    flaw = node.check(fed)
    if flaw:
        raise ParameterError(f"{type(node).__name__} {name!r} {flaw}")


def check_edges(
    edges: Mapping[tuple[str, str, str], AbstractCoupling], key: tuple[str, str, str]
) -> None:
    """One coupling of a kind between two nodes."""
    if key in edges:
        parent, child, inlet = key
        raise DuplicateNodeError(
            f"{parent!r} already feeds {inlet!r} of {child!r}. Change the strength of that coupling instead, "
            f"as in network.replace({{'{parent}->{child}.strength': ...}})."
        )


def checked_names(names: Any) -> list[Any]:
    """The names of one or several nodes; whether they are known is for :func:`check_known`."""
    if isinstance(names, str):
        return [names]
    if isinstance(names, Mapping) or not isinstance(names, Iterable):
        raise GraphError(f"Give the name of a node or a list of names, not {names!r}.")
    return list(names)


def check_nodes_given(nodes: object) -> None:
    """Nodes are given by name."""
    if not isinstance(nodes, Mapping):
        raise GraphError(
            f"Give nodes by name, as in {{'x': pynodes.ContinuousState()}}, not a {type(nodes).__name__}."
        )


def check_edge_given(edge: object) -> None:
    """An edge is given as parent, child and coupling."""
    if not isinstance(edge, tuple | list) or len(edge) != 3:
        raise GraphError(
            f"An edge is a triple of parent, child and coupling, such as ('x', 'u', 'value'), not {edge!r}."
        )
