"""Simulations: draws of the future, and runs of an agent in an environment."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import Module, is_traced
from pynodes._errors import FieldError, InputError, quote
from pynodes._results.trajectories import KeptByName, Trajectories
from pynodes._typing import Array, Scalar

if TYPE_CHECKING:
    from pynodes.plotting.panels import Panels


class Forecast(KeptByName):
    """Draws of the future; ``forecast["x"]`` has shape (draws, time).

    Attributes
    ----------
    parameters
        What was drawn of the parameters' priors, by name, of shape (draws,); empty without priors.
    """

    records: dict[int, Array]
    parameters: dict[str, Array] = dataclasses.field(default_factory=dict)

    def __getitem__(self, name: str) -> Array:
        """Draws of a node, of shape (draws, time, ...)."""
        self.labels.place(name)
        column = self._column(name)
        if column is None:
            raise FieldError(f"{name!r} was not recorded, only {quote(self.names)}.")
        group, position = column
        whole = self.records[group]
        return whole if position is None else whole[:, :, position]

    def mean(self, name: str) -> Array:
        """Mean of a node over the draws, of shape (time, ...)."""
        return jnp.mean(self[name], axis=0)

    def quantile(self, name: str, probability: Scalar) -> Array:
        """A quantile of a node over the draws, of shape (time, ...).

        Raises
        ------
        InputError
            A probability outside [0, 1].
        """
        if not is_traced(probability) and not np.all((probability >= 0) & (probability <= 1)):
            raise InputError(f"probability must lie in [0, 1], not {probability!r}.")
        return jnp.quantile(self[name], jnp.asarray(probability, self[name].dtype), axis=0)

    def band(self, name: str, mass: Scalar = 0.9) -> tuple[Array, Array]:
        """Lower and upper end of the central band that holds this share of the draws.

        Raises
        ------
        InputError
            A mass outside [0, 1].
        """
        if not is_traced(mass) and not np.all((mass >= 0) & (mass <= 1)):
            raise InputError(f"mass must lie in [0, 1], not {mass!r}.")
        return self.quantile(name, 0.5 - 0.5 * mass), self.quantile(name, 0.5 + 0.5 * mass)

    def plot(self, nodes: Any = None, **options: Any) -> Panels:
        """Draw fans of what may come; see :func:`pynodes.plotting.plot_forecast`."""
        from pynodes.plotting import plot_forecast

        return plot_forecast(self, nodes, **options)

    def __repr__(self) -> str:
        shape = next(iter(self.records.values())).shape[:2] if self.records else ()
        return f"Forecast({len(self)} nodes, shape {shape})"


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
