"""Usual priors: what is supposed of a parameter unless a user says otherwise."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pynodes._errors import ParameterError, quote
from pynodes._graph.graph import Graph
from pynodes._inference.priors import AbstractPrior
from pynodes.fit import Agent, Fixed, LogitNormal, LogNormal, Normal
from pynodes.responses import (
    AbstractResponse,
    JointResponse,
    LogReactionTime,
    MinimalLogReactionTime,
    Softmax,
    TransitionLogReactionTime,
    UnitSquareSigmoid,
)
from pynodes.responses.log_reaction_time import USUAL_TIME

Priors = Mapping[str, AbstractPrior | Fixed]
"""A prior, or a fixed value, by the name of its parameter."""

Response = AbstractResponse | JointResponse | Mapping[str, AbstractResponse] | None
"""What an agent does: one response, several by stream, or nothing."""

WITHOUT_FAILURES = "unbounded"
"""The expansion of agents in whose priors Enhanced fails.

6 % of the draws of jget lose a precision, 5 % of those of four binary levels do in single precision; the
beliefs of 45 % of those of three continuous levels run away.
"""

TEMPERATURE = LogNormal(1.0, 1.0)
"""Inverse temperatures: nine tenths between 0.5 and 14."""

TEMPERATURES: dict[str, AbstractPrior] = {
    "inverse_temperature": TEMPERATURE,
    "inverse_temperature_zero": TEMPERATURE,
    "inverse_temperature_one": TEMPERATURE,
    "lapse_rate": LogitNormal(-3.0, 1.0),
    "perseveration": Normal(0.0, 1.0),
    "prior_weight": LogNormal(0.0, 1.0),
    "win_bias": Normal(0.0, 0.5),
    "loss_bias": Normal(0.0, 0.5),
}
"""Of responses that are choices, by the names of their parameters."""

LOG_TIMES: dict[str, AbstractPrior] = {
    "intercept": Normal(USUAL_TIME, 1.0),
    "surprise": Normal(0.0, 1.0),
    "outcome_uncertainty": Normal(0.0, 1.0),
    "informational_uncertainty": Normal(0.0, 1.0),
    "environmental_uncertainty": Normal(0.0, 1.0),
    "variance": LogNormal(-2.0, 1.0),
}
"""Of log reaction times, of milliseconds; TAPAS has standard deviations of 2."""

TIMED = (LogReactionTime, MinimalLogReactionTime, TransitionLogReactionTime)

PRECISION = 3.0
"""Initial precision of what is learned about an outcome: the median of its prior where it is free.

It decides no comparison: with it the right one of two models wins where people begin with 0.3, 3 or 30, as
where it is free; with 1 a learner without volatility wins against people who begin with 30 (docs/agents.md).
"""

RATE = LogitNormal(-1.0, 1.0)
"""Learning rates: nine tenths between 0.07 and 0.66."""


def find_precision_prior(wanted: Any, unit: float = 1.0) -> AbstractPrior | None:
    """The prior of an initial precision that is to be free; None where it is a number, or not given.

    Its median lies between the values that are fixed most often, 1 and 10; nine tenths reach from a fifth to
    five times of that.

    Parameters
    ----------
    wanted
        ``"free"``, or numbers.
    unit
        What a precision is counted in.

    Raises
    ------
    ParameterError
        Another word.
    """
    if not isinstance(wanted, str):
        return None
    if wanted != "free":
        raise ParameterError(f"initial_precision must be 'free', or numbers, not {wanted!r}.")
    return LogNormal(math.log(PRECISION * unit), 1.0)


def learning_rates(separate: bool) -> dict[str, AbstractPrior]:
    """Priors of the learning rate of a learner ``u``, and of that for errors below zero if it is another."""
    names = ("learning_rate", "negative_learning_rate") if separate else ("learning_rate",)
    return {f"u.{name}": RATE for name in names}


def add_habits(response: Response, lapse: bool, perseveration: bool) -> Response:
    """A response, or all streams that are choices, with lapses and perseveration where they are asked for.

    Raises
    ------
    ParameterError
        No stream is a choice that has them.
    """
    wanted: dict[str, Any] = {"lapse_rate": 0.05} if lapse else {}
    wanted |= {"perseveration": 0.0} if perseveration else {}
    if not wanted:
        return response
    joint: Any = JointResponse.of(**response) if isinstance(response, Mapping) else response
    if isinstance(joint, JointResponse):
        kinds = {name: has_habits(part) for name, part in joint.streams.items()}
        streams = {
            name: dataclasses.replace(part, **wanted) if kinds[name] else part
            for name, part in joint.streams.items()
        }
        if any(kinds.values()):
            return JointResponse.of(**streams)
    elif has_habits(joint):
        return dataclasses.replace(joint, **wanted)
    raise ParameterError(
        f"{' and '.join(wanted)} belong to choices by a Softmax or a UnitSquareSigmoid, not to {response!r}. "
        "Leave lapse= and perseveration= out, or write them into a response of your own."
    )


def has_habits(response: Any) -> bool:
    """Whether a response can lapse and persevere."""
    return isinstance(response, Softmax | UnitSquareSigmoid)


def usual_agent(
    graph: Graph,
    response: Response,
    usual: Priors,
    free: Priors | None,
    tied: Mapping[str, Sequence[str]] | None = None,
) -> Agent:
    """An agent with the usual priors of its network and its responses, and a user's own instead of them.

    Raises
    ------
    ParameterError
        As of :class:`~pynodes.fit.Agent`; or a response of which nothing usual is known and nothing was said.
    """
    given = dict(free or {})
    priors = {**usual, **of_responses(response, {**usual, **given}), **usual, **given}
    kept = {name: targets for name, targets in (tied or {}).items() if name in priors}
    return Agent(graph, response, free=priors, tied=kept)


def of_responses(response: Response, given: Priors) -> dict[str, AbstractPrior]:
    """Usual priors of the parameters of all streams of a response.

    Raises
    ------
    ParameterError
        A stream with parameters of which none has a usual prior, nor one that was given.
    """
    if response is None:
        return {}
    joint = JointResponse.of(**response) if isinstance(response, Mapping) else response
    streams = joint.streams if isinstance(joint, JointResponse) else {"": joint}
    found: dict[str, AbstractPrior] = {}
    for stream, part in streams.items():
        known = LOG_TIMES if isinstance(part, TIMED) else TEMPERATURES
        names = {own: f"{stream}.{own}" if stream else own for own in part.parameters()}
        own = {names[name]: prior for name, prior in known.items() if name in names}
        if names and not own and not set(names.values()) & set(given):
            raise ParameterError(
                f"Nothing usual is known of the parameters of {part!r}, which are in units of the data. Give "
                f"a prior, or Fixed(value), of one at least in free=: {quote(names.values())}."
            )
        found |= own
    return found
