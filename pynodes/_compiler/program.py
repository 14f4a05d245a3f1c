"""Program: a schedule with its numbers. What the runtime executes; it knows no names."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.schedule import Schedule
from pynodes._compiler.wiring import Wiring
from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray


class Program(Module):
    """A compiled graph without names: a pytree whose leaves are parameters and wiring.

    Attributes
    ----------
    schedule
        What is done in which order.
    scheme
        How beliefs are found between the sweeps.
    nodes
        For every group, its nodes as one stacked node.
    couplings
        Stacked couplings, by the number that bundles refer to.
    down, up
        For every group, the wiring of its bundles.
    edges_on
        Whether every edge is on, in the graph's order; None if no edge can be switched.
    """

    schedule: Schedule = choice()
    scheme: Any = choice()
    nodes: tuple[Any, ...]
    couplings: tuple[Any, ...]
    down: tuple[tuple[Wiring, ...], ...]
    up: tuple[tuple[Wiring, ...], ...]
    edges_on: AnyArray | None = None


def switches_of(program: Program, wiring: Wiring) -> Any:
    """Which places of a bundle hold an edge that is on; None if no edge can be switched.

    Padding is off, so that what it would say stays out of derivatives too.
    """
    if wiring.switches is not None or program.edges_on is None:
        return wiring.switches
    on = jnp.asarray(program.edges_on)[wiring.edges]
    return on if wiring.present is None else on & wiring.present


def active_places(program: Program, wiring: Wiring) -> Any:
    """Which places of a bundle hold an edge, and one that is on; None if all do."""
    switches = switches_of(program, wiring)
    return wiring.present if switches is None else switches


def distribute_switches(program: Program) -> Program:
    """The program with a switch beside every place of its wiring, for a loop that looks at them often."""
    if program.edges_on is None:
        return program

    def distribute(wirings: tuple[tuple[Wiring, ...], ...]) -> tuple[tuple[Wiring, ...], ...]:
        return tuple(
            tuple(dataclasses.replace(one, switches=switches_of(program, one)) for one in group)
            for group in wirings
        )

    return dataclasses.replace(program, down=distribute(program.down), up=distribute(program.up))
