"""Along edges: what went down and up every edge at every step of a run, found by making it again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._compiler.wiring import places
from pynodes._core.beliefs import alongside
from pynodes._graph.edge_names import edge_names
from pynodes._results.edge_messages import EdgeMessages
from pynodes._runtime import sweeps
from pynodes._runtime.edges import Beliefs, Informed, Voice, reached, sent_down
from pynodes._runtime.feed import Feed, Moment
from pynodes._runtime.filter import healthy, remembered
from pynodes._runtime.gates import OPEN
from pynodes._runtime.sweeps import State
from pynodes._typing import Array, Scalar

Spot = tuple[int, int]
"""A group, and one of its bundles."""


def along_edges(
    labels: Labels, program: Program, feed: Feed, state: State | None
) -> dict[str, EdgeMessages]:
    """The messages of every edge, by its name, over the time of a feed."""
    down, up = _exchanged(program, feed, state)
    found: dict[str, EdgeMessages] = {}
    names = edge_names(labels.graph.edges)
    for name, ((_, _, inlet), wire) in zip(names, labels.wires.items(), strict=True):
        told = at_place(program, down[wire.down[:2]][inlet], "down", wire.down)
        heard = {
            what: at_place(program, values, "up", wire.up)
            for what, values in (up[wire.up[:2]] if wire.up is not None else {}).items()
        }
        found[name] = EdgeMessages(contribution=told, **heard)
    return found


def at_place(program: Program, values: Array, side: str, place: Any) -> Array:
    """The series of one edge, out of those of its bundle."""
    group, bundle, position = place
    layout = program.schedule.groups[group]
    shape = places(layout.size, getattr(layout, side)[bundle].fan)
    own = jnp.shape(values)[1 + len(shape) :]
    return jnp.reshape(values, (len(values), -1, *own))[:, position]


@jax.jit
def _exchanged(
    program: Program, feed: Feed, state: State | None
) -> tuple[dict[Spot, dict[str, Array]], dict[Spot, dict[str, Array]]]:
    """What went down and up every bundle, time first."""

    def advance(carry: tuple[State, Array], moment: Moment) -> tuple[Any, Any]:
        before, alive = carry
        now, dt = moment.program(program), feed.dt(moment)
        predicted = sweeps.predict(now, before, dt)
        gates = feed.gate(now, predicted, before, moment) if feed.gate is not None else OPEN
        beliefs, informed = sweeps.update(now, dict(predicted), moment.seen, dt, gates)
        alive = alive & healthy(beliefs)
        moves = alive if moment.frozen is None else alive & ~moment.frozen
        if moment.frozen is not None:
            alive = carry[1] & (alive | moment.frozen)
        after = jax.tree.map(partial(jnp.where, moves), remembered(now, beliefs), before)
        messages = (
            down_bundles(now, predicted, dt),
            up_bundles(now, predicted, beliefs, informed, dt),
        )
        return (after, alive), jax.tree.map(partial(counted, moves), messages)

    begin = (sweeps.start(program) if state is None else state, jnp.array(True))
    _, exchanged = lax.scan(advance, begin, feed.series, feed.steps)
    return exchanged


def counted(moves: Array, values: Array) -> Array:
    """Values of a step; NaN if it did not count."""
    return jnp.where(alongside(moves, values), values, jnp.nan)


def down_bundles(program: Program, predicted: Beliefs, dt: Scalar) -> dict[Spot, dict[str, Array]]:
    """What every parent contributes, by bundle and inlet."""
    return {
        (index, number): sent_down(program, index, number, predicted, dt)
        for index, group in enumerate(program.schedule.groups)
        for number in range(len(group.down))
    }


def up_bundles(
    program: Program, predicted: Mapping[int, Any], beliefs: Beliefs, informed: Informed, dt: Scalar
) -> dict[Spot, dict[str, Array]]:
    """What every child says to a parent, by bundle; the parent stands where it was predicted."""
    found: dict[Spot, dict[str, Array]] = {}
    for index, group in enumerate(program.schedule.groups):
        around = {**beliefs, index: predicted[index]}
        for number, (bundle, wiring) in enumerate(zip(group.up, program.up[index], strict=True)):
            loud = reached(program, index, bundle, wiring, informed)
            voice = Voice(program, index, bundle, wiring, around, loud)
            found[index, number] = spoken(voice, bundle.volatile, dt)
    return found


def spoken(voice: Voice, volatile: bool, dt: Scalar) -> dict[str, Array]:
    """What one bundle says, edge by edge."""
    if voice.support_values is not None:
        return {"support": voice.supports(dt)}
    evidence = voice.message().predicted() if volatile else voice.evidences(dt)
    return {"gradient": evidence.gradient, "curvature": evidence.curvature}
