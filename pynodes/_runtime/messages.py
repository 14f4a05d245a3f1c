"""Messages: what went down and up every edge at every step of a run, found by making it again.

Of edges on which a child's belief is kept conditional on its parent, also that.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program, active_places, places
from pynodes._core.arithmetic import reciprocal, root
from pynodes._core.beliefs import alongside
from pynodes._engine import sweeps
from pynodes._engine.bundles import gather_parents, over_edges
from pynodes._engine.edges import ChildMessages, active_edges, contributions, see_parent
from pynodes._engine.feed import Feed
from pynodes._engine.filter import filter_step
from pynodes._engine.loop import Guard, Now, scan
from pynodes._engine.sweeps import State, Step
from pynodes._graph.edges import name_edges
from pynodes._results.edge_beliefs import EdgeMessages
from pynodes._typing import Array, Scalar

Spot = tuple[int, int]
"""A group, and one of its bundles."""


def collect_messages(
    labels: Labels, program: Program, feed: Feed, state: State | None
) -> dict[str, EdgeMessages]:
    """The messages of every edge, by its name, over the time of a feed."""
    down, up, kept = exchange(program, feed, state)
    found: dict[str, EdgeMessages] = {}
    names = name_edges(labels.graph.edges)
    couplings = [coupling for *_, coupling in labels.graph.edges]
    for name, coupling, wire in zip(names, couplings, labels.wires.values(), strict=True):
        sent = pick_edge(program, down[wire.down[:2]][coupling.inlet], "down", wire.down)
        heard = {
            what: pick_edge(program, values, "up", wire.up)
            for what, values in (up[wire.up[:2]] if wire.up is not None else {}).items()
        }
        remembered = {
            what: pick_edge(program, values, "down", wire.down)
            for what, values in kept.get(wire.down[:2], {}).items()
        }
        found[name] = EdgeMessages(contribution=sent, **heard, **remembered)
    return found


def pick_edge(program: Program, values: Array, side: str, place: Any) -> Array:
    """The series of one edge, out of those of its bundle."""
    group, bundle, position = place
    layout = program.schedule.groups[group]
    shape = places(layout.size, getattr(layout, side)[bundle].fan)
    own = jnp.shape(values)[1 + len(shape) :]
    return jnp.reshape(values, (len(values), -1, *own))[:, position]


@jax.jit
def exchange(
    program: Program, feed: Feed, state: State | None
) -> tuple[dict[Spot, dict[str, Array]], ...]:
    """What went down and up every bundle, and what was kept of it, time first; NaN where no step counts."""

    def emit(now: Now, found: Step, guard: Guard) -> Any:
        messages = (
            send_to_children(now.program, found, now.dt),
            send_to_parents(now.program, found, now.dt),
            keep_of_parents(now.program, found),
        )
        return jax.tree.map(partial(guard.where_counted, otherwise=jnp.nan), messages)

    begin = sweeps.start(program) if state is None else state
    return scan(program, feed, begin, partial(filter_step, feed), emit).emitted


def send_to_children(program: Program, found: Step, dt: Scalar) -> dict[Spot, dict[str, Array]]:
    """What every parent contributes, by bundle and inlet."""
    return {
        (index, number): contributions(program, index, number, found.predicted, dt, found.before)
        for index, group in enumerate(program.schedule.groups)
        for number in range(len(group.down))
    }


def send_to_parents(program: Program, found: Step, dt: Scalar) -> dict[Spot, dict[str, Array]]:
    """What every child says to a parent, by bundle; the parent stands where it was predicted."""
    sent: dict[Spot, dict[str, Array]] = {}
    for index, group in enumerate(program.schedule.groups):
        for number, (bundle, wiring) in enumerate(zip(group.up, program.up[index], strict=True)):
            around = {**found.beliefs, index: found.predicted[index]}
            before = None
            if bundle.lagged:
                around = found.beliefs
                before = see_parent(found.predicted, found.before, index, lagged=True)
            active = active_edges(program, index, bundle, wiring, found.evident)
            children = ChildMessages(
                program, index, bundle, wiring, around, active, before, found.gates
            )
            sent[index, number] = describe_edges(children, bundle.volatile, dt)
    return sent


def describe_edges(children: ChildMessages, volatile: bool, dt: Scalar) -> dict[str, Array]:
    """What one bundle says, edge by edge."""
    if children.support_values is not None:
        return {"support": children.edge_support(dt)}
    evidence = children.message().predicted() if volatile else children.edge_evidence(dt)
    return {"gradient": evidence.gradient, "curvature": evidence.curvature}


def keep_of_parents(program: Program, found: Step) -> dict[Spot, dict[str, Array]]:
    """How every child leans on its parents after the step, by bundle, where its belief depends on them."""
    kept: dict[Spot, dict[str, Array]] = {}
    for index, group in enumerate(program.schedule.groups):
        if not program.nodes[index].has_memory or group.conditional_shapes is None:
            continue
        child = found.beliefs[index]
        for number, conditional in enumerate(child.structured.conditionals):
            if conditional is None:
                continue
            variance = gather_parents(program, index, number, lambda b: b.variance, found.beliefs)
            present = active_places(program, program.down[index][number])
            rule = over_edges(describe_conditional, group.size, group.down[number].fan)
            kept[index, number] = rule((present, conditional, variance), child.variance)
    return kept


def describe_conditional(edge: Any, variance: Array) -> dict[str, Array]:
    """How much one child leans on one parent; not at all where the edge is off."""
    present, conditional, parent = edge
    correlation = conditional.slope * root(parent * reciprocal(variance))
    found = {
        "slope": conditional.slope,
        "steepness": conditional.steepness,
        "correlation": correlation,
    }
    if present is None:
        return found
    return {what: jnp.where(alongside(present, value), value, 0.0) for what, value in found.items()}
