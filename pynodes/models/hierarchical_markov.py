"""A hierarchical hidden Markov model, flattened to the hidden Markov model that it is equal to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import GraphError
from pynodes._graph.graph import Graph
from pynodes.nodes import HiddenMarkov

CLOSE = 1e-9
"""How near to one the sum of probabilities must be."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a hierarchy whose own parts follow one another as a Markov chain until it is left.

    Parameters
    ----------
    parts
        Its parts: regions, and states, which are given as the probabilities of their outcomes.
    entry
        Probability that each part is the first when the region is entered; sums to one.
    transition
        Probability of every part, given the one before: a row for each of these. What a row lacks to
        one is the probability that the region is left.

    Raises
    ------
    GraphError
        Shapes that do not fit, or probabilities that are none.
    """

    parts: Sequence[Region | Sequence[float]]
    entry: Sequence[float]
    transition: Sequence[Sequence[float]]

    def __post_init__(self) -> None:
        count, entry, rows = len(self.parts), np.asarray(self.entry), np.asarray(self.transition)
        if not count or entry.shape != (count,) or rows.shape != (count, count):
            raise GraphError(
                f"A region of {count} parts, at least one, has {count} entry probabilities and a transition "
                f"of shape {(count, count)}, not {entry.shape} and {rows.shape}."
            )
        if min(entry.min(), rows.min()) < 0 or rows.sum(axis=1).max() > 1 + CLOSE:
            raise GraphError(
                "A region has probabilities below 0, or a row of its transition that sums to more than 1."
            )
        if abs(entry.sum() - 1) > CLOSE:
            raise GraphError(
                f"The entry probabilities of a region sum to {entry.sum():g}, instead of to one."
            )


@boundary
def hierarchical_markov(root: Region) -> Graph:
    """An input ``u`` that infers which state at the bottom of a hierarchy emits its outcomes.

    The states, in order from the first part to the last, are those of one :class:`HiddenMarkov`.
    Between two outcomes the hierarchy leaves as many regions as end, takes one step in the
    one above them, and enters down to the next state; all ways to do so add up.

    Parameters
    ----------
    root
        The whole hierarchy, which is never left: the rows of its transition sum to one.

    Raises
    ------
    GraphError
        A hierarchy that can be left, or states with different numbers of outcomes.

    Source: Fine, Singer and Tishby (1998), doi 10.1023/A:1007469218079; docs/learners.md. The hhmm of the
    TAPAS toolbox counts the way through the closest common region only, which is the same unless a
    region above it can follow itself.
    """
    if np.abs(np.asarray(root.transition).sum(axis=1) - 1).max() > CLOSE:
        raise GraphError(
            "The whole hierarchy can be left. Let every row of the root's transition sum to one."
        )
    flat = flatten_part(root)
    if len({len(row) for row in flat.emission}) > 1:
        raise GraphError(
            f"The states have {sorted({len(row) for row in flat.emission})} outcomes. Give each as many."
        )
    learner = HiddenMarkov(
        initial=flat.entry, transition=flat.transition, emission=np.array(flat.emission, float)
    )
    return Graph().add(u=learner)


@dataclasses.dataclass(frozen=True)
class Flat:
    """A region as its states alone.

    Attributes
    ----------
    entry
        Probability that each state is the first.
    transition
        Probability of every state, given the one before, without leaving the region.
    leaving
        Probability of leaving the region from each state.
    emission
        Probabilities of each state's outcomes.
    """

    entry: np.ndarray
    transition: np.ndarray
    leaving: np.ndarray
    emission: list[Sequence[float]]


def flatten_part(part: Region | Sequence[float]) -> Flat:
    """A part as its states alone; a state is left as soon as it has emitted."""
    if not isinstance(part, Region):
        return Flat(np.ones(1), np.zeros((1, 1)), np.ones(1), [part])
    flats = [flatten_part(inner) for inner in part.parts]
    owner = np.repeat(np.arange(len(flats)), [len(flat.entry) for flat in flats])
    within = np.zeros((len(owner), len(owner)))
    for number, flat in enumerate(flats):
        within[np.ix_(owner == number, owner == number)] = flat.transition
    entering = np.concatenate([flat.entry for flat in flats])
    leaving = np.concatenate([flat.leaving for flat in flats])
    steps = np.asarray(part.transition, float)
    return Flat(
        entry=np.asarray(part.entry, float)[owner] * entering,
        transition=within + leaving[:, None] * steps[np.ix_(owner, owner)] * entering,
        leaving=leaving * np.maximum(1 - steps.sum(axis=1), 0.0)[owner],
        emission=[row for flat in flats for row in flat.emission],
    )
