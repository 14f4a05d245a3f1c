"""Feed: what a series brings to every step, as arrays without names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.program import Program, places
from pynodes._core.modules import Module, choice
from pynodes._engine.edges import combine_and
from pynodes._engine.gates import Gates
from pynodes._typing import AnyArray, Array

Seen = Mapping[int, tuple[AnyArray, Any]]
"""Values by group, and which of them were observed."""


def let_in(seen: Seen, gates: Gates) -> Seen:
    """What was seen, as observed only where the gate of the node is open."""
    return {
        index: (value, combine_and(observed, gates.get(index, True)))
        for index, (value, observed) in seen.items()
    }


class Given(Module):
    """One parameter that is given at every step.

    Attributes
    ----------
    section, stack, field
        Whether it is one of nodes or of couplings, of which group or stack of them, and which.
    positions
        The nodes or couplings it is given for; None if the stack's only one.
    values
        Its values: one per step and position, time first.
    """

    section: str = choice()
    stack: int = choice()
    field: str = choice()
    positions: tuple[int, ...] | None = choice()
    values: AnyArray

    def fill(self, now: Any, shape: tuple[int, ...]) -> Array:
        """The values of a step, beside those of the stack for which none are given."""
        value = jnp.asarray(self.values)
        if self.positions is None:
            return value
        own = jnp.shape(value)[1:]
        stack = jnp.asarray(now, value.dtype)
        stack = jnp.reshape(stack, (*jnp.shape(stack), *(1,) * len(own)))
        row = jnp.reshape(jnp.broadcast_to(stack, (*shape, *own)), (-1, *own))
        return jnp.reshape(row.at[jnp.array(self.positions)].set(value), (*shape, *own))


class Moment(Module):
    """What changes from step to step: a series in a feed, or what it brings to one step.

    Attributes
    ----------
    values
        Observations by group; a safe number where nothing was observed.
    observed
        Which of them were observed, by group; groups without gaps are left out.
    given
        Parameters that are given at every step.
    interval
        Time since the previous step; None if it is the same for all.
    frozen
        Whether nothing moves; None if everything always does.
    gates
        Whether a node may learn, or to which power, by name; for those whose gate is given as a series.
    """

    values: dict[int, AnyArray]
    observed: dict[int, AnyArray]
    given: tuple[Given, ...] = ()
    interval: AnyArray | None = None
    frozen: AnyArray | None = None
    gates: dict[str, AnyArray] = dataclasses.field(default_factory=dict)

    @property
    def seen(self) -> Seen:
        """Values by group, and which of them were observed."""
        return {
            index: (value, self.observed.get(index, True)) for index, value in self.values.items()
        }

    def program(self, program: Program) -> Program:
        """The program with this step's parameters in place."""
        if not self.given:
            return program
        sections = {"nodes": list(program.nodes), "couplings": list(program.couplings)}
        for given in self.given:
            modules = sections[given.section]
            module = modules[given.stack]
            if given.section == "nodes":
                shape = places(program.schedule.groups[given.stack].size, 1)
            else:
                shape = program.schedule.stacks[given.stack]
            value = given.fill(getattr(module, given.field), shape)
            modules[given.stack] = dataclasses.replace(module, **{given.field: value})
        changed = {given.section for given in self.given}
        return dataclasses.replace(program, **{name: tuple(sections[name]) for name in changed})


class Feed(Module):
    """A series: what every step brings, and what is the same at all of them.

    Attributes
    ----------
    steps
        Number of steps.
    series
        What changes from step to step, time along the first axis.
    interval
        Time since the previous step where it is the same for all; None for one.
    gate
        Says at every step which nodes may learn; None if all always may.
    """

    steps: int = choice()
    series: Moment
    interval: AnyArray | None = None
    gate: Any = None

    def dt(self, moment: Moment) -> Any:
        """Time since the previous step; the plain number one if no times were given."""
        if moment.interval is not None:
            return moment.interval
        return 1.0 if self.interval is None else self.interval

    def head(self, steps: int) -> Feed:
        """The first steps of it."""
        series = jax.tree.map(lambda leaf: leaf[:steps], self.series)
        return dataclasses.replace(self, steps=steps, series=series)
