"""Library: the kinds, couplings, expansions and functions that a file may name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import jax
import numpy as np

import pynodes.couplings
import pynodes.families
import pynodes.nodes
from pynodes._core.expansions import AbstractExpansion
from pynodes._core.modules import (
    Undrawn,
    choices_of,
    indices_of,
    is_real,
    is_traced,
    parameters_of,
    to_float,
)
from pynodes._core.scheme import AbstractScheme
from pynodes._core.structured import Structured
from pynodes._errors import FormatError, ParameterError, format_value, nearest
from pynodes._graph.settings import EXPANSIONS, Settings
from pynodes.couplings import FUNCTIONS, AbstractCoupling, Compose
from pynodes.couplings.initial import AbstractInitialiser
from pynodes.families import AbstractFamily
from pynodes.nodes import AbstractNode

INITIAL = "initial_"
"""Parameters whose names begin so are kept apart, as the belief before the first step."""

MOST = 10**6
"""Numbers that one entry of a document may make more than stand in it, and values of its choices."""

MOST_TOGETHER = 10**7
"""Numbers that all entries of a document may make together."""

MOST_WEIGHTS = 10**9
"""Weights that a document may ask for: they are drawn only when its graph is compiled."""

LISTS = ("shape", "kernel", "stride", "padding", "window", "size")
"""Choices that may be several whole numbers."""

Kinds: TypeAlias = Iterable[
    type[AbstractNode]
    | type[AbstractCoupling]
    | type[AbstractFamily]
    | type[AbstractScheme]
    | type[AbstractInitialiser]
    | AbstractExpansion
]
"""Kinds of one's own, for files that name them."""


class Library:
    """What names in a file stand for: ours, and those that the user adds.

    Parameters
    ----------
    kinds
        Node kinds, couplings, families and expansions of one's own.
    functions
        Coupling functions of one's own, by name.
    """

    def __init__(self, kinds: Kinds, functions: Mapping[str, Any]) -> None:
        self.nodes = list_kinds(pynodes.nodes, AbstractNode)
        self.couplings = list_kinds(pynodes.couplings, AbstractCoupling)
        self.families = list_kinds(pynodes.families, AbstractFamily)
        self.expansions = dict(EXPANSIONS)
        self.schemes = list_subclasses(AbstractScheme)
        self.initialisers = list_subclasses(AbstractInitialiser)
        if not isinstance(functions, Mapping):
            raise FormatError(f"functions must be functions by name, not {functions!r}.")
        self.functions = FUNCTIONS | dict(functions)
        if not isinstance(kinds, Iterable):
            raise FormatError(f"kinds must be a list, as in [{kinds!r}].")
        for kind in kinds:
            self.learn(kind)
        self.room = MOST_TOGETHER

    def learn(self, kind: Any) -> None:
        """Know a kind of the user's own."""
        if isinstance(kind, AbstractExpansion):
            self.expansions[type(kind).__name__] = kind
        elif isinstance(kind, type) and issubclass(kind, AbstractScheme):
            self.schemes[kind.__name__] = kind
        elif isinstance(kind, type) and issubclass(kind, AbstractInitialiser):
            self.initialisers[kind.__name__] = kind
        elif isinstance(kind, type) and issubclass(kind, AbstractNode):
            self.nodes[kind.__name__] = kind
        elif isinstance(kind, type) and issubclass(kind, AbstractCoupling):
            self.couplings[kind.__name__] = kind
        elif isinstance(kind, type) and issubclass(kind, AbstractFamily):
            self.families[kind.__name__] = kind
        else:
            raise FormatError(
                "kinds lists classes of nodes, couplings, families, schemes and initialisers, and expansion "
                "objects, not "
                f"{kind!r}."
            )

    def read_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a file, ready for Graph."""
        check_keys(settings, tuple(Settings.names()), "The section 'settings'")
        return {
            name: self.read_choice(name, value, "The section 'settings'")
            for name, value in settings.items()
        }

    def read_choice(self, name: str, value: Any, owner: str) -> Any:
        """A choice of a file, expansions and families by name."""
        if name == "family" and value is not None:
            return self.read_family(value)
        if name == "scheme" and value is not None:
            return self.read_named(value, self.schemes, "scheme")
        if name == "initial":
            return self.read_named(value, self.initialisers, "initialiser")
        if name != "expansion" or value is None:
            if name == "through" and isinstance(value, list | tuple):
                return tuple(self.read_choice("shape", one, owner) for one in value)
            if name in LISTS and isinstance(value, list | tuple):
                for one in value:
                    check_plain_choice(name, one, owner)
                return tuple(value)
            check_plain_choice(name, value, owner)
            return value
        if isinstance(value, Mapping) and value.get("name") == "structured":
            check_keys(value, ("name", "nodes", "edges"), owner)
            return Structured(**{key: one for key, one in value.items() if key != "name"})
        if not isinstance(value, str) or value not in self.expansions:
            raise FormatError(
                f"No expansion is named {format_value(value)}. {nearest(value, self.expansions)}"
            )
        return self.expansions[value]

    def read_family(self, entry: Any) -> Any:
        """The family of an entry."""
        family = self.read_named(entry, self.families, "family")
        self.take(family.size, f"Family {entry['name']!r}")
        return family

    def read_named(self, entry: Any, known: Mapping[str, Any], what: str) -> Any:
        """An object of an entry with a name and choices of its own: a family or a scheme."""
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or name not in known:
            raise FormatError(
                f"No {what} is named {format_value(name)}. {nearest(name, known)} A {what} of your own is "
                "named in kinds=[...]."
            )
        owner, cls = f"{what.capitalize()} {name!r}", known[name]
        fields = {key: value for key, value in entry.items() if key != "name"}
        check_keys(fields, tuple(field.name for field in dataclasses.fields(cls)), owner)
        for field, value in fields.items():
            check_plain_choice(field, value, owner)
        return cls(**fields)

    def read_node(self, entry: Mapping[str, Any]) -> AbstractNode:
        """The node of an entry."""
        kind = take_text(entry, "kind", "A node")
        if kind not in self.nodes:
            raise FormatError(
                f"{entry['name']!r} is of kind {kind!r}, which is not known here. "
                f"{nearest(kind, self.nodes)} "
                "A kind of your own is named in kinds=[...]."
            )
        check_keys(
            entry, ("name", "kind", "parameters", "initial", "choices"), f"Node {entry['name']!r}"
        )
        owner = f"Node {entry['name']!r}"
        fields = dict(take_object(entry, "parameters", owner))
        fields |= {
            INITIAL + key: value for key, value in take_object(entry, "initial", owner).items()
        }
        for key in parameters_of(self.nodes[kind]).keys() & fields.keys():
            fields[key] = parse_numbers(f"{kind} {entry['name']!r}: {key}", fields[key])
        choices = take_object(entry, "choices", owner)
        fields |= {key: self.read_choice(key, value, owner) for key, value in choices.items()}
        node = self.nodes[kind](**fields)
        if any(is_count(value) or isinstance(value, list | tuple) for value in choices.values()):
            leaves = jax.tree.leaves(jax.eval_shape(type(node).init, node))
            self.take(sum(leaf.size for leaf in leaves), owner)
        return node

    def take(self, numbers: int, owner: str) -> None:
        """Let an entry make some numbers, unless they would fill the memory.

        Raises
        ------
        FormatError
            There are too many.
        """
        self.room -= numbers
        if numbers > MOST or self.room < 0:
            raise FormatError(
                f"{owner} would hold {numbers} numbers, more than a document can ask for. Make such a graph "
                "by program."
            )

    def check_weights(self, edges: Iterable[tuple[str, str, AbstractCoupling]]) -> None:
        """Refuse edges that would fill the memory once they are compiled.

        Raises
        ------
        FormatError
            Their weights are too many.
        """
        undrawn = (
            leaf.size
            for _, _, coupling in edges
            for leaf in jax.tree.leaves(coupling)
            if isinstance(leaf, Undrawn)
        )
        if sum(undrawn) > MOST_WEIGHTS:
            raise FormatError(
                f"The edges would have more than {MOST_WEIGHTS} weights, more than a document can ask for. "
                "Make such a graph by program."
            )

    def read_edge(self, entry: Mapping[str, Any]) -> tuple[str, str, AbstractCoupling]:
        """Parent, child and coupling of an entry."""
        parent, child = take_text(entry, "parent", "An edge"), take_text(entry, "child", "An edge")
        rest = {key: value for key, value in entry.items() if key not in ("parent", "child")}
        return parent, child, self.read_coupling(rest, f"{parent}->{child}")

    def read_coupling(self, entry: Mapping[str, Any], edge: str) -> AbstractCoupling:
        """The coupling of an entry, and the couplings it is made of."""
        kind, owner = take_text(entry, "coupling", "An edge"), f"Edge {edge}"
        if kind not in self.couplings:
            raise FormatError(
                f"The edge {edge} is a {kind!r}, which is not known here. "
                f"{nearest(kind, self.couplings)} A coupling of your own is named in kinds=[...]."
            )
        cls = self.couplings[kind]
        named = ["function"] if "function" in choices_of(cls) else []
        parts = ["parts"] if issubclass(cls, Compose) else []
        own_fields = [*parameters_of(cls), *indices_of(cls), *named]
        check_keys(entry, ("coupling", "choices", *own_fields, *parts), owner)
        fields: dict[str, Any] = dict(getattr(cls, "meaning_unnamed", {}))
        fields |= {key: entry[key] for key in own_fields if key in entry}
        for key, spec in parameters_of(cls).items():
            if key in fields and not (spec["drawn"] and fields[key] is False):
                fields[key] = parse_numbers(f"{kind} {edge}: {key}", fields[key])
        for key in set(indices_of(cls)) & fields.keys():
            if not is_count(fields[key]) or not 0 <= fields[key] <= MOST:
                raise FormatError(
                    f"{owner}: {key!r} must be a whole number from 0, not {format_value(fields[key])}."
                )
        choices = take_object(entry, "choices", owner)
        fields |= {key: self.read_choice(key, value, owner) for key, value in choices.items()}
        if "function" in fields:
            fields["function"] = self.read_function(fields["function"], owner)
        return cls(*self.read_parts(entry, edge), **fields)

    def read_parts(self, entry: Mapping[str, Any], edge: str) -> list[Any]:
        """The couplings that a coupling is made of."""
        parts = entry.get("parts", [])
        if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
            raise FormatError(f"Edge {edge}: 'parts' must be a list of objects.")
        return [self.read_coupling(part, edge) for part in parts]

    def read_function(self, name: Any, owner: str) -> Any:
        """The coupling function of a name."""
        if not isinstance(name, str) or name not in self.functions:
            raise FormatError(
                f"{owner}: no coupling function is named {format_value(name)}. "
                f"{nearest(name, self.functions)} A function of your own is named in functions="
                "{name: function}."
            )
        return self.functions[name]


def is_count(value: Any) -> bool:
    """Whether a choice says how many."""
    return isinstance(value, int) and not isinstance(value, bool)


def parse_numbers(what: str, value: Any) -> Any:
    """A parameter of a document: a number, or numbers in lists that make an array.

    Raises
    ------
    ParameterError
        Something else.
    """
    if isinstance(value, list | tuple):
        try:
            good = np.asarray(value).dtype.kind in "fiu"
        except ValueError:  # lists of different lengths
            good = False
    else:
        good = is_real(value) or is_traced(value)
    if not good:
        raise ParameterError(
            f"{what} must be a real number, or an array of them as lists, not {format_value(value)}."
        )
    return to_float(what, value) if isinstance(value, int) else value


def check_plain_choice(name: str, value: Any, owner: str) -> None:
    """A choice of a document, or an element of one, is a word, a truth value or a number that can be.

    Raises
    ------
    FormatError
        Something else.
    """
    if value is not None and not isinstance(value, str | bool | int | float):
        raise FormatError(
            f"{owner}: {name!r} must be a word or a number, not {format_value(value)}."
        )
    if isinstance(value, int) and not -MOST <= value <= MOST:
        raise FormatError(
            f"{owner}: {name!r} is {format_value(value, 20)}, more than a document can ask for."
        )


def list_subclasses(base: type) -> dict[str, Any]:
    """The schemes or initialisers of ours that were imported, by name."""
    found: dict[str, Any] = {}
    for cls in base.__subclasses__():
        ours = cls.__module__.partition(".")[0] == __name__.partition(".")[0]
        known = ours and not getattr(cls, "__abstractmethods__", None)
        found |= ({cls.__name__: cls} if known else {}) | list_subclasses(cls)
    return found


def list_kinds(module: Any, base: type) -> dict[str, Any]:
    """The kinds that a module of ours has, abstract ones left out."""
    found = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    return {
        name: cls
        for name, cls in found.items()
        if issubclass(cls, base) and not getattr(cls, "__abstractmethods__", None)
    }


def take_text(entry: Mapping[str, Any], key: str, owner: str) -> str:
    """A text that an entry must have."""
    value = entry.get(key)
    if not isinstance(value, str):
        raise FormatError(
            f"{owner} lacks {key!r}, or has one that is no text: {format_value(dict(entry))}."
        )
    return value


def take_object(entry: Mapping[str, Any], key: str, owner: str) -> Mapping[str, Any]:
    """An object inside an entry; an empty one if it is not there."""
    found = entry.get(key, {})
    if not isinstance(found, Mapping):
        raise FormatError(
            f"{owner}: {key!r} must be an object of names and values, not {format_value(found)}."
        )
    return found


def check_keys(entry: Mapping[str, Any], known: tuple[str, ...], owner: str) -> None:
    """Refuse keys that nobody would read."""
    for key in entry:
        if key not in known:
            raise FormatError(f"{owner} has an unknown entry {key!r}. {nearest(key, known)}")
