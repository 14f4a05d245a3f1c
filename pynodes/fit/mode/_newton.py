"""Newton: many minima, each in a few numbers, with exact second derivatives.

Every lane is a search of its own. A step divides the gradient by the sizes of the Hessian's eigenvalues,
so that it goes down where the function curves down too, and is no longer than the lane trusts: less after
a step that led up, and again more after one that kept what it promised. Positions are in units in which a
step of one is neither small nor large.

Value, gradient and Hessian are looked at together and in one place of the program, at the start as at
every place that is tried: what takes time is to compile them.

Most searches take few steps and some take many. So a few go on side by side, and where one ends the next
begins: none waits for the longest, and how many there are in all changes nothing in the compiled program.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._core.modules import Module
from pynodes._typing import Array

Objective = Callable[[Array], Array]
"""A number for the position of every lane, which is the last axis; lanes do not depend on one another."""

LaneObjective = Callable[[Array, Array], Array]
"""The same for positions of shape (..., workers, numbers), and the lane that each worker is in."""

FARTHEST = 4.0
"""No step is longer."""

POOR, GOOD = 0.25, 0.75
"""Shares of a promised descent, below which the next step is shorter, and above which it may be longer."""

SHORTER = 0.25
"""The part of a poor step that the next one is."""

FLATTEST = 1e-3
"""Smaller curvatures are taken for this."""


class Minima(Module):
    """Where searches ended.

    Attributes
    ----------
    position, value, gradient, hessian
        Of every lane.
    converged
        Whether no further step promised to lower it by more than its rounding error.
    steps
        Number of steps that were taken.
    """

    position: Array
    value: Array
    gradient: Array
    hessian: Array
    converged: Array
    steps: Array


class Work(Module):
    """Searches under way.

    Attributes
    ----------
    lane
        Of every worker: whose search it is at.
    here
        What is known of the lowest place so far.
    tried
        Where it looks next.
    promised
        By how much that should be lower.
    trusted
        How long a step may be.
    idle
        Workers for whom no search is left.
    waiting
        The first lane whose search has not begun.
    """

    lane: Array
    here: Minima
    tried: Array
    promised: Array
    trusted: Array
    idle: Array
    waiting: Array


def minimised(objective: Objective, start: Array, most: int) -> Minima:
    """The minima that Newton steps from some starts lead to, at most so many; all lanes side by side.

    Parameters
    ----------
    objective
        The function; infinite where it has no value, with derivatives zero there.
    start
        A position per lane, of shape (..., numbers).
    most
        Number of steps after which lanes that have not converged are given up.
    """
    *lanes, count = start.shape

    def flat(at: Array, lane: Array) -> Array:
        del lane  # every worker has one
        values = objective(at.reshape(*at.shape[:-2], *lanes, count))
        return values.reshape(at.shape[:-1])

    found = minimised_in_turn(flat, start.reshape(-1, count), most, workers=start.size // count)
    return jax.tree.map(lambda part: part.reshape(*lanes, *part.shape[1:]), found)


def minimised_in_turn(objective: LaneObjective, start: Array, most: int, *, workers: int) -> Minima:
    """The same by so many workers, who take one lane after the other.

    Parameters
    ----------
    objective
        The function of the lanes that are named.
    start
        A position per lane, of shape (lanes, numbers).
    most
        Number of steps after which a lane that has not converged is given up.
    workers
        How many lanes are searched side by side.
    """
    lanes = start.shape[0]
    workers = min(workers, lanes)

    def going_on(carry: tuple[Minima, Work]) -> Array:
        return ~jnp.all(carry[1].idle)

    def step(carry: tuple[Minima, Work]) -> tuple[Minima, Work]:
        found, work = carry
        seen = derivatives(lambda at: objective(at, work.lane), work.tried)
        work, ends = one_step(work, seen)
        ends = (ends | (work.here.steps >= most)) & ~work.idle
        # Results go where their lane is; those of searches that go on, beyond the last.
        place = jnp.where(ends, work.lane, lanes)
        found = jax.tree.map(
            lambda all_, one: all_.at[place].set(one, mode="drop"), found, work.here
        )
        return found, taking_turns(work, ends, start)

    begin = Work(
        lane=jnp.arange(workers),
        here=unknown(start[:workers]),
        tried=start[:workers],
        promised=jnp.zeros(workers, start.dtype),
        trusted=jnp.full(workers, FARTHEST, start.dtype),
        idle=jnp.zeros(workers, bool),
        waiting=jnp.asarray(workers),
    )
    return lax.while_loop(going_on, step, (unknown(start), begin))[0]


def taking_turns(work: Work, ends: Array, start: Array) -> Work:
    """Workers whose search ended with the next lanes, as far as there are any."""
    following = work.waiting + jnp.cumsum(ends) - 1
    fresh = ends & (following < start.shape[0])
    lane = jnp.where(fresh, following, work.lane)
    tried = jnp.where(fresh[:, None], start[lane], work.tried)
    return Work(
        lane=lane,
        here=chosen(fresh, unknown(tried), work.here),
        tried=tried,
        promised=work.promised,
        trusted=jnp.where(fresh, FARTHEST, work.trusted),
        idle=work.idle | (ends & ~fresh),
        waiting=work.waiting + jnp.sum(fresh),
    )


def one_step(work: Work, seen: tuple[Array, Array, Array]) -> tuple[Work, Array]:
    """Searches after a look at what they tried, and which of them are at their end."""
    here, (value, gradient, hessian) = work.here, seen
    lower = value < here.value
    trusted = trust(work, here.value - value)
    there = dataclasses.replace(
        here, position=work.tried, value=value, gradient=gradient, hessian=hessian
    )
    here = chosen(lower, there, here)
    move, full, promised = newton_step(here.gradient, here.hessian, trusted)
    error = jnp.finfo(value.dtype).eps * (1 + jnp.abs(here.value))
    # Where rounding hides what is left, no step leads down although little was promised.
    settled = (full < error) | (~lower & (full < 1e4 * error))
    known = jnp.isfinite(here.value)
    here = dataclasses.replace(here, converged=settled & known, steps=here.steps + 1)
    moved = dataclasses.replace(
        work, here=here, tried=here.position + move, promised=promised, trusted=trusted
    )
    return moved, settled | (promised < error) | ~known


def trust(work: Work, descent: Array) -> Array:
    """How long the next steps may be, after one that led down so far, or less than not at all."""
    length = jnp.sqrt(jnp.sum((work.tried - work.here.position) ** 2, axis=-1))
    poor = ~(descent >= POOR * work.promised)
    good = descent > GOOD * work.promised
    longer = jnp.where(good, jnp.minimum(2 * work.trusted, FARTHEST), work.trusted)
    first = ~jnp.isfinite(work.here.value)
    return jnp.where(first, FARTHEST, jnp.where(poor, SHORTER * length, longer))


def chosen(which: Array, one: Minima, other: Minima) -> Minima:
    """Of every lane what is known of one place or the other."""

    def leaf(first: Array, second: Array) -> Array:
        return jnp.where(
            jnp.reshape(which, (*which.shape, *(1,) * (first.ndim - 1))), first, second
        )

    return jax.tree.map(leaf, one, other)


def unknown(start: Array) -> Minima:
    """What is known before a search: nothing but where it starts, and curvatures of one."""
    lanes, count = start.shape[:-1], start.shape[-1]
    return Minima(
        position=start,
        value=jnp.full(lanes, jnp.inf, start.dtype),
        gradient=jnp.zeros_like(start),
        hessian=jnp.broadcast_to(jnp.eye(count, dtype=start.dtype), (*lanes, count, count)),
        converged=jnp.zeros(lanes, bool),
        steps=jnp.zeros(lanes, int),
    )


def newton_step(gradient: Array, hessian: Array, longest: Array) -> tuple[Array, Array, Array]:
    """A downward step no longer than that, by how much a full one promises to lower the value, and this."""
    sizes, axes = jnp.linalg.eigh(hessian)
    along = jnp.einsum("...ij,...i->...j", axes, gradient)
    firm = jnp.maximum(jnp.abs(sizes), FLATTEST)
    move = -jnp.einsum("...ij,...j->...i", axes, along / firm)
    full = 0.5 * jnp.sum(along**2 / firm, axis=-1)
    length = jnp.sqrt(jnp.sum(move**2, axis=-1))
    fraction = jnp.minimum(1.0, longest / jnp.maximum(length, FLATTEST * longest))
    return move * fraction[..., None], full, full * fraction * (2 - fraction)


def derivatives(objective: Objective, at: Array) -> tuple[Array, Array, Array]:
    """Value, gradient and Hessian of every lane, by tangents that go before the lanes.

    Since lanes do not depend on one another, all of them are pushed along the same unit at once, and the
    loops inside run over lanes, where a computer is fast, and not over the few units.
    """
    (value, gradient), (_, hessian) = pushed(pushed(objective, at), at)(at)
    gradient = jnp.moveaxis(gradient, 0, -1)
    hessian = jnp.moveaxis(hessian, (0, 1), (-2, -1))
    alive = jnp.isfinite(value)
    gradient = jnp.where(alive[..., None], gradient, 0.0)
    hessian = jnp.where(alive[..., None, None], hessian, 0.0)
    return value, gradient, 0.5 * (hessian + jnp.swapaxes(hessian, -1, -2))


def pushed(function: Callable[[Array], Any], like: Array) -> Callable[[Array], Any]:
    """A function with its change along a unit of every number of all lanes, units first."""
    units = jnp.eye(like.shape[-1], dtype=like.dtype)

    def along(at: Array, unit: Array) -> Any:
        lanes = jnp.broadcast_to(jnp.reshape(unit, (*(1,) * (at.ndim - 1), -1)), at.shape)
        return jax.jvp(function, (at,), (lanes,))

    return lambda at: jax.vmap(lambda unit: along(at, unit), out_axes=(None, 0))(units)
