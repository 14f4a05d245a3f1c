"""Agents: the graph in a participant's head, scored by the evidence of what the participant did."""

from __future__ import annotations

import os
from typing import Any

import jax
import numpy as np
from scipy.special import logsumexp

from pynodes._errors import CheckpointError, InputError, quote
from pynodes._inference.laplace import find_posteriors
from pynodes._keeping.fingerprints import fingerprint
from pynodes._progress import Progress
from pynodes.structure.checkpoint import SearchCheckpoint
from pynodes.structure.space import Space
from pynodes.structure.subjects import MOST, FoundSubjects

Scored = list[tuple[np.ndarray, np.ndarray]]
"""Of every graph so far, by subject: log evidence, and whether it can be trusted."""

STARTS, REFINE = 16, 4
"""Starts of the search for each subject's mode that are looked at, and followed. A mode that is missed under
one graph speaks for another, so that more are followed than for estimates."""


def search_agent(
    space: Space,
    trials: Any,
    agent: Any,
    seed: int,
    checkpoint: str | os.PathLike[str] | None,
    progress: bool | None,
) -> FoundSubjects:
    """Score the graphs in participants' heads by the evidence of what they did.

    Raises
    ------
    InputError
        Something that is no agent, or one with another graph; too many graphs.
    CheckpointError
        A file of something else, or of another search.
    """
    from pynodes.fit.agent.arrays import to_arrays

    check_agent(space, agent)
    masks = space.masks()
    strengths = {n: float(np.asarray(agent.network[f"{n}.strength"])) for n in space.edges}
    asked = fingerprint((agent.model, to_arrays(agent.model, trials), seed))

    def conclude(scored: Scored) -> FoundSubjects:
        return conclude_agent(space, tuple(trials.subjects), masks, scored, asked)

    kept = None if checkpoint is None else SearchCheckpoint(checkpoint, conclude, FoundSubjects)
    scored = [] if kept is None else read_kept_agent(kept, space, asked)
    with Progress(len(masks), "graphs", progress) as bar:
        bar.advance(len(scored))
        for mask in masks[len(scored) :]:
            values = {
                f"{name}.strength": strengths[name] * float(on)
                for name, on in zip(space.edges, mask, strict=True)
            }
            scored.append(score_agent(agent.replace(values).model, trials, jax.random.key(seed)))
            if kept is not None:
                kept.keep(lambda: scored)
            bar.advance()
    found = conclude(scored)
    if kept is not None:
        kept.write(found)
    return found


def check_agent(space: Space, agent: Any) -> None:
    """An agent with a graph of the space, and a space of which all graphs are tried.

    Raises
    ------
    InputError
        Something else.
    """
    from pynodes.fit.agent.agent import Agent

    if not isinstance(agent, Agent):
        raise InputError(f"agent must be a pynodes.Agent, not a {type(agent).__name__}.")
    unknown = [n for n in space.edges if f"{n}.strength" not in agent.network.labels.parameters]
    if unknown:
        raise InputError(
            f"The agent's graph has no strength of {quote(unknown)}. Make the space from the agent's graph."
        )
    if space.count > MOST or space.strength or space.free:
        raise InputError(
            "A search with an agent tries every graph, 4,096 at most, and integrates what the agent has in "
            "free=: leave out strength= and free=."
        )


def score_agent(model: Any, trials: Any, key: Any) -> tuple[np.ndarray, np.ndarray]:
    """Log evidence of one graph for every subject, and whether its mode can be trusted."""
    from pynodes.fit.agent.arrays import to_arrays

    posterior, _ = find_posteriors(
        model, to_arrays(model, trials), key, starts=STARTS, refine=REFINE
    )
    found = np.asarray(posterior.converged) & np.asarray(posterior.definite)
    trusted = found & (np.asarray(posterior.agreeing) > 1)
    return np.asarray(posterior.log_evidence, float), trusted


def read_kept_agent(kept: SearchCheckpoint, space: Space, asked: str) -> Scored:
    """What the file of a search holds.

    Raises
    ------
    CheckpointError
        It is another search.
    """
    found = kept.found
    if found is None:
        return []
    if found.asked != asked or not found.space.is_same(space):
        raise CheckpointError(
            f"{kept.path!r} holds another search: of another agent, other trials, other graphs or with "
            "another key. Name another file, or delete it."
        )
    return list(zip(found.log_evidence.T, found.trusted.T, strict=True))


def conclude_agent(
    space: Space, subjects: tuple[Any, ...], masks: np.ndarray, scored: Scored, asked: str
) -> FoundSubjects:
    """What the graphs that were scored say of the edges."""
    masks = masks[: len(scored)]
    log: Any = np.stack([one for one, _ in scored], axis=1)
    joint = log + space.log_prior(masks)
    whole: Any = logsumexp(joint, axis=1, keepdims=True)
    return FoundSubjects(
        space=space,
        subjects=subjects,
        masks=masks,
        log_evidence=log,
        edge_probability=np.exp(joint - whole) @ masks,
        found={},
        trusted=np.stack([trusted for _, trusted in scored], axis=1),
        asked=asked,
    )
