"""prior_predictive: what an agent would do before anything is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynodes._boundary import boundary
from pynodes._runtime.series import positive
from pynodes.fit._seeds import seeded
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling._prior_draws import drawn_from_prior
from pynodes.fit.study.predictive import Predictive, predictive


@boundary
def prior_predictive(
    agent: Agent,
    design: Trials,
    *,
    draws: int = 100,
    seed: int = 0,
    formulas: Mapping[str, str] | None = None,
    do: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Predictive:
    """What an agent would do before anything is known of it: responses under draws from its priors.

    Parameters
    ----------
    agent
        The agent.
    design
        What is seen; responses there do not matter, but where one is missing, none is simulated.
    draws, seed
        How many draws, and from which seed.
    formulas
        With these (``{}`` for none), subjects are drawn from a population that is drawn itself, as for
        :func:`fit_nuts`; without, each is drawn from the agent's priors.
    do
        Parameters that are set, by name, whatever their priors.
    progress
        Whether responses show progress when they are asked for; by default in a terminal or a notebook, once
        it takes a second.

    Raises
    ------
    ParameterError, DataError, FormulaError
        Agent, design, formulas or values that do not fit.
    """
    settings = {} if formulas is None else {"formulas": formulas}
    _, positions = drawn_from_prior(agent, design, positive("draws", draws), seeded(seed), settings)
    return predictive(agent, design, positions, seed, do, progress)
