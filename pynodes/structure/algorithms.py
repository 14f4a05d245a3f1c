"""Algorithms: in which order graphs are tried, and what follows from those that were."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from pynodes._progress import Progress
from pynodes.structure.gibbs import Chains, sample_parents, visit_edges, weigh_graphs
from pynodes.structure.local import LISTED, LocalScore, to_bits
from pynodes.structure.score import AbstractScore
from pynodes.structure.space import Space

BEST = 200
"""So many of the most probable graphs are kept."""


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What a search found.

    Attributes
    ----------
    masks, log_evidence, probability
        The most probable graphs.
    edge_probability
        Of every candidate.
    log_evidence_of_all
        Of all graphs, averaged over the prior; of those that were seen, where not all were.
    tried
        How many graphs were scored.
    seen
        Share of all graphs that were tried.
    disagreement
        The largest difference between starts in the probability of an edge; 0 where all graphs were
        scored.
    complete
        Whether the search came to its end.
    state
        From where it can go on.
    """

    masks: np.ndarray
    log_evidence: np.ndarray
    probability: np.ndarray
    edge_probability: np.ndarray
    log_evidence_of_all: float
    tried: int
    seen: float
    disagreement: float = 0.0
    complete: bool = True
    state: Any = None


def logsumexp(log: np.ndarray) -> float:
    """Log of a sum of exponentials."""
    most = float(np.max(log, initial=-np.inf))
    return most if not np.isfinite(most) else most + float(np.log(np.sum(np.exp(log - most))))


def decomposes(score: AbstractScore) -> bool:
    """Whether children can be searched apart: they are scored so, and no rule concerns two of them."""
    space = score.space
    return isinstance(score, LocalScore) and all(
        len({space.child_of(int(edge)) for edge in where}) == 1 for _, where in space.places
    )


def search_exactly(score: LocalScore) -> Outcome:
    """All parent sets of every child, and so all graphs, none of which is listed."""
    space = score.space
    offset, parts = 0.0, []
    edge_probability = space.probability.copy()
    for child, table in zip(score.children, score.tables, strict=True):
        bits = to_bits(np.arange(len(table)), len(child.edges))
        prior = local_log_prior(space, child.edges, bits)
        log = table + prior
        whole = logsumexp(log)
        offset += whole - (logsumexp(prior) if space.rules else 0.0)
        probability = np.exp(log - whole)
        edge_probability[child.edges] = probability @ bits
        order = np.argsort(-probability)[:BEST]
        parts.append((child.edges, bits[order], table[order], probability[order]))
    masks, log_evidence, probability = combine(space, parts)
    return Outcome(
        masks=masks,
        log_evidence=log_evidence,
        probability=probability,
        edge_probability=edge_probability,
        log_evidence_of_all=offset,
        tried=sum(len(table) for table in score.tables),
        seen=1.0,
    )


def local_log_prior(space: Space, edges: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Log prior of sets of one child's parents, the other children having none."""
    if not space.rules:
        probability = space.probability[edges]
        none = np.log1p(-probability)
        return bits @ (np.log(probability) - none) + none.sum()
    masks = np.zeros((len(bits), len(space.edges)), bool)
    masks[:, edges] = bits
    rest = np.delete(space.probability, edges)
    return space.log_prior(masks) - np.sum(np.log1p(-rest))


def combine(space: Space, parts: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The most probable graphs, from the most probable parents of every child, best first.

    Children come one after another: of all ways to go on, no more than are wanted in the end are kept.
    """
    masks, log, weight = np.zeros((1, len(space.edges)), bool), np.zeros(1), np.zeros(1)
    for edges, bits, table, probability in parts:
        with np.errstate(divide="ignore"):
            sums = (weight[:, None] + np.log(probability)[None, :]).ravel()
        best = np.argsort(-sums, kind="stable")[:BEST]
        before, here = best // len(table), best % len(table)
        masks = masks[before]
        masks[:, edges] = bits[here]
        log, weight = log[before] + table[here], sums[best]
    return masks, log, np.exp(weight)


def weigh_seen(
    space: Space, masks: np.ndarray, log_evidence: np.ndarray, *, complete: bool, **more: Any
) -> Outcome:
    """Probabilities of graphs in proportion to evidence and prior, among those that were scored."""
    prior = space.log_prior(masks)
    log = log_evidence + prior
    whole = logsumexp(log)
    if np.isfinite(whole):
        probability = np.exp(log - whole)
        everything = whole - logsumexp(prior)
    else:
        probability, everything = np.full(len(log), 1 / len(log)), -np.inf
    order = np.argsort(-probability, kind="stable")[:BEST]
    total = len(masks) if complete else max(space.count, len(masks))
    defaults: dict[str, Any] = {
        "edge_probability": probability @ masks,
        "tried": len(masks),
        "seen": len(masks) / total,
    }
    return Outcome(
        masks=masks[order],
        log_evidence=log_evidence[order],
        probability=probability[order],
        log_evidence_of_all=everything,
        **(defaults | more),
    )


def search_parents(score: LocalScore, seed: int, chains: int, sweeps: int) -> Outcome:
    """Gibbs over the parents of all children at once, each by itself."""
    space = score.space
    odds = np.log(space.probability) - np.log1p(-space.probability)
    regressions = [child.regression for child in score.children if child.regression is not None]
    probability, best = sample_parents(
        regressions,
        [child.certain for child in score.children],
        [odds[child.edges] for child in score.children],
        seed=seed,
        chains=chains,
        sweeps=sweeps,
    )
    edge_probability, gap = space.probability.copy(), 0.0
    masks = np.zeros((chains + 1, len(space.edges)), bool)
    for child, by_chain, sets in zip(score.children, probability, best, strict=True):
        if len(child.edges):
            edge_probability[child.edges] = by_chain.mean(axis=0)
            gap = max(gap, float(np.abs(by_chain - by_chain.mean(axis=0)).max()))
            masks[:-1, child.edges] = sets
    masks[-1] = edge_probability > 0.5
    masks = np.unique(masks, axis=0)
    tried = chains * sweeps * len(space.edges)
    return weigh_seen(
        space,
        masks,
        score.evidence(masks),
        complete=False,
        edge_probability=edge_probability,
        tried=tried,
        seen=min(1.0, tried / space.count),
        disagreement=gap,
    )


@dataclasses.dataclass(eq=False)
class GraphSearchState:
    """Where a search is, so that it can go on.

    Attributes
    ----------
    known
        Log evidence of every graph that was scored.
    chains
        The chains of Gibbs.
    climbed
        How many climbs of a greedy search are over.
    """

    known: dict[bytes, float] = dataclasses.field(default_factory=dict)
    chains: Chains | None = None
    climbed: int = 0


class ScoredGraphs:
    """Evidence of graphs that were asked for, each once, and no more of them than wanted.

    Parameters
    ----------
    score
        What is asked.
    most
        How many at most; None for no limit.
    bar
        What is told how many there are.
    state
        Where a search is: it knows those that were asked for before.
    """

    def __init__(
        self, score: AbstractScore, most: int | None, bar: Progress, state: GraphSearchState
    ) -> None:
        self.score, self.most, self.bar, self.known = score, most, bar, state.known

    def evidence(self, masks: np.ndarray) -> np.ndarray:
        """Log evidence of some graphs; minus infinity for those that are too many."""
        masks = np.asarray(masks, bool)
        new = {mask.tobytes(): mask for mask in masks if mask.tobytes() not in self.known}
        if self.most is not None:
            new = dict(list(new.items())[: max(0, self.most - len(self.known))])
        if new:
            found = self.score.evidence(np.array(list(new.values())))
            self.known |= dict(zip(new, map(float, found), strict=True))
            self.bar.advance(len(new))
        return np.array([self.known.get(mask.tobytes(), -np.inf) for mask in masks])

    @property
    def full(self) -> bool:
        """Whether as many were asked for as may be."""
        return self.most is not None and len(self.known) >= self.most

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """The graphs, and their log evidence."""
        width = len(self.score.space.edges)
        masks = np.array([np.frombuffer(key, bool) for key in self.known])
        return masks.reshape(-1, width), np.array(list(self.known.values()))


Keep = Callable[[Callable[[], Outcome]], None]
"""Told after every stretch of a search, with what concludes from all that was seen so far."""


def forget(outcome: Callable[[], Outcome]) -> None:
    """Keep nothing."""
    del outcome


def first_masks(space: Space, seed: int, starts: int) -> np.ndarray:
    """Where chains and climbs start: without edges, if that is allowed, and at draws from the prior."""
    drawn = space.sample(seed, starts)
    empty = np.zeros((1, len(space.edges)), bool)
    return np.concatenate([empty, drawn])[:starts] if space.admits(empty)[0] else drawn


def search_all(
    score: AbstractScore, state: GraphSearchState, bar: Progress, keep: Keep = forget
) -> Outcome:
    """Every graph that the rules allow."""
    space, seen = score.space, ScoredGraphs(score, None, bar, state)
    masks = space.masks()

    def conclude() -> Outcome:
        done = len(seen.known) == len(masks)
        outcome = weigh_seen(space, *seen.arrays(), complete=done)
        return dataclasses.replace(outcome, complete=done, state=state)

    with suppress(KeyboardInterrupt):
        for piece in np.array_split(masks, max(1, len(masks) // 64)):
            seen.evidence(piece)
            keep(conclude)
    return conclude()


def search_greedily(
    score: AbstractScore,
    seed: int,
    starts: int,
    most: int | None,
    state: GraphSearchState,
    bar: Progress,
    keep: Keep = forget,
) -> Outcome:
    """Climb by the best single move, from several starts."""
    space, seen = score.space, ScoredGraphs(score, most, bar, state)
    begins = first_masks(space, seed, starts)

    def conclude() -> Outcome:
        outcome = weigh_seen(space, *seen.arrays(), complete=False)
        return dataclasses.replace(outcome, complete=state.climbed == starts, state=state)

    with suppress(KeyboardInterrupt):
        while state.climbed < starts and not seen.full:
            climb(space, seen, begins[state.climbed], lambda: keep(conclude))
            state.climbed += not seen.full
    return conclude()


def climb(space: Space, seen: ScoredGraphs, mask: np.ndarray, pause: Callable[[], None]) -> None:
    """Take the best single move until none leads up."""
    here = weigh_graphs(space, seen.evidence, mask[None])[0]
    while not seen.full:
        moves = np.array(list_moves(space, mask))
        log = weigh_graphs(space, seen.evidence, moves)
        best = int(np.argmax(log))
        if not log[best] > here:
            return
        mask, here = moves[best], log[best]
        pause()


def list_moves(space: Space, mask: np.ndarray) -> list[np.ndarray]:
    """All graphs one step away: edges that go together flipped, edges that exclude one another swapped."""
    found = []
    for unit in space.units:
        other = mask.copy()
        other[unit] = ~other[unit]
        found.append(other)
    for rule, where in space.places:
        if rule.kind == "at_most":
            for gone in where[mask[where]]:
                for new in where[~mask[where]]:
                    other = mask.copy()
                    other[gone], other[new] = False, True
                    found.append(other)
    return found


def search_by_gibbs(
    score: AbstractScore,
    seed: int,
    starts: int,
    sweeps: int,
    most: int | None,
    state: GraphSearchState,
    bar: Progress,
    keep: Keep = forget,
) -> Outcome:
    """Gibbs over edges, from several starts side by side."""
    space, seen = score.space, ScoredGraphs(score, most, bar, state)
    if state.chains is None:
        state.chains = Chains.begin(first_masks(space, seed, starts))

    def conclude() -> Outcome:
        outcome, chains = weigh_seen(space, *seen.arrays(), complete=False), state.chains
        assert chains is not None
        if chains.counted and not seen.full:
            outcome = dataclasses.replace(
                outcome,
                edge_probability=chains.probability.mean(axis=0),
                disagreement=chains.disagreement,
            )
        return dataclasses.replace(outcome, complete=chains.sweeps >= sweeps, state=state)

    with suppress(KeyboardInterrupt):
        while state.chains.sweeps < sweeps and not seen.full:
            # What interrupts a sweep leaves the chains where they were before it.
            after = state.chains.copy()
            visit_edges(
                space, seen.evidence, after, seed, counts=after.sweeps >= max(1, sweeps // 5)
            )
            state.chains = after
            keep(conclude)
    return conclude()


def fits_in_tables(score: AbstractScore) -> bool:
    """Whether the parents of every child are few enough for all sets to be listed."""
    return isinstance(score, LocalScore) and all(len(c.edges) <= LISTED for c in score.children)
