"""What every environment says: what it shows, and how it answers an action."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

from pynodes._core.modules import Module
from pynodes._errors import InputError, quote
from pynodes._typing import Array


class AbstractEnvironment(Module, abc.ABC):
    """An environment in which an agent acts, written for one agent.

    Fields declared with ``parameter`` may be batched and differentiated; fields declared with ``choice``
    are static. All methods are traced by JAX: no Python branches on states or actions.
    """

    @abc.abstractmethod
    def begin(self, key: Array) -> Any:
        """The state of the world before the first step: arrays in any tree."""

    def show(self, state: Any) -> Mapping[str, Array]:
        """Covariates that the agent sees before it acts, by name.

        Series of the network's regressors, parameters that are known per step, and covariates of its
        response; a response that does not take some of them is not given those.
        """
        del state
        return {}

    @abc.abstractmethod
    def answer(self, key: Array, state: Any, action: Any) -> tuple[Any, Mapping[str, Array]]:
        """The next state of the world, and what every input of the network observes; NaN for nothing."""


def pick_action(action: Any, stream: str | None) -> Any:
    """What was done, or of several streams what was done in the one that chooses.

    Raises
    ------
    InputError
        There are several streams, and none or another one is named.
    """
    if not isinstance(action, Mapping):
        return action
    if stream not in action:
        raise InputError(
            f"The responses are {quote(action)}, by stream. Say in the environment which of them chooses: "
            f"stream={next(iter(action))!r}{f', not {stream!r}' if stream else ''}."
        )
    return action[stream]
