"""Structure: which nodes there are and which couplings join them; a value that grows by copies."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

from pynodes._boundary import boundary
from pynodes._core.modules import indices_of, same_module
from pynodes._graph import check
from pynodes._graph.resolve import resolved
from pynodes._graph.settings import Settings
from pynodes.couplings import AbstractArrayCoupling, AbstractCoupling
from pynodes.nodes import AbstractNode


class Structure:
    """Nodes by name and couplings by parent, child and inlet, checked one by one as they come."""

    _settings: Settings
    _hashed: int

    def __init__(self) -> None:
        self._nodes: dict[str, AbstractNode] = {}
        self._edges: dict[tuple[str, str, str], AbstractCoupling] = {}
        self._parents: dict[str, list[str]] = {}
        self._children: dict[str, list[str]] = {}

    @property
    def nodes(self) -> Mapping[str, AbstractNode]:
        """Node by name, in the order in which they were added."""
        return MappingProxyType(self._nodes)

    @property
    def edges(self) -> list[tuple[str, str, AbstractCoupling]]:
        """Parent, child and coupling of every edge, in the order in which they were coupled."""
        return [(parent, child, coupling) for (parent, child, _), coupling in self._edges.items()]

    @property
    def inputs(self) -> list[str]:
        """Names of the nodes that must be given a series."""
        return [name for name, node in self._nodes.items() if node.observable or node.given]

    @boundary
    def parents(self, name: str) -> list[str]:
        """Names of a node's parents, once each."""
        check.check_known(name, self._nodes)
        return list(dict.fromkeys(self._parents.get(name, ())))

    @boundary
    def children(self, name: str) -> list[str]:
        """Names of a node's children, once each."""
        check.check_known(name, self._nodes)
        return list(dict.fromkeys(self._children.get(name, ())))

    def inlets_fed(self, name: str) -> set[str]:
        """The inlets of a node that its parents feed."""
        inlets, parents = self._nodes[name].inlets, self._parents.get(name, ())
        return {inlet for p in parents for inlet in inlets if (p, name, inlet) in self._edges}

    def _extended(
        self, nodes: Mapping[str, AbstractNode], edges: Iterable[tuple[str, str, Any]]
    ) -> Self:
        check.check_nodes_given(nodes)
        graph = self._copied()
        for name, node in nodes.items():
            check.check_name(name)
            check.check_new(name, graph._nodes)
            check.check_node(name, node)
            graph._nodes[name] = node
        for edge in edges:
            check.check_edge_given(edge)
            graph._join(*edge)
        return graph

    def _join(self, parent: str, child: str, coupling: Any) -> None:
        """Add one edge in place; only for a graph that nobody else has seen."""
        check.check_known(parent, self._nodes)
        check.check_known(child, self._nodes)
        coupling = resolved(coupling, self._nodes[child], child)
        if isinstance(coupling, AbstractArrayCoupling):  # what it feeds follows from its ends
            coupling = coupling.bind(self._nodes[parent], self._nodes[child], 0)
        check.check_coupling(parent, child, coupling, self._nodes)
        key = (parent, child, coupling.inlet)
        check.check_edges(self._edges, key)
        check.check_acyclic(parent, child, self._parents, self._children)
        self._edges[key] = self._suited(coupling, parent, child)
        self._parents[child] = [*self._parents.get(child, ()), parent]
        self._children[parent] = [*self._children.get(parent, ()), child]

    def _suited(self, coupling: AbstractCoupling, parent: str, child: str) -> AbstractCoupling:
        """A coupling that knows its child, and the first place at its inlet that nobody has taken.

        Edges that say which of several things they mean have taken that one, so that what is free
        after an edge has gone is free again; otherwise one place each, in their order.
        """
        if type(coupling).bind is AbstractCoupling.bind or isinstance(
            coupling, AbstractArrayCoupling
        ):
            return coupling
        keys = [(parent, child, coupling.inlet) for parent in self._parents.get(child, ())]
        there = [self._edges[key] for key in dict.fromkeys(keys) if key in self._edges]
        means = next(iter(indices_of(coupling)), None)
        taken = [getattr(c, means, None) if means else place for place, c in enumerate(there)]
        first = next(place for place in range(len(there) + 1) if place not in taken)
        return coupling.bind(self._nodes[parent], self._nodes[child], first)

    def _copied(self) -> Self:
        twin = copy.copy(self)
        twin.__dict__.pop("_hashed", None)
        twin._nodes, twin._edges = dict(self._nodes), dict(self._edges)
        twin._parents, twin._children = dict(self._parents), dict(self._children)
        return twin

    def __eq__(self, other: object) -> bool:
        """Whether another graph has the same nodes and edges, in the same order, with equal values."""
        if self is other:
            return True
        if not isinstance(other, type(self)) or hash(self) != hash(other):
            return False
        mine = [*self._nodes.values(), *self._edges.values()]
        theirs = [*other._nodes.values(), *other._edges.values()]
        return self._settings == other._settings and all(map(same_module, mine, theirs))

    def __hash__(self) -> int:
        if "_hashed" not in self.__dict__:
            self._hashed = hash((tuple(self._nodes), tuple(self._edges)))
        return self._hashed

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._nodes
