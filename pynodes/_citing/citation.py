"""cite: what a methods section says of a model, a fit, and the programs behind them."""

from __future__ import annotations

import dataclasses
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from pynodes._citing.behaviour import JAX, METHODS, RESPONSES
from pynodes._citing.library import MODELS, Reference, other
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


@dataclasses.dataclass(frozen=True, repr=False)
class Citation:
    """What to say of how something was computed; ``str()`` is a paragraph and its references.

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
    """A paragraph on how something was computed, the papers behind it, versions and settings.

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
    found = [ourselves(known["pynodes"]), JAX]
    for thing in things:
        parts += list(parts_of(thing))
        sentences += list(described(thing))
        made: Mapping[str, Any] = getattr(thing, "provenance", {})
        provenance |= made
        found += METHODS.get(str(made.get("method", "")), ())
    sources = [one for one in (*MODELS, *RESPONSES) if any(names(part, one) for part in parts)]
    if sources:
        sentences.append(f"The parts of the model are after {prose([s.cited for s in sources])}.")
    return Citation(" ".join(sentences), unique([*found, *sources]), provenance)


def unique(references: list[Reference]) -> tuple[Reference, ...]:
    """Every reference once."""
    return tuple({reference.key: reference for reference in references}.values())


def ourselves(version: str) -> Reference:
    """Pynodes itself."""
    return other(
        "pynodes",
        "the pynodes developers 2026",
        "software",
        (),
        "{the pynodes developers}",
        "pynodes: Belief propagation over graphs of value and volatility nodes",
        version=version,
    )


def parts_of(thing: Any) -> Iterator[object]:
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
        yield from parts_of(thing.graph)
    elif hasattr(thing, "agent"):
        yield from parts_of(thing.agent)
    elif hasattr(thing, "network") and hasattr(thing, "priors"):
        yield from parts_of(thing.network)
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


def names(part: object, reference: Reference) -> bool:
    """Whether a part's description names a reference as its source."""
    kinds = [kind for kind in type(part).__mro__ if kind.__module__ != "builtins"]
    for kind in kinds:
        _, _, source = (kind.__doc__ or "").partition("Source:")
        if source:
            flat = re.sub(r"\s+", " ", source)
            return any(mark in flat for mark in reference.marks) or (
                reference.key == "frassle2021" and "of the TAPAS" in flat
            )
    return False


def described(thing: Any) -> Iterator[str]:
    """What was done, in sentences: the graph, its settings, and how it was fitted."""
    agent = getattr(thing, "agent", thing)
    graph = getattr(getattr(agent, "network", agent), "graph", agent)
    if isinstance(graph, Graph):
        kinds = dict.fromkeys(type(node).__name__ for node in graph.nodes.values())
        edges = dict.fromkeys(type(coupling).__name__ for _, _, coupling in graph.edges)
        joined = f", joined by {prose(list(edges))}" if edges else ""
        size = f"{count_noun(len(graph.nodes), 'node')} ({prose(list(kinds))}){joined}"
        yield f"Beliefs were filtered through a graph of {size}; {describe_settings(graph)}."
    made: Mapping[str, Any] = getattr(thing, "provenance", {})
    if "method" in made:
        who = NAMES.get(str(made["method"]), str(made["method"]))
        settings = {n: v for n, v in made.items() if n not in {"method", *versions()}}
        listed = ", ".join(f"{name} {value}" for name, value in settings.items())
        cited = prose([one.cited for one in METHODS.get(str(made["method"]), ())])
        yield f"Parameters were estimated by {who}{f' ({cited})' if cited else ''}, with {listed}."


def prose(items: list[str]) -> str:
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
