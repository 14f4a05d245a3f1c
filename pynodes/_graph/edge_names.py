"""Edge names: ``"x3->x2"``, or ``"x3->x2.Volatility"`` where two couplings join the same nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

from pynodes._errors import GraphError, UnknownEdgeError, listed
from pynodes._graph.check import check_known
from pynodes._graph.structure import Structure
from pynodes.couplings import AbstractCoupling

Key: TypeAlias = tuple[str, str, str]
"""Parent, child and inlet: what identifies an edge."""

ARROW, DOT = "->", "."


def edge_names(edges: Iterable[tuple[str, str, AbstractCoupling]]) -> list[str]:
    """The name of every edge; the coupling's kind is part of it where the two nodes do not suffice."""
    edges = list(edges)
    pairs = Counter((parent, child) for parent, child, _ in edges)
    return [
        f"{parent}{ARROW}{child}"
        if pairs[parent, child] == 1
        else f"{parent}{ARROW}{child}{DOT}{type(coupling).__name__}"
        for parent, child, coupling in edges
    ]


def joining(structure: Structure, parent: str, child: str) -> dict[Key, AbstractCoupling]:
    """The couplings from one node to another; both must be there."""
    check_known(parent, structure.nodes)
    check_known(child, structure.nodes)
    keys = [(parent, child, inlet) for inlet in structure.nodes[child].inlets]
    return {key: structure._edges[key] for key in keys if key in structure._edges}


def edge_named(structure: Structure, name: object) -> Key:
    """The edge of a name.

    Raises
    ------
    GraphError
        Not the name of an edge, or one that could mean two.
    UnknownNodeError
        A node that the graph does not have.
    UnknownEdgeError
        Two nodes that no edge joins, or none of that kind.
    """
    if not isinstance(name, str) or name.count(ARROW) != 1:
        raise GraphError(
            f"An edge is named by its parent and its child, as in 'x2->u', not {name!r}."
        )
    parent, _, rest = name.partition(ARROW)
    child, _, kind = rest.partition(DOT)
    there = joining(structure, parent, child)
    meant = [key for key, c in there.items() if not kind or type(c).__name__ == kind]
    if not meant:
        raise UnknownEdgeError(missing(structure, parent, child, kind))
    if len(meant) > 1:
        kinds = listed(f"{name}{DOT}{type(there[key]).__name__}" for key in meant)
        raise GraphError(f"{name!r} could be {kinds}: say which.")
    return meant[0]


def missing(structure: Structure, parent: str, child: str, kind: str = "") -> str:
    """What to say of an edge that is not there."""
    there = [type(c).__name__ for c in joining(structure, parent, child).values()]
    what = f"{kind} coupling" if kind else "edge"
    if there:
        return (
            f"No {what} joins {parent!r} to {child!r}, only {listed(there).replace(chr(39), '')}."
        )
    if joining(structure, child, parent):
        return (
            f"No {what} joins {parent!r} to {child!r}: it leads from {child!r} to {parent!r}. Name the "
            "parent first."
        )
    parents = structure.parents(child)
    known = f"Its parents are {listed(parents)}." if parents else "It has no parents."
    return f"No {what} joins {parent!r} to {child!r}. {known}"
