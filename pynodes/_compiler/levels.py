"""Levels: in which order nodes may predict and be updated."""

from __future__ import annotations

import itertools
from graphlib import CycleError, TopologicalSorter

from pynodes._graph.graph import Graph
from pynodes.couplings import AbstractVolatilityCoupling


def levels_of(graph: Graph) -> dict[str, int]:
    """Level by node name: the longest way down to a node without children.

    Parents predict before their children, so predictions run from the highest level down; children
    are updated before their parents, so updates run from level 0 up. Where a coupling comes after
    value parents (a ``Noise`` parent wants the posterior of its input's mean), the value parents of
    that child get a lower level too; if a graph makes that impossible, such a parent hears their predictions.
    """
    below = {name: graph.children(name) for name in graph.nodes}
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
        if not isinstance(coupling, AbstractVolatilityCoupling):
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
