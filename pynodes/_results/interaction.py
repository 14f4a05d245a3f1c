"""Interaction: what an agent believed and did, and what it was answered."""

from __future__ import annotations

from typing import Any

from pynodes._core.modules import Module
from pynodes._results.trajectories import Trajectories
from pynodes._typing import Array


class Interaction(Module):
    """A run of an agent in an environment; a pytree, of which ``jax.vmap`` makes a batch.

    Attributes
    ----------
    beliefs
        What every node believed, step by step; ``.final`` is where a later call can continue.
    actions
        What the response drew at every step, in the form in which it drew it; time first.
    inputs
        What every input observed, by name, of shape (time, ...); NaN where nothing. Filtering it gives
        the beliefs again.
    shown
        What the environment showed before each action, by name.
    world
        The state of the environment after the last step; pass it as ``world=`` to continue.
    """

    beliefs: Trajectories
    actions: Any
    inputs: dict[str, Array]
    shown: dict[str, Array]
    world: Any

    def __repr__(self) -> str:
        return f"Interaction({self.beliefs!r})"
