"""reduce: all nested structures from what one fit, or one last belief, says of the full one."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._errors import InputError, ParameterError, quote
from pynodes._inference.priors import AbstractGaussianPrior
from pynodes._results.trajectories import Trajectories
from pynodes.nodes import RegressionInput
from pynodes.structure.local import LISTED, to_bits
from pynodes.structure.regression import Regression

FAR = 3.0
"""Loss in nats beyond which a reduction that is not exact is worth a refit."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Reduced:
    """Nested structures of one full model. Made by :func:`reduce`.

    Attributes
    ----------
    names
        What may be absent: edges, or parameters.
    masks
        Every structure, of shape (structures, names).
    log_evidence
        Of every structure, relative to the full one.
    probability
        Of every structure.
    how
        ``"exact"``, or ``"reduction"`` from a Gaussian posterior.
    """

    names: tuple[str, ...]
    masks: np.ndarray
    log_evidence: np.ndarray
    probability: np.ndarray
    how: str

    @property
    def edge_probability(self) -> dict[str, float]:
        """Probability of what may be absent, by name."""
        return dict(zip(self.names, map(float, self.probability @ self.masks), strict=True))

    @property
    def refit(self) -> list[tuple[str, ...]]:
        """Structures that matter and lose so much that they should be fitted themselves, if not exact.

        A Gaussian posterior is believed far from its mode; where the loss is large, so is the error.
        """
        if self.how == "exact":
            return []
        matter = (self.probability > 0.01) & (self.log_evidence < -FAR)
        return [
            tuple(n for n, on in zip(self.names, mask, strict=True) if on)
            for mask in self.masks[matter]
        ]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {p:.2f}" for name, p in self.edge_probability.items())
        return f"Reduced({self.how}; {shown})"


@boundary
def reduce(
    full: Any,
    names: Iterable[str] | None = None,
    *,
    probability: float = 0.5,
) -> Reduced | dict[Any, Reduced]:
    """Compare all nested structures without fitting them.

    Parameters
    ----------
    full
        Beliefs of a network with :class:`RegressionInput`, whose last belief holds the evidence of every
        set of parents exactly; or a fit of :func:`pynodes.fit_map`, whose posterior is taken to be Gaussian.
    names
        Of beliefs: the regressions; by default all. Of a fit: the free strengths that may be zero; by
        default all that are normal.
    probability
        Prior probability of each.

    Returns
    -------
    One result per regression, or per subject, by name.

    Raises
    ------
    InputError
        Something else than beliefs or a fit, nothing that may be absent, or strengths that drift.

    Source: Friston and Penny (2011), doi 10.1016/j.neuroimage.2011.03.062; docs/theory/structure.md.
    """
    if isinstance(probability, bool) or not 0 < probability < 1:
        raise ParameterError(f"probability must lie between 0 and 1, not {probability!r}.")
    if isinstance(full, Trajectories):
        return reduce_beliefs(full, names, probability)
    if hasattr(full, "posterior") and hasattr(full, "agent"):
        return reduce_fit(full, names, probability)
    raise InputError(
        f"reduce takes beliefs of a network or a fit of fit_map, not a {type(full).__name__}."
    )


def reduce_beliefs(
    beliefs: Trajectories, names: Iterable[str] | None, probability: float
) -> dict[Any, Reduced]:
    """Every set of parents of every regression, from its last belief."""
    graph, labels = beliefs.labels.graph, beliefs.labels
    regressions = {n: node for n, node in graph.nodes.items() if isinstance(node, RegressionInput)}
    wanted = tuple(regressions) if names is None else tuple(names)
    if not wanted or not set(wanted) <= set(regressions):
        raise InputError(f"Name regressions, of which there are {quote(regressions) or 'none'}.")
    found: dict[Any, Reduced] = {}
    for name in wanted:
        node = regressions[name]
        if float(np.asarray(node.tonic_volatility)) > -np.inf:
            raise InputError(f"Strengths of {name!r} drift: filter each structure, by search.")
        edges = [(p, int(c.component)) for p, child, c in graph.edges if child == name]  # type: ignore[attr-defined]
        group, position = labels.nodes[name]
        memory = beliefs.final.groups[group].memory
        if len(labels.groups[group]) > 1:
            memory = {field: np.asarray(value)[position] for field, value in memory.items()}
        whole = Regression.from_belief(node, memory)
        if len(edges) > LISTED:
            raise InputError(
                f"{name!r} has {len(edges)} parents, too many to list all sets of them."
            )
        table = whole.select(np.array([place for _, place in edges], int)).table()
        masks = to_bits(np.arange(len(table)), len(edges))
        found[name] = weigh_structures(
            tuple(f"{parent}->{name}" for parent, _ in edges),
            masks,
            table - table[-1],
            probability,
            "exact",
        )
    return found


def reduce_fit(fit: Any, names: Iterable[str] | None, probability: float) -> dict[Any, Reduced]:
    """Every set of strengths of every subject, by the density of their posterior and prior at zero."""
    priors = fit.agent.priors
    able = [n for n, p in priors.items() if isinstance(p, AbstractGaussianPrior) and is_open(p)]
    strengths = [n for n in able if n.endswith("strength")]
    wanted = tuple(strengths if names is None else names)
    if not wanted or not set(wanted) <= set(able):
        raise InputError(
            f"Name free values that may be zero, with a Normal prior; there are {quote(able) or 'none'}."
        )
    if len(wanted) > LISTED:
        raise InputError(
            f"{len(wanted)} values have too many subsets to list. Name {LISTED} at most."
        )
    places = [list(priors).index(name) for name in wanted]
    mean = np.array([float(np.asarray(priors[n].unconstrained_mean)) for n in wanted])
    sd = np.array([float(np.asarray(priors[n].unconstrained_sd)) for n in wanted])
    masks = np.array(list(itertools.product([False, True], repeat=len(wanted))), bool)
    place = np.atleast_2d(np.asarray(fit.posterior.unconstrained, float))[:, places]
    cover = np.asarray(fit.posterior.covariance, float).reshape(
        -1, *fit.posterior.covariance.shape[-2:]
    )
    found: dict[Any, Reduced] = {}
    for number, subject in enumerate(fit.trials.subjects):
        own = (place[number] - mean) / sd
        spread = cover[number][np.ix_(places, places)] / np.outer(sd, sd)
        log = np.array([log_reduced_ratio(own, spread, -mean / sd, ~mask) for mask in masks])
        found[subject] = weigh_structures(wanted, masks, log, probability, "reduction")
    return found


def is_open(prior: Any) -> bool:
    """Whether zero is a possible value."""
    low, high = (float(np.asarray(bound)) for bound in prior.bounds)
    return low < 0 < high and float(np.asarray(prior.constrain(0.0))) == 0.0


def log_reduced_ratio(
    mean: np.ndarray, spread: np.ndarray, zero: np.ndarray, off: np.ndarray
) -> float:
    """Log evidence with some standardised values pinned to zero, relative to the full model."""
    if not off.any():
        return 0.0
    gap, own = (zero - mean)[off], spread[np.ix_(off, off)]
    quadratic = gap @ np.linalg.solve(own, gap) + np.linalg.slogdet(own)[1]
    return float(0.5 * (zero[off] @ zero[off] - quadratic))


def weigh_structures(
    names: tuple[str, ...], masks: np.ndarray, log: np.ndarray, probability: float, how: str
) -> Reduced:
    """Probabilities of structures, each name being there with some probability."""
    odds = np.log(probability) - np.log1p(-probability)
    joint = log + masks.sum(axis=1) * odds
    weights = np.exp(joint - float(np.asarray(logsumexp(joint))))
    return Reduced(names, masks, log, weights, how)
