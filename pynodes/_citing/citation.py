"""cite: what a methods section says of a model, a fit, and the programs behind them."""

from __future__ import annotations

import dataclasses
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from pynodes._citing.references import Reference, read_references
from pynodes._core.expansions import AbstractExpansion
from pynodes._core.modules import Module
from pynodes._errors import InputError
from pynodes._graph.graph import Graph
from pynodes._graph.summary import count_noun, describe_settings
from pynodes._runtime.network import Network

NAMES = {
    "map": "the most probable values of every subject",
    "em": "empirical Bayes over a group",
    "nuts": "the No-U-Turn sampler",
    "smc": "sequential Monte Carlo",
    "pathfinder": "Pathfinder variational inference",
}
"""What ways of fitting are called in a text."""

PROGRAMS = ("pynodes", "jax2018")
"""Keys of the programs that compute everything."""

METHODS = {"nuts": ("hoffman2014",), "smc": ("delmoral2006",), "pathfinder": ("zhang2022",)}
"""Keys of the papers behind ways of fitting."""


@dataclasses.dataclass(frozen=True, repr=False)
class Citation:
    """A methods paragraph with references; ``str()`` is its text.

    Attributes
    ----------
    text
        A paragraph for a methods section.
    references
        Whom it cites.
    provenance
        Versions, precision and settings, by name.
    """

    text: str
    references: tuple[Reference, ...]
    provenance: dict[str, Any]

    @property
    def bibtex(self) -> str:
        """The references as BibTeX."""
        return "\n\n".join(reference.bibtex for reference in self.references)

    def __str__(self) -> str:
        return f"{self.text}\n\n{self.bibtex}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"{self.text}\n\n```bibtex\n{self.bibtex}\n```"


def cite(*things: Any) -> Citation:
    """Methods paragraph, references, versions and settings of graphs, agents or fits.

    The papers are those that the descriptions of its parts name as their sources, one's own kinds
    included if they name one of these.

    Parameters
    ----------
    things
        Graphs, networks, agents, fits, kinds, couplings or responses; without any, pynodes alone.

    Returns
    -------
    The citation: ``.text``, ``.bibtex`` and ``.provenance``; ``print`` shows the first two.

    Raises
    ------
    InputError
        Something that has no sources.

    Examples
    --------
    >>> import pynodes as pn
    >>> citation = pn.cite(pn.models.binary_hgf())
    >>> [reference.cited for reference in citation.references][:2]
    ['the pynodes developers 2026', 'Bradbury et al. 2018']
    """
    known = versions()
    program = (
        f"Computations were made with pynodes {known['pynodes']} (the pynodes developers 2026) and JAX "
        f"{known['jax']} (Bradbury et al. 2018), under Python {known['python']} with NumPy "
        f"{known['numpy']}, in {'double' if known['precision'] == 'float64' else 'single'} precision."
    )
    sentences, parts, provenance = [program], [], dict[str, Any](known)
    found = find_programs(known["pynodes"])
    for thing in things:
        parts += list(list_parts(thing))
        sentences += list(describe_making(thing))
        made: Mapping[str, Any] = getattr(thing, "provenance", {})
        provenance |= made
        found += behind_method(made)
    sources = find_sources(parts)
    if sources:
        sentences.append(
            f"The parts of the model are after {join_words([s.cited for s in sources])}."
        )
    return Citation(" ".join(sentences), drop_repeats([*found, *sources]), provenance)


def drop_repeats(references: list[Reference]) -> tuple[Reference, ...]:
    """Every reference once."""
    return tuple({reference.key: reference for reference in references}.values())


def find_programs(version: str) -> list[Reference]:
    """The programs that compute everything, with the version of pynodes."""
    ours, *others = (read_references()[key] for key in PROGRAMS)
    return [dataclasses.replace(ours, fields=ours.fields | {"version": version}), *others]


def behind_method(made: Mapping[str, Any]) -> list[Reference]:
    """The papers behind how something was fitted."""
    return [read_references()[key] for key in METHODS.get(str(made.get("method", "")), ())]


def find_sources(parts: list[object]) -> list[Reference]:
    """The references that some of the parts name as their sources."""
    sources = [source_of(part) for part in parts]
    return [
        reference
        for reference in read_references().values()
        if any(reference.is_named_in(source) for source in sources)
    ]


def list_parts(thing: Any) -> Iterator[object]:
    """What a thing is made of, as far as it may name a source.

    Raises
    ------
    InputError
        Something that is no part of a model, and no model or fit.
    """
    if isinstance(thing, Graph):
        yield from thing.nodes.values()
        yield from (coupling for _, _, coupling in thing.edges)
        yield from expansions_of(thing)
        families = (getattr(node, "family", None) for node in thing.nodes.values())
        yield from (family for family in families if family is not None)
    elif isinstance(thing, Network):
        yield from list_parts(thing.graph)
    elif hasattr(thing, "agent"):
        yield from list_parts(thing.agent)
    elif hasattr(thing, "network") and hasattr(thing, "priors"):
        yield from list_parts(thing.network)
        response = thing.response
        yield from getattr(
            response, "streams", {"": response} if response is not None else {}
        ).values()
    elif isinstance(thing, Module | AbstractExpansion):
        yield thing
    else:
        raise InputError(
            f"A {type(thing).__name__} has no sources. Cite a graph, a network, an agent, a fit, or one of "
            "their parts."
        )


def expansions_of(graph: Graph) -> Iterator[object]:
    """The expansions by which nodes of a graph hear their volatility children."""
    own = [node for node in graph.nodes.values() if hasattr(node, "expansion")]
    for node in own:
        yield getattr(node, "expansion", None) or graph.settings.expansion


def source_of(part: object) -> str:
    """What the description of a part, or of the nearest of its bases, names as its source."""
    for kind in type(part).__mro__:
        _, _, source = (kind.__doc__ or "").partition("Source:")
        if source and kind.__module__ != "builtins":
            return re.sub(r"\s+", " ", source)
    return ""


def describe_making(thing: Any) -> Iterator[str]:
    """What was done, in sentences: the graph, its settings, and how it was fitted."""
    agent = getattr(thing, "agent", thing)
    graph = getattr(getattr(agent, "network", agent), "graph", agent)
    if isinstance(graph, Graph):
        kinds = dict.fromkeys(type(node).__name__ for node in graph.nodes.values())
        edges = dict.fromkeys(type(coupling).__name__ for _, _, coupling in graph.edges)
        joined = f", joined by {join_words(list(edges))}" if edges else ""
        size = f"{count_noun(len(graph.nodes), 'node')} ({join_words(list(kinds))}){joined}"
        yield f"Beliefs were filtered through a graph of {size}; {describe_settings(graph)}."
    made: Mapping[str, Any] = getattr(thing, "provenance", {})
    if "method" in made:
        who = NAMES.get(str(made["method"]), str(made["method"]))
        settings = {n: v for n, v in made.items() if n not in {"method", *versions()}}
        listed = ", ".join(f"{name} {value}" for name, value in settings.items())
        cited = join_words([reference.cited for reference in behind_method(made)])
        yield f"Parameters were estimated by {who}{f' ({cited})' if cited else ''}, with {listed}."


def join_words(items: list[str]) -> str:
    """Items as prose."""
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]


PACKAGES = ("jax", "jaxlib", "numpy", "blackjax")
"""Whose versions are noted, where they are installed."""


def versions() -> dict[str, str]:
    """Versions of what computes here, and in which precision."""
    from importlib import metadata  # slow to import, and seldom needed

    found = {"pynodes": sys.modules["pynodes"].__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found | {"precision": "float64" if jax.config.jax_enable_x64 else "float32"}  # type: ignore[attr-defined]
