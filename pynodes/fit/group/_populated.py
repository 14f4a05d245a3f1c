"""Populations for agents: of the units of some trials, with formulas."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from pynodes._errors import FormulaError, ParameterError, listed, nearest
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.group._design import intercept_alone
from pynodes.fit.group._formula import Parsed, read_formula
from pynodes.fit.group._population import Population

KINDS = ("diagonal", "full")
"""How the scatter of several parameters may go together."""


@dataclasses.dataclass(frozen=True)
class Populated:
    """A population and names of what it holds.

    Attributes
    ----------
    population
        The arrays.
    levels
        Names of the levels of every factor of grouped effects, by the effects' name.
    formulas
        The formula of every parameter.
    parts
        What every formula was made into.
    """

    population: Population
    levels: dict[str, tuple[str, ...]]
    formulas: dict[str, str]
    parts: dict[str, Parsed]


def populated(
    agent: Agent,
    trials: Trials,
    formulas: Mapping[str, str] | None = None,
    *,
    covariance: str = "diagonal",
) -> Populated:
    """The population of the units of some trials, all parameters centred.

    Priors of it come from the agent's: those of intercepts are the priors' centres and spreads, slopes
    differ from zero by a spread for a step between groups or a standard deviation of their column, and
    deviations are half normal with the spread.

    Raises
    ------
    FormulaError
        A formula that cannot be read or does not go with the data.
    ParameterError
        A formula of something that is not free, or an unknown covariance.
    """
    if formulas is not None and not isinstance(formulas, Mapping):
        raise FormulaError(
            f"Give formulas by parameter, as in {{'x2.tonic_volatility': 'group'}}, not {formulas!r}."
        )
    given = dict(formulas or {})
    for name in given:
        if name not in agent.names:
            raise ParameterError(
                f"formulas has {name!r}, which is not a free value. {nearest(name, agent.names)}"
            )
    check_covariance(covariance)
    whole = {name: given.get(name, "1") for name in agent.names}
    found: dict[str, Parsed] = {}
    for name, prior in agent.priors.items():
        centre, spread = float(prior.centre), float(prior.spread)
        if whole[name] == "1":
            design = intercept_alone(len(trials.subjects), centre, spread)
            found[name] = Parsed(design=design)
        else:
            found[name] = read_formula(trials, name, whole[name], centre, spread)
    population = Population(
        parameters=agent.names,
        correlated=covariance == "full" and len(agent.names) > 1,
        centred=(True,) * len(agent.names),
        spreads=np.array([float(prior.spread) for prior in agent.priors.values()]),
        designs=tuple(one.design for one in found.values()),
    )
    levels = {
        f"{name}:{factor}": labels
        for name, one in found.items()
        for factor, labels in one.levels.items()
    }
    return Populated(population=population, levels=levels, formulas=whole, parts=found)


def check_covariance(covariance: object) -> None:
    """A kind of covariance of what designs leave of the parameters.

    Raises
    ------
    ParameterError
        Something else.
    """
    if covariance not in KINDS:
        raise ParameterError(f"covariance must be {listed(KINDS)}, not {covariance!r}.")
