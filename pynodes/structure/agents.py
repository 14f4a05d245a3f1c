"""Agents: the graph in a participant's head, scored by the evidence of what the participant did."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from scipy.special import logsumexp

from pynodes._errors import InputError, quote
from pynodes._inference.laplace import find_posteriors
from pynodes._progress import Progress
from pynodes.structure.space import Space
from pynodes.structure.subjects import MOST, FoundSubjects

STARTS, REFINE = 16, 4
"""Starts of the search for each subject's mode that are looked at, and followed. A mode that is missed under
one graph speaks for another, so that more are followed than for estimates."""


def search_agent(
    space: Space, trials: Any, agent: Any, seed: int, progress: bool | None
) -> FoundSubjects:
    """Score the graphs in participants' heads by the evidence of what they did.

    Raises
    ------
    InputError
        Something that is no agent, or one with another graph; too many graphs.
    """
    from pynodes.fit.agent.agent import Agent
    from pynodes.fit.agent.arrays import to_arrays

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
    masks = space.masks()
    strengths = {n: float(np.asarray(agent.network[f"{n}.strength"])) for n in space.edges}
    columns, trusted, key = [], [], jax.random.key(seed)
    with Progress(len(masks), "graphs", progress) as bar:
        for mask in masks:
            values = {
                f"{name}.strength": strengths[name] * float(on)
                for name, on in zip(space.edges, mask, strict=True)
            }
            model = agent.replace(values).model
            sequences = to_arrays(model, trials)
            posterior, _ = find_posteriors(model, sequences, key, starts=STARTS, refine=REFINE)
            columns.append(np.asarray(posterior.log_evidence, float))
            found = np.asarray(posterior.converged) & np.asarray(posterior.definite)
            trusted.append(found & (np.asarray(posterior.agreeing) > 1))
            bar.advance()
    log: Any = np.stack(columns, axis=1)
    joint = log + space.log_prior(masks)
    whole: Any = logsumexp(joint, axis=1, keepdims=True)
    weights = np.exp(joint - whole)
    return FoundSubjects(
        space=space,
        subjects=tuple(trials.subjects),
        masks=masks,
        log_evidence=log,
        edge_probability=weights @ masks,
        found={},
        trusted=np.stack(trusted, axis=1),
    )
