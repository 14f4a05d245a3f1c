"""Newton: many minima, each in a few numbers, with exact second derivatives.

Every lane is a search of its own. A step divides the gradient by the sizes of the Hessian's eigenvalues,
so that it goes down where the function curves down too; it is no longer than ``FARTHEST``, and of its
fractions the best is taken. Positions are in units in which a step of one is neither small nor large.

Most searches take few steps and some take many. So a few go on side by side, and where one ends the next
begins: none waits for the longest, and how many there are in all changes nothing in the compiled program.
"""

from __future__ import annotations

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

FRACTIONS = (1.0, 0.5, 0.2, 0.05, 0.01)
"""A step is tried in full, and these parts of it."""

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
    lane, at, steps
        Of every worker: whose search it is at, where, and for how many steps.
    idle
        Workers for whom no search is left.
    waiting
        The first lane whose search has not begun.
    """

    lane: Array
    at: Array
    steps: Array
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
        now, there, ends = one_step(lambda at: objective(at, work.lane), work.at, work.steps)
        ends = (ends | (now.steps >= most)) & ~work.idle
        # Results go where their lane is; those of searches that go on, beyond the last.
        place = jnp.where(ends, work.lane, lanes)
        found = jax.tree.map(lambda all_, one: all_.at[place].set(one, mode="drop"), found, now)
        moved = Work(
            lane=work.lane, at=there, steps=now.steps, idle=work.idle, waiting=work.waiting
        )
        return found, taking_turns(moved, ends, start)

    begin = Work(
        lane=jnp.arange(workers),
        at=start[:workers],
        steps=jnp.zeros(workers, int),
        idle=jnp.zeros(workers, bool),
        waiting=jnp.asarray(workers),
    )
    return lax.while_loop(going_on, step, (unknown(start), begin))[0]


def taking_turns(work: Work, ends: Array, start: Array) -> Work:
    """Workers whose search ended with the next lanes, as far as there are any."""
    following = work.waiting + jnp.cumsum(ends) - 1
    fresh = ends & (following < start.shape[0])
    lane = jnp.where(fresh, following, work.lane)
    return Work(
        lane=lane,
        at=jnp.where(fresh[:, None], start[lane], work.at),
        steps=jnp.where(fresh, 0, work.steps),
        idle=work.idle | (ends & ~fresh),
        waiting=work.waiting + jnp.sum(fresh),
    )


def one_step(objective: Objective, at: Array, steps: Array) -> tuple[Minima, Array, Array]:
    """What is known where lanes are, where they go next, and whether they are at their end."""
    value, gradient, hessian = derivatives(objective, at)
    move, promised = newton_step(gradient, hessian)
    tried = at[None] + move[None] * fractions(at)
    values = objective(tried)
    best = jnp.argmin(jnp.where(jnp.isnan(values), jnp.inf, values), axis=0)
    lowest = jnp.take_along_axis(values, best[None], axis=0)[0]
    there = jnp.take_along_axis(tried, best[None, ..., None], axis=0)[0]
    error = jnp.finfo(value.dtype).eps * (1 + jnp.abs(value))
    settled = jnp.isfinite(value) & (promised < error)
    better = lowest < value
    # Where rounding hides what is left, no fraction is better although little was promised.
    settled = settled | (jnp.isfinite(value) & ~better & (promised < 1e4 * error))
    ends = settled | ~better
    known = Minima(
        position=at,
        value=value,
        gradient=gradient,
        hessian=hessian,
        converged=settled,
        steps=steps + 1,
    )
    return known, jnp.where(ends[..., None], at, there), ends


def unknown(start: Array) -> Minima:
    """What is known before a search: nothing but where it starts, and curvatures of one."""
    lanes, count = start.shape[:-1], start.shape[-1]
    return Minima(
        position=start,
        value=jnp.zeros(lanes, start.dtype),
        gradient=jnp.zeros_like(start),
        hessian=jnp.broadcast_to(jnp.eye(count, dtype=start.dtype), (*lanes, count, count)),
        converged=jnp.zeros(lanes, bool),
        steps=jnp.zeros(lanes, int),
    )


def newton_step(gradient: Array, hessian: Array) -> tuple[Array, Array]:
    """A downward step, and by how much it promises to lower the value."""
    sizes, axes = jnp.linalg.eigh(hessian)
    along = jnp.einsum("...ij,...i->...j", axes, gradient)
    firm = jnp.maximum(jnp.abs(sizes), FLATTEST)
    move = -jnp.einsum("...ij,...j->...i", axes, along / firm)
    promised = 0.5 * jnp.sum(along**2 / firm, axis=-1)
    length = jnp.sqrt(jnp.sum(move**2, axis=-1, keepdims=True))
    return move * jnp.minimum(1.0, FARTHEST / jnp.maximum(length, FLATTEST)), promised


def fractions(at: Array) -> Array:
    """The fractions along a new first axis beside those of some positions."""
    return jnp.reshape(jnp.asarray(FRACTIONS, at.dtype), (-1, *(1,) * at.ndim))


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
