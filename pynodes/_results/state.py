"""State: what a network remembers between two steps."""

from __future__ import annotations

from typing import Any

import jax

from pynodes._compiler.labels import Labels
from pynodes._core.modules import Module, choice
from pynodes._errors import FieldError


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

    def __repr__(self) -> str:
        return f"State(of {len(self.labels.nodes)} nodes)"
