"""Described: what a graph says of itself, in words, in equations, in other formats and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pynodes._graph.edits import Editable

if TYPE_CHECKING:
    import networkx

    from pynodes._graph.equations import Equations


class Described(Editable):
    """An editable structure that describes itself."""

    def summary(self) -> str:
        """The graph in words: nodes, parameters, couplings and settings."""
        from pynodes._graph.summary import summary

        return summary(self)

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
        from pynodes._graph.equations import Style, equations

        style = Style(numbers=numbers, complete=complete, timed=timed)
        return equations(self, style, self._settings)

    def to_dict(self) -> dict[str, Any]:
        """The graph as a dictionary of plain values (docs/format.md)."""
        from pynodes._graph.document import to_dict

        return to_dict(self)

    def to_json(self, indent: int | None = 1) -> str:
        """The graph as JSON text (docs/format.md); infinite precisions are written ``Infinity``."""
        from pynodes._graph.document import to_json

        return to_json(self, indent)

    def to_networkx(self) -> networkx.MultiDiGraph:
        """A networkx graph with edges from parent to child.

        Every node carries its kind as ``kind`` and itself as ``node``, every edge the name of its
        coupling as ``kind`` and itself as ``coupling``; parameters are attributes too. The settings
        are the graph attribute ``settings``.
        """
        from pynodes._graph.networkx import to_networkx

        return to_networkx(self)

    def __repr__(self) -> str:
        from pynodes._graph.summary import counted

        return f"Graph({counted(len(self._nodes), 'node')}, {counted(len(self._edges), 'edge')})"

    def _repr_html_(self) -> str:
        from pynodes._graph.summary import to_html

        return to_html(self)
