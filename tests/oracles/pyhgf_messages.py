"""Upward: what a node hears from its children."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.oracles.pyhgf_graph import Edge, Node
from tests.oracles.pyhgf_predictions import (
    GROWTH_LIMIT,
    GROWTH_REACH,
    Belief,
    Moment,
    reach,
)


def value_evidence(moment: Moment, node: Node, point: float) -> tuple[float, float]:
    """Gradient and curvature of what the value children say, coupling functions differentiated at a point."""
    gradient, curvature = np.float64(0.0), np.float64(0.0)
    for edge in node.value_children:
        child = moment.beliefs[edge.child]
        if not child.informed:
            continue
        time = reach(moment, edge) if moment.corrections.time_in_drift_evidence else 1.0
        if edge.coupling == "Probability":
            time = 1.0
        slope, bend = time * edge.slope(point), time * edge.bend(point)
        weight, gain = factors(moment, moment.graph.nodes[edge.child], child)
        error = value_error(moment.graph.nodes[edge.child], child)
        gradient += slope * gain * error
        curved = gain if moment.corrections.one_gain else weight
        curvature += weight * slope**2 - curved * bend * error
    return gradient, curvature


def factors(moment: Moment, node: Node, child: Belief) -> tuple[float, float]:
    """How much a value child adds to the parent's precision, and how strongly its error pulls."""
    interior = node.kind == "ContinuousState" and node.children
    if not moment.graph.marginalise or not interior:
        return child.predicted_precision, child.predicted_precision
    learned = child.precision - child.predicted_precision
    shared = child.conditional_precision / (child.conditional_precision + learned)
    return shared * learned, shared * child.precision


def value_error(node: Node, belief: Belief) -> float:
    """How far a node came out from its prediction; of a binary node, over its predicted variance."""
    error = belief.mean - belief.predicted_mean
    return error / belief.predicted_precision if node.kind == "BinaryInput" else error


@dataclasses.dataclass(frozen=True)
class Message:
    """What one volatility child says, in the terms of its two looks.

    Attributes
    ----------
    strength
        Of the coupling.
    share, error
        At the prediction: growth's share of the child's variance, and the child's volatility error.
    whole_error
        The same error, never divided among several parents.
    squared_move
        Expected squared move of the child.
    carried, log_growth
        With the parent known: the child's variance without growth, and its log growth with the parent at
        its predicted mean.
    limited
        Whether log growth has a ceiling.
    """

    strength: float
    share: float
    error: float
    whole_error: float
    squared_move: float
    carried: float
    log_growth: float
    limited: bool

    def growth(self, shift: float) -> float:
        """Growth with the parent known, that far from its predicted mean."""
        log_growth = self.log_growth + self.strength * shift
        return np.exp(min(log_growth, GROWTH_LIMIT + GROWTH_REACH) if self.limited else log_growth)

    def known(self, shift: float) -> tuple[float, float]:
        """Growth's share of the variance, and the volatility error, with the parent known."""
        variance = self.carried + self.growth(shift)
        return self.growth(shift) / variance, self.squared_move / variance - 1

    def log_density(self, shift: float) -> float:
        """Log density of the child's move with the parent known."""
        variance = self.carried + self.growth(shift)
        return -0.5 * (np.log(variance) + self.squared_move / variance)


def messages(moment: Moment, node: Node) -> list[Message]:
    """What the volatility children of a node say; pyhgf's unbounded rule hears missing ones too."""
    deaf_to_masks = moment.graph.expansion == "unbounded"
    all_speak = deaf_to_masks and not moment.corrections.silence_without_observation
    return [
        message(moment, node, edge)
        for edge in node.volatility_children
        if all_speak or moment.beliefs[edge.child].informed
    ]


def message(moment: Moment, node: Node, edge: Edge) -> Message:
    """What one volatility child says to a node."""
    corrections = moment.corrections
    child, target = moment.beliefs[edge.child], moment.graph.nodes[edge.child]
    moved = squared_move(moment, node, target)
    whole = moved * child.predicted_precision - 1
    divisor = 1 if corrections.undivided_volatility_error else len(target.volatility_parents)
    log_growth = child.log_growth
    if not corrections.other_volatility_parents_kept:
        for other in target.volatility_parents:
            if other is not edge:
                log_growth -= other.strength * moment.beliefs[other.parent].predicted_mean
    return Message(
        strength=edge.strength,
        share=child.effective_precision,
        error=whole / divisor,
        whole_error=whole,
        squared_move=moved,
        carried=1 / child.previous_precision,
        log_growth=log_growth,
        limited=corrections.bounded_growth,
    )


def squared_move(moment: Moment, asker: Node, node: Node) -> float:
    """Expected squared distance of a node from where its parents put it, as the asking parent knows them."""
    belief = moment.beliefs[node.name]
    if node.kind != "ContinuousInput" or not moment.corrections.noise_error_from_posterior:
        return 1 / belief.precision + (belief.mean - belief.predicted_mean) ** 2
    location, variance = np.float64(0.0), np.float64(0.0)
    for edge in node.value_parents:
        parent = moment.beliefs[edge.parent]
        mean, precision = parent.predicted_mean, parent.predicted_precision
        if edge.parent in moment.before[asker.name]:
            mean, precision = parent.mean, parent.precision
        location += reach(moment, edge) * edge.value(mean)
        variance += (reach(moment, edge) * edge.slope(mean)) ** 2 / precision
    return (belief.mean - location) ** 2 + variance
