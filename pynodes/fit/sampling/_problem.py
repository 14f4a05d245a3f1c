"""Problem: whose parameters are sought, given what, and as which density."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._errors import FormulaError, ParameterError, listed, nearest
from pynodes.fit.agent._binding import bound
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.fit.group._populated import Populated, check_covariance, populated
from pynodes.fit.sampling._target import AbstractPosterior, Hierarchy, OneUnit

WAYS = {"centred": True, "noncentred": False}
"""What a parameterisation may be called, and whether positions are coordinates then."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """An agent and data, as a density to be sampled from.

    Attributes
    ----------
    agent, trials
        The agent, and what was seen and done.
    sequences
        The same as arrays.
    group
        The population of several units; None of one, which has the agent's own priors.
    centred
        Which parameters are to be centred, as far as it was said.
    settings
        What was said, in plain values.
    """

    agent: Agent
    trials: Trials
    sequences: Sequences
    group: Populated | None
    centred: dict[str, bool]
    settings: dict[str, Any]

    def target(self, centred: Mapping[str, bool]) -> AbstractPosterior:
        """The density, given which parameters are centred."""
        model = self.agent.model
        if self.group is None:
            return OneUnit(model=model, sequences=self.sequences)
        population = self.group.population.recentred(dict(centred))
        numbers = jax.tree.map(jnp.asarray, population)
        return Hierarchy(model=model, sequences=self.sequences, population=numbers)


def posed(
    agent: Agent,
    trials: Trials,
    formulas: Mapping[str, str] | None = None,
    covariance: str = "diagonal",
    parameterisation: str | Mapping[str, str] = "auto",
) -> Problem:
    """The problem of one unit, or of several in a population.

    Raises
    ------
    DataError
        Trials that do not fit the agent.
    FormulaError
        Formulas that cannot be read, do not go with the data, or are of a single unit.
    ParameterError
        An agent without free values; a formula or a parameterisation of something else.
    """
    if not isinstance(agent, Agent):
        raise ParameterError(f"Give an agent, not {agent!r}.")
    if not agent.names:
        raise ParameterError(
            "The agent has no free values: there is nothing to sample. Name some in free=."
        )
    check_trials(trials)
    check_covariance(covariance)
    alone = len(trials.subjects) == 1
    if alone and formulas:
        raise FormulaError(
            "The trials are of one subject, whose parameters depend on no one else's: leave formulas out."
        )
    group = None if alone else populated(agent, trials, formulas, covariance=covariance)
    settings = {} if group is None else {"formulas": group.formulas, "covariance": covariance}
    return Problem(
        agent=agent,
        trials=trials,
        sequences=jax.tree.map(jnp.asarray, bound(agent.model, trials)),
        group=group,
        centred=chosen(agent, parameterisation),
        settings=settings | {"parameterisation": plain(parameterisation)},
    )


def chosen(agent: Agent, parameterisation: str | Mapping[str, str]) -> dict[str, bool]:
    """Which parameters are to be centred, as far as it is said.

    Raises
    ------
    ParameterError
        A name of no free value, or a word of no parameterisation.
    """
    if isinstance(parameterisation, str):
        parameterisation = dict.fromkeys(agent.names, parameterisation)
    for name, way in parameterisation.items():
        if name not in agent.names:
            raise ParameterError(
                f"parameterisation names {name!r}, which is no free value. {nearest(name, agent.names)}"
            )
        if way not in (*WAYS, "auto"):
            raise ParameterError(
                f"parameterisation must be {listed((*WAYS, 'auto'))}, not {way!r}."
            )
    return {name: WAYS[way] for name, way in parameterisation.items() if way != "auto"}


def plain(parameterisation: str | Mapping[str, str]) -> str | dict[str, str]:
    """A parameterisation as a plain value."""
    return parameterisation if isinstance(parameterisation, str) else dict(parameterisation)
