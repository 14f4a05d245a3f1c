"""Labels: the way from names to places in a program, and back. Never traced."""

from __future__ import annotations

import dataclasses
import weakref
from functools import cached_property
from typing import Any, TypeAlias

import jax
import numpy as np

from pynodes._core.besides import Besides, find_own_code, read_besides
from pynodes._core.modules import parameters_in
from pynodes._core.structured import begin_conditional
from pynodes._errors import GraphError, ParameterError, UnknownNodeError, nearest, quote
from pynodes._graph.edges import is_feedback, name_edges
from pynodes._graph.graph import Graph
from pynodes._graph.settings import Settings
from pynodes.nodes import AbstractNode

Place: TypeAlias = tuple[int, int]
"""The number of a group or of a stack of couplings, and a position in it."""

Kept: TypeAlias = tuple[tuple[int, tuple[int, ...] | None], ...]
"""The groups whose nodes are kept, and at which positions; None for all."""


COMPILED: weakref.WeakKeyDictionary[Any, Besides] = weakref.WeakKeyDictionary()
"""What functions and classes in networks read when they were first computed with."""


@dataclasses.dataclass(frozen=True)
class Wire:
    """An edge's number, and where it lies in the wiring: group, bundle and position.

    So at its child, and at its parent; a parent that does not learn has none.
    """

    number: int
    down: tuple[int, int, int]
    up: tuple[int, int, int] | None


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a parameter lives: in the nodes or the couplings, which stack, field and position.

    Its own value has ``rank`` dimensions.
    """

    section: str
    stack: int
    field: str
    position: int
    rank: int


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
        Place of every coupling, by parent, child and slot.
    groups
        Names of the nodes of every group.
    wires
        Where every edge lies in the wiring, by parent, child and slot.
    settings
        The settings under which the graph was compiled.
    stacks
        Shapes of the stacked couplings.
    conditionals
        For every group, the shapes of what its beliefs keep beside their moments; None without any.
    """

    graph: Graph
    nodes: dict[str, Place]
    edges: dict[tuple[str, str, str], Place]
    groups: tuple[tuple[str, ...], ...]
    wires: dict[tuple[str, str, str], Wire]
    settings: Settings
    stacks: tuple[tuple[int, ...], ...]
    conditionals: tuple[Any, ...]

    def __eq__(self, other: object) -> bool:
        """All else follows from the graph and the settings."""
        if self is other:
            return True
        if not isinstance(other, Labels):
            return False
        return self.settings == other.settings and self.graph == other.graph

    def __hash__(self) -> int:
        return hash(self.graph)

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
            for field, spec in parameters_in(node).items():
                found[f"{name}.{field}"] = Address(
                    "nodes", self.nodes[name][0], field, self.nodes[name][1], spec["rank"]
                )
        edges = self.graph.edges
        for name, (_, _, coupling), place in zip(
            name_edges(edges), edges, self.edges.values(), strict=True
        ):
            for field, spec in parameters_in(coupling).items():
                rank = np.ndim(getattr(coupling, field)) if spec["rank"] is None else spec["rank"]
                found[f"{name}.{field}"] = Address("couplings", place[0], field, place[1], rank)
        return found

    def column(self, name: str, kept: Kept) -> tuple[int, int | None] | None:
        """Group of a node, and its column in what was kept of the group; None if it was not kept."""
        group, position = self.nodes[name]
        for index, positions in kept:
            if index == group and positions is None:
                return group, position if len(self.groups[group]) > 1 else None
            if index == group and positions is not None and position in positions:
                return group, positions.index(position)
        return None

    @cached_property
    def feedback(self) -> tuple[str, ...]:
        """Names of the edges that are fed back."""
        edges = self.graph.edges
        named = zip(name_edges(edges), edges, strict=True)
        return tuple(name for name, (_, _, coupling) in named if is_feedback(coupling))

    def refuse_feedback(self, scheme: object, remedy: str) -> None:
        """What sweeps or follows the levels alone meets no edge that is fed back.

        Raises
        ------
        GraphError
            It does; the message ends with a remedy.
        """
        if self.feedback:
            raise GraphError(
                f"{scheme} follows the levels of a graph, and knows no second prediction by an edge that is "
                f"fed back, as {quote(self.feedback)}. {remedy}"
            )

    def refuse_flat_roots(self) -> None:
        """A series is filtered by beliefs with a variance, and every root has one to begin with.

        Raises
        ------
        GraphError
            A layer without parents and without a prior.
        """
        flat = self.flat_roots
        if flat:
            raise GraphError(
                f"{quote(flat)} {'is a layer' if len(flat) == 1 else 'are layers'} without parents and "
                "without a prior, and a series is filtered by beliefs that have a variance. Give "
                "prior_precision=1.0, or a parent; a network of layers alone is asked by "
                "pynodes.deep.settle."
            )

    @cached_property
    def flat_roots(self) -> tuple[str, ...]:
        """Layers without parents and without a prior."""
        fed = {child for _, child, coupling in self.graph.edges if coupling.inlet == "location"}
        return tuple(
            name
            for name, node in self.graph.nodes.items()
            if name not in fed and getattr(node, "prior_precision", 1.0) is None
        )

    @cached_property
    def own_code(self) -> tuple[Any, ...]:
        """Functions and classes of the user's that the nodes and the couplings compute with."""
        modules = [*self.graph.nodes.values(), *(coupling for _, _, coupling in self.graph.edges)]
        return tuple(code for module in modules for code in find_own_code(module))

    def refuse_changed_code(self) -> None:
        """Code of the user's reads besides its arguments what it read when it was first computed with.

        Raises
        ------
        ParameterError
            It does not: programs that were compiled still compute with the old values.
        """
        for code in self.own_code:
            now = read_besides(code)
            if not now:
                continue
            before = COMPILED.setdefault(code, now)
            if now != before:
                changed = sorted(name for name, _ in set(now) ^ set(before))
                name = getattr(code, "__name__", type(code).__name__)
                raise ParameterError(
                    f"{name!r}, which the network computes with, reads {changed[0]!r}, and that has "
                    "changed since it was compiled. Define the function again after the change, or let what "
                    "changes be a parameter."
                )

    @cached_property
    def everything(self) -> Kept:
        """What is kept where all nodes are."""
        return tuple((group, None) for group in range(len(self.groups)))

    @cached_property
    def checked(self) -> set[tuple[str, ...]]:
        """Names of inputs that were found to be right, so that they are looked at once."""
        return set()

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of the parameters for which a series must be given."""
        nodes = self.graph.nodes.items()
        return tuple(f"{name}.{field}" for name, node in nodes for field in node.required)

    @cached_property
    def ranks(self) -> tuple[Any, ...]:
        """For every group, how many dimensions each part of one node's remembered belief has."""
        groups = zip(self.groups, self.conditionals, strict=True)
        nodes = [(self.graph.nodes[names[0]], shapes) for names, shapes in groups]
        return tuple(
            dimensions(node, shapes) if node.has_memory else None for node, shapes in nodes
        )

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


SETTLE_INSTEAD = (
    "Find its values by a scheme on points, as pynodes.deep.settle(network, values, "
    "pynodes.deep.GaussNewton()) does."
)
"""What is said to whom sweeps a graph with feedback edges."""


def dimensions(node: AbstractNode, conditionals: Any) -> Any:
    """How many dimensions each part of a node's remembered belief has."""
    shapes = jax.eval_shape(lambda: begin_conditional(node.init(), conditionals).carry())
    return jax.tree.map(lambda shape: len(shape.shape), shapes)
