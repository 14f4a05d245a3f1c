"""What pyhgf 0.3.2 computes, and pynodes by its corrections: node by node, in numpy, in float64.

Written from the equations alone, with dictionaries and loops; nothing of pynodes is used. Without
corrections it is pyhgf; with all of them it is pynodes (:mod:`tests.oracles.pyhgf_corrections`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any, TypeAlias

import numpy as np

from tests.oracles.pyhgf_corrections import NONE, Corrections
from tests.oracles.pyhgf_graph import Graph, Node, read
from tests.oracles.pyhgf_messages import squared_move
from tests.oracles.pyhgf_posteriors import update
from tests.oracles.pyhgf_predictions import Belief, Moment, predict

PLACEHOLDER = 0.0
"""What stands for a missing observation where pyhgf reads it all the same."""

Order: TypeAlias = dict[str, set[str]]
"""For every node, nodes that come before it."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What every node believed at every step, as arrays by ``"<node>/<field>"``.

    ``failed`` is the first step at which a posterior was not one, or None; ``broken`` names the nodes.
    """

    fields: Mapping[str, np.ndarray]
    failed: int | None
    broken: list[str]


def run(
    document: Mapping[str, Any],
    inputs: Mapping[str, np.ndarray],
    elapsed: np.ndarray,
    corrections: Corrections = NONE,
) -> Run:
    """Filter some series through the graph of an exchange-format dictionary; NaN is missing."""
    graph = read(document)
    beliefs = {
        name: Belief(mean=node.initial_mean, precision=node.initial_precision)
        for name, node in graph.nodes.items()
    }
    before = waits(graph, settled=corrections.noise_error_from_posterior)
    rows: list[dict[str, float]] = []
    failed, broken = None, []
    with np.errstate(all="ignore"):
        for step, time in enumerate(elapsed):
            moment = Moment(graph, corrections, beliefs, np.float64(time), before)
            seen = {name: np.float64(series[step]) for name, series in inputs.items()}
            advance(moment, seen)
            rows.append(report(moment))
            if failed is None and (broken := ill(moment)):
                failed = step
    return Run({key: np.array([row[key] for row in rows]) for key in rows[0]}, failed, broken)


def advance(moment: Moment, seen: Mapping[str, float]) -> None:
    """One step: predictions down, observations in, posteriors up."""
    nodes = moment.graph.nodes
    for name in downward(moment.graph):
        predict(moment, nodes[name])
    for name, value in seen.items():
        belief = moment.beliefs[name]
        belief.informed = not np.isnan(value)
        belief.mean = value if belief.informed else np.float64(PLACEHOLDER)
    for name in TopologicalSorter(moment.before).static_order():
        if nodes[name].kind == "ContinuousState":
            update(moment, nodes[name])


def downward(graph: Graph) -> list[str]:
    """The names, every parent before its children."""
    order = {name: {edge.parent for edge in node.parents} for name, node in graph.nodes.items()}
    return list(TopologicalSorter(order).static_order())


def waits(graph: Graph, *, settled: bool) -> Order:
    """Which nodes are updated before each node: its children, all of them.

    If ``settled``, a Noise parent also waits for its inputs' value parents: not for its own ancestors,
    which wait for it, and not where such wishes wait for one another in a circle.
    """
    below = {name: {edge.child for edge in node.children} for name, node in graph.nodes.items()}
    if not settled:
        return below
    wishes: Order = {name: set() for name in below}
    for name, node in graph.nodes.items():
        for edge in node.volatility_children:
            if edge.coupling == "Noise":
                wishes[name] |= {other.parent for other in graph.nodes[edge.child].value_parents}
    possible = granted(wishes, below)
    return joined(below, granted(possible, joined(below, possible)))


def joined(one: Order, other: Order) -> Order:
    """Both sets of nodes for every node."""
    return {name: one[name] | other[name] for name in one}


def granted(wishes: Order, order: Order) -> Order:
    """The wishes to come after some node that does not, in an order, come after the wisher."""
    return {
        name: {other for other in wishes[name] if name not in awaited(order, other)}
        for name in wishes
    }


def awaited(order: Order, name: str) -> set[str]:
    """The name, and all those that come before it, directly or not."""
    found, queue = {name}, [name]
    while queue:
        new = order[queue.pop()] - found
        found |= new
        queue += new
    return found


def ill(moment: Moment) -> list[str]:
    """Names of the states whose posterior is not finite, or not of positive precision."""
    return [
        name
        for name, belief in moment.beliefs.items()
        if moment.graph.nodes[name].kind == "ContinuousState"
        and not (np.isfinite(belief.mean) and belief.precision > 0)
    ]


def report(moment: Moment) -> dict[str, float]:
    """The fields of one step."""
    fields = {}
    for name, node in moment.graph.nodes.items():
        for field, value in report_node(moment, node).items():
            fields[f"{name}/{field}"] = value
    return fields


def report_node(moment: Moment, node: Node) -> dict[str, float]:
    """The fields of one node; of inputs only what they were predicted to be."""
    belief = moment.beliefs[node.name]
    if node.kind != "ContinuousState":
        return {"predicted_mean": belief.predicted_mean}
    fields = {
        "mean": belief.mean,
        "precision": belief.precision,
        "predicted_mean": belief.predicted_mean,
        "predicted_precision": belief.predicted_precision,
        "effective_precision": belief.effective_precision,
    }
    if node.parents:
        divisor = max(1, len(node.volatility_parents))
        if moment.corrections.undivided_volatility_error:
            divisor = 1
        whole = squared_move(moment, node, node) * belief.predicted_precision - 1
        fields["value_error"] = belief.mean - belief.predicted_mean
        fields["volatility_error"] = whole / divisor
    return fields
