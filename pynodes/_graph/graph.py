"""Graph: nodes joined by couplings, an immutable value that is checked as it is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Never

from pynodes._boundary import boundary
from pynodes._core.expansions import AbstractExpansion
from pynodes._core.scheme import AbstractScheme
from pynodes._graph.check import checked_names
from pynodes._graph.described import Described
from pynodes._graph.settings import Settings
from pynodes.couplings import AbstractCoupling
from pynodes.nodes import AbstractNode

if TYPE_CHECKING:
    import networkx
    from matplotlib.axes import Axes

    from pynodes._graph.library import Kinds
    from pynodes._runtime.network import Network


class Graph(Described):
    """States, constants and inputs joined by couplings.

    A graph is a value: :meth:`add` and :meth:`couple` return a new one and leave this one as it is.
    They check at once, so that an error points at the line that caused it.

    Parameters
    ----------
    expansion, marginalise, probability_clip
        Choices for all nodes that do not make their own: how volatility is learned, whether predictions
        average over what parents are unsure of, and how close to 0 and 1 probabilities come.
    scheme
        How beliefs are found; by default in the way that suits the graph, one sweep in closed form.

    Examples
    --------
    >>> import pynodes as pn
    >>> graph = pn.Graph().add(u=pn.BinaryInput(), x=pn.ContinuousState()).couple("x", "u")
    >>> graph
    Graph(2 nodes, 1 edge)
    """

    def __init__(
        self,
        *,
        expansion: AbstractExpansion | str = "unbounded",
        marginalise: bool = True,
        probability_clip: float = 1e-6,
        scheme: AbstractScheme | None = None,
        **_unknown: Never,
    ) -> None:
        super().__init__()
        self._settings = Settings(
            expansion=expansion,
            marginalise=marginalise,
            probability_clip=probability_clip,
            scheme=scheme,
        ).revised(**_unknown)

    @property
    def settings(self) -> Settings:
        """The choices that hold for every node that does not make its own."""
        return self._settings

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
        graph = self if nodes is None else self._extended(nodes, ())
        return graph._extended(named, ())

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
        parents, children = checked_names(parent), checked_names(child)
        return self._extended({}, [(a, b, coupling) for a in parents for b in children])

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
        return self._extended(nodes, edges)

    @boundary
    def with_settings(self, **settings: Any) -> Graph:
        """A graph with other settings: ``expansion``, ``marginalise``, ``probability_clip``, ``scheme``."""
        graph = self._copied()
        graph._settings = self._settings.revised(**settings)
        return graph

    @boundary
    def compile(
        self,
        *,
        expansion: AbstractExpansion | str | None = None,
        marginalise: bool | None = None,
        probability_clip: float | None = None,
        scheme: AbstractScheme | None = None,
        **_unknown: Never,
    ) -> Network:
        """The graph as a network that filters.

        Parameters
        ----------
        expansion, marginalise, probability_clip, scheme
            Settings to use instead of the graph's; a node's own choices come before both.

        Raises
        ------
        GraphError
            A graph without nodes, or an unknown setting.
        ParameterError
            A node that lacks what its parameters need, such as a parent that supplies noise.
        """
        from pynodes._runtime.network import compile_graph

        return compile_graph(
            self,
            expansion=expansion,
            marginalise=marginalise,
            probability_clip=probability_clip,
            scheme=scheme,
            **_unknown,
        )

    @boundary
    def repeat(self, times: int, shared: Iterable[str] = ()) -> Graph:
        """The graph so many times side by side: a plate.

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
        from pynodes._graph.plates import repeated

        return repeated(self, times, shared)

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

    @classmethod
    @boundary
    def from_json(
        cls, text: str, *, kinds: Kinds = (), functions: Mapping[str, Any] | None = None
    ) -> Graph:
        """A graph from JSON text; parameters and errors as for :meth:`from_dict`."""
        from pynodes._graph.document import from_json

        return from_json(text, kinds, functions)

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
