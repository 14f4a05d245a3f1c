"""Edges: their names, the words for couplings, and the rules that one edge keeps.

An edge is named ``"x3->x2"``, or ``"x3->x2.Volatility"`` where two couplings join the same nodes. An
array coupling may have a name of its own, which then stands in the place of its kind.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from pynodes._core.modules import checked_value, parameters_of
from pynodes._errors import (
    CouplingError,
    CycleError,
    DuplicateNodeError,
    GraphError,
    UnknownEdgeError,
    quote,
)
from pynodes._graph.checks import check_choices, check_node_exists
from pynodes.couplings import (
    AbstractArrayCoupling,
    AbstractCoupling,
    AbstractVolatilityCoupling,
    Category,
    Drift,
    Noise,
    Observation,
    Probability,
    Statistic,
    Term,
    Volatility,
)
from pynodes.nodes import AbstractNode

if TYPE_CHECKING:
    from pynodes._graph.graph import Graph

Key: TypeAlias = tuple[str, str, str]
"""Parent, child and slot: what identifies an edge."""

ARROW, DOT = "->", "."

WORDS: dict[str, tuple[type[AbstractCoupling], ...]] = {
    "value": (Drift, Observation, Probability, Category, Statistic, Term),
    "volatility": (Volatility, Noise),
}
"""The two families that the literature speaks of, and the couplings they may stand for."""


def name_edges(edges: Iterable[tuple[str, str, AbstractCoupling]]) -> list[str]:
    """The name of every edge; the coupling's label is part of it where the two nodes do not suffice."""
    edges = list(edges)
    pairs = Counter((parent, child) for parent, child, _ in edges)
    return [
        f"{parent}{ARROW}{child}"
        if pairs[parent, child] == 1
        else f"{parent}{ARROW}{child}{DOT}{coupling.label}"
        for parent, child, coupling in edges
    ]


def find_couplings(graph: Graph, parent: str, child: str) -> dict[Key, AbstractCoupling]:
    """The couplings from one node to another; both must be there."""
    check_node_exists(parent, graph.nodes)
    check_node_exists(child, graph.nodes)
    keys = [(parent, child, slot) for slot in graph._slots.get((parent, child), ())]
    return {key: graph._edges[key] for key in keys}


def find_edge(graph: Graph, name: object) -> Key:
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
    there = find_couplings(graph, parent, child)
    meant = [key for key, c in there.items() if kind in ("", c.label)]
    if not meant:
        raise UnknownEdgeError(describe_missing_edge(graph, parent, child, kind))
    if len(meant) > 1:
        kinds = quote(f"{name}{DOT}{there[key].label}" for key in meant)
        raise GraphError(f"{name!r} could be {kinds}: say which.")
    return meant[0]


def describe_missing_edge(graph: Graph, parent: str, child: str, kind: str = "") -> str:
    """What to say of an edge that is not there."""
    there = [c.label for c in find_couplings(graph, parent, child).values()]
    what = f"{kind} coupling" if kind else "edge"
    if there:
        return f"No {what} joins {parent!r} to {child!r}, only {quote(there).replace(chr(39), '')}."
    if find_couplings(graph, child, parent):
        return (
            f"No {what} joins {parent!r} to {child!r}: it leads from {child!r} to {parent!r}. Name the "
            "parent first."
        )
    parents = graph.parents(child)
    known = f"Its parents are {quote(parents)}." if parents else "It has no parents."
    return f"No {what} joins {parent!r} to {child!r}. {known}"


def make_coupling(coupling: object, child: AbstractNode, child_name: str) -> AbstractCoupling:
    """The coupling meant by a word, a class or a coupling, for this child.

    Raises
    ------
    CouplingError
        An unknown word, something that is no coupling, or a child that takes none of that family.
    """
    if isinstance(coupling, AbstractCoupling):
        return coupling
    if (
        inspect.isclass(coupling)
        and issubclass(coupling, AbstractCoupling)
        and not inspect.isabstract(coupling)
    ):
        return coupling()
    if not isinstance(coupling, str) or coupling not in WORDS:
        raise CouplingError(
            f"{coupling!r} is no coupling. Give one, such as pynodes.Volatility(strength=1.0), or the word "
            "'value' or 'volatility'."
        )
    suitable = list_suitable(child, WORDS[coupling])
    if not suitable:
        raise CouplingError(
            f"{child_name!r} is a {type(child).__name__}, which takes no {coupling} coupling by that word"
            f"{suggest_couplings(child)}"
        )
    return suitable[0]()


def match_couplings(coupling: object) -> Callable[[AbstractCoupling], bool]:
    """Whether a coupling is one that a word or a class stands for; None stands for all of them.

    Raises
    ------
    CouplingError
        Neither a word nor a class.
    """
    if coupling is None:
        return lambda there: True
    if isinstance(coupling, str) and coupling in WORDS:
        volatile = coupling == "volatility"
        return lambda there: isinstance(there, AbstractVolatilityCoupling) == volatile
    if inspect.isclass(coupling) and issubclass(coupling, AbstractCoupling):
        return lambda there: isinstance(there, coupling)
    raise CouplingError(
        f"{coupling!r} names no kind of coupling. Give a class, such as pynodes.Volatility, or the word "
        "'value' or 'volatility'."
    )


def list_suitable(
    child: AbstractNode, couplings: tuple[type[AbstractCoupling], ...]
) -> list[type[AbstractCoupling]]:
    """Those of some couplings that feed an inlet of this child, its first inlets first."""
    suitable = [coupling for coupling in couplings if coupling.inlet in child.inlets]
    return sorted(suitable, key=lambda c: child.inlets.index(c.inlet))


def suggest_couplings(child: AbstractNode) -> str:
    """How to couple into this child: the end of a message."""
    suitable = list_suitable(child, sum(WORDS.values(), ()))
    if suitable:
        return f". Couple it with {quote(c.__name__ for c in suitable).replace(chr(39), '')}."
    if child.inlets:
        return f"; it takes {quote(child.inlets)}: give a coupling that feeds one of them."
    return ": it has no parents."


def check_edge(
    parent: str, child: str, coupling: AbstractCoupling, nodes: Mapping[str, AbstractNode]
) -> None:
    """A coupling feeds an inlet that its child has, from a parent that is not an input."""
    target = nodes[child]
    if parent == child and not is_feedback(coupling):
        hint = suggest_feedback(coupling)
        raise CycleError(f"{parent!r} cannot be its own parent.{hint}")
    if is_feedback(coupling) and coupling.inlet not in target.inlets:
        raise CouplingError(
            f"{type(coupling).__name__} {parent}->{child} is fed back, but {child!r} is a "
            f"{type(target).__name__}, which takes one prediction only. Feedback edges end at a Layer."
        )
    if coupling.inlet not in target.inlets:
        raise CouplingError(
            f"{type(coupling).__name__} feeds {coupling.inlet!r}, but {child!r} is a "
            f"{type(target).__name__}"
            f"{suggest_couplings(target) if target.inlets else ', which takes no parents.'}"
        )
    source = nodes[parent]
    if source.observable:
        raise CouplingError(
            f"{parent!r} is a {type(source).__name__}, which is observed and has no children. To drive "
            f"{child!r} by known values use a Regressor; to observe a state that has children, give a "
            "ContinuousState its series."
        )
    incompatibility = coupling.incompatibility(source, target)
    if incompatibility:
        raise CouplingError(f"{parent!r} {incompatibility}")
    owner = f"{type(coupling).__name__} {parent}->{child}"
    for field, spec in parameters_of(coupling).items():
        checked_value(owner, field, getattr(coupling, field), spec)
    check_choices(owner, coupling)


def is_feedback(coupling: AbstractCoupling) -> bool:
    """Whether an edge is a second prediction of its child, left out of the order of levels."""
    return bool(getattr(coupling, "feedback", False))


def suggest_feedback(coupling: AbstractCoupling) -> str:
    """How an edge that closes a cycle may be meant: the end of a message."""
    if hasattr(coupling, "lag"):
        return f" An edge from the step before may close one: {type(coupling).__name__}(lag=1)."
    if not isinstance(coupling, AbstractArrayCoupling):
        return ""
    return (
        f" Between layers an edge may lead back as a second prediction: {type(coupling).__name__}"
        "(feedback=True)."
    )


def check_edge_is_new(edges: Mapping[Key, AbstractCoupling], key: Key) -> None:
    """One coupling of a kind between two nodes, or one of a name."""
    if key in edges:
        (parent, child, _), there = key, edges[key]
        inlet = there.inlet
        if isinstance(there, AbstractArrayCoupling):
            raise DuplicateNodeError(
                f"{parent!r} already feeds {inlet!r} of {child!r} by {there.label}. Give each of several "
                f"such edges a name of its own, as in {type(there).__name__}(name='left')."
            )
        raise DuplicateNodeError(
            f"{parent!r} already feeds {inlet!r} of {child!r}. Change the strength of that coupling instead, "
            f"as in network.replace({{'{parent}->{child}.strength': ...}})."
        )


def check_edge_is_triple(edge: object) -> None:
    """An edge is given as parent, child and coupling."""
    if not isinstance(edge, tuple | list) or len(edge) != 3:
        raise GraphError(
            f"An edge is a triple of parent, child and coupling, such as ('x', 'u', 'value'), not {edge!r}."
        )
