"""State: what a network remembers between two steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._core.modules import Module, choice
from pynodes._errors import FieldError, StateError, listed

if TYPE_CHECKING:
    from pynodes._runtime.network import Network


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

        def own(leaf: Any, rank: int) -> Any:
            return jnp.moveaxis(leaf, np.ndim(leaf) - rank - 1, 0)[position]

        return jax.tree.map(own, belief, self.labels.ranks[group])

    def check_for(self, labels: Labels) -> None:
        """Refuse to start a network that these beliefs do not fit.

        Raises
        ------
        StateError
            A state of a network with other nodes, kinds or levels, or of several runs.
        """
        if self.labels != labels and not self._alike(labels):
            raise StateError(
                "This state belongs to a network with other nodes or couplings. Start from network.start(), "
                "or from a state that this network returned."
            )
        parts = zip(labels.groups, self.groups, labels.ranks, strict=True)
        for names, belief, ranks in parts:
            several = None if belief is None else surplus(belief, ranks, stacked=len(names) > 1)
            if several is not None:
                raise StateError(
                    f"This state holds several runs, with {several} for {listed(names)}. Use jax.vmap over "
                    "network.filter."
                )

    def transfer(
        self,
        network: Network,
        *,
        names: Mapping[str, str] | None = None,
        restart: str | Iterable[str] = (),
    ) -> State:
        """The state of another network, such as an edited one, in which nodes that stayed believe the same.

        Nodes that are new there start from their initial beliefs; those that are gone are forgotten.

        Parameters
        ----------
        network
            The network that goes on from here.
        names
            New names by old ones, for nodes that were renamed; also says, with a node's own name, that a
            node of another kind takes its belief over.
        restart
            Names of nodes that start from their initial beliefs although they were there before.

        Raises
        ------
        StateError
            A node whose kind changed, or that remembers something else than the belief it would take
            over; a state of several runs.
        UnknownNodeError
            A name that its network does not have.
        """
        from pynodes._results.transfer import transferred

        return transferred(self, network, names, restart)

    def _alike(self, labels: Labels) -> bool:
        """Whether another network remembers the same of the same nodes in the same places."""
        remembers = [labels.graph.nodes[names[0]].has_memory for names in labels.groups]
        return self.labels.groups == labels.groups and remembers == [
            belief is not None for belief in self.groups
        ]

    def __repr__(self) -> str:
        return f"State(of {len(self.labels.nodes)} nodes)"


def surplus(belief: Any, ranks: Any, *, stacked: bool) -> str | None:
    """Shape of a part of a belief that has more dimensions than one run needs; None if none has."""
    for leaf, rank in zip(jax.tree.leaves(belief), jax.tree.leaves(ranks), strict=True):
        if np.ndim(leaf) != rank + stacked:
            return f"shape {np.shape(leaf)}"
    return None


def check_state(state: object) -> None:
    """A run starts from a state, not from something like one."""
    if not isinstance(state, State):
        raise StateError(
            f"A run starts from a state, such as network.start() or beliefs.final, not from {state!r}."
        )
