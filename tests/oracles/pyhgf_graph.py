"""Nodes and edges as an exchange-format dictionary lists them, with the coupling functions they name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


def logistic(x: float) -> float:
    """The logistic function, without overflow on either side."""
    return np.exp(-np.logaddexp(0.0, -x))


def step_up(x: float) -> float:
    """One where x is positive, zero elsewhere, at zero too."""
    return np.float64(x > 0)


def zero(x: float) -> float:
    """Zero, whatever x is."""
    return 0.0 * x


FUNCTIONS: dict[str, tuple[Callable[[float], float], ...]] = {
    "identity": (lambda x: x, lambda x: zero(x) + 1, zero),
    "tanh": (
        np.tanh,
        lambda x: 1 - np.tanh(x) ** 2,
        lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
    ),
    "sin": (np.sin, np.cos, lambda x: -np.sin(x)),
    "relu": (lambda x: x * step_up(x), step_up, zero),
    "softplus": (
        lambda x: np.logaddexp(0.0, x),
        logistic,
        lambda x: logistic(x) * logistic(-x),
    ),
    "square": (lambda x: x**2, lambda x: 2 * x, lambda x: zero(x) + 2),
}
"""Every coupling function with its first and its second derivative."""


@dataclasses.dataclass(frozen=True)
class Edge:
    """One coupling between a parent and a child, both by name."""

    parent: str
    child: str
    coupling: str
    strength: float
    function: str = "identity"

    @property
    def volatile(self) -> bool:
        """Whether the parent moves a variance rather than a mean."""
        return self.coupling in ("Volatility", "Noise")

    def value(self, x: float) -> float:
        """What the parent contributes when it is at x."""
        return self.strength * FUNCTIONS[self.function][0](x)

    def slope(self, x: float) -> float:
        """How fast the contribution rises with the parent."""
        return self.strength * FUNCTIONS[self.function][1](x)

    def bend(self, x: float) -> float:
        """How fast the slope rises with the parent."""
        return self.strength * FUNCTIONS[self.function][2](x)


@dataclasses.dataclass(frozen=True)
class Node:
    """One node with its parameters and the edges that end at it."""

    name: str
    kind: str
    parameters: Mapping[str, float]
    initial_mean: float
    initial_precision: float
    value_parents: Sequence[Edge]
    volatility_parents: Sequence[Edge]
    value_children: Sequence[Edge]
    volatility_children: Sequence[Edge]

    @property
    def observable(self) -> bool:
        """Whether the node is an input."""
        return self.kind.endswith("Input")

    @property
    def children(self) -> list[Edge]:
        """All edges to the node's children."""
        return [*self.value_children, *self.volatility_children]

    @property
    def parents(self) -> list[Edge]:
        """All edges from the node's parents."""
        return [*self.value_parents, *self.volatility_parents]

    def parameter(self, name: str, default: float) -> float:
        """A parameter, or the default that the format gives it."""
        return np.float64(self.parameters.get(name, default))


@dataclasses.dataclass(frozen=True)
class Graph:
    """All nodes by name, and the choices made for all of them."""

    nodes: Mapping[str, Node]
    expansion: str
    marginalise: bool
    probability_clip: float


def read(document: Mapping[str, Any]) -> Graph:
    """The graph that an exchange-format dictionary describes."""
    edges = [
        Edge(
            parent=entry["parent"],
            child=entry["child"],
            coupling=entry["coupling"],
            strength=np.float64(entry.get("strength", 1.0)),
            function=entry.get("function", "identity"),
        )
        for entry in document["edges"]
    ]
    settings = document["settings"]
    return Graph(
        nodes={entry["name"]: read_node(entry, edges) for entry in document["nodes"]},
        expansion=settings["expansion"],
        marginalise=settings["marginalise"],
        probability_clip=settings["probability_clip"],
    )


def read_node(entry: Mapping[str, Any], edges: Sequence[Edge]) -> Node:
    """One node and the edges that concern it."""
    up = [edge for edge in edges if edge.child == entry["name"]]
    down = [edge for edge in edges if edge.parent == entry["name"]]
    initial = entry.get("initial", {})
    return Node(
        name=entry["name"],
        kind=entry["kind"],
        parameters=entry.get("parameters", {}),
        initial_mean=np.float64(initial.get("mean", 0.0)),
        initial_precision=np.float64(initial.get("precision", 1.0)),
        value_parents=[edge for edge in up if not edge.volatile],
        volatility_parents=[edge for edge in up if edge.volatile],
        value_children=[edge for edge in down if not edge.volatile],
        volatility_children=[edge for edge in down if edge.volatile],
    )
