"""Labels: the way from names to places in a program, and back. Never traced."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import cached_property
from typing import TypeAlias

from pynodes._core.modules import parameters_of
from pynodes._errors import ParameterError, UnknownNodeError, nearest
from pynodes._graph.graph import Graph

Place: TypeAlias = tuple[int, int]
"""The number of a group or of a stack of couplings, and a position in it."""


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a parameter lives: in the nodes or the couplings, which stack, field and position."""

    section: str
    stack: int
    field: str
    position: int


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """Names of a compiled graph.

    Attributes
    ----------
    graph
        The graph that was compiled.
    nodes
        Place of every node.
    edges
        Place of every coupling, by parent, child and inlet.
    groups
        Names of the nodes of every group.
    """

    graph: Graph
    nodes: dict[str, Place]
    edges: dict[tuple[str, str, str], Place]
    groups: tuple[tuple[str, ...], ...]

    def place(self, name: object) -> Place:
        """Group and position of a node.

        Raises
        ------
        UnknownNodeError
            A name that the network does not have.
        """
        if not isinstance(name, str) or name not in self.nodes:
            raise UnknownNodeError(f"The network has no node {name!r}. {nearest(name, self.nodes)}")
        return self.nodes[name]

    @cached_property
    def parameters(self) -> dict[str, Address]:
        """Address of every parameter by name: ``node.field``, ``parent->child.field``.

        Where two couplings join the same nodes their kind is part of the name, as in
        ``parent->child.Volatility.strength``.
        """
        found: dict[str, Address] = {}
        for name, node in self.graph.nodes.items():
            for field in parameters_of(node):
                found[f"{name}.{field}"] = Address(
                    "nodes", self.nodes[name][0], field, self.nodes[name][1]
                )
        pairs = Counter((parent, child) for parent, child, _ in self.edges)
        for (parent, child, coupling), place in zip(
            self.graph.edges, self.edges.values(), strict=True
        ):
            short, long = f"{parent}->{child}", f"{parent}->{child}.{type(coupling).__name__}"
            for field in parameters_of(coupling):
                name = short if pairs[parent, child] == 1 else long
                found[f"{name}.{field}"] = Address("couplings", place[0], field, place[1])
        return found

    def address(self, name: object) -> Address:
        """Where a parameter lives.

        Raises
        ------
        ParameterError
            A name that no parameter has.
        """
        if not isinstance(name, str) or name not in self.parameters:
            raise ParameterError(
                f"The network has no parameter {name!r}. {nearest(name, self.parameters)}"
            )
        return self.parameters[name]
