"""The energy of a graph: the surprise of every node at a value, its parents at theirs.

It follows from what every kind says anyway (``predict``, ``observe``, ``surprise``). What travels along
edges in point schemes, and what weights learn from, are derivatives of one term of the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program, places
from pynodes._core.beliefs import alongside
from pynodes._core.modules import is_traced
from pynodes._engine import sweeps
from pynodes._engine.edges import apply_to_group
from pynodes._engine.sweeps import State
from pynodes._errors import InputError, nearest
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.nodes import AbstractNode

Values = Mapping[int, AnyArray]
"""A value of every group of nodes that can have one."""


def group_energy(program: Program, values: Values, state: State, dt: Scalar) -> dict[int, Array]:
    """Energy of every group's nodes at given values, each predicted from its parents at theirs.

    Returns
    -------
    By group, of shape () or (nodes,). The sum is minus the log density of all values, given what is
    believed of the step before.
    """
    terms: dict[int, Array] = {}

    def view(index: int, belief: Any) -> Any:
        if index not in values:
            return belief
        node, kind = program.nodes[index], type(program.nodes[index])

        def measure(node: Any, belief: Any, value: Array) -> Array:
            return jnp.sum(kind.surprise(node, kind.observe(node, belief, value, True)))

        terms[index] = apply_to_group(program, index, measure)(node, belief, values[index])
        return apply_to_group(program, index, kind.known_as)(node, belief, values[index])

    sweeps.predict(program, state, dt, view)
    return terms


def group_surprise(program: Program, index: int, belief: Any, observed: Any) -> Array:
    """Surprise of a group's nodes under their own predictions; zero where nothing was observed."""
    node = program.nodes[index]
    surprise = apply_to_group(program, index, type(node).surprise)(node, belief)
    if observed is not True:
        surprise = jnp.where(alongside(observed, surprise), surprise, 0.0)
    elements = tuple(range(len(places(program.schedule.groups[index].size, 1)), surprise.ndim))
    return jnp.sum(surprise, elements) if elements else surprise


def energy_by_name(
    labels: Labels, program: Program, values: Mapping[str, Any], state: State | None, dt: Scalar
) -> dict[str, Array]:
    """The same by name; see :meth:`Network.energy`."""
    begin = sweeps.start(program) if state is None else state
    terms = group_energy(program, group_values(labels, values), begin, dt)
    found = {}
    for name, (group, position) in labels.nodes.items():
        if group in terms:
            single = len(labels.groups[group]) == 1
            found[name] = terms[group] if single else terms[group][position]
    return found


def group_values(labels: Labels, values: Mapping[str, Any]) -> dict[int, AnyArray]:
    """Values by name as arrays by group.

    Raises
    ------
    InputError
        A value that is absent, unknown, of another shape or that its node cannot take.
    """
    if not isinstance(values, Mapping):
        raise InputError(
            f"Give values by node name, as in {{'x': 0.0}}, not a {type(values).__name__}."
        )
    for name in values:
        if name not in labels.nodes:
            raise InputError(f"The network has no node {name!r}. {nearest(name, labels.nodes)}")
    grouped: dict[int, AnyArray] = {}
    for group, names in enumerate(labels.groups):
        if not has_energy(labels.graph.nodes[names[0]]):
            continue
        parts = [read_node_value(labels, name, values) for name in names]
        xp: Any = jnp if is_traced(parts) else np
        grouped[group] = parts[0] if len(parts) == 1 else xp.stack(parts)
    return grouped


def has_energy(node: AbstractNode) -> bool:
    """Whether a node can be at a value: it has a distribution given its parents."""
    return type(node).surprise is not AbstractNode.surprise


def read_node_value(labels: Labels, name: str, values: Mapping[str, Any]) -> AnyArray:
    """The value of one node."""
    node = labels.graph.nodes[name]
    if name not in values:
        raise InputError(f"The energy needs a value for {name!r}, a {type(node).__name__}.")
    value = values[name]
    array = jnp.asarray(value) if is_traced(value) else np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name!r} is at a real number, not at {value!r}.")
    if array.shape != node.value_shape:
        raise InputError(f"{name!r} has values of shape {node.value_shape}, not {array.shape}.")
    if isinstance(array, np.ndarray) and not (np.isfinite(array) & node.accepts(array)).all():
        raise InputError(f"{name!r} takes {node.expects}, not {value!r}.")
    return array.astype(jnp.result_type(float))
