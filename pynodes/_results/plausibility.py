"""Plausibility: whether a run whose every number is finite still left what its data can mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._core.expansions import Enhanced, Standard
from pynodes._results.breakdown import expansion_of

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories

FARTHEST_LOGIT = 50.0
"""A probability that differs from 0 or 1 by exp(-50) = 2e-22 shows itself in 5e21 outcomes, no fewer."""

FARTHEST_LOG_VARIANCE = 50.0
"""So far parents may move a log variance: to exp(50) = 5e21 times the variance, or as small a part of it."""

MOST_SPREADS = 1000.0
"""A state that moves, or an observation that lies, so many of its own predicted standard deviations away."""

WINDOW = 200
"""So many observations in a row that are predicted worse than by a guess are no accident."""

FARTHEST_REMAINING = 0.1
"""A node that one more step would move by more of its posterior standard deviations has not settled."""

MARGIN = 0.1
"""By so many nats per observation: 20 nats in a window."""


@dataclasses.dataclass(frozen=True)
class Doubt:
    """One way in which a run is implausible.

    Attributes
    ----------
    step
        Where it first is.
    node
        Which node shows it.
    message
        What is seen, and what to do.
    """

    step: int
    node: str
    message: str


def find_doubts(beliefs: Trajectories) -> list[Doubt]:
    """What is implausible about one run, the earliest first; what was not kept is not looked at."""
    if np.ndim(beliefs.found.alive) != 1:  # a single step says little
        return []
    rules = (far_logits, far_log_variances, far_moves, bad_guesses, unsettled_nodes)
    found = [doubt for rule in rules for doubt in rule(beliefs)]
    return sorted(found, key=lambda doubt: doubt.step)


def far_logits(beliefs: Trajectories) -> Iterator[Doubt]:
    """Parents of outcomes whose logit is beyond what any series could tell."""
    for parent, child, coupling in beliefs.labels.graph.edges:
        if parent not in beliefs or coupling.inlet not in ("logit", "logits"):
            continue
        strength = read_strength(beliefs, parent, child, coupling)
        logit = np.abs(np.asarray(beliefs[parent].mean, float) * strength)
        step = first(logit > FARTHEST_LOGIT)
        if step is not None:
            yield Doubt(
                step,
                parent,
                f"{parent!r} went to a logit of {logit[step:].max():.3g} of {child!r} from step {step} "
                "on, where a probability cannot be distinguished from 0 or 1. It has run away: use the time "
                "unit for which the volatilities are meant, lower tonic_volatility, or choose another "
                "expansion.",
            )


def far_log_variances(beliefs: Trajectories) -> Iterator[Doubt]:
    """Parents that moved the log variance of a child farther than any series could tell."""
    for parent, child, coupling in beliefs.labels.graph.edges:
        if parent not in beliefs or coupling.inlet not in ("log_volatility", "log_noise"):
            continue
        node, strength = beliefs[parent], read_strength(beliefs, parent, child, coupling)
        mean = np.asarray(node.mean, float)
        moved = strength * (mean - np.asarray(node.predicted_mean, float)[0])
        step = first(np.abs(moved) > FARTHEST_LOG_VARIANCE)
        if step is not None:
            farthest = moved.flat[np.argmax(np.abs(moved))]
            yield Doubt(
                step,
                parent,
                f"{parent!r} moved the log variance of {child!r} by {farthest:+.3g} from where it began (by "
                f"more than {FARTHEST_LOG_VARIANCE:g} from step {step} on), beyond any plausible change. It "
                "has run away: use the time unit for which the volatilities are meant, lower its "
                f"tonic_volatility{advise_expansion(beliefs, parent)}.",
            )


def advise_expansion(beliefs: Trajectories, name: str) -> str:
    """Which expansions hold a mean where the node's own takes too long a step, as the end of a sentence."""
    own = expansion_of(beliefs.labels, beliefs.labels.graph.nodes[name])
    leaps = isinstance(own, Standard | Enhanced)
    return ", or choose the expansion 'structured' or 'unbounded'" if leaps else ""


def read_strength(beliefs: Trajectories, parent: str, child: str, coupling: Any) -> float:
    """The strength that an edge had in a run; 1 where it has none."""
    if beliefs.couplings is None:
        return float(getattr(coupling, "strength", 1.0))
    stack, position = beliefs.labels.edges[parent, child, coupling.slot]
    strength = getattr(beliefs.couplings[stack], "strength", None)
    return 1.0 if strength is None else float(np.ravel(np.asarray(strength))[position])


def far_moves(beliefs: Trajectories) -> Iterator[Doubt]:
    """Nodes that lie thousands of their predicted standard deviations from where they were predicted."""
    for name in beliefs:
        fields = beliefs[name]._recorded()
        if not {"mean", "predicted_mean", "predicted_precision"} <= set(fields):
            continue
        error = np.asarray(fields["mean"], float) - np.asarray(fields["predicted_mean"], float)
        precision = np.asarray(fields["predicted_precision"], float)
        if error.shape != precision.shape or has_probabilities(beliefs.labels.graph.nodes[name]):
            continue
        with np.errstate(all="ignore"):
            spreads = np.abs(error) * np.sqrt(precision)
        step = first((spreads > MOST_SPREADS) & np.isfinite(spreads))
        if step is not None:
            yield Doubt(
                step,
                name,
                f"{name!r} moved {np.max(spreads[step]):.3g} of its predicted standard deviations at step "
                f"{step}. Its initial_mean is far from the series, the volatilities are meant for other "
                "units, or a value of the series is wrong.",
            )


def bad_guesses(beliefs: Trajectories) -> Iterator[Doubt]:
    """Inputs of a few outcomes that were predicted worse than if all were as probable, for long."""
    for name, kind in beliefs.labels.graph.nodes.items():
        guess, group = kind.uninformed_surprise, beliefs.labels.nodes[name][0]
        if (
            guess is None
            or kind.event_shape
            or name not in beliefs
            or group not in beliefs.surprises
        ):
            continue
        node = beliefs[name]
        seen = np.flatnonzero(np.asarray(node.observed))
        surprise = np.asarray(node.surprise, float)[seen]
        if len(seen) < WINDOW or not np.isfinite(surprise).all():
            continue
        total = np.cumsum(np.concatenate([[0.0], surprise]))
        mean = (total[WINDOW:] - total[:-WINDOW]) / WINDOW
        begin = first(mean > guess + MARGIN)
        if begin is not None:
            yield Doubt(
                int(seen[begin]),
                name,
                f"From step {seen[begin]} on, {WINDOW} observations of {name!r} had a surprise of "
                f"{mean[begin]:.2f} nats each; chance has {guess:.2f}. The network "
                "predicts worse than that: change its volatilities or learning rates, the unit of dt, or the "
                "expansion.",
            )


def unsettled_nodes(beliefs: Trajectories) -> Iterator[Doubt]:
    """Nodes that settle with others, and had not when the last step was taken."""
    for name in beliefs:
        remaining = beliefs[name]._recorded().get("unsettled")
        if remaining is None:
            continue
        farthest = np.reshape(np.asarray(remaining, float), (len(remaining), -1)).max(-1)
        far = farthest > FARTHEST_REMAINING
        step = first(far)
        if step is not None:
            yield Doubt(
                step,
                name,
                f"{name!r} had not settled at step {step}: one more iteration would have moved it by "
                f"{farthest[step]:.2g} of its posterior standard deviations. So at {np.sum(far)} of "
                f"{len(far)} steps. Raise iterations in {beliefs.labels.settings.scheme!r}.",
            )


def has_probabilities(kind: Any) -> bool:
    """Whether the mean of a node is a probability, which no outcome is many deviations away from."""
    return (
        kind.uninformed_surprise is not None or kind.support is not None or "logit" in kind.inlets
    )


def first(flags: np.ndarray) -> int | None:
    """The first step at which a flag is up, of any element."""
    at_step = flags.reshape(len(flags), -1).any(-1)
    return int(np.argmax(at_step)) if at_step.any() else None
