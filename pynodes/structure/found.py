"""Found: edges and graphs with their probabilities, and how far they can be trusted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._errors import InputError
from pynodes._graph.graph import Graph
from pynodes._results.tables import extra
from pynodes._runtime.network import Network
from pynodes.structure.algorithms import Outcome
from pynodes.structure.request import Request
from pynodes.structure.score import AbstractScore
from pynodes.structure.space import Space

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from pynodes.structure.calibration import Calibration

ALIKE = 0.1
"""Graphs whose log evidences differ by less cannot be told apart."""

SHOWN = 20
"""Rows of the table of graphs."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Found:
    """What a search found out. Made by :func:`search`.

    Attributes
    ----------
    space
        The graphs that were searched, with their prior.
    by
        In which way.
    log_evidence
        Of all graphs together, averaged over the prior (of those that were seen, where not all were).
    tried, seen
        How many graphs were scored, and which share of all that is.
    disagreement
        The largest difference between starts in the probability of an edge.
    complete
        Whether the search came to its end.
    series
        What it was given, lagged series included.
    """

    space: Space
    by: str
    log_evidence: float
    tried: int
    seen: float
    disagreement: float
    complete: bool
    series: Mapping[str, np.ndarray]
    score: Any
    plan: Any
    request: Request
    outcome: Outcome
    state: Any = None

    @classmethod
    def of(
        cls,
        space: Space,
        score: AbstractScore,
        plan: Any,
        request: Request,
        outcome: Outcome,
        series: Mapping[str, np.ndarray],
    ) -> Found:
        """The result of a search."""
        return cls(
            space=space,
            by=plan.by,
            log_evidence=outcome.log_evidence_of_all,
            tried=outcome.tried,
            seen=outcome.seen,
            disagreement=outcome.disagreement,
            complete=outcome.complete,
            series=series,
            score=score,
            plan=plan,
            request=request,
            outcome=outcome,
            state=outcome.state,
        )

    @property
    def edge_probability(self) -> dict[str, float]:
        """Probability of every candidate, by name."""
        found = np.clip(self.outcome.edge_probability, 0.0, 1.0)
        return dict(zip(self.space.edges, map(float, found), strict=True))

    @property
    def how(self) -> dict[str, str]:
        """How every edge was scored, by name."""
        return dict(zip(self.space.edges, self.score.how(), strict=True))

    @cached_property
    def strengths(self) -> dict[str, np.ndarray]:
        """Mean and standard deviation of every strength, if the edge is on and averaged over graphs.

        Keys are ``mean_if_on``, ``sd_if_on``, ``mean`` and ``sd``; values one number per candidate, NaN where
        strengths were not integrated. Averages are over the most probable graphs.
        """
        masks, weights = self.outcome.masks, self.outcome.probability
        mean, variance = self.score.strengths(masks)
        weights = weights / weights.sum()
        on = masks * weights[:, None]
        share = np.where(on.sum(axis=0) > 0, on.sum(axis=0), 1.0)
        if_on = np.sum(on * mean, axis=0) / share
        squared = np.sum(on * (variance + mean**2), axis=0) / share
        never = on.sum(axis=0) == 0
        if_on, squared = np.where(never, np.nan, if_on), np.where(never, np.nan, squared)
        probability = np.clip(self.outcome.edge_probability, 0.0, 1.0)
        averaged = np.where(never, 0.0, probability * if_on)
        spread = np.where(never, 0.0, probability * squared) - averaged**2
        return {
            "mean_if_on": if_on,
            "sd_if_on": np.sqrt(np.maximum(squared - if_on**2, 0.0)),
            "mean": averaged,
            "sd": np.sqrt(np.maximum(spread, 0.0)),
        }

    @property
    def edges(self) -> pandas.DataFrame:
        """A row per candidate: its probability, log Bayes factor, strength, and how it was scored.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        probability = np.array(list(self.edge_probability.values()))
        prior = self.space.probability
        with np.errstate(divide="ignore"):
            odds = np.log(probability) - np.log1p(-probability)
        return extra("pandas").DataFrame(
            {
                "edge": list(self.space.edges),
                "probability": probability,
                "prior": prior,
                "log_bayes_factor": odds - np.log(prior) + np.log1p(-prior),
                **self.strengths,
                "scored": list(self.score.how()),
            }
        )

    @property
    def graphs(self) -> pandas.DataFrame:
        """A row per graph, the most probable first: log evidence, probability, and its candidate edges.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        outcome = self.outcome
        return extra("pandas").DataFrame(
            {
                "log_evidence": outcome.log_evidence[:SHOWN],
                "probability": outcome.probability[:SHOWN],
                "edges": [self.names(mask) for mask in outcome.masks[:SHOWN]],
                "beside_the_best": [self.difference(mask) for mask in outcome.masks[:SHOWN]],
            }
        )

    def names(self, mask: np.ndarray) -> tuple[str, ...]:
        """Names of the candidates in a graph."""
        return tuple(name for name, on in zip(self.space.edges, mask, strict=True) if on)

    def difference(self, mask: np.ndarray) -> str:
        """What a graph has more and less than the best one."""
        best = self.outcome.masks[0]
        more = [f"+ {name}" for name in self.names(mask & ~best)]
        return ", ".join([*more, *[f"- {name}" for name in self.names(best & ~mask)]])

    def mask(self, which: str = "median") -> np.ndarray:
        """Which candidates a graph has: ``"best"``, or ``"median"``: those of more than one half.

        Source: Barbieri and Berger (2004), doi 10.1214/009053604000000238.
        """
        if which == "best":
            return self.outcome.masks[0]
        if which == "median":
            return self.outcome.edge_probability > 0.5
        raise InputError(f"which must be 'best' or 'median', not {which!r}.")

    @property
    def best(self) -> Graph:
        """The most probable graph."""
        return self.space.graph_of(self.mask("best"))

    @property
    def median(self) -> Graph:
        """The graph of all edges that are more probable than not."""
        return self.space.graph_of(self.mask("median"))

    @boundary
    def network(self, which: str = "median") -> Network:
        """The compiled network of a graph, strengths at their means if on where they were integrated.

        Parameters
        ----------
        which
            ``"median"`` or ``"best"``.
        """
        graph = self.space.graph_of(self.mask(which))
        network = graph.compile()
        means = dict(zip(self.space.edges, self.strengths["mean_if_on"], strict=True))
        known = {
            f"{name}.strength": float(means[name])
            for name in self.space.strength
            if f"{name}.strength" in network.labels.parameters and np.isfinite(means[name])
        }
        return network.replace(known)

    def reported(self, threshold: float = 0.5) -> tuple[str, ...]:
        """Names of the edges that are more probable than a threshold."""
        return tuple(name for name, p in self.edge_probability.items() if p > threshold)

    def expected_false(self, threshold: float = 0.5) -> float:
        """How many of the edges that are reported are expected not to be there, under the prior.

        Parameters
        ----------
        threshold
            Above which probability an edge is reported.
        """
        return float(sum(1 - p for p in self.edge_probability.values() if p > threshold))

    @property
    def equivalent(self) -> list[list[tuple[str, ...]]]:
        """Groups of graphs whose log evidences differ by less than 0.1 nats: data cannot tell them apart.

        Among the most probable graphs, those of 0.01 and more; graphs by the names of their edges.
        """
        outcome = self.outcome
        shown = np.flatnonzero(outcome.probability >= min(0.01, outcome.probability[0]))
        order = shown[np.argsort(-outcome.log_evidence[shown], kind="stable")]
        groups: list[list[int]] = []
        for number in order:
            first = groups[-1][0] if groups else None
            if (
                first is not None
                and outcome.log_evidence[first] - outcome.log_evidence[number] < ALIKE
            ):
                groups[-1].append(int(number))
            else:
                groups.append([int(number)])
        return [[self.names(outcome.masks[i]) for i in group] for group in groups if len(group) > 1]

    def sensitivity(self) -> dict[str, np.ndarray]:
        """Edge probabilities at half and double the prior odds, from the graphs that were seen."""
        masks, log = (
            self.outcome.masks,
            self.outcome.log_evidence + self.space.log_prior(self.outcome.masks),
        )
        found = {}
        for name, factor in (("half_odds", 0.5), ("double_odds", 2.0)):
            weights = log + masks.sum(axis=1) * np.log(factor)
            found[name] = np.exp(weights - logsumexp(weights)) @ masks
        return found

    @boundary
    def problems(self) -> list[str]:
        """What speaks against taking the probabilities at their word, in sentences; empty if nothing does."""
        from pynodes.structure.problems import list_problems

        return list_problems(self)

    @boundary
    def calibrate(
        self, simulations: int = 100, *, key: Any = 0, progress: bool | None = None
    ) -> Calibration:
        """How often edges of a reported probability are there, in series simulated from the space.

        Graphs, strengths, noise and whatever is free are drawn from their priors, series of the same length,
        times and gaps from those, and searched in the same way. Strengths under which series would explode
        are drawn anew. What it tells is true of this length, noise and prior, not of your series' own model.

        Parameters
        ----------
        simulations
            How many.
        key
            A JAX random key, or a seed.
        progress
            Whether to show progress.

        Raises
        ------
        GraphError
            Priors under which nearly all series explode.
        """
        from pynodes.structure.calibration import calibrate

        return calibrate(self, simulations, key, progress)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw edges as wide as they are probable; see :func:`pynodes.plotting.plot_structure`."""
        from pynodes.plotting import plot_structure

        return plot_structure(self, ax, **options)

    def __repr__(self) -> str:
        reported = self.reported()
        shown = ", ".join(f"{name} {self.edge_probability[name]:.2f}" for name in reported[:6])
        more = f", and {len(reported) - 6} more" if len(reported) > 6 else ""
        false = self.expected_false()
        edges = f"{len(reported)} of {len(self.space.edges)} edges at more than one half"
        listing = f": {shown}{more}; {false:.2g} expected to be false" if reported else ""
        return f"Found(by {self.by!r}, {edges}{listing})"
