"""Groups: the order in which nodes predict and are updated, and which are computed together."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeVar

import numpy as np

from pynodes._compiler.program import Group, Turn
from pynodes._core.expansions import AbstractExpansion
from pynodes._core.modules import Module, choices_of, parameters_of
from pynodes._graph.edits import WithinStep, may_close_cycles
from pynodes._graph.graph import Graph
from pynodes._graph.settings import Settings, find_expansion
from pynodes.couplings import (
    AbstractArrayCoupling,
    AbstractCoupling,
    AbstractVolatilityCoupling,
    Compose,
)
from pynodes.couplings.initial import Glorot
from pynodes.nodes import AbstractNode


def levels_of(graph: Graph) -> dict[str, int]:
    """Level by node name: the longest way down to a node without children.

    Parents predict before their children, so predictions run from the highest level down; children
    are updated before their parents, so updates run from level 0 up. Where a coupling comes after
    value parents (a ``Noise`` parent wants the posterior of its input's mean), the value parents of
    that child get a lower level too; if a graph makes that impossible, such a parent hears their predictions.
    """
    within = WithinStep(graph, up=False)
    below = {name: within.get(name) for name in graph.nodes}
    first = value_parents_first(graph)
    while True:
        sorter = TopologicalSorter({name: {*below[name], *first.get(name, ())} for name in below})
        try:
            order = list(sorter.static_order())
        except CycleError as error:
            drop_wishes(first, error.args[1])
            continue
        break
    level: dict[str, int] = {}
    for name in order:
        under = [*below[name], *first.get(name, ())]
        level[name] = 1 + max((level[other] for other in under), default=-1)
    return level


def value_parents_first(graph: Graph) -> dict[str, set[str]]:
    """For every parent through a coupling that comes after them, the value parents of its children."""
    value_parents: dict[str, set[str]] = {}
    for parent, child, coupling in graph.edges:
        volatile = isinstance(coupling, AbstractVolatilityCoupling)
        if not volatile and not may_close_cycles(coupling):
            value_parents.setdefault(child, set()).add(parent)
    first: dict[str, set[str]] = {}
    for parent, child, coupling in graph.edges:
        if isinstance(coupling, AbstractVolatilityCoupling) and coupling.after_value_parents:
            first.setdefault(parent, set()).update(value_parents.get(child, set()) - {parent})
    return first


def drop_wishes(first: dict[str, set[str]], cycle: list[str]) -> None:
    """Drop the wishes of order that take part in a cycle; there is one, since the graph has none."""
    for before, after in itertools.pairwise(cycle):
        first.get(after, set()).discard(before)
        first.get(before, set()).discard(after)


WASTE, SMALL = 4, 65_536
"""A group is split by degree once padding costs this many times its edges, beyond a small size."""

MANY = 64
"""Roles are kept apart as long as they make no more groups than this."""


@dataclasses.dataclass(frozen=True)
class Members:
    """The nodes of one group, by name and position."""

    level: int
    names: tuple[str, ...]


M = TypeVar("M", bound=Module)


def with_settings(module: M, settings: Settings) -> M:
    """A node or coupling whose open choices have taken the graph's settings."""
    changes: dict[str, object] = {}
    for name in choices_of(module):
        value = getattr(module, name)
        if value is None and hasattr(settings, name):
            changes[name] = getattr(settings, name)
        elif name == "expansion" and not isinstance(value, AbstractExpansion | None):
            changes[name] = find_expansion(value)
    return dataclasses.replace(module, **changes) if changes else module


def strip_names(coupling: AbstractCoupling) -> AbstractCoupling:
    """A coupling without what only its graph needs: a program is the same whatever its edges are called.

    Nor does it hold how its weights began, once they are drawn.
    """
    if not isinstance(coupling, AbstractArrayCoupling):
        return coupling
    changes: dict[str, Any] = {"name": None, "initial": Glorot()}
    if isinstance(coupling, Compose):
        changes["parts"] = tuple(map(strip_names, coupling.parts))
    return dataclasses.replace(coupling, **changes)


def static_signature(module: Module) -> Hashable:
    """What modules must share to be stacked: kind, choices, shapes of arrays, which numbers are absent."""
    specs = parameters_of(module).items()
    arrays = [name for name, spec in specs if spec["rank"] != 0]
    optional = [name for name, spec in specs if spec["optional"]]
    parts = tuple(static_signature(part) for part in getattr(module, "parts", ()))
    return (
        type(module),
        *(getattr(module, name) for name in choices_of(module)),
        *(np.shape(getattr(module, name)) for name in arrays),
        *(getattr(module, name) is None for name in optional),
        parts,
    )


def form_groups(
    graph: Graph, nodes: dict[str, AbstractNode], levels: dict[str, int], *, apart: bool = False
) -> list[Members]:
    """Groups of equal level and structure, lowest level first, in the order of definition.

    Nodes are also kept apart by role, the set of couplings through which they hear children, so
    that everyone in a group has all of the group's bundles; unless that makes very many groups, for
    every group is compiled. A group whose neighbour lists would be mostly padding is split by degree.
    With ``apart`` every node is a group of its own.
    """
    if apart:
        alone = [Members(level=levels[name], names=(name,)) for name in nodes]
        return sorted(alone, key=lambda group: group.level)
    roles = {name: frozenset(hears) for name, hears in child_couplings(graph).items()}
    kept_apart = {
        name: (levels[name], static_signature(node), roles[name]) for name, node in nodes.items()
    }
    if len(set(kept_apart.values())) > MANY:
        kept_apart = {name: key[:2] for name, key in kept_apart.items()}
    members: dict[tuple[Hashable, ...], list[str]] = {}
    for name, key in kept_apart.items():
        members.setdefault(key, []).append(name)
    degree = degrees(graph)
    groups = [
        Members(level=levels[part[0]], names=tuple(part))
        for names in members.values()
        for part in split_by_degree(names, degree)
    ]
    return sorted(groups, key=lambda group: group.level)


def child_couplings(graph: Graph) -> dict[str, set[Hashable]]:
    """For every node, the couplings through which it hears children."""
    hears: dict[str, set[Hashable]] = {name: set() for name in graph.nodes}
    for parent, _, coupling in graph.edges:
        hears[parent].add(static_signature(coupling))
    return hears


def degrees(graph: Graph) -> dict[str, int]:
    """For every node, how many places its fullest bundle needs, up or down."""
    ports: Counter[tuple[str, Hashable]] = Counter()
    for parent, child, coupling in graph.edges:
        ports[parent, ("up", static_signature(coupling))] += 1
        ports[child, ("down", static_signature(coupling))] += 1
    degree: dict[str, int] = dict.fromkeys(graph.nodes, 0)
    for (name, _), count in ports.items():
        degree[name] = max(degree[name], count)
    return degree


def split_by_degree(names: list[str], degree: dict[str, int]) -> list[list[str]]:
    """The names in one list, or in one per power of two of the degree if padding would dominate."""
    padded = len(names) * max(degree[name] for name in names)
    if padded <= SMALL + WASTE * sum(degree[name] for name in names):
        return [names]
    parts: dict[int, list[str]] = {}
    for name in names:
        parts.setdefault(degree[name].bit_length(), []).append(name)
    return list(parts.values())


def order_turns(groups: Sequence[Group], is_input: Callable[[int], bool]) -> tuple[Turn, ...]:
    """The turns of one step, each group being one node.

    Going down, a node predicts from what its parents believe now. Its inputs follow at once, as soon as all
    of their parents have predicted; each is heard by its parents before the next is predicted. What a node
    has heard from its inputs its own parents then hear, before any other of its children predicts. A node
    without inputs is heard once all of its children were.
    """
    parents = [
        {end for bundle in g.down if not bundle.lagged for end in bundle.ends.sources}
        for g in groups
    ]
    children = [{i for i, above in enumerate(parents) if n in above} for n in range(len(groups))]
    turns: list[Turn] = []
    predicted: set[int] = set()
    heard: set[int] = set()

    def hear(index: int) -> None:
        if index not in heard:
            heard.add(index)
            turns.append(Turn(index, predicts=False))
        for parent in sorted(parents[index]):
            if parent not in heard and children[parent] <= heard:
                hear(parent)

    def visit(index: int) -> None:
        predicted.add(index)
        turns.append(Turn(index, predicts=True))
        ready = [c for c in sorted(children[index]) if parents[c] <= predicted]
        inputs = [child for child in ready if is_input(child)]
        for child in inputs:
            predicted.add(child)
            turns.append(Turn(child, predicts=True))
            hear(child)
        if inputs or not children[index]:
            hear(index)
        for child in sorted(set(ready) - set(inputs), reverse=True):
            if child not in predicted:
                visit(child)

    for index in reversed(range(len(groups))):
        if index not in predicted and not parents[index]:
            visit(index)
    return tuple(turns)
