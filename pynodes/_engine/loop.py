"""The loop over time, the only one, and what holds where a step does not count.

Filtering, the surprise, messages, smoothing, sampling and closed loops differ in what a step takes from
the state before it, and in what it emits or adds to a sum.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._compiler.program import Program, distribute_switches
from pynodes._core.beliefs import alongside
from pynodes._core.modules import Module
from pynodes._engine.feed import Feed, Moment
from pynodes._typing import AnyArray, Array


class Now(Module):
    """What is known when a step begins.

    Attributes
    ----------
    program
        The program, with the parameters of this step in place.
    moment
        What the series brings.
    dt
        Time since the previous step.
    beside
        What else was laid beside the series, such as random keys.
    """

    program: Program
    moment: Moment
    dt: Any
    beside: Any = None


class Guard(Module):
    """Which steps count: those up to the first failure at which something moves.

    Attributes
    ----------
    alive
        Whether no belief has broken down up to this step.
    fails
        Whether one broke down at this step, and none before.
    frozen
        Whether nothing moves and no time passes; None where that is never so.

    Of one step inside the loop, of every step after it.
    """

    alive: Array
    fails: Array
    frozen: AnyArray | None = None

    @property
    def counts(self) -> Array:
        """Which steps count."""
        return self.alive if self.frozen is None else self.alive & ~self.frozen

    @classmethod
    def of(cls, alive: Array, valid: Any, frozen: AnyArray | None) -> Guard:
        """The guard of a step, from whether all went well before it and whether its beliefs are valid."""
        fine = valid if frozen is None else valid | frozen
        return cls(alive=alive & fine, fails=alive & ~jnp.asarray(fine), frozen=frozen)

    def keep(self, new: Any, old: Any, *, failing: bool = True) -> Any:
        """The new tree where the step counts, the old one elsewhere; after a failure only if asked."""
        if not failing and self.frozen is None:
            return new
        moves = self.counts if failing else ~jnp.asarray(self.frozen)
        return select_tree(moves, new, old)

    def where_counted(self, values: Array, otherwise: Any) -> Array:
        """Values of the steps that count; something else at the others."""
        return jnp.where(alongside(self.counts, values), values, otherwise)

    def mask_surprise(self, surprise: Array) -> Array:
        """A surprise that is zero at frozen steps and infinite from a failure on."""
        counted = self.where_counted(surprise, 0.0)
        return jnp.where(alongside(self.alive, counted), counted, jnp.inf)


class Sum(Module):
    """A running sum that keeps what rounding takes from it.

    Attributes
    ----------
    total
        The sum so far.
    lost
        What was lost of it to rounding. None where the numbers are precise enough by themselves.

    Source: Kahan (1965), doi 10.1145/363707.363723. In single precision, a million steps summed plainly
    are thousands of nats off.
    """

    total: Array
    lost: Array | None = None

    @classmethod
    def zeros(cls, shape: tuple[int, ...] = ()) -> Sum:
        """A sum of nothing, in the floating-point precision of the moment."""
        zero = jnp.zeros(shape, jnp.result_type(float))
        return cls(total=zero, lost=zero if zero.dtype == jnp.float32 else None)

    def plus(self, term: Array) -> Sum:
        """The sum with one more term."""
        if self.lost is None:
            return Sum(total=self.total + term)
        term = term - self.lost
        total = self.total + term
        return Sum(total=total, lost=(total - self.total) - term)


class Ran(Module):
    """What a loop leaves behind.

    Attributes
    ----------
    final
        What the next step would start from.
    alive
        Whether no belief broke down.
    emitted
        What every step emitted, time first.
    kept
        What was kept of every step; from a failure on, of the last step before it.
    total
        What the steps added up to.
    """

    final: Any
    alive: Array
    emitted: Any
    kept: Any
    total: Any


Take = Callable[[Now, Any], tuple[Any, Any, Any]]
"""From what is known when a step begins and the state before it: the state after it, whether that is
valid, and what the step found."""

Emit = Callable[[Now, Any, Guard], Any]
"""From the same, what the step found, and whether it counts: what is kept of it, or added to a sum."""


def scan(
    program: Program,
    feed: Feed,
    begin: Any,
    take: Take,
    emit: Emit | None = None,
    *,
    keep: Emit | None = None,
    first: Any = None,
    total: Sum | None = None,
    add: Emit | None = None,
    beside: Any = None,
    hold: bool = True,
    remake: bool = False,
    reverse: bool = False,
) -> Ran:
    """Take every step of a feed, one after the other.

    Parameters
    ----------
    program, feed
        The network, and what the steps bring.
    begin
        The state before the first step.
    take
        Takes a step.
    emit
        What every step emits; nothing by default.
    keep, first
        The same, for what is to be repeated from a failure on; and what is repeated if the first step fails.
    total, add
        A sum to begin with, and what every step adds to it.
    beside
        More series, time first, which steps find in ``now.beside``.
    hold
        Whether the state stays as it is from a failure on. At frozen steps it always does.
    remake
        Whether backward derivatives compute each step again instead of storing it.
    reverse
        Whether the last step comes first.
    """
    program = distribute_switches(program)

    def advance(carry: tuple[Any, Array, Any, Any], series: tuple[Moment, Any]) -> tuple[Any, Any]:
        before, alive, total, last = carry
        moment, own = series
        now = Now(program=moment.program(program), moment=moment, dt=feed.dt(moment), beside=own)
        after, valid, found = take(now, before)
        guard = Guard.of(alive, valid, moment.frozen)
        after = guard.keep(after, before, failing=hold)
        if total is not None and add is not None:
            total = total.plus(add(now, found, guard))
        if keep is not None:
            last = select_tree(guard.alive, keep(now, found, guard), last)
        emitted = None if emit is None else emit(now, found, guard)
        return (after, guard.alive, total, last), (emitted, last)

    body = jax.checkpoint(advance) if remake else advance  # type: ignore[attr-defined]
    carry = (begin, jnp.array(True), total, first)
    (final, alive, total, _), (emitted, kept) = lax.scan(
        body, carry, (feed.series, beside), feed.steps, reverse=reverse
    )
    return Ran(final=final, alive=alive, emitted=emitted, kept=kept, total=total)


def select_tree(where: AnyArray, one: Any, other: Any) -> Any:
    """One of two trees that are alike."""
    return jax.tree.map(partial(jnp.where, where), one, other)
