"""Agents who choose among arms, and see what the chosen one pays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import EllipsisType
from typing import Any

from pynodes._errors import ParameterError
from pynodes._graph.graph import Graph
from pynodes.agents._usual import (
    PRECISION,
    Priors,
    Response,
    add_habits,
    find_precision_prior,
    learning_rates,
    usual_agent,
)
from pynodes.agents.ratings import log_variance, seen
from pynodes.fit import Agent, LogitNormal, LogNormal, Normal
from pynodes.models import bandit_hgf as bandits
from pynodes.models import scaled_to
from pynodes.nodes import DeltaRule, DualRescorlaWagner, RescorlaWagner
from pynodes.responses import Softmax

ARMS = "arms.tonic_volatility"
"""The free value that the tonic volatilities of what all arms are worth share."""

BEGINNING = "arms.initial_precision"
"""The free value that their initial precisions share, where it is free."""

EITHER = Softmax(options="u.predicted_mean")
"""Choosing between two options by the probability that each would pay."""


def bandit_hgf(
    arms: int = 3,
    levels: int | None = None,
    *,
    rewards: str = "binary",
    series: Any = None,
    response: Response | EllipsisType = ...,
    lapse: bool = False,
    perseveration: bool = False,
    initial_precision: Any = None,
    free: Priors | None = None,
    **settings: Any,
) -> Agent:
    """A bandit HGF that learns the value of every arm, and chooses by a softmax of predicted values.

    Free are the tonic volatility that all arms share, ``"arms.tonic_volatility"``, ``Normal(-5, 1.5)``;
    those of the states above, ``Normal(-8, 1.5)`` and so on; and the inverse temperature, ``LogNormal(1,
    1)``. Inputs are made of choices and rewards by :func:`pynodes.models.bandit_inputs`.

    Parameters
    ----------
    arms, levels, rewards
        As for :func:`pynodes.models.bandit_hgf`.
    series
        Continuous rewards as they were paid, which put the agent into their units: with v the variance of
        the first twenty, arms begin at the first one with variance v, rewards have precision 1/v, the prior
        of what arms share gains log v, and that of the inverse temperature is of values in units of the
        square root of v. By default rewards are around 0 with variance 1.
    response
        What it does; ``...`` for a softmax of the predicted rewards, None for one that only watches.
    lapse, perseveration, free
        As for :func:`binary_hgf`.
    initial_precision
        Of the states, one for all or one per level; by default as for :func:`binary_hgf`, or 1 of continuous
        rewards, or what a series says. ``"free"`` is shared by all arms, ``"arms.initial_precision"``.
    settings
        Further arguments of :func:`pynodes.models.bandit_hgf`.

    Raises
    ------
    ParameterError, GraphError
        As of the agent and the graph; a series for rewards that are not continuous.
    """
    first = 2 if rewards == "binary" else 1
    levels = first + 1 if levels is None else levels
    check_units(rewards, series)
    placed: dict[str, Any] = (
        begin_arms(rewards, levels) if series is None else in_units(series, levels)
    )
    prior = find_precision_prior(initial_precision, math.exp(-log_variance(series)))
    if prior is None and initial_precision is not None:
        placed["initial_precision"] = initial_precision
    graph = bandits(arms, levels, rewards=rewards, **placed | settings)
    worth = [name for name in graph.nodes if name == f"x{first}" or name.startswith(f"x{first}_")]
    usual: Priors = {ARMS: Normal(log_variance(series) - 5.0, 1.5)}
    usual |= {
        f"x{n}.tonic_volatility": Normal(-5.0 - 3.0 * (n - first), 1.5)
        for n in range(first + 1, levels + 1)
    }
    usual |= {} if prior is None else {BEGINNING: prior}
    tied = {
        ARMS: [f"{name}.tonic_volatility" for name in worth],
        BEGINNING: [f"{name}.initial_precision" for name in worth],
    }
    return choosing_agent(graph, arms, series, response, (lapse, perseveration), usual, free, tied)


def bandit_rescorla_wagner(
    arms: int = 3,
    *,
    rewards: str = "binary",
    series: Any = None,
    separate_rates: bool = False,
    response: Response | EllipsisType = ...,
    lapse: bool = False,
    perseveration: bool = False,
    free: Priors | None = None,
) -> Agent:
    """A Rescorla-Wagner learner of the value of every arm, with choices by a softmax.

    Free are the learning rate that all arms share, ``"arms.learning_rate"``, ``LogitNormal(-1, 1)``, and the
    inverse temperature, ``LogNormal(1, 1)``. Inputs are made of choices and rewards by
    :func:`pynodes.models.bandit_inputs`.

    Parameters
    ----------
    arms
        Number of arms; their codes are 0 to arms - 1.
    rewards
        ``"binary"`` for 0 and 1, :class:`~pynodes.nodes.RescorlaWagner`; or ``"continuous"`` for money and
        points, :class:`~pynodes.nodes.DeltaRule`.
    series
        As for :func:`bandit_hgf`: arms begin at its first value.
    separate_rates
        Whether errors below zero have a learning rate of their own, ``"arms.negative_learning_rate"``.
    response, lapse, perseveration, free
        As for :func:`bandit_hgf`.

    Raises
    ------
    ParameterError, GraphError
        As of the agent and the graph; a series for rewards that are not continuous.
    """
    check_units(rewards, series)
    rates = learning_rates(separate_rates)
    below = 0.1 if separate_rates else None
    if rewards == "binary":
        learner: Any = RescorlaWagner(initial_mean=0.5, negative_learning_rate=below)
    else:
        v = math.exp(log_variance(series))
        first = 0.0 if series is None else float(seen(series)[0])
        learner = DeltaRule(initial_mean=first, precision=1 / v, negative_learning_rate=below)
    graph = Graph().add(**{f"u_{arm}": learner for arm in range(arms)})
    tied = {
        name.replace("u.", "arms."): [name.replace("u.", f"u_{arm}.") for arm in range(arms)]
        for name in rates
    }
    usual = {name.replace("u.", "arms."): prior for name, prior in rates.items()}
    return choosing_agent(graph, arms, series, response, (lapse, perseveration), usual, free, tied)


def choosing_agent(
    graph: Graph,
    arms: int,
    series: Any,
    response: Response | EllipsisType,
    habits: tuple[bool, bool],
    usual: Priors,
    free: Priors | None,
    tied: Mapping[str, Sequence[str]],
) -> Agent:
    """An agent with an input per arm, who chooses by a softmax of what they promise unless it is told."""
    if isinstance(response, EllipsisType):
        response = Softmax(options=tuple(f"u_{arm}.predicted_mean" for arm in range(arms)))
        temperature = LogNormal(1.0 - 0.5 * log_variance(series), 1.0)
        usual = {**usual, "inverse_temperature": temperature}
    return usual_agent(graph, add_habits(response, *habits), usual, free, tied)


def check_units(rewards: str, series: Any) -> None:
    """Rewards are of a kind, and only continuous ones have units.

    Raises
    ------
    ParameterError
        They are not.
    """
    if rewards not in ("binary", "continuous"):
        raise ParameterError(f"rewards must be 'binary' or 'continuous', not {rewards!r}.")
    if rewards == "binary" and series is not None:
        raise ParameterError(
            "series= gives the units of rewards that are continuous, but these are binary, 0 or 1. Say "
            "rewards='continuous', or leave series= out."
        )


def begin_arms(rewards: str, levels: int) -> dict[str, Any]:
    """Initial precisions of :func:`pynodes.models.bandit_hgf`, of rewards without units."""
    lowest = [PRECISION, *[1.0] * (levels - 2)] if rewards == "binary" else [1.0] * levels
    return {"initial_precision": lowest}


def in_units(series: Any, levels: int) -> dict[str, Any]:
    """Parameters of :func:`pynodes.models.bandit_hgf` in the units of some rewards."""
    scale = scaled_to(series)
    return {
        "reward_precision": scale["input_precision"],
        "initial_mean": [scale["initial_mean"][0], *[1.0] * (levels - 1)],
        "initial_precision": [scale["input_precision"], *[1.0] * (levels - 1)],
    }


def dual_rescorla_wagner(
    *,
    response: Response = EITHER,
    lapse: bool = False,
    perseveration: bool = False,
    free: Priors | None = None,
) -> Agent:
    """A Rescorla-Wagner learner of two options, with counterfactual learning.

    Free are the learning rate, ``LogitNormal(-1, 1)``, the share of it for the other option, ``LogitNormal(0,
    1)``, and the inverse temperature. What was chosen is an input too, ``"u.choice"``.

    Parameters
    ----------
    response, lapse, perseveration, free
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
    response = add_habits(response, lapse, perseveration)
    return usual_agent(Graph().add(u=DualRescorlaWagner()), response, usual, free)
