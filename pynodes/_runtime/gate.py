"""Gate: the user's word on which nodes may learn, as the loop over time asks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import jax.numpy as jnp

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import Module, carry_function, choice, is_traced
from pynodes._engine.edges import Beliefs
from pynodes._engine.feed import Moment
from pynodes._engine.gates import Gates
from pynodes._engine.sweeps import State
from pynodes._errors import InputError, nearest
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.prospect import look_ahead
from pynodes._runtime.series import Series, to_gate
from pynodes._typing import AnyArray, Array
from pynodes.nodes import AbstractNode

GateRule: TypeAlias = Callable[[Trajectories, Mapping[str, Array]], Mapping[str, Any]]
"""From the predictions of a step, and its observations by name (NaN where one is missing), to whether
nodes may learn, or to which power, by name."""

Gate: TypeAlias = Mapping[str, Series] | GateRule
"""Which nodes may learn: a series of truth values, or of powers from 0 to 1, per node; or a rule."""


StepGate: TypeAlias = Mapping[str, Any] | GateRule
"""The same for one step: a truth value, or a power, per node."""


def single_gate(gate: StepGate | None) -> Gate | None:
    """A gate of one step as a series of one."""
    if not isinstance(gate, Mapping):
        return gate
    for name, flag in gate.items():
        if jnp.shape(flag) != ():
            raise InputError(
                f"gate[{name!r}] must be one truth value, or one number, for one step, not of shape "
                f"{jnp.shape(flag)}."
            )
    return {name: flag[None] if is_traced(flag) else [flag] for name, flag in gate.items()}


class GateOfFeed(Module):
    """A gate as a feed carries it.

    Attributes
    ----------
    labels
        Names of the network.
    rule
        The user's rule; None if gates are given as series.
    seen
        Names that have a series.
    """

    labels: Labels = choice()
    rule: Any
    seen: tuple[str, ...] = choice(())

    def __call__(
        self, program: Program, predicted: Beliefs, before: State, moment: Moment
    ) -> Gates:
        """Which nodes may learn in a step, and to which power, by group."""
        if self.rule is None:
            return group_gates(self.labels, program, moment.gates)
        sight = look_ahead(self.labels, program, predicted, before)
        found = self.rule(sight, observed_by_name(self.labels, moment))
        if not isinstance(found, Mapping):
            raise InputError(
                f"The gate must return truth values by node name, as in {{'x': True}}, not {found!r}."
            )
        for name, flag in found.items():
            check_gate(self.labels, name, flag, self.seen)
            if jnp.shape(flag) != ():
                raise InputError(
                    f"The gate of {name!r} must be one truth value, not of shape {jnp.shape(flag)}."
                )
        return group_gates(self.labels, program, found)


def read_gate(
    labels: Labels, gate: Gate | None, steps: int, seen: Collection[str]
) -> tuple[GateOfFeed | None, dict[str, AnyArray]]:
    """The gate of a feed, and its series by name.

    Raises
    ------
    InputError
        Neither series by name nor a function; series of something else than truth values or numbers from 0
        to 1, or of another length; numbers for what cannot learn in part.
    """
    if gate is None:
        return None, {}
    if isinstance(gate, Mapping):
        for name in gate:
            check_gate(labels, name)
        series = {name: to_gate(f"gate[{name!r}]", values, steps) for name, values in gate.items()}
        for name, values in series.items():
            check_gate(labels, name, values, seen)
        return GateOfFeed(labels=labels, rule=None), series
    if not callable(gate):
        raise InputError(
            "gate must be a mapping from node names to truth values, one per step, or a function of the "
            f"step's predictions and observations that returns such a mapping, not {gate!r}."
        )
    return GateOfFeed(labels=labels, rule=carry_function(gate), seen=tuple(seen)), {}


def check_gate(labels: Labels, name: object, flag: Any = True, seen: Collection[str] = ()) -> None:
    """A gate is a node's, the node learns, and it can learn in part where its gate is a number."""
    if name not in labels.nodes:
        raise InputError(f"gate names {name!r}, which is no node. {nearest(name, labels.nodes)}")
    node = labels.graph.nodes[str(name)]
    kind = type(node).__name__
    if not node.learns:
        raise InputError(f"gate names {name!r}, a {kind}, which never learns. Leave it out.")
    if not is_power(flag):
        return
    own = type(node).observe_in_part is not AbstractNode.observe_in_part
    if not node.learns_in_part or (node.observable and node.has_memory and not own):
        raise InputError(
            f"gate[{name!r}] has numbers between 0 and 1, but a {kind} does not say what it learns of a part "
            "of an observation. Give it truth values."
        )
    if name in seen and not node.observable:
        raise InputError(
            f"gate[{name!r}] has numbers between 0 and 1, but {name!r} is a state that is observed itself: "
            "what is known cannot be known in part. Observe it through an input, or give it truth values."
        )


def check_powers(program: Program) -> None:
    """A network that can learn in part."""
    if program.structured is not None:
        raise InputError(
            "gate has numbers between 0 and 1, which the Structured expansion does not take. Give it truth "
            'values, or compile with expansion="enhanced" or "unbounded".'
        )
    if not program.scheme.learns_in_part:
        raise InputError(
            f"gate has numbers between 0 and 1, which {program.scheme!r} does not take. Give it truth "
            "values, or compile with scheme=ClosedForm()."
        )


def is_power(flag: Any) -> bool:
    """Whether a gate is a number rather than a truth value."""
    return jnp.issubdtype(jnp.result_type(flag), jnp.floating)


def group_gates(labels: Labels, program: Program, flags_by_name: Mapping[str, Any]) -> Gates:
    """Gates of nodes as arrays of their groups; open where a node is not named."""
    opened: dict[int, dict[int, Any]] = {}
    powers: dict[int, dict[int, Any]] = {}
    for name, flag in flags_by_name.items():
        group, position = labels.nodes[name]
        if is_power(flag):
            check_powers(program)
            inside = (flag >= 0) & (flag <= 1)
            power = jnp.where(inside, jnp.asarray(flag, float), jnp.nan)
            powers.setdefault(group, {})[position] = power
            flag = power != 0
        opened.setdefault(group, {})[position] = jnp.asarray(flag, bool)
    return Gates(
        opened={group: fill_group(labels, group, parts, bool) for group, parts in opened.items()},
        powers={group: fill_group(labels, group, parts, float) for group, parts in powers.items()},
    )


def fill_group(labels: Labels, group: int, parts: Mapping[int, Any], kind: Any) -> Array:
    """Values of some nodes of a group as an array of all, one where a node is not named."""
    size = len(labels.groups[group])
    if size == 1:
        return parts[0]
    values = jnp.stack(list(parts.values()))
    return jnp.ones(size, kind).at[jnp.array(list(parts))].set(values)


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
