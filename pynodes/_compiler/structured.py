"""Structured in a graph: what it asks of the whole, and along which edges it keeps beliefs conditional."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pynodes._compiler.program import Bundle, Wiring
from pynodes._core.modules import Module
from pynodes._core.scheme import AbstractScheme
from pynodes._core.structured import Structured
from pynodes._errors import GraphError
from pynodes._graph.edits import is_lagged
from pynodes._graph.graph import Graph
from pynodes._graph.settings import Settings
from pynodes.couplings import AbstractVolatilityCoupling, Drift
from pynodes.nodes import AbstractNode


def find_structured(
    settings: Settings, nodes: Mapping[str, AbstractNode], default: AbstractScheme
) -> Structured | None:
    """The Structured expansion of a graph, or None.

    Raises
    ------
    GraphError
        Some of its nodes have another expansion than the graph, and one of the two is Structured; or
        beliefs are not found in closed form.
    """
    whole = settings.expansion
    if isinstance(whole, Structured) and settings.scheme != default:
        raise GraphError(
            f"Structured is for updates in closed form, and the scheme {settings.scheme!r} finds "
            "beliefs otherwise. Give another expansion, such as 'enhanced', or no scheme."
        )
    if isinstance(whole, Structured) and settings.evidence == "in_turn":
        raise GraphError(
            "Under Structured the evidence of a step is that of all its inputs together, so "
            "evidence='in_turn' has nothing to add. Leave it out, or give another expansion."
        )
    for name, node in nodes.items():
        own = getattr(node, "expansion", whole)
        if own != whole and (isinstance(own, Structured) or isinstance(whole, Structured)):
            raise GraphError(
                f"{name!r} has the expansion {own!r} in a graph whose expansion is {whole!r}. Structured "
                "keeps beliefs conditional on those of other nodes, so it is a choice of whole graphs: give "
                "an expansion to the graph or to compile(), and none to the node."
            )
    return whole if isinstance(whole, Structured) else None


def check_structured(
    graph: Graph, structured: Structured | None, nodes: Mapping[str, AbstractNode]
) -> None:
    """The edges of a graph are such as Structured follows.

    Raises
    ------
    GraphError
        One is lagged; or beliefs are to be conditional on value parents, and a parent moves both the mean
        and the variance of one child, or a child's prediction takes its parents at their means.
    """
    if structured is None:
        return
    joined = set[tuple[str, str]]()
    for parent, child, coupling in graph.edges:
        edge = f"{parent}->{child}"
        if is_lagged(coupling):
            raise GraphError(
                f"{edge!r} leads from a value of the step before, which Structured does not keep. Give "
                "another expansion, such as 'enhanced'."
            )
        if keeps(structured, coupling, [nodes[parent]], nodes[child]) is None:
            continue
        if (parent, child) in joined and structured.edges == "all":
            raise GraphError(
                f"{parent!r} moves both the mean and the variance of {child!r}, and Structured(edges='all') "
                "keeps one conditional for each parent of a child. Leave edges out, or give another "
                "expansion."
            )
        joined.add((parent, child))
        marginalise = getattr(nodes[child], "marginalise", None)
        if isinstance(coupling, Drift) and marginalise is False:
            raise GraphError(
                f"{child!r} is to take its value parents at their means (marginalise=False), and "
                f"Structured(edges='all') keeps {edge!r} uncertain. Leave marginalise or edges out."
            )


def keeps(
    structured: Structured,
    coupling: Module,
    parents: Sequence[AbstractNode],
    child: AbstractNode,
) -> Literal["volatility", "value"] | None:
    """By which kind of edge beliefs about a child are kept conditional on its parents; None if on none.

    Volatility parents that learn; with ``edges="all"`` value parents, where both ends are states that walk.
    """
    if isinstance(coupling, AbstractVolatilityCoupling):
        return "volatility" if any(parent.learns for parent in parents) else None
    if structured.edges != "all" or not isinstance(coupling, Drift) or not child.has_memory:
        return None
    walks = hasattr(child, "expansion") and any(hasattr(parent, "expansion") for parent in parents)
    return "value" if walks else None


Bundles = list[tuple[Bundle, Wiring]]
"""The bundles of a group, from its parents or from its children."""


def mark_conditionals(
    structured: Structured,
    kinds: Sequence[AbstractNode],
    couplings: Sequence[Module],
    down: Sequence[Bundles],
    up: Sequence[Bundles],
) -> tuple[list[Bundles], list[Bundles]]:
    """The bundles of all groups, marked where beliefs are kept conditional on parents.

    Those from children are marked where these are asked as they are given their value parent.
    """

    def mark_down(group: int, bundle: Bundle) -> Bundle:
        coupling = couplings[bundle.couplings.sources[0]]
        parents = [kinds[end] for end in bundle.ends.sources]
        kept = keeps(structured, coupling, parents, kinds[group])
        return dataclasses.replace(bundle, conditional=kept)

    def mark_up(group: int, bundle: Bundle) -> Bundle:
        coupling, child = couplings[bundle.couplings.sources[0]], kinds[bundle.ends.sources[0]]
        value = keeps(structured, coupling, [kinds[group]], child) == "value"
        return dataclasses.replace(bundle, conditional="value" if value else None)

    def mark(mark_one: Callable[[int, Bundle], Bundle], groups: Sequence[Bundles]) -> list[Bundles]:
        return [
            [(mark_one(g, one), wiring) for one, wiring in group] for g, group in enumerate(groups)
        ]

    return mark(mark_down, down), mark(mark_up, up)
