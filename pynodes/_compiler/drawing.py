"""Drawing: numbers for the weights of a graph, a key of its own for every edge."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._core.modules import evaluate_now
from pynodes._errors import GraphError, format_value
from pynodes._graph.edges import DOT, Key, is_feedback
from pynodes._graph.graph import Graph
from pynodes._typing import Array
from pynodes.couplings import AbstractArrayCoupling, AbstractCoupling
from pynodes.couplings._array import fold_name
from pynodes.couplings.initial import ALONE, EdgePlace


def draw_weights(graph: Graph, key: Any) -> dict[Key, AbstractCoupling]:
    """The couplings of a graph, with numbers in the place of all that was not drawn yet.

    Every edge draws with a key that follows from its name, so that the order of definition, and edges
    that come or go elsewhere, change nothing.

    Parameters
    ----------
    graph
        The graph.
    key
        A JAX random key, or a whole number to make one of. None draws nothing.

    Raises
    ------
    GraphError
        Something that is neither.
    """
    root = None if key is None else read_key(key)
    layered = [
        each
        for each, coupling in graph._edges.items()
        if isinstance(coupling, AbstractArrayCoupling)
    ]
    if root is None or not layered:
        return dict(graph._edges)
    places = place_edges({each: graph._edges[each] for each in layered})
    with evaluate_now(root):
        drawn = {each: draw_edge(graph._edges[each], each, root, places[each]) for each in layered}
    return {each: drawn.get(each, coupling) for each, coupling in graph._edges.items()}


def draw_edge(coupling: Any, each: Key, root: Array, place: EdgePlace) -> AbstractCoupling:
    """One coupling with its numbers."""
    parent, child, slot = each
    return coupling.draw(fold_name(root, f"{parent}->{child}{DOT}{slot}"), place)


def read_key(key: Any) -> Array:
    """A JAX random key, or one made of a whole number.

    Raises
    ------
    GraphError
        Something else.
    """
    if isinstance(key, numbers.Integral) and not isinstance(key, bool):
        return jax.random.key(int(key))
    if isinstance(key, jax.Array) and jnp.shape(key) in ((), (2,)):
        return key
    raise GraphError(
        "key draws the weights: a whole number, or a JAX random key such as jax.random.key(0), not "
        f"{format_value(key)}."
    )


def place_edges(edges: Mapping[Key, AbstractCoupling]) -> dict[Key, EdgePlace]:
    """Where each of some edges lies among them; one that is fed back lies nowhere."""
    back = {each for each, coupling in edges.items() if is_feedback(coupling)}
    edges = {each: coupling for each, coupling in edges.items() if each not in back}
    below: dict[str, set[str]] = {}
    above: dict[str, set[str]] = {}
    for parent, child, _ in edges:
        below.setdefault(parent, set()).add(child)
        above.setdefault(child, set()).add(parent)
    length: dict[str, int] = {}
    for name in TopologicalSorter(below).static_order():
        length[name] = max((1 + length[child] for child in below.get(name, ())), default=0)
    skips = {child for (_, child, _), coupling in edges.items() if is_skip(coupling)}
    depth = max(length.values(), default=1)
    return dict.fromkeys(back, ALONE) | {
        (parent, child, slot): EdgePlace(
            depth=depth,
            first=parent not in above,
            last=child not in below,
            merges=child in skips and not is_skip(edges[parent, child, slot]),
        )
        for parent, child, slot in edges
    }


def is_skip(coupling: Any) -> bool:
    """Whether a coupling brings its parent to its child unchanged."""
    return getattr(coupling, "skips", False)
