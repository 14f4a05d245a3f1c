"""Checks: the rules that the nodes of a graph keep; all raise errors that name the culprit."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pynodes._core.modules import Module, checked_value, choices_of, is_traced, parameters_of
from pynodes._errors import (
    CycleError,
    DuplicateNodeError,
    GraphError,
    ParameterError,
    UnknownNodeError,
    nearest,
)
from pynodes._graph.settings import Settings
from pynodes.nodes import AbstractNode

RESERVED = (".", "->", "/")
"""What a name may not contain, because parameters are addressed as ``node.parameter``, ``a->b.strength``."""


def check_node_name(name: object) -> None:
    """A node's name is a non-empty text without the marks that addresses are made of."""
    if not isinstance(name, str) or not name.strip():
        raise GraphError(f"A node's name must be a non-empty text, not {name!r}.")
    for mark in RESERVED:
        if mark in name:
            raise GraphError(
                f"The name {name!r} contains {mark!r}, which addresses of parameters use."
            )


def check_node_is_valid(name: str, node: object) -> None:
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


def check_name_is_free(name: str, known: Mapping[str, object]) -> None:
    """Names are used once."""
    if name in known:
        raise DuplicateNodeError(f"The graph already has a node {name!r}. Choose another name.")


def check_node_exists(name: object, known: Mapping[str, object]) -> None:
    """A name stands for a node that is there."""
    if not isinstance(name, str) or name not in known:
        raise UnknownNodeError(f"The graph has no node {name!r}. {nearest(name, known)}")


def check_acyclic(
    parent: str,
    child: str,
    parents: Mapping[str, list[str]],
    children: Mapping[str, list[str]],
    hint: str = "",
) -> None:
    """No node is its own ancestor.

    The new edge closes a cycle if the parent already descends from the child. The search goes up
    from the parent and down from the child in turn and ends with the shorter of the two, so that
    growing a graph at its rim costs nothing. A hint ends the message.
    """
    came_up: dict[str, str | None] = {parent: None}
    came_down: dict[str, str | None] = {child: None}
    for up, down in zip(
        walk_outwards(came_up, parents), walk_outwards(came_down, children), strict=False
    ):
        if up == child:
            raise CycleError(describe_cycle(trace_back(came_up, child)) + hint)
        if down == parent:
            raise CycleError(describe_cycle(trace_back(came_down, parent)[::-1]) + hint)


def walk_outwards(
    came: dict[str, str | None], neighbours: Mapping[str, list[str]]
) -> Iterator[str]:
    """Every node reachable from the one in ``came``, breadth first; notes where it came from."""
    queue = list(came)
    for node in queue:
        yield node
        for neighbour in neighbours.get(node, ()):
            if neighbour not in came:
                came[neighbour] = node
                queue.append(neighbour)


def trace_back(came: Mapping[str, str | None], end: str) -> list[str]:
    """The way from a node back to where a walk began."""
    path, step = [end], came[end]
    while step is not None:
        path.append(step)
        step = came[step]
    return path


def describe_cycle(path: list[str]) -> str:
    """A cycle in words, from the way down that the new edge would close."""
    around = " -> ".join([*path, path[0]])
    return (
        f"{path[0]!r} would be its own ancestor: {around}. "
        "Belief propagation needs a graph without cycles."
    )


def check_not_empty(nodes: Mapping[str, AbstractNode]) -> None:
    """A graph that is compiled has nodes."""
    if not nodes:
        raise GraphError("The graph has no nodes. Add some with graph.add(name=kind(...)).")


def check_ready_to_filter(name: str, node: AbstractNode, fed: Collection[str]) -> None:
    """A node can be filtered with its parameters and what its parents feed."""
    if any(is_traced(getattr(node, field)) for field in parameters_of(node)):
        return
    flaw = node.check(fed)
    if flaw:
        raise ParameterError(f"{type(node).__name__} {name!r} {flaw}")


def list_names(names: Any) -> list[Any]:
    """The names of one or several nodes; whether they are known is for :func:`check_node_exists`."""
    if isinstance(names, str):
        return [names]
    if isinstance(names, Mapping) or not isinstance(names, Iterable):
        raise GraphError(f"Give the name of a node or a list of names, not {names!r}.")
    return list(names)


def check_nodes_by_name(nodes: object) -> None:
    """Nodes are given by name."""
    if not isinstance(nodes, Mapping):
        raise GraphError(
            f"Give nodes by name, as in {{'x': pynodes.ContinuousState()}}, not a {type(nodes).__name__}."
        )
