"""Smoothing: the loop over time forward, then back, and every belief given the whole series."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._compiler.program import Program
from pynodes._core.beliefs import Gaussian, alongside
from pynodes._core.modules import Module
from pynodes._runtime import filter as loops
from pynodes._runtime import sweeps
from pynodes._runtime.edges import Beliefs, inlets
from pynodes._runtime.feed import Feed, Moment
from pynodes._runtime.filter import Kept, Run
from pynodes._runtime.groupwise import each
from pynodes._runtime.retrace import Futures, no_future, retraced, sent_back
from pynodes._runtime.sweeps import State
from pynodes._typing import Array

Passed = tuple[State, Beliefs]
"""What was remembered before every step, and the filter's beliefs after it."""


class Smoothed(Module):
    """What smoothing leaves behind.

    Attributes
    ----------
    run
        The filter's run, its records given the whole series.
    sound
        Whether every group's revised beliefs were beliefs, by step. Where some were not, the step
        keeps the filter's and hears nothing of what came after.
    """

    run: Run
    sound: dict[int, Array]


@partial(jax.jit, static_argnames="kept")
def smoothed(program: Program, feed: Feed, state: State | None, kept: Kept) -> Smoothed:
    """Beliefs at every step given the whole series, from the initial beliefs unless a state is given."""
    begin = sweeps.start(program) if state is None else state
    passed, run = filtered(program, feed, begin)
    moves = run.alive if feed.series.frozen is None else run.alive & ~feed.series.frozen

    def retrace(futures: Futures, step: tuple[Passed, Moment, Array]) -> tuple[Futures, Any]:
        (before, plain), moment, moving = step
        now, dt = moment.program(program), feed.dt(moment)
        known = retraced(now, before, futures, moment.seen, dt)
        sound = {index: belief.healthy() for index, belief in known.beliefs.items()}
        fine = jnp.all(jnp.stack([jnp.all(flags) for flags in sound.values()]))
        known = dataclasses.replace(known, beliefs=chosen(fine, known.beliefs, plain))
        beliefs = shown(now, plain, known.beliefs, moment, dt)
        records = {
            index: loops.reported(now, index, beliefs, positions) for index, positions in kept
        }
        earlier = chosen(moving, sent_back(now, before, known, dt), futures)
        return earlier, (records, {index: flags | ~moving for index, flags in sound.items()})

    futures, (records, sound) = lax.scan(
        retrace, no_future(program, begin), (passed, feed.series, moves), feed.steps, reverse=True
    )
    run = loops.held(program, feed, begin, kept, dataclasses.replace(run, records=records))
    first = {index: rest(program, begin, futures, index, positions) for index, positions in kept}
    return Smoothed(
        run=dataclasses.replace(run, records=led(run.records, first, moves)), sound=sound
    )


def filtered(program: Program, feed: Feed, begin: State) -> tuple[Passed, Run]:
    """The filter's run without records, and what was believed before and after every step."""

    def advance(carry: tuple[State, Array], moment: Moment) -> tuple[tuple[State, Array], Any]:
        before, alive = carry
        now = moment.program(program)
        beliefs, _ = sweeps.step(now, before, moment.seen, feed.dt(moment))
        fine = loops.healthy(beliefs)
        alive = alive & (fine if moment.frozen is None else fine | moment.frozen)
        moves = alive if moment.frozen is None else alive & ~moment.frozen
        after = chosen(moves, loops.remembered(now, beliefs), before)
        surprise = loops.surprises(now, beliefs, moment.seen)
        return (after, alive), ((before, beliefs), surprise, alive, loops.overgrown(beliefs))

    (final, _), (passed, surprise, alive, bounded) = lax.scan(
        advance, (begin, jnp.array(True)), feed.series, feed.steps
    )
    run = Run(records={}, surprise=surprise, final=final, alive=alive, bounded=bounded)
    return passed, run


def shown(program: Program, plain: Beliefs, known: Beliefs, moment: Moment, dt: Any) -> Beliefs:
    """Beliefs given the whole series, beside the predictions that the filter made."""
    now = {number: belief.as_prediction() for number, belief in known.items()}

    def given_all(index: int) -> Any:
        node, belief = program.nodes[index], known[index]
        value, observed = moment.seen.get(index, (None, True))
        if observed is not True and not node.remembers:
            last = each(program, index, type(node).init)(node)
            inlet = inlets(program, index, now, dt)
            expected = each(program, index, type(node).predict)(node, last, inlet, dt)
            belief = each(program, index, type(node).observe)(node, expected, value, observed)
        if isinstance(belief, Gaussian):
            belief = plain[index].updated(belief.mean, belief.variance)
        return belief

    return {index: given_all(index) for index in known}


def rest(
    program: Program, begin: State, futures: Futures, index: int, positions: Any
) -> dict[str, Array]:
    """What a group reports before anything moved: its initial beliefs, given the whole series."""
    belief, future = loops.resting(program, begin)[index], futures[index]
    if future is not None:
        known = future.joined_to(belief)
        belief = belief.updated(known.mean, known.variance)
    return loops.reported(program, index, {index: belief}, positions)


def led(records: loops.Records, first: loops.Records, moves: Array) -> loops.Records:
    """Records in which the steps before the first that moved report the beginning."""
    still = lax.cummax(moves.astype(jnp.int32)) == 0

    def begun(series: Array, start: Array) -> Array:
        return jnp.where(alongside(still, series), start, series)

    return jax.tree.map(begun, records, first)


def chosen(where: Array, one: Any, other: Any) -> Any:
    """One of two trees that are alike."""
    return jax.tree.map(partial(jnp.where, where), one, other)
