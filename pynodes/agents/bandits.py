"""Agents who choose among arms, and see what the chosen one pays."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

from pynodes._graph.graph import Graph
from pynodes.agents._usual import Priors, Response, usual_agent
from pynodes.fit import Agent, LogitNormal, Normal
from pynodes.models import bandit_hgf as bandits
from pynodes.nodes import DualRescorlaWagner
from pynodes.responses import Softmax

ARMS = "arms.tonic_volatility"
"""The free value that the tonic volatilities of what all arms are worth share."""

EITHER = Softmax(options="u.predicted_mean")
"""Choosing between two options by the probability that each would pay."""


def bandit_hgf(
    arms: int = 3,
    levels: int | None = None,
    *,
    rewards: str = "binary",
    response: Response | EllipsisType = ...,
    free: Priors | None = None,
    **settings: Any,
) -> Agent:
    """An agent who follows what every arm is worth, and chooses by a softmax of what they promise.

    Free are the tonic volatility that all arms share, ``"arms.tonic_volatility"``, ``Normal(-5, 1.5)``;
    those of the states above, ``Normal(-8, 1.5)`` and so on; and the inverse temperature, ``LogNormal(1,
    1)``. Inputs are made of choices and rewards by :func:`pynodes.models.bandit_inputs`.

    Parameters
    ----------
    arms, levels, rewards
        As for :func:`pynodes.models.bandit_hgf`.
    response
        What it does; ``...`` for a softmax of the predicted rewards, None for one that only watches.
    free
        As for :func:`binary_hgf`.
    settings
        Further arguments of :func:`pynodes.models.bandit_hgf`.

    Raises
    ------
    ParameterError, GraphError
        As of the agent and the graph.
    """
    graph = bandits(arms, levels, rewards=rewards, **settings)
    first = 2 if rewards == "binary" else 1
    levels = first + 1 if levels is None else levels
    worth = [name for name in graph.nodes if name == f"x{first}" or name.startswith(f"x{first}_")]
    usual = {ARMS: Normal(-5.0, 1.5)}
    usual |= {
        f"x{n}.tonic_volatility": Normal(-5.0 - 3.0 * (n - first), 1.5)
        for n in range(first + 1, levels + 1)
    }
    if isinstance(response, EllipsisType):
        response = Softmax(options=tuple(f"u_{arm}.predicted_mean" for arm in range(arms)))
    tied = {ARMS: [f"{name}.tonic_volatility" for name in worth]}
    return usual_agent(graph, response, usual, free, tied)


def dual_rescorla_wagner(*, response: Response = EITHER, free: Priors | None = None) -> Agent:
    """A learner of two options, of which the one that was not chosen is learned about too.

    Free are the learning rate, ``LogitNormal(-1, 1)``, the share of it for the other option, ``LogitNormal(0,
    1)``, and the inverse temperature. What was chosen is an input too, ``"u.choice"``.

    Parameters
    ----------
    response, free
        As for :func:`binary_hgf`.

    Raises
    ------
    ParameterError
        As of the agent.
    """
    usual = {
        "u.learning_rate": LogitNormal(-1.0, 1.0),
        "u.counterfactual": LogitNormal(0.0, 1.0),
    }
    return usual_agent(Graph().add(u=DualRescorlaWagner()), response, usual, free)
