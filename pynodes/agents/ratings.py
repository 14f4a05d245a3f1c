"""Agents who say what quantity they expect, or what they saw: their priors are in the units of the data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pynodes._graph.graph import Graph
from pynodes.agents._usual import (
    WITHOUT_FAILURES,
    Priors,
    Response,
    find_precision_prior,
    learning_rates,
    usual_agent,
)
from pynodes.fit import Agent, LogNormal, Normal
from pynodes.models import continuous_hgf as continuous
from pynodes.models import jget as jumping
from pynodes.models import scaled_to
from pynodes.nodes import DeltaRule, KalmanFilter
from pynodes.responses import GaussianResponse

FROM_STATE = GaussianResponse(belief="x1.predicted_mean")
"""Saying what the lowest state was predicted to be."""

FROM_LEARNER = GaussianResponse(belief="u.predicted_mean")
"""Saying what a learner expects."""


def continuous_hgf(
    levels: int = 2,
    *,
    series: Any = None,
    response: Response = FROM_STATE,
    initial_precision: Any = None,
    free: Priors | None = None,
    **settings: Any,
) -> Agent:
    """A continuous hierarchical Gaussian filter that reports its predictions.

    With v the variance of the first twenty values of the series (1 without one), free are the tonic
    volatilities, ``Normal(log v - 3, 1.5)`` of ``x1`` and ``Normal(-5, 1.5)`` above; the precision of the
    input, ``LogNormal(-log v, 1)``; and the variance of what is said, ``LogNormal(log v, 2)``.

    Parameters
    ----------
    levels
        Number of states.
    series
        Observations, whose first value and variance place priors and initial beliefs; by default they are
        taken to begin around 0 with variance 1.
    response, free
        As for :func:`binary_hgf`.
    initial_precision
        Of the states, one for all or one each, lowest first; by default 1 / v of ``x1`` and 10 above, or 1 of
        all without a series. ``"free"`` frees that of ``x1``, with ``LogNormal(log(3 / v), 1)``.
    settings
        Further arguments of :func:`pynodes.models.continuous_hgf`; from three levels on, the expansion is
        Unbounded unless they name one.

    Raises
    ------
    ParameterError, GraphError
        As of the agent and the graph.

    TAPAS (``hgf``) has ``Normal(log v, 4)``, ``Normal(-4, 4)`` and ``LogNormal(-log v, 2)``.
    """
    placed: dict[str, Any] = {"levels": levels} if series is None else scaled_to(series, levels)
    if levels > 2:
        placed["expansion"] = WITHOUT_FAILURES
    usual = {"x1.tonic_volatility": Normal(log_variance(series) - 3.0, 1.5)}
    usual |= {f"x{n}.tonic_volatility": Normal(-5.0, 1.5) for n in range(2, levels + 1)}
    begun, prior = begin_with(initial_precision, series, "x1")
    return usual_agent(
        continuous(**placed | begun | settings),
        response,
        usual
        | prior
        | {"u.precision": LogNormal(-log_variance(series), 1.0)}
        | make_variance_prior(series, response),
        free,
    )


def kalman_filter(
    *,
    series: Any = None,
    response: Response = FROM_LEARNER,
    initial_precision: Any = None,
    free: Priors | None = None,
) -> Agent:
    """A Kalman filter that reports its predictions.

    With v as for :func:`continuous_hgf`, free are the tonic volatility, ``Normal(log v - 3, 1.5)``, the
    precision of an observation, ``LogNormal(-log v, 1)``, and the variance of what is said,
    ``LogNormal(log v, 2)``.

    Parameters
    ----------
    series, response, free
        As for :func:`continuous_hgf`.
    initial_precision
        A number, by default 1 / v, or ``"free"``, as for :func:`continuous_hgf`.

    Raises
    ------
    ParameterError
        As of the agent.
    """
    v = math.exp(log_variance(series))
    first = 0.0 if series is None else float(seen(series)[0])
    begun, prior = begin_with(initial_precision, series, "u")
    precision = begun.get("initial_precision", 1 / v)
    learner = KalmanFilter(precision=1 / v, initial_mean=first, initial_precision=precision)
    usual = {
        "u.tonic_volatility": Normal(log_variance(series) - 3.0, 1.5),
        "u.precision": LogNormal(-log_variance(series), 1.0),
    }
    return usual_agent(
        Graph().add(u=learner),
        response,
        usual | prior | make_variance_prior(series, response),
        free,
    )


def delta_rule(
    *,
    series: Any = None,
    separate_rates: bool = False,
    response: Response = FROM_LEARNER,
    free: Priors | None = None,
) -> Agent:
    """A learner of a quantity with a constant learning rate, which reports its predictions.

    Free are the learning rate, ``LogitNormal(-1, 1)``, and the variance of what is said,
    ``LogNormal(log v, 2)``, with v as for :func:`continuous_hgf`; without a response also the precision of
    an observation, ``LogNormal(-log v, 1)``.

    Parameters
    ----------
    series
        As for :func:`continuous_hgf`.
    separate_rates
        Whether errors below zero have a learning rate of their own, with the same prior.
    response, free
        As for :func:`continuous_hgf`.

    Raises
    ------
    ParameterError
        As of the agent.
    """
    first = 0.0 if series is None else float(seen(series)[0])
    learner = DeltaRule(
        initial_mean=first,
        precision=math.exp(-log_variance(series)),
        negative_learning_rate=0.1 if separate_rates else None,
    )
    usual: Priors = learning_rates(separate_rates) | make_variance_prior(series, response)
    if response is None:
        usual |= {"u.precision": LogNormal(-log_variance(series), 1.0)}
    return usual_agent(Graph().add(u=learner), response, usual, free)


def jget(
    levels: int = 2,
    *,
    series: Any = None,
    response: Response = FROM_STATE,
    initial_precision: Any = None,
    free: Priors | None = None,
    **settings: Any,
) -> Agent:
    """A jget model, which learns a quantity and its noise, and reports its predictions.

    With v as for :func:`continuous_hgf`, free are the tonic volatilities, ``Normal(log v - 3, 1.5)`` of
    ``x1`` and ``Normal(-5, 1.5)`` of all other states, and the variance of what is said,
    ``LogNormal(log v, 2)``.

    Parameters
    ----------
    levels
        Number of states in each hierarchy.
    series, response, free
        As for :func:`continuous_hgf`.
    initial_precision
        Of the states of the mean, by default 1 / v of ``x1`` and 1 above, or ``"free"``, as for
        :func:`continuous_hgf`.
    settings
        Further arguments of :func:`pynodes.models.jget`; the expansion is Unbounded unless they name one.

    Raises
    ------
    ParameterError, GraphError
        As of the agent and the graph.
    """
    place = log_variance(series)
    first = 0.0 if series is None else float(seen(series)[0])
    usual = {
        f"{chain}{n}.tonic_volatility": Normal(place - 3.0 if chain + str(n) == "x1" else -5.0, 1.5)
        for chain in "xa"
        for n in range(1, levels + 1)
    }
    higher = [0.0] * (levels - 1)
    placed: dict[str, Any] = {
        "initial_mean": [first, *higher],
        "initial_precision": [math.exp(-place), *(1.0 for _ in higher)],
        "noise_initial_mean": [place, *higher],
    }
    begun, prior = begin_with(initial_precision, series, "x1")
    graph = jumping(levels, **placed | begun | settings)
    return usual_agent(graph, response, usual | prior | make_variance_prior(series, response), free)


def begin_with(wanted: Any, series: Any, name: str) -> tuple[dict[str, Any], dict[str, LogNormal]]:
    """The initial precision that was asked for: as a setting, or as the prior of the node of that name."""
    prior: Any = find_precision_prior(wanted, math.exp(-log_variance(series)))
    if prior is not None:
        return {}, {f"{name}.initial_precision": prior}
    return ({} if wanted is None else {"initial_precision": wanted}), {}


def make_variance_prior(series: Any, response: Response) -> dict[str, LogNormal]:
    """The prior of the variance of what a number that is said has, if one number is said."""
    if not isinstance(response, GaussianResponse):
        return {}
    return {"variance": LogNormal(log_variance(series), 2.0)}


def log_variance(series: Any) -> float:
    """Log variance of the first twenty values that are there; zero without a series."""
    return 0.0 if series is None else -math.log(scaled_to(series)["input_precision"])


def seen(series: Any) -> np.ndarray:
    """The values that are there."""
    values = np.asarray(series, dtype=float)
    return values[np.isfinite(values)]
