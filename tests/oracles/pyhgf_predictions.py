"""Downward: what every node predicts, and the beliefs that a step of time works on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set

import numpy as np

from tests.oracles.pyhgf_corrections import Corrections
from tests.oracles.pyhgf_graph import Edge, Graph, Node, logistic

SMALLEST_GROWTH = 1e-128
"""pyhgf calls a growth, or a precision, that is not above this NaN."""

GROWTH_LIMIT, GROWTH_REACH = 64.0, 16.0
"""pynodes bends log growth above the limit, and never lets it exceed limit plus reach."""


@dataclasses.dataclass
class Belief:
    """What one node believes, filled in as a step goes on.

    ``conditional_precision`` is the predicted precision had the value parents been known;
    ``log_growth`` the log of the growth with the volatility parents at their predicted means.
    """

    mean: float
    precision: float
    previous_mean: float = np.nan
    previous_precision: float = np.nan
    predicted_mean: float = np.nan
    predicted_precision: float = np.nan
    conditional_precision: float = np.nan
    growth: float = 0.0
    log_growth: float = -np.inf
    effective_precision: float = np.nan
    informed: bool = True


@dataclasses.dataclass
class Moment:
    """One step of time under way; ``before`` names the nodes that are updated before each node."""

    graph: Graph
    corrections: Corrections
    beliefs: dict[str, Belief]
    elapsed: float
    before: Mapping[str, Set[str]]


def reach(moment: Moment, edge: Edge) -> float:
    """How far a unit of contribution along a value edge moves the child's predicted mean."""
    timeless = edge.coupling == "Observation" and moment.corrections.time_free_observation
    return np.float64(1.0) if timeless else moment.elapsed


def predict(moment: Moment, node: Node) -> None:
    """Fill in what a node predicts, and believes until it hears, from its past and its parents."""
    belief = moment.beliefs[node.name]
    belief.previous_mean, belief.previous_precision = belief.mean, belief.precision
    rule = {
        "ConstantState": predict_constant,
        "BinaryInput": predict_binary,
        "ContinuousInput": predict_input,
        "ContinuousState": predict_state,
    }
    rule[node.kind](moment, node, belief)
    if node.kind == "ContinuousState":
        belief.mean, belief.precision = belief.predicted_mean, belief.predicted_precision


def predict_constant(moment: Moment, node: Node, belief: Belief) -> None:
    """A constant is what it is, for certain."""
    belief.mean = belief.predicted_mean = node.parameter("value", 1.0)
    belief.precision = belief.predicted_precision = np.float64(np.inf)


def predict_binary(moment: Moment, node: Node, belief: Belief) -> None:
    """A probability from the parents' predicted means; its precision is held as a variance."""
    means = [moment.beliefs[edge.parent].predicted_mean for edge in node.value_parents]
    if moment.corrections.probability_uses_coupling:
        means = [edge.value(mean) for edge, mean in zip(node.value_parents, means, strict=True)]
    clip = moment.graph.probability_clip
    belief.predicted_mean = np.clip(logistic(np.float64(sum(means))), clip, 1 - clip)
    belief.predicted_precision = belief.predicted_mean * (1 - belief.predicted_mean)


def predict_state(moment: Moment, node: Node, belief: Belief) -> None:
    """A step of a random walk or autoregression."""
    drift, uncertainty = contributions(moment, node)
    kept = node.parameter("autoconnection", 1.0) * belief.mean
    belief.predicted_mean = kept + moment.elapsed * node.parameter("tonic_drift", 0.0) + drift
    tonic = node.parameter("tonic_volatility", -4.0) + np.log(moment.elapsed)
    grow(moment, node, belief, tonic)
    carried = 1 / belief.precision + belief.growth
    belief.conditional_precision = 1 / carried
    belief.predicted_precision = 1 / (carried + uncertainty)
    belief.effective_precision = belief.growth * belief.predicted_precision


def predict_input(moment: Moment, node: Node, belief: Belief) -> None:
    """What will be observed; pyhgf adds the parents' uncertainty to a noise that has parents."""
    belief.predicted_mean, uncertainty = contributions(moment, node)
    belief.precision = belief.previous_precision = node.parameter("precision", 1.0)
    if node.volatility_parents:
        timeless = moment.corrections.time_free_observation
        grow(moment, node, belief, 0.0 if timeless else np.log(moment.elapsed))
    noise = 1 / belief.precision + belief.growth
    apart = moment.corrections.noise_without_uncertainty or not node.volatility_parents
    belief.conditional_precision = 1 / noise
    belief.predicted_precision = 1 / (noise if apart else noise + uncertainty)
    belief.effective_precision = belief.growth * belief.predicted_precision


def contributions(moment: Moment, node: Node) -> tuple[float, float]:
    """What the value parents add to the predicted mean, and the variance that comes with it."""
    mean, variance = np.float64(0.0), np.float64(0.0)
    for edge in node.value_parents:
        parent = moment.beliefs[edge.parent]
        mean += reach(moment, edge) * edge.value(parent.predicted_mean)
        steepness = reach(moment, edge) * edge.slope(parent.predicted_mean)
        if moment.graph.marginalise:
            variance += steepness**2 / parent.predicted_precision
    return mean, variance


def grow(moment: Moment, node: Node, belief: Belief, tonic: float) -> None:
    """Fill in how much variance a node gains from its own volatility and its volatility parents."""
    expected = belief.log_growth = tonic
    for edge in node.volatility_parents:
        parent = moment.beliefs[edge.parent]
        pushed = edge.strength * parent.predicted_mean
        spread = 0.5 * edge.strength**2 / parent.predicted_precision
        belief.log_growth = belief.log_growth + pushed
        expected = expected + pushed + (spread if moment.graph.marginalise else 0.0)
    if moment.corrections.bounded_growth:
        expected = bent(expected)
    belief.growth = np.exp(expected)
    if not moment.corrections.unguarded_numbers and not belief.growth > SMALLEST_GROWTH:
        belief.growth = np.float64(np.nan)


def bent(log_growth: float) -> float:
    """The log growth itself up to the limit, then a parabola that levels off."""
    excess = np.clip(log_growth - GROWTH_LIMIT, 0.0, 2 * GROWTH_REACH)
    return min(log_growth, GROWTH_LIMIT) + excess - excess**2 / (4 * GROWTH_REACH)
