"""Filtering: the sweeps of every step, and what is kept of them: beliefs, or only the surprise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.labels import Kept
from pynodes._compiler.program import Program
from pynodes._core.modules import Module
from pynodes._engine import sweeps
from pynodes._engine.edges import Beliefs, apply_to_group
from pynodes._engine.energy import group_surprise
from pynodes._engine.feed import Feed, Seen
from pynodes._engine.gates import OPEN, Gates
from pynodes._engine.loop import Emit, Guard, Now, Ran, Sum, scan, select_tree
from pynodes._engine.structured import joint_gain
from pynodes._engine.sweeps import State, Step
from pynodes._typing import Array

Records = dict[int, dict[str, Array]]
"""Reported fields by group: time first, then the nodes of a group that has several."""


JOINT = -1
"""Beside the surprises of groups: what is added to their sum where the surprise of a step is that of all
inputs together, under Structured and where nodes settle together."""


class Run(Module):
    """What filtering leaves behind.

    Attributes
    ----------
    records
        Reported fields of the groups that were kept.
    surprise
        Surprise of every observed group's nodes; zero where nothing was observed.
    final
        The state after the last step, or after the last one with valid beliefs.
    alive
        Whether no belief had broken down yet, by step.
    bounded
        Whether a log growth reached its bound, by step.
    failed
        Which nodes broke down at the step at which the first one did, group by group; None if nobody looked.
    grown
        Which nodes ever grew at the bound, group by group; likewise.
    """

    records: Records
    surprise: dict[int, Array]
    final: State
    alive: Array
    bounded: Array
    failed: Any
    grown: Any


def filter_step(feed: Feed, now: Now, before: State) -> tuple[State, Array, Step]:
    """One step of the filter: the state after it, whether its beliefs are valid, and what it found."""

    def gate(predicted: Beliefs) -> Gates:
        return feed.gate(now.program, predicted, before, now.moment)

    found = sweeps.step(
        now.program, before, now.moment.seen, now.dt, gate if feed.gate is not None else None
    )
    return sweeps.carry(now.program, found.beliefs), all_valid(found.beliefs), found


def run_without_guard(program: Program, feed: Feed, state: State | None, kept: Kept) -> Run:
    """Filter a series in which no step is frozen; nothing is held after a failure."""

    def emit(now: Now, found: Step, guard: Guard) -> Any:
        records = report_groups(now.program, found.beliefs, kept)
        surprise = surprises(now.program, found.beliefs, found.seen, found.gates)
        return records, surprise, guard.alive, any_at_limit(found.beliefs)

    begin = sweeps.start(program) if state is None else state
    ran = scan(program, feed, begin, partial(filter_step, feed), emit, hold=False)
    records, surprise, alive, bounded = ran.emitted
    return Run(
        records=records,
        surprise=surprise,
        final=ran.final,
        alive=alive,
        bounded=bounded,
        failed=None,
        grown=None,
    )


def run_with_guard(program: Program, feed: Feed, state: State | None, kept: Kept) -> Run:
    """Filter a series; what follows a failure repeats the last step before it, frozen steps rest."""

    def keep(now: Now, found: Step, guard: Guard) -> Records:
        records = report_groups(found.program, found.beliefs, kept)
        if guard.frozen is None:
            return records
        still = report_groups(now.program, rest(now.program, found.before), kept)
        return select_tree(guard.frozen, still, records)

    begin = sweeps.start(program) if state is None else state
    first = report_groups(program, rest(program, begin), kept)
    run, ran = run_and_keep(program, feed, begin, partial(filter_step, feed), keep, first)
    return dataclasses.replace(run, records=ran.kept)


def run_and_keep(
    program: Program,
    feed: Feed,
    begin: Any,
    step: Callable[[Now, Any], tuple[Any, Array, Any]],
    keep: Emit | None = None,
    first: Any = None,
    *,
    emit: Callable[[Any], Any] = lambda found: None,
    beside: Any = None,
) -> tuple[Run, Ran]:
    """A run without records, and the loop that made it.

    Parameters
    ----------
    program, feed, begin, keep, first, beside
        As for :func:`scan`.
    step
        Takes a step and finds a :class:`Step`, or what has its fields.
    emit
        What else is emitted of it.
    """

    def emit_all(now: Now, found: Any, guard: Guard) -> Any:
        surprise = surprises(found.program, found.beliefs, found.seen, found.gates)
        masked = jax.tree.map(guard.mask_surprise, surprise)
        bounded = (guard.counts | guard.fails) & any_at_limit(found.beliefs)
        return guard.alive, masked, bounded, emit(found)

    def add(now: Now, found: Any, guard: Guard) -> Array:
        failed = guard.fails & flag_nodes(program, found.beliefs, is_invalid)
        grown = (guard.counts | guard.fails) & flag_nodes(program, found.beliefs, is_at_limit)
        return jnp.stack([failed, grown]).astype(jnp.result_type(float))

    ran = scan(
        program,
        feed,
        begin,
        step,
        emit_all,
        keep=keep,
        first=first,
        total=Sum.zeros((2, program.schedule.count)),
        add=add,
        beside=beside,
    )
    alive, surprise, bounded, emitted = ran.emitted
    failed, grown = ran.total.total > 0
    run = Run(
        records={},
        surprise=surprise,
        final=ran.final,
        alive=alive,
        bounded=bounded,
        failed=failed,
        grown=grown,
    )
    return run, dataclasses.replace(ran, emitted=emitted)


def sum_surprise(
    program: Program,
    feed: Feed,
    state: State | None,
    each: str | None = None,
    *,
    remake: bool = False,
) -> tuple[Array, Array]:
    """Total surprise, and whether every step was valid. Nothing else is kept.

    Parameters
    ----------
    program, feed, state
        The network, the series, and where to start; None for the initial beliefs.
    each
        None for one number; ``"input"`` for one per observed node, group by group; ``"step"`` for one
        per step.
    remake
        Saves memory when differentiated backwards: each step is computed again.
    """

    def measure(now: Now, found: Step, guard: Guard) -> Array:
        parts = surprises(now.program, found.beliefs, found.seen, found.gates)
        if each == "input":
            own = [part for group, part in parts.items() if group != JOINT]
            measured = jnp.concatenate([jnp.atleast_1d(part) for part in own])
        else:
            measured = sum((jnp.sum(part) for part in parts.values()), start=jnp.zeros(()))
        return measured if guard.frozen is None else jnp.where(guard.frozen, 0.0, measured)

    begin = sweeps.start(program) if state is None else state
    take = partial(filter_step, feed)
    if each == "step":
        ran = scan(program, feed, begin, take, measure, hold=False, remake=remake)
        return ran.emitted, ran.alive & jnp.all(jnp.isfinite(ran.emitted))
    groups = program.schedule.groups
    count = sum(groups[group].size for group in feed.series.values)
    total = Sum.zeros((count,) if each == "input" else ())
    ran = scan(program, feed, begin, take, total=total, add=measure, hold=False, remake=remake)
    return ran.total.total, ran.alive & jnp.all(jnp.isfinite(ran.total.total))


def surprises(
    program: Program, beliefs: Mapping[int, Any], seen: Seen, gates: Gates = OPEN
) -> dict[int, Array]:
    """Surprise of every observed group's nodes, to its power; zero where nothing was observed."""
    found = {
        index: group_surprise(program, index, beliefs[index], observed)
        for index, (_, observed) in seen.items()
    }
    for index, power in gates.powers.items():
        if index in found:
            found[index] = found[index] * power
    structured = program.structured is not None
    gain = joint_gain(program, beliefs) if structured else program.scheme.evidence_gain(beliefs)
    return found if gain is None else found | {JOINT: -gain}


def report_groups(program: Program, beliefs: Mapping[int, Any], kept: Kept) -> Records:
    """The fields that the groups that are kept report."""
    return {index: report_fields(program, index, beliefs, positions) for index, positions in kept}


def report_fields(
    program: Program, index: int, beliefs: Mapping[int, Any], positions: tuple[int, ...] | None
) -> dict[str, Array]:
    """The fields that a group's nodes report: of all of them, or of those at some positions."""
    node = program.nodes[index]
    fields = apply_to_group(program, index, type(node).report)(node, beliefs[index])
    fields = fields | program.scheme.report(program, index, beliefs[index])
    if positions is None:
        return fields
    return {name: field[jnp.array(positions)] for name, field in fields.items()}


def rest(program: Program, state: State) -> Beliefs:
    """The beliefs of a step at which nothing moves and no time passes: each predicts what it believes."""

    def view(index: int, belief: Any) -> Any:
        return belief if state[index] is None else belief.from_state(state[index])

    return sweeps.predict(program, state, 0.0, view)


def all_valid(beliefs: Mapping[int, Any]) -> Array:
    """Whether every belief of a step is finite and of positive precision."""
    valid = jnp.array(True)
    for belief in beliefs.values():
        valid = valid & jnp.all(belief.is_valid())
    return valid


def any_at_limit(beliefs: Mapping[int, Any]) -> Array:
    """Whether any log growth of a step reached its bound."""
    found = jnp.array(False)
    for belief in beliefs.values():
        found = found | jnp.any(belief.at_growth_limit())
    return found


def flag_nodes(program: Program, beliefs: Mapping[int, Any], rule: Callable[[Any], Array]) -> Array:
    """What a rule says of every node, group by group."""
    flags = [
        jnp.atleast_1d(apply_to_group(program, index, rule)(beliefs[index]))
        for index in program.schedule.upward
    ]
    return jnp.concatenate(flags)


def is_invalid(belief: Any) -> Array:
    """Whether one node's belief is none."""
    return ~jnp.all(belief.is_valid())


def is_at_limit(belief: Any) -> Array:
    """Whether the log growth of one node's variance reached its bound."""
    return jnp.any(belief.at_growth_limit())
