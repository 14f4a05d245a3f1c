"""Graph: nodes joined by couplings, an immutable value that is checked as it is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Never

from pynodes._boundary import boundary
from pynodes._core.expansions import AbstractExpansion
from pynodes._core.modules import same_module
from pynodes._core.scheme import AbstractScheme
from pynodes._graph import edits
from pynodes._graph.checks import check_node_exists, list_names
from pynodes._graph.settings import DEFAULT_EXPANSION, Settings
from pynodes.couplings import AbstractCoupling
from pynodes.nodes import AbstractNode

if TYPE_CHECKING:
    import networkx
    from matplotlib.axes import Axes

    from pynodes._equations.graph import Equations
    from pynodes._graph.library import Kinds
    from pynodes._runtime.network import Network


class Graph:
    """States, constants and inputs joined by couplings.

    A graph is a value: :meth:`add`, :meth:`couple` and every other edit return a new one, checked, and
    leave this one as it is, so that an error points at the line that caused it.

    Edges are named by their two ends, ``"x3->x2"``; where two couplings join the same nodes the kind
    is part of the name, ``"x3->x2.Volatility"``, as in the names of parameters.

    Parameters
    ----------
    expansion, marginalise, probability_clip
        Choices for all nodes that do not make their own: how volatility is learned, whether predictions
        average over what parents are unsure of, and how close to 0 and 1 probabilities come.
    scheme
        How beliefs are found; by default in the way that suits the graph, one sweep in closed form.
    evidence
        Whether inputs are predicted from the past alone (``"at_once"``), or each also from those before it in
        the same step (``"in_turn"``), which is the evidence where uncertain parents join them.

    Examples
    --------
    >>> import pynodes as pn
    >>> graph = pn.Graph().add(u=pn.BinaryInput(), x=pn.ContinuousState()).couple("x", "u")
    >>> graph
    Graph(2 nodes, 1 edge)
    """

    _hash: int

    def __init__(
        self,
        *,
        expansion: AbstractExpansion | str = DEFAULT_EXPANSION,
        marginalise: bool = True,
        probability_clip: float = 1e-6,
        scheme: AbstractScheme | None = None,
        evidence: str = "at_once",
        **_unknown: Never,
    ) -> None:
        self._nodes: dict[str, AbstractNode] = {}
        self._edges: dict[edits.Key, AbstractCoupling] = {}
        self._parents: dict[str, list[str]] = {}
        self._children: dict[str, list[str]] = {}
        self._slots: dict[tuple[str, str], list[str]] = {}
        self._settings = Settings(
            expansion=expansion,
            marginalise=marginalise,
            probability_clip=probability_clip,
            scheme=scheme,
            evidence=evidence,
        ).revise(**_unknown)

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

    @property
    def settings(self) -> Settings:
        """The choices that hold for every node that does not make its own."""
        return self._settings

    @boundary
    def parents(self, name: str) -> list[str]:
        """Names of a node's parents, once each."""
        check_node_exists(name, self._nodes)
        return list(dict.fromkeys(self._parents.get(name, ())))

    @boundary
    def children(self, name: str) -> list[str]:
        """Names of a node's children, once each."""
        check_node_exists(name, self._nodes)
        return list(dict.fromkeys(self._children.get(name, ())))

    def inlets_fed(self, name: str) -> set[str]:
        """The inlets of a node that its parents feed."""
        parents = dict.fromkeys(self._parents.get(name, ()))
        slots = [(p, name, slot) for p in parents for slot in self._slots[p, name]]
        return {self._edges[slot].inlet for slot in slots}

    @boundary
    def add(
        self, nodes: Mapping[str, AbstractNode] | None = None, /, **named: AbstractNode
    ) -> Graph:
        """A graph with more nodes.

        Parameters
        ----------
        nodes
            Nodes by name, for names that are no Python identifiers.
        named
            Nodes by name.

        Raises
        ------
        GraphError
            A name or a node that cannot be used (:class:`DuplicateNodeError`: a name already used).
        ParameterError
            A parameter outside its range.

        Examples
        --------
        >>> import pynodes as pn
        >>> pn.Graph().add(u=pn.BinaryInput()).add({"left hand": pn.ContinuousState()})
        Graph(2 nodes, 0 edges)
        """
        graph = self if nodes is None else edits.extend_graph(self, nodes, ())
        return edits.extend_graph(graph, named, ())

    @boundary
    def couple(
        self,
        parent: str | Iterable[str],
        child: str | Iterable[str],
        coupling: AbstractCoupling | type[AbstractCoupling] | str = "value",
    ) -> Graph:
        """A graph with another edge, or one from each of several parents to each of several children.

        Parameters
        ----------
        parent, child
            Names of nodes in the graph.
        coupling
            A coupling; or ``"value"`` or ``"volatility"``, which stand for the one that suits the
            child, with strength 1.

        Raises
        ------
        UnknownNodeError
            A name that the graph does not have.
        CouplingError
            A coupling that does not suit the child, or a parent that cannot have children.
        CycleError
            An edge that would make a node its own ancestor.

        Examples
        --------
        >>> import pynodes as pn
        >>> graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState(), y=pn.ContinuousState())
        >>> graph.couple("x", "u").couple("y", "x", pn.Volatility(strength=0.5))
        Graph(3 nodes, 2 edges)
        """
        parents, children = list_names(parent), list_names(child)
        return edits.extend_graph(self, {}, [(a, b, coupling) for a in parents for b in children])

    @boundary
    def extend(
        self, nodes: Mapping[str, AbstractNode], edges: Iterable[tuple[str, str, Any]] = ()
    ) -> Graph:
        """A graph with many more nodes and edges at once, in time linear in their number.

        Parameters
        ----------
        nodes
            Nodes by name.
        edges
            Triples of parent, child and coupling, as :meth:`couple` takes them.

        Raises
        ------
        GraphError
            As :meth:`add` and :meth:`couple`.
        """
        return edits.extend_graph(self, nodes, edges)

    @boundary
    def remove(self, names: str | Iterable[str]) -> Graph:
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
        return edits.remove_nodes(self, names)

    @boundary
    def subgraph(self, names: str | Iterable[str]) -> Graph:
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
        return edits.keep_nodes(self, names)

    @boundary
    def rename(self, names: Mapping[str, str]) -> Graph:
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
        return edits.rename_nodes(self, names)

    @boundary
    def uncouple(
        self,
        parent: str | Iterable[str],
        child: str | Iterable[str],
        coupling: type[AbstractCoupling] | str | None = None,
    ) -> Graph:
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
        return edits.remove_edges(self, parent, child, coupling)

    @boundary
    def rewire(
        self,
        edge: str,
        *,
        parent: str | None = None,
        child: str | None = None,
        coupling: AbstractCoupling | type[AbstractCoupling] | str | None = None,
    ) -> Graph:
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
        return edits.rewire_edge(self, edge, parent, child, coupling)

    @boundary
    def revise(
        self, nodes: Mapping[str, AbstractNode] | None = None, /, **named: AbstractNode
    ) -> Graph:
        """A graph in which some nodes have other parameters, or are of another kind.

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
        return edits.revise_nodes(self, nodes, named)

    @boundary
    def merge(self, other: Graph, shared: str | Iterable[str] = ()) -> Graph:
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
        return edits.merge_graphs(self, other, shared)

    @boundary
    def repeat(self, times: int, shared: Iterable[str] = ()) -> Graph:
        """Copies of the graph side by side: a plate.

        Copies of ``x`` are named ``x[0]``, ``x[1]``, ...

        Parameters
        ----------
        times
            Number of copies.
        shared
            Names of the nodes that all copies have in common.

        Raises
        ------
        GraphError
            A number that is not positive, or an unknown name.
        """
        return edits.repeat_graph(self, times, shared)

    @boundary
    def with_settings(self, **settings: Any) -> Graph:
        """A graph with other settings: ``expansion``, ``marginalise``, ``evidence``, ``scheme``, ..."""
        return edits.change_settings(self, settings)

    @boundary
    def compile(
        self,
        *,
        expansion: AbstractExpansion | str | None = None,
        marginalise: bool | None = None,
        probability_clip: float | None = None,
        scheme: AbstractScheme | None = None,
        evidence: str | None = None,
        key: Any = 0,
        **_unknown: Never,
    ) -> Network:
        """The graph as a network that filters.

        Parameters
        ----------
        key
            Draws the weights of array couplings that were not given: a whole number or a JAX random key.
            Every edge draws by its name, whatever the order of definition.
        expansion, marginalise, probability_clip, scheme, evidence
            Settings to use instead of the graph's; a node's own choices come before both.

        Raises
        ------
        GraphError
            A graph without nodes, an unknown setting, or a key that is none.
        ParameterError
            A node that lacks what its parameters need, such as a parent that supplies noise.
        """
        from pynodes._runtime.network import compile_graph

        return compile_graph(
            self,
            key,
            expansion=expansion,
            marginalise=marginalise,
            probability_clip=probability_clip,
            scheme=scheme,
            evidence=evidence,
            **_unknown,
        )

    def summary(self) -> str:
        """The graph in words: nodes, parameters, couplings and settings."""
        from pynodes._graph.summary import summarise

        return summarise(self)

    def equations(
        self, *, numbers: bool = False, complete: bool = False, timed: bool = True
    ) -> Equations:
        """The generative model in LaTeX, for the methods section of a paper; a notebook shows it set.

        Parameters
        ----------
        numbers
            Whether parameters are written as numbers in the equations, rather than as symbols whose
            values are listed below them.
        complete
            Whether terms that change nothing at their parameter's value are written too: a drift of 0, an
            autoconnection or a strength of 1.
        timed
            Whether the time since the previous step is written; if not, steps are one unit of time.
        """
        from pynodes._equations.graph import Style, write_equations

        style = Style(numbers=numbers, complete=complete, timed=timed)
        return write_equations(self, style, self._settings)

    def to_dict(self) -> dict[str, Any]:
        """The graph as a dictionary of plain values (docs/format.md)."""
        from pynodes._graph.document import to_dict

        return to_dict(self)

    @classmethod
    @boundary
    def from_dict(
        cls,
        data: Mapping[str, Any],
        *,
        kinds: Kinds = (),
        functions: Mapping[str, Any] | None = None,
    ) -> Graph:
        """A graph from the dictionary that :meth:`to_dict` writes.

        Parameters
        ----------
        data
            The dictionary.
        kinds
            Node kinds, couplings and expansions of one's own that it names.
        functions
            Coupling functions of one's own that it names, by name.

        Raises
        ------
        FormatError
            Not such a dictionary, another version, or an entry that cannot be read.
        """
        from pynodes._graph.document import from_dict

        return from_dict(data, kinds, functions)

    def to_json(self, indent: int | None = 1) -> str:
        """The graph as JSON text (docs/format.md); infinite precisions are written ``Infinity``."""
        from pynodes._graph.document import to_json

        return to_json(self, indent)

    @classmethod
    @boundary
    def from_json(
        cls, text: str, *, kinds: Kinds = (), functions: Mapping[str, Any] | None = None
    ) -> Graph:
        """A graph from JSON text; parameters and errors as for :meth:`from_dict`."""
        from pynodes._graph.document import from_json

        return from_json(text, kinds, functions)

    def to_networkx(self) -> networkx.MultiDiGraph:
        """A networkx graph with edges from parent to child.

        Every node carries its kind as ``kind`` and itself as ``node``, every edge the name of its
        coupling as ``kind`` and itself as ``coupling``; parameters are attributes too. The settings
        are the graph attribute ``settings``.
        """
        from pynodes._graph.networkx import to_networkx

        return to_networkx(self)

    @classmethod
    @boundary
    def from_networkx(cls, source: networkx.DiGraph, *, kinds: Kinds = ()) -> Graph:
        """A graph from a directed networkx graph with edges from parent to child.

        A node is its attribute ``node`` if it has one, else the ``kind`` it names with its other
        attributes as parameters, else a ContinuousState or, without children, a ContinuousInput. An
        edge is its attribute ``coupling``, else the ``kind`` it names (``"value"`` unless given) with
        its other attributes as parameters. Names become text.

        Parameters
        ----------
        source
            The networkx graph.
        kinds
            Node kinds and couplings of one's own that it names.

        Raises
        ------
        FormatError
            An undirected graph, names that coincide as text, an unknown kind or attribute.
        GraphError
            A graph that breaks a rule, such as one with a cycle.
        """
        from pynodes._graph.networkx import from_networkx

        return from_networkx(source, kinds)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the graph, level by level; see :func:`pynodes.plotting.plot_graph`."""
        from pynodes.plotting import plot_graph

        return plot_graph(self, ax, **options)

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
        if "_hash" not in self.__dict__:
            self._hash = hash((tuple(self._nodes), tuple(self._edges)))
        return self._hash

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def __repr__(self) -> str:
        from pynodes._graph.summary import count_nodes_and_edges

        return f"Graph({count_nodes_and_edges(self, ', ')})"

    def _repr_html_(self) -> str:
        from pynodes._graph.summary import graph_to_html

        return graph_to_html(self)
