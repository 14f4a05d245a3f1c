"""State: what a network remembers between two steps, and how another network takes it over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr

from pynodes._compiler.labels import Labels
from pynodes._core.modules import Module, choice, choices_of
from pynodes._errors import FieldError, StateError, quote
from pynodes._graph.checks import check_node_exists, list_names
from pynodes._graph.settings import Settings
from pynodes.nodes import AbstractNode

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
                    f"This state holds several runs, with {several} for {quote(names)}. Use jax.vmap over "
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
        return transfer_state(self, network, names, restart)

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


def transfer_state(
    state: State, network: Any, renamed: Mapping[str, str] | None, restart: str | Iterable[str]
) -> State:
    """A state of a network in which nodes that stayed keep what they believed; see :meth:`State.transfer`."""
    if not callable(getattr(network, "start", None)):
        raise StateError(
            f"Beliefs are transferred to a network, such as graph.compile(), not to {network!r}."
        )
    check_single(state)
    begin: State = network.start()
    came = origins(state.labels, begin.labels, {} if renamed is None else renamed, restart)
    groups = tuple(
        fill_belief(state, names, belief, came)
        for names, belief in zip(begin.labels.groups, begin.groups, strict=True)
    )
    return State(labels=begin.labels, groups=groups)


def check_single(state: State) -> None:
    """A state of one run."""
    for names, belief, ranks in zip(
        state.labels.groups, state.groups, state.labels.ranks, strict=True
    ):
        if belief is not None and surplus(belief, ranks, stacked=len(names) > 1):
            raise StateError(
                "This state holds several runs. Use jax.vmap over state.transfer, as in "
                "jax.vmap(lambda one: one.transfer(network))(state)."
            )


def origins(
    old: Labels, new: Labels, names: Mapping[str, str], restart: str | Iterable[str]
) -> dict[str, str]:
    """For every node that carries its belief over, the name that it had."""
    if not isinstance(names, Mapping):
        raise StateError(f"Give new names by old ones, as in {{'x': 'y'}}, not {names!r}.")
    came: dict[str, str] = {}
    for before, after in names.items():
        check_node_exists(before, old.graph.nodes)
        check_node_exists(after, new.graph.nodes)
        if after in came:
            raise StateError(
                f"Both {came[after]!r} and {before!r} would become {after!r}. A node takes over one belief."
            )
        came[after] = before
    anew = set(list_names(restart))
    for name in anew:
        check_node_exists(name, new.graph.nodes)
        if name in came:
            raise StateError(
                f"{name!r} cannot both restart and take over the belief of {came[name]!r}. Give one of them."
            )
    for name, node in new.graph.nodes.items():
        if name in old.nodes and not (name in came or name in names or name in anew):
            check_same_kind(name, old.graph.nodes[name], node)
            came[name] = name
    return came


def check_same_kind(name: str, old: AbstractNode, new: AbstractNode) -> None:
    """A belief means the same to both nodes, as far as their kind and choices tell."""
    fixed = [choice for choice in choices_of(new) if choice not in Settings.names()]
    if type(old) is not type(new) or any(getattr(old, c) != getattr(new, c) for c in fixed):
        raise StateError(
            f"{name!r} is {new!r} in the new network, and was {old!r}. If its belief is still valid, pass "
            f"names={{{name!r}: {name!r}}}; if not, let it begin anew with restart=[{name!r}]."
        )


def fill_belief(state: State, names: tuple[str, ...], belief: Any, came: Mapping[str, str]) -> Any:
    """The first belief of a group of nodes, those that carry theirs over with what they believed."""
    places = {name: state.labels.nodes[came[name]] for name in names if name in came}
    sources = list(dict.fromkeys(group for group, _ in places.values()))
    for group in sources:
        check_memory(state, group, names, belief, came)
    if belief is None:
        return None
    sizes = [len(names), *(len(state.labels.groups[group]) for group in sources)]
    offsets = dict(zip(sources, np.cumsum(sizes)[:-1].tolist(), strict=True))
    index = np.arange(len(names))
    for number, name in enumerate(names):
        if name in places:
            group, position = places[name]
            index[number] = offsets[group] + position

    others = [state.groups[group] for group in sources]
    return jax.tree.map(lambda *leaves: pick_values(leaves, sizes, index), belief, *others)


def pick_values(leaves: Sequence[Any], sizes: Sequence[int], index: np.ndarray) -> Any:
    """Values of nodes from stacks of several sizes, in the shape and type of the first."""
    shape = np.shape(leaves[0])
    own = shape[1:] if sizes[0] > 1 else shape
    parts = [
        jnp.reshape(leaf, (size, *own)).astype(jnp.result_type(leaves[0]))
        for leaf, size in zip(leaves, sizes, strict=True)
    ]
    return jnp.reshape(jnp.concatenate(parts)[index], shape)


def check_memory(
    state: State, group: int, names: tuple[str, ...], belief: Any, came: Mapping[str, str]
) -> None:
    """Nodes remember what they take over from a group in the same form."""
    form = describe_belief(belief, stacked=len(names) > 1)
    there = describe_belief(state.groups[group], stacked=len(state.labels.groups[group]) > 1)
    if form != there:
        name = next(n for n in names if n in came and state.labels.nodes[came[n]][0] == group)
        raise StateError(
            f"{name!r} cannot take over what {came[name]!r} believed: it remembers {form}, not {there}. Let "
            f"it begin anew with restart=[{name!r}]."
        )


def describe_belief(belief: Any, *, stacked: bool) -> str:
    """What one node remembers, in words: kind of belief, and its parts with their shapes."""
    if belief is None:
        return "nothing"
    leaves, _ = jax.tree.flatten_with_path(belief)
    parts = [f"{keystr(path)[1:]} of shape {np.shape(leaf)[stacked:]}" for path, leaf in leaves]
    return f"a {type(belief).__name__} with {', '.join(parts)}"
