"""The engine step after step, nothing compiled: milliseconds a step, where a program takes up to a second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

import pynodes as pn
from pynodes._engine import filter as loops
from pynodes._engine import sweeps

Steps = dict[str, dict[str, np.ndarray]]
"""Reported fields by node, time first; of an observed node its surprise too."""


def walk(network: pn.Network, series: Mapping[str, np.ndarray], dt: np.ndarray) -> Steps:
    """What every node believes after each step; NaN is a missing observation."""
    groups = network.labels.groups
    walked = []
    for beliefs, surprises in take_steps(network, series, dt):
        reports = {
            index: loops.report_fields(network.program, index, beliefs, None)
            | ({"surprise": surprises[index]} if index in surprises else {})
            for index in beliefs
        }
        walked.append(
            {
                (name, field): np.asarray(value)[position] if len(names) > 1 else np.asarray(value)
                for index, names in enumerate(groups)
                for position, name in enumerate(names)
                for field, value in reports[index].items()
            }
        )
    found: Steps = {name: {} for name in network.graph.nodes}
    for name, field in walked[0]:
        found[name][field] = np.stack([step[name, field] for step in walked])
    return found


def sum_surprises(network: pn.Network, series: Mapping[str, np.ndarray], dt: np.ndarray) -> Any:
    """The surprise of all observations, to be differentiated."""
    return sum(
        jnp.sum(surprise)
        for _, surprises in take_steps(network, series, dt)
        for surprise in surprises.values()
    )


def take_steps(
    network: pn.Network, series: Mapping[str, np.ndarray], dt: np.ndarray
) -> Iterator[tuple[dict[int, Any], dict[int, Any]]]:
    """Beliefs and surprises of each step, by group."""
    program = network.program
    state = sweeps.start(program)
    assert series
    assert set(series) <= set(network.graph.nodes)
    for step, interval in enumerate(dt):
        seen = {
            index: observe(np.array([series[name][step] for name in names]))
            for index, names in enumerate(network.labels.groups)
            if names[0] in series
        }
        beliefs = sweeps.step(program, state, seen, jnp.asarray(interval)).beliefs
        state = sweeps.carry(program, beliefs)
        yield beliefs, loops.surprises(program, beliefs, seen)


def observe(values: np.ndarray) -> tuple[Any, Any]:
    """What is seen of the nodes of a group, and whether it is."""
    found = values[0] if len(values) == 1 else values
    return jnp.asarray(np.nan_to_num(found)), jnp.asarray(~np.isnan(found))


def assert_alike(one: Steps, other: Steps, rtol: float, atol: float = 1e-12) -> None:
    """Two walks agree in every field of every node that both have."""
    common = {
        (name, field)
        for name in set(one) & set(other)
        for field in set(one[name]) & set(other[name])
    }
    assert {name for name, _ in common} == set(one) & set(other) != set()
    for name, field in common:
        values = one[name][field], other[name][field]
        np.testing.assert_allclose(*values, rtol=rtol, atol=atol, err_msg=f"{name}.{field}")
