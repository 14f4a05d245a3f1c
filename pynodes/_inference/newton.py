"""Newton: many minima, each in a few numbers, with exact second derivatives.

Every lane is a search of its own. A step divides the gradient by the absolute values of the Hessian's
eigenvalues, so that it goes down where the function curves down too, and is no longer than the lane trusts:
less after a step that led up, and again more after one that kept what it promised. Places are in units in
which a step of one is neither small nor large.

Value, gradient and Hessian are looked at together and in one place of the program, at the start as at
every place that is tried: what takes time is to compile them.

Most searches take few steps and some take many. So a few workers go on side by side, and where one search
ends the worker begins the next: none waits for the longest, and how many there are in all changes nothing
in the compiled program.

Why not an optimiser of a library: those look at gradients alone, or at value and gradient in several places
of the program. A quasi-Newton rule in this loop took more steps, two compiled copies of the model, and no
less time; SciPy's BFGS over one compiled gradient takes eighty times as long (5 against 0.06 seconds of
processor time, for a hundred subjects with two free values from four starts each).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._core.modules import Module
from pynodes._typing import Array

Objective = Callable[[Array], Array]
"""A number for the place of every lane, which is the last axis; lanes do not depend on one another."""

Blocks = tuple[tuple[int, ...], ...]
"""Which numbers every part of a sum depends on, if no two share one; empty for what is no such sum."""

LaneObjective = Callable[[Array, Array], Array]
"""The same for places of shape (..., workers, numbers), and the lane that each worker is in."""

LONGEST_STEP = 4.0
"""No step is longer."""

POOR, GOOD = 0.25, 0.75
"""Shares of a promised descent, below which the next step is shorter, and above which it may be longer."""

SHRINK = 0.25
"""The part of a poor step that the next one is."""

LEAST_CURVATURE = 1e-3
"""Smaller curvatures are taken for this."""


class Minima(Module):
    """Where searches ended.

    Attributes
    ----------
    place, value, gradient, hessian
        Of every lane.
    converged
        Whether no further step promised to lower it by more than its rounding error.
    steps
        Number of steps that were taken.
    """

    place: Array
    value: Array
    gradient: Array
    hessian: Array
    converged: Array
    steps: Array


class SearchState(Module):
    """Searches under way.

    Attributes
    ----------
    lane
        Of every worker: whose search it is at.
    best
        What is known of the lowest place so far.
    candidate
        Where it looks next.
    promised
        By how much that should be lower.
    radius
        How long a step may be.
    idle
        Workers for whom no search is left.
    waiting
        The first lane whose search has not begun.
    """

    lane: Array
    best: Minima
    candidate: Array
    promised: Array
    radius: Array
    idle: Array
    waiting: Array


def minimise(objective: Objective, starts: Array, limit: int) -> Minima:
    """Follow Newton steps from some starts down to minima, all lanes side by side.

    Parameters
    ----------
    objective
        The function; infinite where it has no value, with derivatives zero there.
    starts
        A place per lane, of shape (..., numbers).
    limit
        Number of steps after which lanes that have not converged are given up.
    """
    *lanes, count = starts.shape

    def flat(places: Array, lane: Array) -> Array:
        del lane  # every worker has one
        values = objective(places.reshape(*places.shape[:-2], *lanes, count))
        return values.reshape(places.shape[:-1])

    flat_starts = starts.reshape(-1, count)
    minima = minimise_in_turn(flat, flat_starts, limit, workers=flat_starts.shape[0])
    return jax.tree.map(lambda part: part.reshape(*lanes, *part.shape[1:]), minima)


def minimise_in_turn(
    objective: LaneObjective,
    starts: Array,
    limit: int,
    *,
    workers: int,
    blocks: Blocks = (),
    by_differences: bool = False,
) -> Minima:
    """Do the same with so many workers, who take one lane after the other.

    Parameters
    ----------
    objective
        The function of the lanes that are named.
    starts
        A place per lane, of shape (lanes, numbers).
    limit
        Number of steps after which a lane that has not converged is given up.
    workers
        How many lanes are searched side by side.
    blocks
        Of a function that is a sum of parts, each of numbers of its own: which they are, part by part. The
        objective then has the parts along a last axis.
    by_differences
        Whether Hessians are differences of gradients: for functions of which second derivatives take minutes
        to compile.
    """
    lanes = starts.shape[0]
    workers = min(workers, lanes)

    def is_running(carry: tuple[Minima, SearchState]) -> Array:
        return ~jnp.all(carry[1].idle)

    def step(carry: tuple[Minima, SearchState]) -> tuple[Minima, SearchState]:
        minima, state = carry
        seen = differentiate_twice(
            lambda places: objective(places, state.lane), state.candidate, blocks, by_differences
        )
        state, ends = take_step(state, seen)
        ends = (ends | (state.best.steps >= limit)) & ~state.idle
        # Results go where their lane is; those of searches that go on, beyond the last.
        where = jnp.where(ends, state.lane, lanes)
        minima = jax.tree.map(
            lambda all_, one: all_.at[where].set(one, mode="drop"), minima, state.best
        )
        return minima, assign_lanes(state, ends, starts)

    state = SearchState(
        lane=jnp.arange(workers),
        best=initial_minima(starts[:workers]),
        candidate=starts[:workers],
        promised=jnp.zeros(workers, starts.dtype),
        radius=jnp.full(workers, LONGEST_STEP, starts.dtype),
        idle=jnp.zeros(workers, bool),
        waiting=jnp.asarray(workers),
    )
    return lax.while_loop(is_running, step, (initial_minima(starts), state))[0]


def assign_lanes(state: SearchState, ends: Array, starts: Array) -> SearchState:
    """Give workers whose search ended the next lanes, as far as there are any."""
    following = state.waiting + jnp.cumsum(ends) - 1
    fresh = ends & (following < starts.shape[0])
    lane = jnp.where(fresh, following, state.lane)
    candidate = jnp.where(fresh[:, None], starts[lane], state.candidate)
    return SearchState(
        lane=lane,
        best=choose_minima(fresh, initial_minima(candidate), state.best),
        candidate=candidate,
        promised=state.promised,
        radius=jnp.where(fresh, LONGEST_STEP, state.radius),
        idle=state.idle | (ends & ~fresh),
        waiting=state.waiting + jnp.sum(fresh),
    )


def take_step(state: SearchState, seen: tuple[Array, Array, Array]) -> tuple[SearchState, Array]:
    """Move searches on after a look at their candidates; also say which of them are at their end."""
    best, (value, gradient, hessian) = state.best, seen
    lower = value < best.value
    radius = update_radius(state, best.value - value)
    candidate = dataclasses.replace(
        best, place=state.candidate, value=value, gradient=gradient, hessian=hessian
    )
    best = choose_minima(lower, candidate, best)
    move, full, promised = newton_step(best.gradient, best.hessian, radius)
    error = jnp.finfo(value.dtype).eps * (1 + jnp.abs(best.value))
    # Where rounding hides what is left, no step leads down although little was promised.
    settled = (full < error) | (~lower & (full < 1e4 * error))
    known = jnp.isfinite(best.value)
    best = dataclasses.replace(best, converged=settled & known, steps=best.steps + 1)
    state = dataclasses.replace(
        state, best=best, candidate=best.place + move, promised=promised, radius=radius
    )
    return state, settled | (promised < error) | ~known


def update_radius(state: SearchState, descent: Array) -> Array:
    """How long the next steps may be, after one that led down so far, or less than not at all."""
    length = jnp.sqrt(jnp.sum((state.candidate - state.best.place) ** 2, axis=-1))
    poor = ~(descent >= POOR * state.promised)
    good = descent > GOOD * state.promised
    longer = jnp.where(good, jnp.minimum(2 * state.radius, LONGEST_STEP), state.radius)
    first = ~jnp.isfinite(state.best.value)
    return jnp.where(first, LONGEST_STEP, jnp.where(poor, SHRINK * length, longer))


def choose_minima(which: Array, one: Minima, other: Minima) -> Minima:
    """Of every lane what is known of one place or the other."""

    def leaf(first: Array, second: Array) -> Array:
        return jnp.where(
            jnp.reshape(which, (*which.shape, *(1,) * (first.ndim - 1))), first, second
        )

    return jax.tree.map(leaf, one, other)


def initial_minima(starts: Array) -> Minima:
    """What is known before a search: nothing but where it starts, and curvatures of one."""
    lanes, count = starts.shape[:-1], starts.shape[-1]
    return Minima(
        place=starts,
        value=jnp.full(lanes, jnp.inf, starts.dtype),
        gradient=jnp.zeros_like(starts),
        hessian=jnp.broadcast_to(jnp.eye(count, dtype=starts.dtype), (*lanes, count, count)),
        converged=jnp.zeros(lanes, bool),
        steps=jnp.zeros(lanes, int),
    )


def newton_step(gradient: Array, hessian: Array, radius: Array) -> tuple[Array, Array, Array]:
    """A downward step within the radius, and how much a full one and this one promise to descend."""
    eigenvalues, axes = jnp.linalg.eigh(hessian)
    along = jnp.einsum("...ij,...i->...j", axes, gradient)
    curvatures = jnp.maximum(jnp.abs(eigenvalues), LEAST_CURVATURE)
    move = -jnp.einsum("...ij,...j->...i", axes, along / curvatures)
    full = 0.5 * jnp.sum(along**2 / curvatures, axis=-1)
    length = jnp.sqrt(jnp.sum(move**2, axis=-1))
    fraction = jnp.minimum(1.0, radius / jnp.maximum(length, LEAST_CURVATURE * radius))
    return move * fraction[..., None], full, full * fraction * (2 - fraction)


def differentiate_twice(
    objective: Objective, places: Array, blocks: Blocks = (), by_differences: bool = False
) -> tuple[Array, Array, Array]:
    """Value, gradient and Hessian of every lane in one look, by tangents that go before the lanes.

    Since lanes do not depend on one another, all of them are pushed along the same unit at once, and the
    loops inside run over lanes, where a computer is fast, and not over the few units. Nor do parts of a sum
    that have no number in common: one tangent moves the k-th number of every block. Where there is no
    value, derivatives are zero; where derivatives overflow, there is no value either.
    """
    basis = np.eye(places.shape[-1])
    if blocks:
        basis = np.stack([basis[list(column)].sum(axis=0) for column in columns_of(blocks)])
    once = lane_value_and_grad(objective, basis)
    twice = (
        difference_gradients(once, basis) if by_differences else lane_value_and_grad(once, basis)
    )
    (value, gradient), (_, hessian) = twice(places)
    gradient = jnp.moveaxis(gradient, 0, -1)
    hessian = jnp.moveaxis(hessian, (0, 1), (-2, -1))
    if blocks:
        value, gradient, hessian = join_blocks(blocks, value, gradient, hessian)
    known = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient), axis=-1)
    known &= jnp.all(jnp.isfinite(hessian), axis=(-2, -1))
    value = jnp.where(known, value, jnp.inf)
    gradient = jnp.where(known[..., None], gradient, 0.0)
    hessian = jnp.where(known[..., None, None], hessian, 0.0)
    return value, gradient, 0.5 * (hessian + jnp.swapaxes(hessian, -1, -2))


def columns_of(blocks: Blocks) -> list[tuple[int, ...]]:
    """The first numbers of all blocks, then the second ones, and so on."""
    width = max(map(len, blocks))
    return [tuple(block[k] for block in blocks if k < len(block)) for k in range(width)]


def join_blocks(
    blocks: Blocks, value: Array, gradient: Array, hessian: Array
) -> tuple[Array, Array, Array]:
    """Derivatives in all numbers from those of every part along the shared tangents."""
    where = {place: (b, k) for b, block in enumerate(blocks) for k, place in enumerate(block)}
    part, own = np.array([where[place] for place in sorted(where)]).T
    joint = hessian[..., part[:, None], own[:, None], own]
    same = np.reshape(part[:, None] == part, (*(1,) * (joint.ndim - 2), len(part), len(part)))
    return jnp.sum(value, axis=-1), gradient[..., part, own], jnp.where(same, joint, 0.0)


def lane_value_and_grad(
    function: Callable[[Array], Any], units: np.ndarray
) -> Callable[[Array], Any]:
    """Transform a function of many lanes into its value and its change along each unit, units first."""

    def along(places: Array, unit: Array) -> Any:
        lanes = jnp.broadcast_to(jnp.reshape(unit, (*(1,) * (places.ndim - 1), -1)), places.shape)
        return jax.jvp(function, (places,), (lanes,))

    def differentiate(places: Array) -> Any:
        basis = jnp.asarray(units, places.dtype)
        return jax.vmap(lambda unit: along(places, unit), out_axes=(None, 0))(basis)

    return differentiate


def difference_gradients(
    once: Callable[[Array], tuple[Array, Array]], units: np.ndarray
) -> Callable[[Array], Any]:
    """Do the same for value and gradient, by a short way along each unit instead of a second tangent.

    One compiled gradient looks at all of the places, where nested tangents are a program of several times its
    size. Gradients are exact, so that a way of the cube root of the rounding error is wrong by as little.
    """

    def differentiate(places: Array) -> Any:
        way = float(jnp.finfo(places.dtype).eps) ** (1 / 3)
        moves = jnp.asarray(np.concatenate([np.zeros_like(units[:1]), way * units]), places.dtype)
        moves = jnp.reshape(moves, (len(moves), *(1,) * (places.ndim - 1), -1))
        value, gradient = once(places[None] + moves)
        at = jax.tree.map(lambda part: part[0], (value, jnp.moveaxis(gradient, 1, 0)))
        changes = (value[1:] - value[:1], jnp.moveaxis(gradient[:, 1:] - gradient[:, :1], 1, 0))
        return at, jax.tree.map(lambda part: part / way, changes)

    return differentiate
