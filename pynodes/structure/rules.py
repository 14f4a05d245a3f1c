"""Rules: which sets of edges a graph may have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import GraphError

PART = 4096
"""So many sets of edges are looked at for cycles at once."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a set of edges must be like.

    Attributes
    ----------
    kind
        ``"at_most"``, ``"together"``, ``"needs"`` or ``"acyclic"``.
    edges
        Names or patterns of the edges that it is about.
    count
        How many at most.
    """

    kind: str
    edges: tuple[str, ...]
    count: int = 0


def names_of(edges: str | Iterable[str]) -> tuple[str, ...]:
    """Names or patterns of some edges."""
    found = (edges,) if isinstance(edges, str) else tuple(edges)
    if not found or not all(isinstance(edge, str) for edge in found):
        raise GraphError(f"A rule is about edges by name, as in ['a->x', 'b->x'], not {edges!r}.")
    return found


@boundary
def at_most(count: int, edges: str | Iterable[str]) -> Rule:
    """No more than so many of some edges are on.

    Parameters
    ----------
    count
        How many.
    edges
        Their names, or patterns.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise GraphError(f"count must be a whole number from 0, not {count!r}.")
    return Rule("at_most", names_of(edges), count)


@boundary
def at_most_one(edges: str | Iterable[str]) -> Rule:
    """No two of some edges are on.

    Parameters
    ----------
    edges
        Their names, or patterns.
    """
    return Rule("at_most", names_of(edges), 1)


@boundary
def together(edges: str | Iterable[str]) -> Rule:
    """All of some edges are on, or none.

    Parameters
    ----------
    edges
        Their names, or patterns.
    """
    return Rule("together", names_of(edges))


@boundary
def acyclic(edges: str | Iterable[str] = "*") -> Rule:
    """Those of some edges that are on lead nowhere back, from step to step: none causes what causes it.

    Edges within a step never do. Of edges from the step before a lagged regressor counts as the series that
    it is named for, and a series may depend on its own past.

    Parameters
    ----------
    edges
        Their names, or patterns.
    """
    return Rule("acyclic", names_of(edges))


@boundary
def needs(edge: str, other: str) -> Rule:
    """An edge is on only where another one is.

    Parameters
    ----------
    edge, other
        Their names.
    """
    return Rule("needs", names_of([edge, other]))


def admits(rule: Rule, where: np.ndarray, masks: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Which of some masks a rule allows, its edges being at some places; every edge has two ends."""
    on = masks[:, where]
    if rule.kind == "at_most":
        return on.sum(axis=1) <= rule.count
    if rule.kind == "together":
        return np.asarray(on.all(axis=1) | ~on.any(axis=1))
    if rule.kind == "acyclic":
        return are_acyclic(on, *np.unique(ends[where], return_inverse=True)[1].reshape(-1, 2).T)
    return np.asarray(~on[:, 0] | on[:, 1])


def are_acyclic(on: np.ndarray, parents: np.ndarray, children: np.ndarray) -> np.ndarray:
    """Which sets of edges have no cycle, but from a node to itself.

    Nodes to which none leads go, again and again: those of a cycle stay.
    """
    count = 1 + max(parents.max(), children.max())
    fine = np.ones(len(on), bool)
    for first in range(0, len(on), PART):
        part = on[first : first + PART]
        leads = np.zeros((len(part), count, count), bool)
        for edge, (parent, child) in enumerate(zip(parents, children, strict=True)):
            leads[:, parent, child] |= part[:, edge] & (parent != child)
        left = np.ones((len(part), count), bool)
        for _ in range(count):
            left &= np.einsum("gp,gpc->gc", left, leads)
        fine[first : first + PART] = ~left.any(axis=1)
    return fine
