"""Breakdown: why the belief of a node ceased to be one, and what helps in the case at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._core.arithmetic import LIMIT
from pynodes._core.expansions import AbstractExpansion, Standard
from pynodes._core.functions import identity
from pynodes._errors import quote
from pynodes._graph.edges import name_edges
from pynodes._graph.settings import find_expansion
from pynodes.nodes._learner import AbstractLearner

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories

MANY_PARENTS = 3
"""Value parents of one child, each of which takes its whole error, so that more of them overshoot."""


def explain_failure(
    labels: Labels, names: list[str], step: int, beliefs: Trajectories | None
) -> str:
    """What happened to the nodes that broke down at a step, in words, with a remedy that fits them."""
    if not names:
        return f"A belief broke down at step {step}."
    name = names[0]
    node: Any = labels.graph.nodes[name]
    if node.observable and is_outside_domain(beliefs, name, step):
        return (
            f"{name!r} was given a value at step {step} that a {type(node).__name__} does not take: it takes "
            f"{node.expects}. The value was not known when the call was traced by JAX. Correct the series; "
            "write NaN where nothing was observed."
        )
    if isinstance(node, AbstractLearner):
        return (
            f"The beliefs of {name!r}, a learner, grew beyond all bounds at step {step}: lower its rate, or "
            "give the series in larger units."
        )
    advice = " ".join(advise(labels, name, node))
    return (
        f"The precision of {quote(names)} fell to zero or below at step {step}, or the belief was no finite "
        f"number any more. {advice}"
    )


def is_outside_domain(beliefs: Trajectories | None, name: str, step: int) -> bool:
    """Whether a node was given a value that it does not take; unknown without the run's series."""
    if beliefs is None or labels_group(beliefs, name) not in beliefs.values:
        return False
    group, position = beliefs.labels.nodes[name]
    values = np.asarray(beliefs.values[group])[step]
    if len(beliefs.labels.groups[group]) > 1:
        values = values[position]
    return not np.isfinite(values).all()


def labels_group(beliefs: Trajectories, name: str) -> int:
    """The group of a node."""
    return beliefs.labels.nodes[name][0]


def advise(labels: Labels, name: str, node: Any) -> list[str]:
    """What helps such a node: sentences that concern its own expansion, children and parents."""
    found: list[str] = []
    if isinstance(expansion_of(labels, node), Standard):
        found.append("The 'standard' expansion allows that: use 'enhanced' or 'unbounded'.")
    curved = curved_edges(labels, name)
    if curved:
        found.append(
            f"The function of {quote(curved)} is nonlinear, and its curvature at the prediction is wrong at "
            "the observation: lower the strength, or the tonic_volatility of the parent."
        )
    crowded = crowded_children(labels, name)
    if crowded:
        found.append(
            f"{quote(crowded)} has many value parents, whose steps add up: lower their strengths."
        )
    if not found:
        found.append(
            "Its numbers grew beyond what can be computed with: use the time unit for which the volatilities "
            "are meant, and lower tonic_volatility or the strength of its edges."
        )
    return found


def expansion_of(labels: Labels, node: Any) -> AbstractExpansion | None:
    """The expansion by which a node hears its volatility children."""
    own = getattr(node, "expansion", None)
    settings: Any = labels.settings
    return settings.expansion if own is None else find_expansion(own)


def curved_edges(labels: Labels, name: str) -> list[str]:
    """Edges to or from a node whose function is not a straight line."""
    edges = labels.graph.edges
    return [
        edge
        for edge, (parent, child, coupling) in zip(name_edges(edges), edges, strict=True)
        if name in (parent, child) and getattr(coupling, "function", identity) is not identity
    ]


def crowded_children(labels: Labels, name: str) -> list[str]:
    """Children of a node that have many value parents."""
    parents: dict[str, list[str]] = {}
    for parent, child, coupling in labels.graph.edges:
        if hasattr(coupling, "function"):
            parents.setdefault(child, []).append(parent)
    return [
        child for child, found in parents.items() if name in found and len(found) > MANY_PARENTS
    ]


def explain_growth(labels: Labels, names: list[str], step: int) -> str:
    """What happened where a log growth reached its bound, in words."""
    who = f"of {quote(names)} " if names else ""
    parents = [
        parent
        for parent, child, coupling in labels.graph.edges
        if child in names and coupling.inlet in ("log_volatility", "log_noise")
    ]
    above = f", and that of {quote(sorted(set(parents)))} above it" if parents else ""
    return (
        f"The log growth of variance {who}exceeded {LIMIT:g} at step {step} and was bounded: from there on "
        f"the run is not plausible. Lower its tonic_volatility{above}, or use the time unit for which the "
        "volatilities are meant."
    )
