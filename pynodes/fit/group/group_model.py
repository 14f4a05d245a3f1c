"""Group model: the population of the subjects of some trials, with formulas and names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from pynodes._errors import FormulaError, ParameterError, nearest, quote
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.group.design import intercept_only
from pynodes.fit.group.formula import Parsed, read_formula
from pynodes.fit.group.population import Population

COVARIANCES = ("diagonal", "full")
"""Whether parameters scatter independently, or are correlated."""


@dataclasses.dataclass(frozen=True)
class GroupModel:
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
        Every formula as it was parsed, by parameter.
    """

    population: Population
    levels: dict[str, tuple[str, ...]]
    formulas: dict[str, str]
    parts: dict[str, Parsed]

    @property
    def covariance(self) -> str:
        """``"full"`` where parameters are correlated, else ``"diagonal"``."""
        return "full" if self.population.correlated else "diagonal"


def make_group_model(
    agent: Agent,
    trials: Trials,
    formulas: Mapping[str, str] | None = None,
    *,
    covariance: str = "diagonal",
) -> GroupModel:
    """The population of the subjects of some trials, all parameters centred.

    Priors of it come from the agent's, in unconstrained space: intercepts have the priors' means and standard
    deviations; slopes differ from zero by such a standard deviation for a step between groups or a standard
    deviation of their column; and the population's standard deviations are half normal with it.

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
        for split in agent.model.splits:
            if name == split.name:
                raise ParameterError(
                    f"{name!r} differs by {split.column!r}. Give a formula for each level: "
                    f"{quote(split.free)}."
                )
        if name not in agent.names:
            raise ParameterError(
                f"formulas has {name!r}, which is not a free value. {nearest(name, agent.names)}"
            )
    check_covariance(covariance)
    whole = {name: given.get(name, "1") for name in agent.names}
    found: dict[str, Parsed] = {}
    for name, prior in agent.priors.items():
        mean, sd = float(prior.unconstrained_mean), float(prior.unconstrained_sd)
        if whole[name] == "1":
            design = intercept_only(len(trials.subjects), mean, sd)
            found[name] = Parsed(design=design)
        else:
            found[name] = read_formula(trials, name, whole[name], mean, sd)
    population = Population(
        parameters=agent.names,
        correlated=covariance == "full" and len(agent.names) > 1,
        centred=(True,) * len(agent.names),
        prior_sds=np.array([float(prior.unconstrained_sd) for prior in agent.priors.values()]),
        designs=tuple(one.design for one in found.values()),
    )
    levels = {
        f"{name}:{factor}": labels
        for name, one in found.items()
        for factor, labels in one.levels.items()
    }
    return GroupModel(population=population, levels=levels, formulas=whole, parts=found)


def check_covariance(covariance: object) -> None:
    """A kind of covariance of what designs leave of the parameters.

    Raises
    ------
    ParameterError
        Something else.
    """
    if covariance not in COVARIANCES:
        raise ParameterError(f"covariance must be {quote(COVARIANCES)}, not {covariance!r}.")
