"""The loop over time: beliefs of every step, or only the surprise."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._compiler.labels import Kept
from pynodes._compiler.program import Program
from pynodes._core.beliefs import alongside
from pynodes._core.modules import Module
from pynodes._runtime import sweeps
from pynodes._runtime.edges import Beliefs
from pynodes._runtime.feed import Feed, Moment
from pynodes._runtime.gates import Seen, let_in
from pynodes._runtime.groupwise import each
from pynodes._runtime.sweeps import State
from pynodes._typing import Array

Records = dict[int, dict[str, Array]]
"""Reported fields by group: time first, then the nodes of a group that has several."""


class Run(Module):
    """What filtering leaves behind.

    Attributes
    ----------
    records
        Reported fields of the groups that were kept.
    surprise
        Surprise of every observed group's nodes; zero where nothing was observed.
    final
        The state after the last step, or after the last healthy one.
    alive
        Whether no belief had broken down yet, by step.
    bounded
        Whether a log growth reached its bound, by step.
    """

    records: Records
    surprise: dict[int, Array]
    final: State
    alive: Array
    bounded: Array


def filtered(program: Program, feed: Feed, state: State | None, kept: Kept, *, hold: bool) -> Run:
    """Filter a series, from the program's initial beliefs unless a state is given.

    With ``hold`` state and records stay what they were at frozen steps and from a failure on; without,
    they are what each step computed.
    """
    before = sweeps.start(program) if state is None else state

    def advance(
        carry: tuple[State, Array, Records | None], moment: Moment
    ) -> tuple[tuple[State, Array, Records | None], Any]:
        before, alive, last = carry
        now = moment.program(program)
        beliefs, seen = one_step(now, feed, before, moment)
        after, fine = remembered(now, beliefs), healthy(beliefs)
        alive = alive & (fine if moment.frozen is None else fine | moment.frozen)
        reports = {index: reported(now, index, beliefs, positions) for index, positions in kept}
        if hold:
            moves = alive if moment.frozen is None else alive & ~moment.frozen
            after, last = jax.tree.map(
                lambda new, old: jnp.where(moves, new, old), (after, reports), (before, last)
            )
            reports = last
        found = (reports, surprises(now, beliefs, seen), alive, overgrown(beliefs))
        return (after, alive, last), found

    last = at_rest(program, before, kept) if hold else None
    (final, _, _), (records, surprise, alive, bounded) = lax.scan(
        advance, (before, jnp.array(True), last), feed.series, feed.steps
    )
    return Run(records=records, surprise=surprise, final=final, alive=alive, bounded=bounded)


def totalled(
    program: Program, feed: Feed, state: State | None, *, lean: bool = False
) -> tuple[Array, Array]:
    """Sum of all surprises, and whether every step was healthy. Nothing else is kept.

    ``lean`` saves memory when differentiated backwards: each step is computed again.
    """

    def advance(carry: tuple[State, Array, Array], moment: Moment) -> tuple[Any, None]:
        before, total, alive = carry
        now = moment.program(program)
        beliefs, seen = one_step(now, feed, before, moment)
        after, fine = remembered(now, beliefs), healthy(beliefs)
        surprise = sum(jnp.sum(part) for part in surprises(now, beliefs, seen).values())
        frozen = moment.frozen
        if frozen is not None:
            after = jax.tree.map(lambda a, b: jnp.where(frozen, b, a), after, before)
            surprise = jnp.where(frozen, 0.0, surprise)
            fine = fine | frozen
        return (after, total + surprise, alive & fine), None

    body = jax.checkpoint(advance) if lean else advance  # type: ignore[attr-defined]
    begin = (
        sweeps.start(program) if state is None else state,
        jnp.zeros((), jnp.result_type(float)),
        jnp.array(True),
    )
    (_, total, alive), _ = lax.scan(body, begin, feed.series, feed.steps)
    return total, alive & jnp.isfinite(total)


def one_step(program: Program, feed: Feed, before: State, moment: Moment) -> tuple[Beliefs, Seen]:
    """The beliefs after one step, and what was seen in it as far as gates let it in."""
    dt = feed.dt(moment)
    if feed.gate is None:
        beliefs, _ = sweeps.step(program, before, moment.seen, dt)
        return beliefs, moment.seen
    predicted = sweeps.predict(program, before, dt)
    gates = feed.gate(program, predicted, before, moment)
    beliefs, _ = sweeps.update(program, predicted, moment.seen, dt, gates)
    return beliefs, let_in(moment.seen, gates)


def remembered(program: Program, beliefs: Beliefs) -> State:
    """What the next step starts from."""
    nodes = enumerate(program.nodes)
    return tuple(beliefs[index].remembered() if node.remembers else None for index, node in nodes)


def surprises(program: Program, beliefs: Beliefs, seen: Seen) -> dict[int, Array]:
    """Surprise of every observed group's nodes; zero where nothing was observed."""
    found = {}
    for index, (_, observed) in seen.items():
        node = program.nodes[index]
        surprise = each(program, index, type(node).surprise)(node, beliefs[index])
        found[index] = surprise if observed is True else jnp.where(observed, surprise, 0.0)
    return found


def reported(
    program: Program, index: int, beliefs: Beliefs, positions: tuple[int, ...] | None
) -> dict[str, Array]:
    """The fields that a group's nodes report: of all of them, or of those at some positions."""
    node = program.nodes[index]
    fields = each(program, index, type(node).report)(node, beliefs[index])
    if positions is None:
        return fields
    return {name: field[jnp.array(positions)] for name, field in fields.items()}


def healthy(beliefs: Beliefs) -> Array:
    """Whether every belief of a step is finite and of positive precision."""
    fine = jnp.array(True)
    for belief in beliefs.values():
        fine = fine & jnp.all(belief.healthy())
    return fine


def overgrown(beliefs: Beliefs) -> Array:
    """Whether any log growth of a step reached its bound."""
    found = jnp.array(False)
    for belief in beliefs.values():
        found = found | jnp.any(belief.overgrown())
    return found


def held(program: Program, feed: Feed, state: State | None, kept: Kept, run: Run) -> Run:
    """A run in which steps that did not count repeat the last that did, or the beginning."""
    moves = moving(feed, run)
    last = lax.cummax(jnp.where(moves, jnp.arange(feed.steps), -1))
    first = at_rest(program, sweeps.start(program) if state is None else state, kept)

    def repeated(series: Array, start: Array) -> Array:
        return jnp.where(
            alongside(last < 0, series), start, jnp.take(series, jnp.maximum(last, 0), axis=0)
        )

    return masked(
        feed, dataclasses.replace(run, records=jax.tree.map(repeated, run.records, first))
    )


def masked(feed: Feed, run: Run) -> Run:
    """A run whose surprise is zero at frozen steps and infinite from a failure on."""
    moves = moving(feed, run)

    def mask(surprise: Array) -> Array:
        return jnp.where(
            alongside(run.alive, surprise),
            jnp.where(alongside(moves, surprise), surprise, 0.0),
            jnp.inf,
        )

    surprise = jax.tree.map(mask, run.surprise)
    return dataclasses.replace(run, surprise=surprise, bounded=run.bounded & moves)


def moving(feed: Feed, run: Run) -> Array:
    """Which steps counted."""
    frozen = feed.series.frozen
    return run.alive if frozen is None else run.alive & ~frozen


def at_rest(program: Program, state: State, kept: Kept) -> Records:
    """What groups report of a state before any step."""
    beliefs = resting(program, state)
    return {index: reported(program, index, beliefs, positions) for index, positions in kept}


def resting(program: Program, state: State) -> Beliefs:
    """The beliefs of a state, as if each node had predicted just what it believes."""
    beliefs = sweeps.predict(program, state, 1.0)
    return {
        index: belief if state[index] is None else belief.resting(state[index])
        for index, belief in beliefs.items()
    }
