"""fit_em: a population and its units from data, in seconds."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from pynodes._boundary import boundary
from pynodes._errors import DataError, InputError, ParameterError
from pynodes._progress import Progress
from pynodes._runtime.series import positive
from pynodes.fit._seeds import seeded
from pynodes.fit.agent._binding import bound
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.fit.group._em import found_population
from pynodes.fit.group._populated import populated
from pynodes.fit.group.group_fit import GroupFit

TOLERANCE = 1e-4
"""A fit has converged when a turn moves nothing by more, in deviations; single precision allows for less."""


@boundary
def fit_em(
    agent: Agent,
    trials: Trials,
    *,
    formulas: Mapping[str, str] | None = None,
    covariance: str = "diagonal",
    iterations: int = 50,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    progress: bool | None = None,
) -> GroupFit:
    """How parameters are distributed in a group, and those of its members in that light: empirical Bayes.

    Positions of units, on the lines of the priors, are normal around what the formulas say of them. By turns
    the most probable position of every unit is found, and from these and their uncertainty the population
    (Laplace-EM). What is maximised, and what is integrated, is in docs/theory/groups.md.

    Parameters
    ----------
    agent
        The agent. Its priors become those of the population: centre and spread of an intercept, spread of a
        step between groups or of a standard deviation of a covariate, and scale of deviations.
    trials
        What units saw and did. Further columns may be used in formulas if each is constant within a unit.
    formulas
        What a parameter depends on, by its name, as in
        ``{"x2.tonic_volatility": "group + scale(age) + (1|site)"}``; by default ``"1"``, one expectation for
        all. Units scatter around it in any case.
    covariance
        ``"diagonal"``, or ``"full"`` for scatter that is correlated between parameters.
    iterations
        Turns that are taken at most.
    tolerance
        What nothing may move by more in the last one.
    seed
        Of the random positions at which units are looked for besides where they were.
    progress
        Whether to show that it goes on; by default in a terminal or a notebook, once it takes a second.

    Raises
    ------
    FormulaError
        A formula that cannot be read or does not go with the data.
    ParameterError
        An agent without free values, a formula of something that is not free, or an unknown covariance.
    DataError
        Trials that do not fit the agent, or of a single unit.
    InputError
        Numbers of iterations that make no search, or a tolerance that is not positive.
    MissingExtraError
        A formula was given, and formulae is not installed.
    """
    if not isinstance(agent, Agent) or not agent.names:
        raise ParameterError(f"Give an agent with free values, not {agent!r}.")
    check_trials(trials)
    if len(trials.subjects) < 2:
        raise DataError(
            "The trials are of a single unit, which has no population. Fit it with fit_map, or name the "
            "columns that tell units apart in by=."
        )
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not tolerance > 0:
        raise InputError(f"tolerance must be a positive number, not {tolerance!r}.")
    whole = populated(agent, trials, formulas, covariance=covariance)
    sequences = jax.tree.map(jnp.asarray, bound(agent.model, trials))
    rough = 20 * float(jnp.sqrt(jnp.finfo(jnp.zeros(()).dtype).eps))
    with Progress(None, "turns", progress) as bar:
        found = found_population(
            agent.model,
            sequences,
            jax.tree.map(jnp.asarray, whole.population),
            jax.random.key(seeded(seed)),
            most=positive("iterations", iterations),
            tolerance=max(float(tolerance), rough),
            turned=lambda moved: bar.advance(1, f"moved by {moved:.1g}"),
        )
    settings = {"seed": seeded(seed), "formulas": whole.formulas, "covariance": covariance}
    return GroupFit(agent=agent, trials=trials, populated=whole, found=found, settings=settings)
