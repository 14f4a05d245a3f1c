"""Agents who choose between two outcomes: what they expect, and how strictly they go by it."""

from __future__ import annotations

from typing import Any

from pynodes._graph.graph import Graph
from pynodes.agents._usual import (
    PRECISION,
    WITHOUT_FAILURES,
    Priors,
    Response,
    add_habits,
    find_precision_prior,
    learning_rates,
    usual_agent,
)
from pynodes.fit import Agent, LogitNormal, LogNormal, Normal
from pynodes.models import binary_hgf as graph_of
from pynodes.nodes import PearceHall, RescorlaWagner, SuttonK1
from pynodes.responses import UnitSquareSigmoid

USUAL = UnitSquareSigmoid()
"""Betting on an outcome by the odds that were predicted of it."""


def binary_hgf(
    levels: int = 3,
    *,
    response: Response = USUAL,
    lapse: bool = False,
    perseveration: bool = False,
    initial_precision: Any = None,
    free: Priors | None = None,
    **settings: Any,
) -> Agent:
    """A binary hierarchical Gaussian filter that chooses by its predicted probability.

    Free are the tonic volatilities of all states, ``Normal(-4, 1.5)`` of ``x2``, ``Normal(-7, 1.5)`` of
    ``x3`` and so on, and the inverse temperature, ``LogNormal(1, 1)``.

    Parameters
    ----------
    levels
        Number of levels, the input included.
    response
        What it does; None for one that only watches.
    lapse, perseveration
        Whether a share of choices is made blindly, ``lapse_rate`` with ``LogitNormal(-3, 1)``; and whether
        what was chosen last is chosen more or less often, ``perseveration`` with ``Normal(0, 1)``, for which
        ``Trials(covariates=)`` names the column of the previous choice, ``"previous_choice"``.
    initial_precision
        Of the states, one for all or one each, lowest first; by default 3 of ``x2`` and 1 above, a start that
        decides no comparison, where 1 or the 10 of TAPAS can: it says how fast first trials are learned from.
        ``"free"`` frees that of ``x2``, with ``LogNormal(log(3), 1)``.
    free
        Priors before the usual ones, by name, or :class:`~pynodes.fit.Fixed` values.
    settings
        Further arguments of :func:`pynodes.models.binary_hgf`; from four levels on the expansion is Unbounded
        unless they name one.

    Raises
    ------
    ParameterError, GraphError
        As of the agent and the graph.

    TAPAS has means of -3 and -6 with standard deviations of 4 for ``hgf_binary``, of -3 and 2 with 2 for
    ``ehgf_binary``. Then every fourth subject or more has beliefs that run away (docs/agents.md). Its inverse
    temperature is LogNormal(3.87, 1): hardly an error in a hundred trials.
    """
    usual: dict[str, Any] = {
        f"x{level}.tonic_volatility": Normal(-4.0 - 3.0 * (level - 2), 1.5)
        for level in range(2, levels + 1)
    }
    prior = find_precision_prior(initial_precision)
    usual |= {} if prior is None else {"x2.initial_precision": prior}
    usual_start = [PRECISION, *[1.0] * (levels - 2)]
    begun: dict[str, Any] = {
        "initial_precision": usual_start
        if initial_precision is None or prior
        else initial_precision
    }
    if levels > 3:
        begun["expansion"] = WITHOUT_FAILURES
    graph = graph_of(levels, **begun | settings)
    return usual_agent(graph, add_habits(response, lapse, perseveration), usual, free)


def rescorla_wagner(
    *,
    separate_rates: bool = False,
    response: Response = USUAL,
    lapse: bool = False,
    perseveration: bool = False,
    free: Priors | None = None,
) -> Agent:
    """A Rescorla-Wagner learner that chooses by its predicted probability.

    Free are the learning rate, ``LogitNormal(-1, 1)`` (in TAPAS around 0, a rate of one half), and the
    inverse temperature.

    Parameters
    ----------
    separate_rates
        Whether errors below zero have a learning rate of their own, ``u.negative_learning_rate``, with the
        same prior.
    response, lapse, perseveration, free
        As for :func:`binary_hgf`.

    Raises
    ------
    ParameterError
        As of the agent.
    """
    learner = RescorlaWagner(
        initial_mean=0.5, negative_learning_rate=0.1 if separate_rates else None
    )
    response = add_habits(response, lapse, perseveration)
    return usual_agent(Graph().add(u=learner), response, learning_rates(separate_rates), free)


def pearce_hall(
    *,
    response: Response = USUAL,
    lapse: bool = False,
    perseveration: bool = False,
    free: Priors | None = None,
) -> Agent:
    """A Pearce-Hall learner that chooses by its predicted probability.

    Free are the salience, ``LogitNormal(0, 1)``, the initial associability, ``LogitNormal(0, 1)`` as in
    TAPAS, and the inverse temperature. A salience above one, which TAPAS allows, can take an expectation
    beyond zero and one and let it run away.

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
        "u.salience": LogitNormal(0.0, 1.0),
        "u.initial_associability": LogitNormal(0.0, 1.0),
    }
    response = add_habits(response, lapse, perseveration)
    return usual_agent(Graph().add(u=PearceHall()), response, usual, free)


def sutton_k1(
    *,
    response: Response = USUAL,
    lapse: bool = False,
    perseveration: bool = False,
    free: Priors | None = None,
) -> Agent:
    """A Sutton K1 learner, with an adaptive learning rate, that chooses by its predicted probability.

    Free are the meta-rate, ``LogNormal(0, 1)`` (a standard deviation of 10 in TAPAS), the initial learning
    rate, ``LogitNormal(-1, 1)``, and the inverse temperature.

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
        "u.meta_rate": LogNormal(0.0, 1.0),
        "u.initial_learning_rate": LogitNormal(-1.0, 1.0),
    }
    graph = Graph().add(u=SuttonK1(initial_learning_rate=0.25))
    return usual_agent(graph, add_habits(response, lapse, perseveration), usual, free)
