"""Equations: the generative model of a graph, for the methods section of a paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from pynodes._core.modules import choices_of, indices_of, is_traced
from pynodes._equations.couplings import coupling_term
from pynodes._equations.lettering import INDICES, Title, find_ranges, match_indices, title_nodes
from pynodes._equations.nodes import node_equations
from pynodes._equations.notation import AddedTerm, Notation, Style, name_to_latex, number_to_latex
from pynodes._graph.edits import may_close_cycles
from pynodes._graph.graph import Graph
from pynodes._graph.settings import name_expansion
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
        self.titles = title_nodes((name, node.observable) for name, node in nodes.items())
        self.feeding: dict[str, list[tuple[str, AbstractCoupling]]] = {name: [] for name in nodes}
        for parent, child, coupling in structure.edges:
            self.feeding[child].append((parent, coupling))

    def parts(self) -> list[Part]:
        """The parts of all nodes, children before their parents."""
        import networkx

        graph = networkx.DiGraph()
        graph.add_nodes_from(self.structure.nodes)
        graph.add_edges_from(
            (parent, child) for parent, child, c in self.structure.edges if not may_close_cycles(c)
        )
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
        spans = find_ranges(indices) if len(same) > 1 and indices[0] else None
        if spans is None or len(spans) > len(INDICES):
            return [self.part(name, folded=False) for name in names]
        whole = same[0][1]
        lines = [f"{line}, {write_ranges(INDICES, spans)}" for line in whole.lines]
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
        lines = node_equations(node, dataclasses.replace(notation, fed=fed))
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
            there, place = match_indices(own, self.titles[parent]), find_place(coupling)
            edge = self.edge(parent, coupling, name, notation)
            text = edge(there, single)
            pattern = edge(letter_indices(there, place), several)
            free = tuple(index for index in there if index.isdigit())
            term = AddedTerm(text=text, place=place, pattern=pattern)
            alike: object = pattern if free and place is None else (parent, text)
            families.setdefault((coupling.inlet, alike), []).append((free, term, pattern))
        for (inlet, _), members in families.items():
            spans = find_ranges([free for free, _, _ in members]) if len(members) >= FEW else None
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
            tag = rf"{arrow},\, {name_to_latex(type(coupling).__name__)}" if twins else arrow
            edge = dataclasses.replace(
                notation,
                module=coupling,
                symbol=title.symbol(indices),
                tag=tag,
                fed={},
                values={},
            )
            text = coupling_term(coupling, edge)
            for symbol, value in edge.values.items():
                known.setdefault(symbol, []).append(value)
            return text

        return term


def find_place(coupling: AbstractCoupling) -> int | None:
    """Which one of several a coupling means, such as an outcome; None if it is not one of several."""
    for field in indices_of(coupling):
        if (place := getattr(coupling, field)) is not None:
            return int(place)
    return None


def letter_indices(indices: Sequence[str], place: int | None) -> tuple[str, ...]:
    """Indices with the letter ``j`` for the one that is a place, or for the only one that is a number."""
    numbers = [at for at, index in enumerate(indices) if index.isdigit()]
    at = numbers[-1] if numbers else None
    if at is None or (place is not None and int(indices[at]) != place):
        return tuple(indices)
    return (*indices[:at], "j", *indices[at + 1 :])


def write_ranges(letters: str, spans: Sequence[range]) -> str:
    """Over which indices a line holds."""
    texts = [f"{k} = {s[0]}, \\dots, {s[-1]}" for k, s in zip(letters, spans, strict=False)]
    return r"\quad " + r",\; ".join(texts)


NORMAL = r"$\mathcal{N}(m, s)$ is the normal distribution of mean $m$ and variance $s$."


@dataclasses.dataclass(frozen=True, repr=False)
class Equations:
    """The generative model of a graph in LaTeX; ``str()`` is what goes into a paper.

    A notebook shows it set. In a paper it needs the package ``amsmath``.

    Attributes
    ----------
    lines
        The equations, aligned at ``&``, children before their parents.
    values
        What every parameter is, by its symbol.
    words
        What the symbols mean and how beliefs were updated, in sentences.
    """

    lines: tuple[str, ...]
    values: dict[str, str]
    words: tuple[str, ...]

    @property
    def aligned(self) -> str:
        """The equations alone, as an ``aligned`` environment, to be put between dollar signs."""
        return "\\begin{aligned}\n" + self._joined() + "\n\\end{aligned}"

    @property
    def text(self) -> str:
        """Definitions and parameters in one paragraph, with mathematics between dollar signs."""
        known = ", ".join(f"${symbol} = {value}$" for symbol, value in self.values.items())
        return " ".join([*self.words, *([f"Parameters: {known}."] if known else [])])

    def _joined(self) -> str:
        return " \\\\\n".join(f"  {line}" for line in self.lines)

    def __str__(self) -> str:
        if not self.lines:
            return self.text
        return "\\begin{align*}\n" + self._joined() + "\n\\end{align*}\n" + self.text

    def __repr__(self) -> str:
        return str(self)

    def _repr_latex_(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"$$\n{self.aligned}\n$$\n\n{self.text}"


def write_equations(structure: Graph, style: Style, settings: Any) -> Equations:
    """The equations of a graph; see :meth:`Graph.equations`."""
    parts = Writer(structure, style).parts()
    lines = [line for part in parts for line in part.lines]
    said = list(dict.fromkeys(sentence for part in parts for sentence in part.said))
    left = list(dict.fromkeys(field for part in parts for field in part.left))
    words = [
        "$t$ counts the steps." if style.timed else "$t$ counts the steps, each one unit of time."
    ]
    words += [NORMAL] if any(r"\mathcal{N}" in line for line in lines) else []
    words += said
    words += ["Left out, for they change nothing: " + list_in_prose(left) + "."] if left else []
    words += describe_inference(structure, settings)
    values = {symbol: write_value(found) for part in parts for symbol, found in part.values.items()}
    return Equations(tuple(lines), values, tuple(words))


def write_value(found: Sequence[Any]) -> str:
    """A parameter's value; several values one after another, unless they are the same."""
    written = [r"\cdot" if is_traced(value) else number_to_latex(value) for value in found]
    return written[0] if len(set(written)) == 1 else ", ".join(written)


def describe_inference(structure: Graph, settings: Any) -> list[str]:
    """How beliefs are updated, in words: the settings that matter to some node."""
    nodes = structure.nodes
    own = {name for node in nodes.values() for name in choices_of(node)}
    words: list[str] = []
    if "expansion" in own:
        others = list_choices(structure, "expansion", lambda value: name_expansion(value))
        words.append(
            f"Volatility evidence was added by the {name_expansion(settings.expansion)} expansion{others}."
        )
    if "marginalise" in own:
        how = "averaged over" if settings.marginalise else "left out"
        others = list_choices(structure, "marginalise", str)
        words.append(f"Predictions {how} the uncertainty of parents{others}.")
    if "probability_clip" in own:
        clip = number_to_latex(settings.probability_clip)
        others = list_choices(
            structure, "probability_clip", lambda value: f"${number_to_latex(value)}$"
        )
        words.append(f"Probabilities were kept within ${clip}$ of 0 and 1{others}.")
    return words


def list_choices(structure: Graph, field: str, told: Any) -> str:
    """Which nodes make a choice of their own, in brackets."""
    own = {
        name: told(value)
        for name, node in structure.nodes.items()
        if (value := getattr(node, field, None)) is not None
    }
    if not own:
        return ""
    return f" ({', '.join(rf'${name_to_latex(name)}$: {value}' for name, value in own.items())})"


def list_in_prose(items: Sequence[str]) -> str:
    """Items as prose."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
