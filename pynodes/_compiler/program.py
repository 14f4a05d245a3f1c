"""Program: a schedule with its numbers. What the runtime executes; it knows no names."""

from __future__ import annotations

from typing import Any

from pynodes._compiler.schedule import Schedule
from pynodes._compiler.wiring import Wiring
from pynodes._core.modules import Module, choice


class Program(Module):
    """A compiled graph without names: a pytree whose leaves are parameters and wiring.

    Attributes
    ----------
    schedule
        What is done in which order.
    nodes
        For every group, its nodes as one stacked node.
    couplings
        Stacked couplings, by the number that bundles refer to.
    down, up
        For every group, the wiring of its bundles.
    """

    schedule: Schedule = choice()
    nodes: tuple[Any, ...]
    couplings: tuple[Any, ...]
    down: tuple[tuple[Wiring, ...], ...]
    up: tuple[tuple[Wiring, ...], ...]
