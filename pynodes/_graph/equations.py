"""Equations: the generative model of a graph, for the methods section of a paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pynodes._core.modules import choices_of, traced
from pynodes._core.notation import Style
from pynodes._core.symbols import number, upright
from pynodes._graph.graph import Graph
from pynodes._graph.settings import name_expansion
from pynodes._graph.writing import Writer

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


def equations(structure: Graph, style: Style, settings: Any) -> Equations:
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
    words += ["Left out, for they change nothing: " + prose(left) + "."] if left else []
    words += inference(structure, settings)
    values = {symbol: valued(found) for part in parts for symbol, found in part.values.items()}
    return Equations(tuple(lines), values, tuple(words))


def valued(found: Sequence[Any]) -> str:
    """A parameter's value; several values one after another, unless they are the same."""
    written = [r"\cdot" if traced(value) else number(value) for value in found]
    return written[0] if len(set(written)) == 1 else ", ".join(written)


def inference(structure: Graph, settings: Any) -> list[str]:
    """How beliefs are updated, in words: the settings that matter to some node."""
    nodes = structure.nodes
    own = {name for node in nodes.values() for name in choices_of(node)}
    words: list[str] = []
    if "expansion" in own:
        others = chosen(structure, "expansion", lambda value: name_expansion(value))
        words.append(
            f"Volatility evidence was added by the {name_expansion(settings.expansion)} expansion{others}."
        )
    if "marginalise" in own:
        how = "averaged over" if settings.marginalise else "left out"
        others = chosen(structure, "marginalise", str)
        words.append(f"Predictions {how} the uncertainty of parents{others}.")
    if "probability_clip" in own:
        clip = number(settings.probability_clip)
        others = chosen(structure, "probability_clip", lambda value: f"${number(value)}$")
        words.append(f"Probabilities were kept within ${clip}$ of 0 and 1{others}.")
    return words


def chosen(structure: Graph, field: str, told: Any) -> str:
    """Which nodes make a choice of their own, in brackets."""
    own = {
        name: told(value)
        for name, node in structure.nodes.items()
        if (value := getattr(node, field, None)) is not None
    }
    if not own:
        return ""
    return f" ({', '.join(rf'${upright(name)}$: {value}' for name, value in own.items())})"


def prose(items: Sequence[str]) -> str:
    """Items as prose."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
