"""Intervention: parameters that are set, whatever was found of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pynodes._errors import ParameterError
from pynodes.fit.agent.agent import Agent


def intervened(
    agent: Agent, positions: np.ndarray, do: Mapping[str, Any] | None
) -> tuple[Agent, np.ndarray]:
    """An agent and positions, of shape (draws, units, free values), with some parameters set.

    Free values are set in the positions, for all or for each unit; other parameters in the agent.

    Raises
    ------
    ParameterError
        A name that is unknown, a parameter that a free value of another name sets, or a value that
        cannot be.
    """
    if not do:
        return agent, positions
    if not isinstance(do, Mapping):
        raise ParameterError(f"Give do= as values by name, as in {{'x2.mean': 0.0}}, not {do!r}.")
    fixed = {name: value for name, value in do.items() if name not in agent.names}
    positions = np.array(positions)
    units = positions.shape[1]
    for name, value in do.items():
        if name in agent.names:
            if np.shape(value) not in ((), (units,)):
                raise ParameterError(
                    f"do[{name!r}] must be one number, or one for each of the {units} subjects, not of shape "
                    f"{np.shape(value)}."
                )
            place = agent.names.index(name)
            given: Any = np.asarray(value)
            positions[..., place] = np.asarray(agent.priors[name].unconstrain(given))
    return agent.replace(fixed) if fixed else agent, positions
