"""Gate: the user's word on which nodes may learn, as the loop over time asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax.numpy as jnp

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import Module, carry_function, choice
from pynodes._engine.edges import Beliefs
from pynodes._engine.feed import Gates, Moment
from pynodes._engine.sweeps import State
from pynodes._errors import InputError, nearest
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.prospect import look_ahead
from pynodes._runtime.series import Series, to_flags
from pynodes._typing import AnyArray, Array

GateRule: TypeAlias = Callable[[Trajectories, Mapping[str, Array]], Mapping[str, Any]]
"""From the predictions of a step, and its observations by name (NaN where one is missing), to whether
nodes may learn, by name."""

Gate: TypeAlias = Mapping[str, Series] | GateRule
"""Which nodes may learn: a series of truth values per node, or a rule."""


class GateOfFeed(Module):
    """A gate as a feed carries it.

    Attributes
    ----------
    labels
        Names of the network.
    rule
        The user's rule; None if gates are given as series.
    """

    labels: Labels = choice()
    rule: Any

    def __call__(
        self, program: Program, predicted: Beliefs, before: State, moment: Moment
    ) -> Gates:
        """Whether nodes may learn in a step, by group."""
        if self.rule is None:
            return group_gates(self.labels, moment.gates)
        sight = look_ahead(self.labels, program, predicted, before)
        found = self.rule(sight, observed_by_name(self.labels, moment))
        if not isinstance(found, Mapping):
            raise InputError(
                f"The gate must return truth values by node name, as in {{'x': True}}, not {found!r}."
            )
        for name, flag in found.items():
            check_gate(self.labels, name)
            if jnp.shape(flag) != ():
                raise InputError(
                    f"The gate of {name!r} must be one truth value, not of shape {jnp.shape(flag)}."
                )
        return group_gates(self.labels, found)


def read_gate(
    labels: Labels, gate: Gate | None, steps: int
) -> tuple[GateOfFeed | None, dict[str, AnyArray]]:
    """The gate of a feed, and its series by name.

    Raises
    ------
    InputError
        Neither series by name nor a function; series that are no truth values or of another length.
    """
    if gate is None:
        return None, {}
    if isinstance(gate, Mapping):
        for name in gate:
            check_gate(labels, name)
        series = {name: to_flags(f"gate[{name!r}]", values, steps) for name, values in gate.items()}
        return GateOfFeed(labels=labels, rule=None), series
    if not callable(gate):
        raise InputError(
            "gate must be a mapping from node names to truth values, one per step, or a function of the "
            f"step's predictions and observations that returns such a mapping, not {gate!r}."
        )
    return GateOfFeed(labels=labels, rule=carry_function(gate)), {}


def check_gate(labels: Labels, name: object) -> None:
    """A gate is a node's, and the node learns."""
    if name not in labels.nodes:
        raise InputError(f"gate names {name!r}, which is no node. {nearest(name, labels.nodes)}")
    if not labels.graph.nodes[str(name)].learns:
        kind = type(labels.graph.nodes[str(name)]).__name__
        raise InputError(f"gate names {name!r}, a {kind}, which never learns. Leave it out.")


def group_gates(labels: Labels, flags_by_name: Mapping[str, Any]) -> Gates:
    """Truth values of nodes as arrays of their groups; open where a node is not named."""
    found: dict[int, dict[int, Any]] = {}
    for name, flag in flags_by_name.items():
        group, position = labels.nodes[name]
        found.setdefault(group, {})[position] = jnp.asarray(flag, bool)
    return {
        group: parts[0]
        if len(labels.groups[group]) == 1
        else jnp.ones(len(labels.groups[group]), bool)
        .at[jnp.array(list(parts))]
        .set(jnp.stack(list(parts.values())))
        for group, parts in found.items()
    }


def observed_by_name(labels: Labels, moment: Moment) -> dict[str, Array]:
    """What a step brings to every observed node, by name; NaN where it brings nothing."""
    found: dict[str, Array] = {}
    for group, (values, observed) in moment.seen.items():
        names = labels.groups[group]
        for position, name in enumerate(names):
            value = jnp.asarray(values) if len(names) == 1 else jnp.asarray(values)[position]
            if observed is not True:
                seen = observed if len(names) == 1 else observed[position]
                value = jnp.where(seen, value, jnp.nan)
            found[name] = value
    return found
