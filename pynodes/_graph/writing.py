"""Writing: every node's lines of the equations, those of nodes alike folded into one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from pynodes._core.modules import indices_of
from pynodes._core.notation import AddedTerm, Notation, Style
from pynodes._core.symbols import upright
from pynodes._graph.graph import Graph
from pynodes._graph.lettering import INDICES, Title, matched, ranges, titles
from pynodes.couplings import AbstractCoupling

FEW = 3
"""From so many terms on that differ by an index only, they are written as one sum."""


@dataclasses.dataclass(frozen=True)
class Part:
    """What one node, or several that are alike, adds to the equations.

    Attributes
    ----------
    lines
        Lines of LaTeX.
    names
        The nodes.
    values
        Parameters by symbol; one value for each of the things that the symbol stands for.
    said, left
        Definitions, and what was left out since it changes nothing.
    """

    lines: list[str]
    names: list[str]
    values: dict[str, list[Any]]
    said: list[str]
    left: list[str]


class Writer:
    """Writes the nodes of one graph.

    Parameters
    ----------
    structure
        The graph.
    style
        How equations are written.
    """

    def __init__(self, structure: Graph, style: Style) -> None:
        self.structure, self.style = structure, style
        nodes = structure.nodes
        self.titles = titles((name, node.observable) for name, node in nodes.items())
        self.feeding: dict[str, list[tuple[str, AbstractCoupling]]] = {name: [] for name in nodes}
        for parent, child, coupling in structure.edges:
            self.feeding[child].append((parent, coupling))

    def parts(self) -> list[Part]:
        """The parts of all nodes, children before their parents."""
        import networkx

        graph = networkx.DiGraph()
        graph.add_nodes_from(self.structure.nodes)
        graph.add_edges_from((parent, child) for parent, child, _ in self.structure.edges)
        levels = list(networkx.topological_generations(graph.reverse(copy=False)))
        order = {name: place for place, name in enumerate(self.structure.nodes)}
        names = [name for level in levels for name in sorted(level, key=order.__getitem__)]
        alike: dict[object, list[tuple[str, Part]]] = {}
        for name in names:
            part, title = self.part(name, folded=True), self.titles[name]
            key = (title.base, title.observed, tuple(part.lines)) if title.indices else name
            alike.setdefault(key, []).append((name, part))
        return [part for same in alike.values() for part in self.folded(same)]

    def folded(self, same: Sequence[tuple[str, Part]]) -> list[Part]:
        """Nodes whose lines are the same but for an index as one part, if that can be said shortly."""
        names = [name for name, _ in same]
        indices = [self.titles[name].indices for name in names]
        spans = ranges(indices) if len(same) > 1 and indices[0] else None
        if spans is None or len(spans) > len(INDICES):
            return [self.part(name, folded=False) for name in names]
        whole = same[0][1]
        lines = [f"{line}, {spanning(INDICES, spans)}" for line in whole.lines]
        values = {
            symbol: [value for _, part in same for value in part.values[symbol]]
            for symbol in whole.values
        }
        said = list(dict.fromkeys(sentence for _, part in same for sentence in part.said))
        left = list(dict.fromkeys(field for _, part in same for field in part.left))
        return [Part(lines, names, values, said, left)]

    def part(self, name: str, *, folded: bool) -> Part:
        """The lines of one node, with letters in the place of its indices where they are to be folded."""
        node, title = self.structure.nodes[name], self.titles[name]
        own = INDICES[: len(title.indices)] if folded else title.indices
        notation = Notation(
            module=node,
            symbol=title.symbol(tuple(own)),
            tag=title.tag(tuple(own)),
            style=self.style,
        )
        fed, known = self.fed(name, notation, folded=folded)
        lines = node.equations(dataclasses.replace(notation, fed=fed))
        known = {symbol: [value] for symbol, value in notation.values.items()} | known
        text, said = "".join(lines), list(notation.said)
        values = {s: found for s, found in known.items() if s in text or s in "".join(said)}
        return Part(lines, [name], values, said, list(notation.left))

    def fed(
        self, name: str, notation: Notation, *, folded: bool
    ) -> tuple[dict[str, list[AddedTerm]], dict[str, list[Any]]]:
        """What the parents of a node add, by inlet; and the parameters of the edges, by symbol."""
        found: dict[str, list[AddedTerm]] = {}
        families: dict[tuple[str, object], list[tuple[tuple[str, ...], AddedTerm, str]]] = {}
        single: dict[str, list[Any]] = {}
        several: dict[str, list[Any]] = {}
        own = self.titles[name] if folded else Title("", (), False)
        for parent, coupling in self.feeding[name]:
            there, place = matched(own, self.titles[parent]), place_of(coupling)
            edge = self.edge(parent, coupling, name, notation)
            text = edge(there, single)
            pattern = edge(lettered(there, place), several)
            free = tuple(index for index in there if index.isdigit())
            term = AddedTerm(text=text, place=place, pattern=pattern)
            alike: object = pattern if free and place is None else (parent, text)
            families.setdefault((coupling.inlet, alike), []).append((free, term, pattern))
        for (inlet, _), members in families.items():
            spans = ranges([free for free, _, _ in members]) if len(members) >= FEW else None
            terms = found.setdefault(inlet, [])
            if spans is None or len(spans) > 1:
                terms += [term for _, term, _ in members]
            else:
                limits = rf"\sum_{{j={spans[0][0]}}}^{{{spans[0][-1]}}}"
                terms.append(AddedTerm(text=f"{limits} {members[0][2]}"))
        return found, several | single

    def edge(
        self, parent: str, coupling: AbstractCoupling, child: str, notation: Notation
    ) -> Callable[[Sequence[str], dict[str, list[Any]]], str]:
        """How one edge is written, given its parent's indices and where its parameters are noted."""
        title = self.titles[parent]
        twins = [c for p, c in self.feeding[child] if p == parent and c is not coupling]

        def term(indices: Sequence[str], known: dict[str, list[Any]]) -> str:
            arrow = rf"{title.tag(indices)} \to {notation.tag}"
            tag = rf"{arrow},\, {upright(type(coupling).__name__)}" if twins else arrow
            edge = dataclasses.replace(
                notation,
                module=coupling,
                symbol=title.symbol(indices),
                tag=tag,
                fed={},
                values={},
            )
            text = coupling.term(edge)
            for symbol, value in edge.values.items():
                known.setdefault(symbol, []).append(value)
            return text

        return term


def place_of(coupling: AbstractCoupling) -> int | None:
    """Which one of several a coupling means, such as an outcome; None if it is not one of several."""
    for field in indices_of(coupling):
        if (place := getattr(coupling, field)) is not None:
            return int(place)
    return None


def lettered(indices: Sequence[str], place: int | None) -> tuple[str, ...]:
    """Indices with the letter ``j`` for the one that is a place, or for the only one that is a number."""
    numbers = [at for at, index in enumerate(indices) if index.isdigit()]
    at = numbers[-1] if numbers else None
    if at is None or (place is not None and int(indices[at]) != place):
        return tuple(indices)
    return (*indices[:at], "j", *indices[at + 1 :])


def spanning(letters: str, spans: Sequence[range]) -> str:
    """Over which indices a line holds."""
    texts = [f"{k} = {s[0]}, \\dots, {s[-1]}" for k, s in zip(letters, spans, strict=False)]
    return r"\quad " + r",\; ".join(texts)
