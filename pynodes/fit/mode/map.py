"""fit_map: the most probable parameters of every subject, and the evidence for their model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

import jax

from pynodes._boundary import boundary
from pynodes._errors import ParameterError
from pynodes._progress import Progress
from pynodes._runtime.series import positive
from pynodes.fit._seeds import seeded
from pynodes.fit.agent._binding import bound
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.fit.mode._laplace import all_posteriors
from pynodes.fit.mode.map_fit import MapFit


@overload
def fit_map(
    agent: Agent,
    trials: Trials,
    *,
    starts: int = ...,
    polished: int = ...,
    seed: int = ...,
    progress: bool | None = ...,
) -> MapFit: ...


@overload
def fit_map(
    agent: Mapping[str, Agent],
    trials: Trials,
    *,
    starts: int = ...,
    polished: int = ...,
    seed: int = ...,
    progress: bool | None = ...,
) -> dict[str, MapFit]: ...


@boundary
def fit_map(
    agent: Agent | Mapping[str, Agent],
    trials: Trials,
    *,
    starts: int = 16,
    polished: int = 2,
    seed: int = 0,
    progress: bool | None = None,
) -> MapFit | dict[str, MapFit]:
    """The most probable free values of every subject, by itself, and Laplace's evidence for the agent.

    Starts are drawn from the priors and looked at; from the best, Newton's method with exact second
    derivatives goes down on the lines of the priors, for all subjects at once. Other subjects, seeds or
    data of the same size compile nothing. What is a mode, and of which density, is in
    docs/theory/evidence.md.

    Parameters
    ----------
    agent
        An agent, or several by name.
    trials
        What was seen and done.
    starts
        How many starts are looked at: the centre of the priors, and draws from them.
    polished
        How many of these, the best, are followed down.
    seed
        Of the draws.
    progress
        Whether to show that it goes on; by default in a terminal or a notebook, once it takes a second.

    Returns
    -------
    The fit, or one by each agent's name. It says itself whether it went well: ``fit.problems()``.

    Raises
    ------
    DataError
        Trials that do not fit the agent.
    ParameterError
        An agent without free values.
    InputError
        Numbers of starts that make no search.

    Examples
    --------
    >>> import pynodes as pn
    >>> outcomes, choices = pn.data.association()
    >>> data = pn.Trials({"u": outcomes, "y": choices}, inputs="u", actions="y")
    >>> fit = pn.fit_map(pn.agents.binary_hgf(levels=2), data, seed=1)
    >>> sorted(fit.estimates), fit.problems()
    (['inverse_temperature', 'x2.tonic_volatility'], [])
    """
    if isinstance(agent, Mapping):
        fits: dict[str, MapFit] = {}
        with Progress(len(agent), "agents", progress) as bar:
            for name, one in agent.items():
                fits[name] = fit_map(one, trials, starts=starts, polished=polished, seed=seed)
                bar.advance()
        return fits
    if not isinstance(agent, Agent):
        raise ParameterError(f"Give an agent, or several by name, not {agent!r}.")
    if not agent.names:
        raise ParameterError(
            "The agent has no free values: there is nothing to fit. Name some in free=."
        )
    check_trials(trials)
    starts, polished = positive("starts", starts), positive("polished", polished)
    sequences = bound(agent.model, trials)
    chance = jax.random.key(seeded(seed))
    units = len(trials.subjects)
    with Progress(None, f"fitting {units} subject{'s' * (units > 1)}", progress):
        found = all_posteriors(agent.model, sequences, chance, starts=starts, polished=polished)
    return MapFit(
        agent=agent,
        trials=trials,
        posterior=found,
        settings={"seed": seeded(seed), "starts": starts, "polished": min(polished, starts)},
    )
