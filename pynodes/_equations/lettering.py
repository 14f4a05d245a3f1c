"""Lettering: which symbol stands for which node, and which nodes differ by an index only."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from pynodes._equations.notation import is_symbol, name_to_latex

INDEXED = re.compile(r"(.*?)((?:\[\d+\])+|(?:_\d+)+)")
"""A name that ends in numbers, as copies on a plate have (``x[0]``), and nodes of some models (``x2_0``)."""

RESERVED = frozenset("tTNIPjklmi")
"""Letters that mean something else in equations, so that a node of that name is written as a word."""

INDICES = "klm"
"""Letters for the indices of nodes that differ by them only."""


@dataclasses.dataclass(frozen=True)
class Title:
    """A node's name, taken apart.

    Attributes
    ----------
    base
        The name without the numbers that it ends in.
    indices
        These numbers.
    observed
        Whether it is an input.
    plate
        Whether its indices are those of copies (``x[0]``).
    """

    base: str
    indices: tuple[str, ...]
    observed: bool
    plate: bool = False

    @classmethod
    def of(cls, name: str, observed: bool) -> Title:
        """The parts of a name."""
        found = INDEXED.fullmatch(name)
        if found is None or not found[1]:
            return cls(name, (), observed)
        return cls(found[1], tuple(re.findall(r"\d+", found[2])), observed, "[" in found[2])

    @property
    def short(self) -> bool:
        """Whether the name is a symbol already: a letter, or a letter and a number."""
        return is_symbol(self.base) and self.base not in RESERVED

    def tag(self, indices: Sequence[str]) -> str:
        """What parameters of the node are marked with."""
        if self.short:
            return self.symbol(indices)
        return ",".join([name_to_latex(self.base), *indices])

    def symbol(self, indices: Sequence[str]) -> str:
        """What stands for the node's value."""
        if self.short:
            letter, number = self.base[0], self.base[1:]
            below = ",".join([*([number] if number else []), *indices])
            return f"{letter}_{{{below}}}" if below else letter
        letter = "u" if self.observed else "x"
        return f"{letter}_{{{self.tag(indices)}}}"


class Whole(Title):
    """A name that is not taken apart, since it would be mistaken for another one."""

    @property
    def short(self) -> bool:
        """Its letters are kept together."""
        return False

    @classmethod
    def of(cls, name: str, observed: bool) -> Title:
        """The name as it is."""
        return cls(name, (), observed)


def title_nodes(names: Iterable[tuple[str, bool]]) -> dict[str, Title]:
    """A title for every name, so that no two symbols are the same."""
    found = {name: Title.of(name, observed) for name, observed in names}
    symbols = [title.symbol(title.indices) for title in found.values()]
    if len(set(symbols)) == len(symbols):
        return found
    return {name: Whole.of(name, title.observed) for name, title in found.items()}


def match_indices(own: Title, other: Title) -> tuple[str, ...]:
    """The indices of another node, with letters where they are those of this one.

    Copies of a graph have the index of their copy at the end, inner ones first; nodes of a model that
    belong to one of several begin with its number.
    """
    letters, mine, its = INDICES[: len(own.indices)], own.indices, other.indices
    size = min(len(mine), len(its))
    if not size or own.plate != other.plate or len(mine) > len(INDICES):
        return its
    if not own.plate:
        return (*letters[:size], *its[size:]) if mine[:size] == its[:size] else its
    if mine[-size:] == its[-size:]:
        return (*its[:-size], *letters[len(mine) - size :])
    return its


def find_ranges(indices: Sequence[tuple[str, ...]]) -> list[range] | None:
    """The ranges whose combinations some indices are; None if they are not that."""
    columns = [sorted({int(index) for index in column}) for column in zip(*indices, strict=True)]
    spans = [range(column[0], column[-1] + 1) for column in columns]
    size = 1
    for column, span in zip(columns, spans, strict=True):
        if column != list(span):
            return None
        size *= len(column)
    return spans if size == len(set(indices)) == len(indices) else None
