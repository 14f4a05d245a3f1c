"""Edits: graphs made from graphs by taking away, renaming, reattaching and joining."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from pynodes._boundary import boundary
from pynodes._errors import GraphError, UnknownEdgeError
from pynodes._graph import check
from pynodes._graph.edge_names import Key, edge_named, joining, missing
from pynodes._graph.merging import check_apart, check_joined, check_settings, check_shared
from pynodes._graph.resolve import family, resolved
from pynodes._graph.settings import Settings
from pynodes._graph.structure import Structure
from pynodes.couplings import AbstractCoupling
from pynodes.nodes import AbstractNode


class Editable(Structure):
    """A structure that can be edited; every edit returns a new one, checked, in the old order.

    Edges are named by their two ends, ``"x3->x2"``; where two couplings join the same nodes the kind
    is part of the name, ``"x3->x2.Volatility"``, as in the names of parameters.
    """

    _settings: Settings

    @boundary
    def remove(self, names: str | Iterable[str]) -> Self:
        """A graph without some nodes and without the edges that began or ended there.

        Parents and children of what was removed stay, joined to nothing in its place.

        Parameters
        ----------
        names
            The name of a node, or several.

        Raises
        ------
        UnknownNodeError
            A name that the graph does not have.
        """
        gone = self._known(names)
        return self._kept(lambda name: name not in gone)

    @boundary
    def subgraph(self, names: str | Iterable[str]) -> Self:
        """A graph of some nodes and the edges between them, in this graph's order.

        Parameters
        ----------
        names
            The name of a node, or several.

        Raises
        ------
        UnknownNodeError
            A name that the graph does not have.
        """
        return self._kept(self._known(names).__contains__)

    @boundary
    def rename(self, names: Mapping[str, str]) -> Self:
        """A graph in which some nodes have other names; two may swap theirs.

        Parameters
        ----------
        names
            New names by old ones.

        Raises
        ------
        UnknownNodeError
            An old name that the graph does not have.
        GraphError
            A new name that cannot be used (:class:`DuplicateNodeError`: one that is taken).
        """
        if not isinstance(names, Mapping):
            raise GraphError(f"Give new names by old ones, as in {{'x': 'y'}}, not {names!r}.")
        nodes: dict[str, AbstractNode] = {}
        for old, new in names.items():
            check.check_known(old, self._nodes)
            check.check_name(new)
        for name, node in self._nodes.items():
            new = names.get(name, name)
            check.check_new(new, nodes)
            nodes[new] = node
        edges = {
            (names.get(parent, parent), names.get(child, child), inlet): coupling
            for (parent, child, inlet), coupling in self._edges.items()
        }
        return self._rebuilt(nodes, edges)

    @boundary
    def uncouple(
        self,
        parent: str | Iterable[str],
        child: str | Iterable[str],
        coupling: type[AbstractCoupling] | str | None = None,
    ) -> Self:
        """A graph without the edges from a parent to a child, or from each of several to each.

        Parameters
        ----------
        parent, child
            Names of nodes in the graph.
        coupling
            Which of the couplings goes: ``"value"``, ``"volatility"`` or a class of couplings. By
            default all do.

        Raises
        ------
        UnknownNodeError
            A name that the graph does not have.
        UnknownEdgeError
            A pair that is not joined, or not so.
        """
        meant = family(coupling)
        gone: set[Key] = set()
        for one in check.checked_names(parent):
            for other in check.checked_names(child):
                found = {k for k, c in joining(self, one, other).items() if meant(c)}
                if not found:
                    kind = "" if coupling is None else getattr(coupling, "__name__", str(coupling))
                    raise UnknownEdgeError(missing(self, one, other, kind))
                gone |= found
        edges = {key: value for key, value in self._edges.items() if key not in gone}
        return self._rebuilt(self._nodes, edges)

    @boundary
    def rewire(
        self,
        edge: str,
        *,
        parent: str | None = None,
        child: str | None = None,
        coupling: AbstractCoupling | type[AbstractCoupling] | str | None = None,
    ) -> Self:
        """A graph in which an edge has another parent, another child or another coupling.

        Parameters
        ----------
        edge
            Its name, such as ``"x3->x2"``.
        parent, child
            Where it begins and ends from now on; as before unless given.
        coupling
            What it says from now on, as :meth:`Graph.couple` takes it; as before unless given.

        Raises
        ------
        UnknownNodeError, UnknownEdgeError
            A name that the graph does not have.
        GraphError
            Nothing to change, or an edge that :meth:`Graph.couple` would refuse.
        """
        old = edge_named(self, edge)
        if parent is None and child is None and coupling is None:
            raise GraphError(f"Say what becomes of {edge!r}: give parent=, child= or coupling=.")
        begin, end = old[0] if parent is None else parent, old[1] if child is None else child
        check.check_known(begin, self._nodes)
        check.check_known(end, self._nodes)
        target = self._nodes[end]
        now = resolved(self._edges[old] if coupling is None else coupling, target, end)
        rest = self._rebuilt(self._nodes, {k: c for k, c in self._edges.items() if k != old})
        [*_, (new, now)] = rest._extended({}, [(begin, end, now)])._edges.items()
        edges = {
            (new if key == old else key): now if key == old else coupling_there
            for key, coupling_there in self._edges.items()
        }
        return self._rebuilt(self._nodes, edges)

    @boundary
    def revise(
        self, nodes: Mapping[str, AbstractNode] | None = None, /, **named: AbstractNode
    ) -> Self:
        """A graph in which some nodes are others: with other parameters, or of another kind.

        They keep their names and their edges, all of which must suit them.

        Parameters
        ----------
        nodes
            Nodes by name, for names that are no Python identifiers.
        named
            Nodes by name.

        Raises
        ------
        UnknownNodeError
            A name that the graph does not have.
        CouplingError
            A node that an edge of the old one does not suit.
        ParameterError
            A parameter outside its range.
        """
        revised = {**({} if nodes is None else self._named(nodes)), **named}
        for name, node in revised.items():
            check.check_known(name, self._nodes)
            check.check_node(name, node)
        whole = {name: revised.get(name, node) for name, node in self._nodes.items()}
        edges, feeding = dict(self._edges), Counter[tuple[str, str]]()
        for key, coupling in self._edges.items():
            parent, child, inlet = key
            if parent in revised or child in revised:
                check.check_coupling(parent, child, coupling, whole)
            if child in revised:
                edges[key] = coupling.bind(whole[parent], whole[child], feeding[child, inlet])
            feeding[child, inlet] += 1
        return self._rebuilt(whole, edges)

    @boundary
    def merge(self, other: Editable, shared: str | Iterable[str] = ()) -> Self:
        """Two graphs as one, side by side, or joined at the nodes that they share.

        Parameters
        ----------
        other
            The other graph, with the same settings.
        shared
            Names of the nodes that are meant to be the same in both. They must be equal, as must be
            any coupling that both graphs have between two of them.

        Raises
        ------
        DuplicateNodeError
            A name that both graphs have but do not share.
        UnknownNodeError
            A shared name that one of them lacks.
        GraphError
            Shared nodes or couplings that differ, or graphs with other settings.
        CycleError
            Graphs that form a cycle together.
        """
        if not isinstance(other, Editable):
            raise GraphError(f"A graph is merged with a graph, not with {other!r}.")
        check_settings(self._settings, other._settings)
        names = check.checked_names(shared)
        check_apart(self, other, set(names))
        check_shared(self, other, names)
        new = {name: node for name, node in other._nodes.items() if name not in self._nodes}
        edges = {key: coupling for key, coupling in other._edges.items() if key not in self._edges}
        merged = self._rebuilt(self._nodes | new, self._edges | edges)
        if len(names) > 1:
            check_joined(merged)
        return merged

    def _known(self, names: str | Iterable[str]) -> set[str]:
        """Names of nodes that are there."""
        names = check.checked_names(names)
        for name in names:
            check.check_known(name, self._nodes)
        return set(names)

    def _named(self, nodes: Any) -> Mapping[str, AbstractNode]:
        """Nodes that were given by name."""
        check.check_nodes_given(nodes)
        return nodes

    def _kept(self, keep: Callable[[str], bool]) -> Self:
        """The nodes that are kept, and the edges between them."""
        nodes = {name: node for name, node in self._nodes.items() if keep(name)}
        edges = {k: c for k, c in self._edges.items() if keep(k[0]) and keep(k[1])}
        return self._rebuilt(nodes, edges)

    def _rebuilt(
        self, nodes: Mapping[str, AbstractNode], edges: Mapping[Key, AbstractCoupling]
    ) -> Self:
        """A graph with these nodes and edges, which are known to be right, and this one's settings."""
        twin = self._copied()
        twin._nodes, twin._edges = dict(nodes), dict(edges)
        twin._parents, twin._children = {}, {}
        for parent, child, _ in edges:
            twin._parents.setdefault(child, []).append(parent)
            twin._children.setdefault(parent, []).append(child)
        return twin
