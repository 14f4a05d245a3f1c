"""From what a node heard to what it believes: the three expansions of volatility evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.oracles.pyhgf_graph import Node, logistic
from tests.oracles.pyhgf_messages import Message, messages, value_evidence
from tests.oracles.pyhgf_predictions import SMALLEST_GROWTH, Belief, Moment

PRECISION_CAP = 1e10
"""pyhgf's ceiling of a posterior precision."""


def update(moment: Moment, node: Node) -> None:
    """Fill in a node's posterior from what its children learned."""
    belief = moment.beliefs[node.name]
    heard = [moment.beliefs[edge.child].informed for edge in node.children]
    belief.informed = any(heard) or not moment.corrections.silence_without_observation
    if not belief.informed:
        return
    spoken = messages(moment, node)
    rule = {"standard": standard, "enhanced": enhanced, "unbounded": unbounded}
    if not spoken:
        rule = dict.fromkeys(rule, standard)
    point = (
        belief.predicted_mean
        if moment.corrections.derivatives_at_prediction
        else belief.previous_mean
    )
    mean, precision = rule[moment.graph.expansion](moment, node, belief, point, spoken)
    if not any(heard) and rule[moment.graph.expansion] is not unbounded:
        precision = drifted(moment, node, belief)
    belief.mean, belief.precision = mean, precision


def drifted(moment: Moment, node: Node, belief: Belief) -> float:
    """Pyhgf's precision of a node none of whose children was seen: volatility parents at their old means."""
    log_growth = node.parameter("tonic_volatility", -4.0)
    for edge in node.volatility_parents:
        log_growth += edge.strength * moment.beliefs[edge.parent].previous_mean
    return 1 / (1 / belief.previous_precision + moment.elapsed * np.exp(log_growth))


def standard(
    moment: Moment, node: Node, belief: Belief, point: float, spoken: Sequence[Message]
) -> tuple[float, float]:
    """All evidence in one Newton step at the prediction."""
    pull, curvature = value_evidence(moment, node, point)
    precision = belief.predicted_precision + curvature
    for message in spoken:
        pull += tug(message)
        precision += bulge(message.strength, message.share, message.error)
    precision = guarded(moment, precision)
    return belief.predicted_mean + pull / precision, precision


def enhanced(
    moment: Moment, node: Node, belief: Belief, point: float, spoken: Sequence[Message]
) -> tuple[float, float]:
    """The mean first; then the curvature of the volatility evidence there, where it is positive."""
    corrections = moment.corrections
    pull, curvature = value_evidence(moment, node, point)
    precision = belief.predicted_precision
    if corrections.value_before_volatility:
        precision = precision + curvature
    pull += sum(tug(message) for message in spoken)
    mean = belief.predicted_mean + pull / precision
    if not corrections.derivatives_at_prediction:
        _, curvature = value_evidence(moment, node, mean)
    precision = belief.predicted_precision + curvature
    for message in spoken:
        again = message.known(mean - belief.predicted_mean)
        precision += np.maximum(0.0, bulge(message.strength, *again))
    return mean, guarded(moment, precision)


def guarded(moment: Moment, precision: float) -> float:
    """The precision as pyhgf keeps it: NaN unless positive, and below a ceiling."""
    if moment.corrections.unguarded_numbers:
        return precision
    return min(precision, PRECISION_CAP) if precision > SMALLEST_GROWTH else np.float64(np.nan)


def tug(message: Message) -> float:
    """Gradient of a volatility message at the prediction."""
    return 0.5 * message.strength * message.share * message.error


def bulge(strength: float, share: float, error: float) -> float:
    """Curvature of a volatility message, from growth's share of the variance and the volatility error."""
    return 0.5 * strength**2 * share * (share + (2 * share - 1) * error)


def unbounded(
    moment: Moment, node: Node, belief: Belief, point: float, spoken: Sequence[Message]
) -> tuple[float, float]:
    """A blend of two expansions, at the prediction and where the volatility evidence would settle."""
    corrections = moment.corrections
    pull, curvature = np.float64(0.0), np.float64(0.0)
    if corrections.value_children_heard:
        pull, curvature = value_evidence(moment, node, point)
    if not corrections.every_volatility_child_heard:
        spoken = spoken[:1]
    precision = belief.predicted_precision + curvature
    if precision <= 0:
        return belief.predicted_mean, precision
    centre = pull / precision
    near, near_precision = at_the_prediction(precision, pull, spoken)
    far, far_precision = at_the_mode(precision, centre, spoken)
    if not (np.isfinite(far) and np.isfinite(far_precision)):
        far, far_precision = near, near_precision

    def log_posterior(shift: float) -> float:
        heard = sum(message.log_density(shift) for message in spoken)
        return heard - 0.5 * precision * (shift - centre) ** 2

    weight = logistic(log_posterior(far) - log_posterior(near))
    mean = (1 - weight) * near + weight * far
    within = (1 - weight) / near_precision + weight / far_precision
    between = weight * (1 - weight) * (far - near) ** 2
    return belief.predicted_mean + mean, guarded(moment, 1 / (within + between))


def at_the_prediction(
    precision: float, pull: float, spoken: Sequence[Message]
) -> tuple[float, float]:
    """Shift and precision of the expansion at the prediction, with the safe part of the curvature."""
    narrowed = precision
    for message in spoken:
        share, _ = message.known(0.0)
        narrowed += 0.5 * message.strength**2 * share * (1 - share)
        pull = pull + 0.5 * message.strength * share * message.whole_error
    return pull / narrowed, narrowed


def at_the_mode(precision: float, centre: float, spoken: Sequence[Message]) -> tuple[float, float]:
    """Shift and precision of the expansion where growth alone would explain every move."""
    shift = mode(precision, centre, spoken)
    full = safe = precision
    gradient = -precision * (shift - centre)
    for message in spoken:
        share, error = message.known(shift)
        full = full + bulge(message.strength, share, error)
        safe = safe + 0.5 * message.strength**2 * share * (1 - share)
        gradient += 0.5 * message.strength * share * error
    chosen = full if full > 0 else safe
    return shift + gradient / chosen, chosen


def mode(precision: float, centre: float, spoken: Sequence[Message]) -> float:
    """Where the log posterior peaks if every child's variance were growth alone, by bisection.

    Its derivative falls with the shift, so the sign tells on which side of the peak one is.
    """

    def derivative(shift: float) -> float:
        total = -precision * (shift - centre)
        for message in spoken:
            log_ratio = np.log(message.squared_move) - message.log_growth
            ratio = np.exp(log_ratio - message.strength * shift)
            total += 0.5 * message.strength * (ratio - 1)
        return total

    width = 1.0
    while derivative(centre - width) < 0 or derivative(centre + width) > 0:
        width *= 2
        if not width < 1e9:
            return np.nan
    low, high = centre - width, centre + width
    while low < (middle := 0.5 * (low + high)) < high:
        if derivative(middle) > 0:
            low = middle
        else:
            high = middle
    return middle
