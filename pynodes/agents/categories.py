"""Agents who learn which of several outcomes comes, or what follows what."""

from __future__ import annotations

from typing import Any

from pynodes.agents._usual import (
    PRECISION,
    Priors,
    Response,
    add_habits,
    find_precision_prior,
    usual_agent,
)
from pynodes.fit import Agent, Normal
from pynodes.models import categorical_hgf as categories
from pynodes.models import transition_hgf as transitions
from pynodes.responses import Softmax

BETTING = Softmax(options="u.predicted_mean")
"""Betting on an outcome by the probabilities that were predicted."""

LOGITS = "logits.tonic_volatility"
"""The free value that the tonic volatilities of all logits share."""

BEGUN = "logits.initial_precision"
"""The free value that their initial precisions share, where it is free."""


def categorical_hgf(
    outcomes: int = 3,
    levels: int = 3,
    *,
    response: Response = BETTING,
    lapse: bool = False,
    perseveration: bool = False,
    initial_precision: Any = None,
    free: Priors | None = None,
    **settings: Any,
) -> Agent:
    """A categorical hierarchical Gaussian filter that chooses by its predicted probabilities.

    Free are the tonic volatility that all logits share, ``"logits.tonic_volatility"``, ``Normal(-5, 1.5)``;
    those of the states above, ``Normal(-8, 1.5)``; and the inverse temperature, ``LogNormal(1, 1)``.

    Parameters
    ----------
    outcomes, levels
        Numbers of outcomes and of levels.
    response, lapse, perseveration, free
        As for :func:`binary_hgf`.
    initial_precision
        Of the states, one for all or one per level; by default 3, and 10 above. ``"free"`` is as for
        :func:`binary_hgf`, shared by all logits, ``"logits.initial_precision"``.
    settings
        Further arguments of :func:`pynodes.models.categorical_hgf`.

    Raises
    ------
    ParameterError, GraphError
        As of the agent and the graph.
    """
    tied = {
        LOGITS: [f"x2_{code}.tonic_volatility" for code in range(outcomes)],
        BEGUN: [f"x2_{code}.initial_precision" for code in range(outcomes)],
    }
    prior = find_precision_prior(initial_precision)
    usual_start = [PRECISION, *[10.0] * (levels - 2)]
    precision = usual_start if initial_precision is None or prior else initial_precision
    graph = categories(outcomes, levels, initial_precision=precision, **settings)
    response = add_habits(response, lapse, perseveration)
    usual = make_volatility_priors(-5.0, levels) | ({} if prior is None else {BEGUN: prior})
    return usual_agent(graph, response, usual, free, tied)


def transition_hgf(
    states: int = 4, levels: int = 3, *, free: Priors | None = None, **settings: Any
) -> Agent:
    """A transition HGF that learns transition probabilities; without responses.

    It is fitted to what is seen alone. Free are the tonic volatility that all logits share,
    ``"logits.tonic_volatility"``, ``Normal(-6, 1.5)``, and those of the states above, ``Normal(-9, 1.5)``
    and so on. For what is done meanwhile, such as reaction times, make an :class:`~pynodes.fit.Agent` of
    the same graph.

    Parameters
    ----------
    states, levels
        Numbers of states of the world and of levels.
    free
        As for :func:`binary_hgf`.
    settings
        Further arguments of :func:`pynodes.models.transition_hgf`.

    Raises
    ------
    ParameterError, GraphError
        As of the agent and the graph.
    """
    pairs = [(one, other) for one in range(states) for other in range(states)]
    tied = {LOGITS: [f"x2_{one}_{other}.tonic_volatility" for one, other in pairs]}
    graph = transitions(states, levels, **settings)
    return usual_agent(graph, None, make_volatility_priors(-6.0, levels), free, tied)


def make_volatility_priors(mean: float, levels: int) -> dict[str, Any]:
    """Priors of the tonic volatility of all logits, and of those of the states above."""
    above = {
        f"x{level}.tonic_volatility": Normal(mean - 3.0 * (level - 2), 1.5)
        for level in range(3, levels + 1)
    }
    return {LOGITS: Normal(mean, 1.5), **above}
