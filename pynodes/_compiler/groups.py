"""Groups: which nodes are computed together."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Hashable
from typing import TypeVar

from pynodes._core.expansions import AbstractExpansion
from pynodes._core.modules import Module, choices_of
from pynodes._graph.graph import Graph
from pynodes._graph.settings import Settings, expansion_of
from pynodes.nodes import AbstractNode

WASTE, SMALL = 4, 4096
"""A group is split by degree once padding costs this many times its edges, beyond a small size."""


@dataclasses.dataclass(frozen=True)
class Members:
    """The nodes of one group, by name and position."""

    level: int
    names: tuple[str, ...]


M = TypeVar("M", bound=Module)


def completed(module: M, settings: Settings) -> M:
    """A node or coupling whose open choices have taken the graph's settings."""
    changes: dict[str, object] = {}
    for name in choices_of(module):
        value = getattr(module, name)
        if value is None and hasattr(settings, name):
            changes[name] = getattr(settings, name)
        elif name == "expansion" and not isinstance(value, AbstractExpansion | None):
            changes[name] = expansion_of(value)
    return dataclasses.replace(module, **changes) if changes else module


def structure(module: Module) -> Hashable:
    """What modules must share to be stacked: the kind and its choices."""
    return (type(module), *(getattr(module, name) for name in choices_of(module)))


def grouped(graph: Graph, nodes: dict[str, AbstractNode], levels: dict[str, int]) -> list[Members]:
    """Groups of equal level, structure and role, lowest level first.

    A node's role is the set of couplings through which it hears children, so that everyone in a
    group has all of the group's bundles. Order within a group, and of groups within a level, is the
    order of definition. A group whose neighbour lists would be mostly padding is split by degree.
    """
    heard: dict[str, set[Hashable]] = {name: set() for name in nodes}
    ports: Counter[tuple[str, Hashable]] = Counter()
    for parent, child, coupling in graph.edges:
        heard[parent].add(structure(coupling))
        ports[parent, ("up", structure(coupling))] += 1
        ports[child, ("down", structure(coupling))] += 1
    degree: dict[str, int] = dict.fromkeys(nodes, 0)
    for (name, _), count in ports.items():
        degree[name] = max(degree[name], count)
    members: dict[tuple[int, Hashable, Hashable], list[str]] = {}
    for name, node in nodes.items():
        key = (levels[name], structure(node), frozenset(heard[name]))
        members.setdefault(key, []).append(name)
    groups = [
        Members(level=key[0], names=tuple(part))
        for key, names in members.items()
        for part in split_by_degree(names, degree)
    ]
    return sorted(groups, key=lambda group: group.level)


def split_by_degree(names: list[str], degree: dict[str, int]) -> list[list[str]]:
    """The names in one list, or in one per power of two of the degree if padding would dominate."""
    padded = len(names) * max(degree[name] for name in names)
    if padded <= SMALL + WASTE * sum(degree[name] for name in names):
        return [names]
    parts: dict[int, list[str]] = {}
    for name in names:
        parts.setdefault(degree[name].bit_length(), []).append(name)
    return list(parts.values())
