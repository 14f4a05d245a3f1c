"""The engine: predict down the levels, clamp the inputs, update up the levels.

One step of time is one downward sweep, in which every node predicts from what its parents predict,
and one upward sweep, in which a node that is observed takes its value and any other updates from
what its children learned. What a kind of node or coupling computes is its own business
(``pynodes.nodes``, ``pynodes.couplings``); ``edges.py`` carries the messages; ``filter.py`` scans over
time.
"""

from __future__ import annotations

from typing import Any

from pynodes._compiler.program import Program
from pynodes._runtime.edges import Beliefs, Informed, both, either, heard, inlets, settled
from pynodes._runtime.gates import OPEN, Gates, Seen, let_in
from pynodes._runtime.groupwise import each
from pynodes._typing import Scalar

State = tuple[Any, ...]
"""What every group remembers of the previous step; None for groups that remember nothing."""


def step(program: Program, state: State, seen: Seen, dt: Scalar) -> tuple[Beliefs, Informed]:
    """Both sweeps: the beliefs after one step, and which nodes learned something in it."""
    return update(program, predict(program, state, dt), seen, dt)


def start(program: Program) -> State:
    """The state before the first step."""
    groups = enumerate(program.nodes)
    return tuple(
        each(program, g, type(node).init)(node) if node.remembers else None for g, node in groups
    )


def predict(program: Program, state: State, dt: Scalar) -> Beliefs:
    """Downward: every node predicts from its previous belief and its parents' predictions."""
    beliefs: Beliefs = {}
    for index in program.schedule.downward:
        node = program.nodes[index]
        before = state[index] if node.remembers else each(program, index, type(node).init)(node)
        inlet = inlets(program, index, beliefs, dt)
        beliefs[index] = each(program, index, type(node).predict)(node, before, inlet, dt)
    return beliefs


def update(
    program: Program, beliefs: Beliefs, seen: Seen, dt: Scalar, gates: Gates = OPEN
) -> tuple[Beliefs, Informed]:
    """Upward: every node takes its observed value, or updates from what its children learned.

    A node whose gate is closed stays at its prediction and says nothing to its parents.
    """
    informed: Informed = {}
    seen = let_in(seen, gates)
    for index in program.schedule.upward:
        node = program.nodes[index]
        beliefs |= settled(program, index, beliefs, dt)
        news, reached = heard(program, index, beliefs, informed, dt)
        informed[index] = both(reached, gates.get(index, True))
        if informed[index] is not False:
            belief = each(program, index, type(node).update)(node, beliefs[index], news)
            beliefs[index] = belief if informed[index] is True else belief.held(informed[index])
        if index in seen:
            value, observed = seen[index]
            beliefs[index] = each(program, index, type(node).observe)(
                node, beliefs[index], value, observed
            )
            informed[index] = either(informed[index], observed)
    return beliefs, informed
