"""fit_map: search for the most probable parameters of every subject, and the evidence for their model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

import jax

from pynodes._boundary import boundary
from pynodes._errors import ParameterError
from pynodes._inference.laplace import find_posteriors
from pynodes._progress import Progress
from pynodes._runtime.series import positive
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.agent import Agent, select_covariates
from pynodes.fit.agent.arrays import to_arrays
from pynodes.fit.agent.conditions import check_levels_seen
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.fit.mode.map_fit import MapFit


@overload
def fit_map(
    agent: Agent,
    trials: Trials,
    *,
    starts: int = ...,
    refine: int = ...,
    seed: int = ...,
    progress: bool | None = ...,
) -> MapFit: ...


@overload
def fit_map(
    agent: Mapping[str, Agent],
    trials: Trials,
    *,
    starts: int = ...,
    refine: int = ...,
    seed: int = ...,
    progress: bool | None = ...,
) -> dict[str, MapFit]: ...


@boundary
def fit_map(
    agent: Agent | Mapping[str, Agent],
    trials: Trials,
    *,
    starts: int = 16,
    refine: int = 2,
    seed: int = 0,
    progress: bool | None = None,
) -> MapFit | dict[str, MapFit]:
    """MAP estimates and Laplace's log evidence of every subject, each by itself.

    Starts are drawn from the priors and looked at; the best are refined by Newton's method with exact second
    derivatives, in unconstrained space, for all subjects at once. Other subjects, seeds or data of the same
    size compile nothing. What is a mode, and of which density, is in docs/theory/evidence.md.

    Parameters
    ----------
    agent
        An agent, or several by name; each takes of the covariates those that its responses have.
    trials
        What was seen and done.
    starts
        How many starts are looked at: the mean of the priors, and draws from them.
    refine
        How many of these, the best, are followed to a mode.
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
        check_trials(trials)
        fits: dict[str, MapFit] = {}
        own = select_covariates(agent, trials)
        with Progress(len(agent), "agents", progress) as bar:
            for name, one in agent.items():
                fits[name] = fit_map(one, own[name], starts=starts, refine=refine, seed=seed)
                bar.advance()
        return fits
    if not isinstance(agent, Agent):
        raise ParameterError(f"Give an agent, or several by name, not {agent!r}.")
    if not agent.names:
        raise ParameterError(
            "The agent has no free values: there is nothing to fit. Name some in free=."
        )
    check_trials(trials)
    starts, refine = positive("starts", starts), positive("refine", refine)
    check_levels_seen(agent.model.splits, trials)
    sequences = to_arrays(agent.model, trials)
    key = jax.random.key(check_seed(seed))
    count = len(trials.subjects)
    with Progress(None, f"fitting {count} subject{'s' * (count > 1)}", progress):
        posterior, values = find_posteriors(
            agent.model, sequences, key, starts=starts, refine=refine
        )
    # JAX has put them into alphabetic order.
    values = {name: values[name] for name in agent.model.names}
    return MapFit(
        agent=agent,
        trials=trials,
        posterior=posterior,
        values=values,
        settings={"seed": check_seed(seed), "starts": starts, "refine": min(refine, starts)},
    )
