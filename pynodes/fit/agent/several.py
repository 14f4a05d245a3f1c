"""Several agents of the same trials, each of which may know other covariates of them."""

from __future__ import annotations

from collections.abc import Mapping

from pynodes._errors import DataError, ParameterError, nearest, quote
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.arrays import covariates_of
from pynodes.fit.data.roles import ONLY
from pynodes.fit.data.trials import Trials, check_trials


def select_covariates(agents: Mapping[str, Agent], trials: Trials) -> dict[str, Trials]:
    """The trials as every agent takes them: with those of their covariates that it has.

    Raises
    ------
    ParameterError
        Something that is no agent.
    DataError
        A covariate that no agent has.
    """
    check_trials(trials)
    for name, agent in agents.items():
        if not isinstance(agent, Agent):
            raise ParameterError(f"Give agents by name; {name!r} is {agent!r}.")
    wanted = {name: covariates_of(agent) for name, agent in agents.items()}
    known = set().union(*wanted.values())
    strange = [name for name in trials.roles.covariates if name not in {*known, ONLY}]
    if strange:
        hint = nearest(strange[0], known) if known else "They take none."
        raise DataError(f"None of {quote(agents)} has a covariate {strange[0]!r}. {hint}")
    return {name: trials.for_covariates(own) for name, own in wanted.items()}
