"""State: what a network remembers between two steps."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._core.modules import Module, choice
from pynodes._errors import FieldError, StateError, listed


class State(Module):
    """The beliefs from which the next step starts; ``state["x"].mean``.

    Attributes
    ----------
    groups
        Remembered belief of every group of nodes; None for those that remember nothing.
    """

    labels: Labels = choice()
    groups: tuple[Any, ...]

    def __getitem__(self, name: str) -> Any:
        group, position = self.labels.place(name)
        belief = self.groups[group]
        if belief is None:
            raise FieldError(f"{name!r} carries nothing from one step to the next.")
        if len(self.labels.groups[group]) == 1:
            return belief
        return jax.tree.map(lambda leaf: leaf[..., position], belief)

    def check_for(self, labels: Labels) -> None:
        """Refuse to start a network that these beliefs do not fit.

        Raises
        ------
        StateError
            A state of a network with other nodes, kinds or levels, or of several runs.
        """
        if self.labels is not labels and not self._alike(labels):
            raise StateError(
                "This state belongs to a network with other nodes or couplings. Start from network.start(), "
                "or from a state that this network returned."
            )
        for names, belief in zip(labels.groups, self.groups, strict=True):
            if belief is not None and np.ndim(belief.mean) != (len(names) > 1):
                raise StateError(
                    f"This state holds several runs, of shape {np.shape(belief.mean)} for {listed(names)}. "
                    "Use jax.vmap over network.filter."
                )

    def _alike(self, labels: Labels) -> bool:
        """Whether another network remembers the same of the same nodes in the same places."""
        remembers = [labels.graph.nodes[names[0]].remembers for names in labels.groups]
        return self.labels.groups == labels.groups and remembers == [
            belief is not None for belief in self.groups
        ]

    def __repr__(self) -> str:
        return f"State(of {len(self.labels.nodes)} nodes)"


def check_state(state: object) -> None:
    """A run starts from a state, not from something like one."""
    if not isinstance(state, State):
        raise StateError(
            f"A run starts from a state, such as network.start() or beliefs.final, not from {state!r}."
        )
