"""Draws from the prior: of every unit's parameters, and of their population if there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._typing import Array
from pynodes.fit.agent._model import Model
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.group._populated import populated

Drawn = tuple[dict[str, np.ndarray], np.ndarray]
"""Of the population by name, each of shape (draws,), and positions (draws, units, free values)."""


def drawn_from_prior(
    agent: Agent, trials: Trials, count: int, seed: int, settings: Mapping[str, Any]
) -> Drawn:
    """Draws from the prior of some units.

    Parameters
    ----------
    agent, trials
        Whose priors, and of which units.
    count, seed
        How many draws, and from which seed.
    settings
        ``"formulas"`` and ``"covariance"`` of a population; without, every unit has the agent's priors.
    """
    keys = jax.random.split(jax.random.key(seed), count)
    if "formulas" not in settings:
        return {}, np.asarray(alone(agent.model, len(trials.subjects), keys))
    covariance = settings.get("covariance", "diagonal")
    group = populated(agent, trials, settings["formulas"], covariance=covariance)
    population = jax.tree.map(jnp.asarray, group.population)

    def one(key: Array) -> tuple[dict[str, Array], Array]:
        coordinates = population.drawn(key)
        return population.named(coordinates), population.placed(coordinates)[0]

    common, positions = jax.jit(jax.vmap(one))(keys)
    return {name: np.asarray(found) for name, found in common.items()}, np.asarray(positions)


def alone(model: Model, units: int, keys: Array) -> Array:
    """Positions of units of which each has the agent's priors."""

    def one(key: Array) -> Array:
        if not model.priors:
            return jnp.zeros(0)
        own = jax.random.split(key, len(model.priors))
        columns = [prior.draw_position(k) for prior, k in zip(model.priors, own, strict=True)]
        return jnp.stack(columns)

    return jax.vmap(lambda key: jax.vmap(one)(jax.random.split(key, units)))(keys)
