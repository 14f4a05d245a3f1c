"""The engine: predict down the levels, take what was observed, update up the levels.

One step of time is one downward sweep, in which every node predicts from what its parents predict,
and one upward sweep, in which a node that is observed takes its value and any other updates from
what its children learned. What a kind of node or coupling computes is its own business
(``pynodes.nodes``, ``pynodes.couplings``); ``edges.py`` carries the messages; ``loop.py`` scans over
time. A network's scheme decides how beliefs are found between the sweeps (``scheme.py``).

The same two sweeps filter, smooth, sample and measure energy. What differs is what children see of a
node once it has predicted (``view``), and what a node knows before it hears them (``prior``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.program import Program, places
from pynodes._core.modules import Module
from pynodes._engine import conditionals, structured
from pynodes._engine.edges import (
    Beliefs,
    Evident,
    apply_to_group,
    collect_evidence,
    combine_or,
    observe_group,
    repredict_children,
    sum_inlets,
)
from pynodes._engine.feed import Seen, let_in
from pynodes._engine.gates import OPEN, Gates
from pynodes._engine.in_turn import take_in_turn
from pynodes._engine.lagged import has_lagged, remember_prediction, update_lagged_parents
from pynodes._engine.memory import State as State
from pynodes._engine.memory import carry as carry
from pynodes._engine.memory import initial as initial
from pynodes._engine.memory import recall
from pynodes._engine.memory import start as start
from pynodes._typing import Scalar

View = Callable[[int, Any], Any]
"""What the children of a group see of it, from its number and its prediction."""


class Step(Module):
    """One step as both sweeps took it.

    Attributes
    ----------
    program, before
        The program with the parameters of the step, and the state from which it was taken.
    predicted, beliefs
        What every group predicted, and what it believes after it.
    evident
        Which nodes learned from an observation in it.
    seen, gates
        What was observed, as far as gates let it in, and what they say of it.
    """

    program: Program
    before: State
    predicted: Beliefs
    beliefs: Beliefs
    evident: dict[int, Any]
    seen: dict[int, Any]
    gates: Gates = OPEN


def step(
    program: Program,
    state: State,
    seen: Seen,
    dt: Scalar,
    gate: Callable[[Beliefs], Gates] | None = None,
) -> Step:
    """Both sweeps: predict, take what was observed, find the beliefs by the network's scheme."""
    predicted = predict(program, state, dt)
    gates = OPEN if gate is None else gate(predicted)
    return infer(program, state, predicted, seen, dt, gates)


def infer(
    program: Program, state: State, predicted: Beliefs, seen: Seen, dt: Scalar, gates: Gates = OPEN
) -> Step:
    """The second half of a step, from what every node predicts."""
    seen = let_in(seen, gates)
    if program.schedule.turns is None:
        beliefs, evident = program.scheme.infer(program, predicted, seen, dt, gates)
    else:
        beliefs, evident = take_in_turn(program, state, predicted, seen, dt, gates)
    if has_lagged(program):
        beliefs = update_lagged_parents(program, beliefs, evident, dt, gates)
    return Step(
        program=program,
        before=state,
        predicted=predicted,
        beliefs=beliefs,
        evident=dict(evident),
        seen=dict(seen),
        gates=gates,
    )


def predict(program: Program, state: State, dt: Scalar, view: View | None = None) -> Beliefs:
    """Downward: every node predicts from its previous belief and what it sees of its parents.

    Found is what children see of every group: its prediction, or what ``view`` makes of it.
    """
    beliefs: Beliefs = {}
    for index in program.schedule.downward:
        node = program.nodes[index]
        before = recall(program, state, index)
        inlet = sum_inlets(program, index, beliefs, dt, state)
        belief = apply_to_group(program, index, type(node).predict)(node, before, inlet, dt)
        if program.structured is not None and view is None:
            belief = conditionals.look_down(program, index, before, belief, beliefs, inlet, dt)
        belief = remember_prediction(program, index, belief, before)
        beliefs[index] = belief if view is None else view(index, belief)
    return beliefs


def update(
    program: Program,
    beliefs: Mapping[int, Any],
    seen: Seen,
    dt: Scalar,
    gates: Gates = OPEN,
    *,
    prior: Mapping[int, Any] | None = None,
    evident: Evident | None = None,
) -> tuple[Beliefs, Evident]:
    """Upward: every node takes its observed value, or updates from what its children learned.

    Found are the beliefs, and which nodes learned something.

    Parameters
    ----------
    program, beliefs, seen, dt
        The network with the parameters of the step, what every group predicts, what was observed, and
        the time since the previous step.
    gates
        Which nodes may learn. One that may not stays at its prediction and says nothing to its parents.
    prior
        What groups know before they hear their children, where that is more than they predict.
    evident
        Nodes that are known to have learned something, whatever their children say.
    """
    beliefs, informed = dict(beliefs), dict[int, Any]()
    for index in program.schedule.upward:
        update_group(
            program, index, beliefs, informed, seen, dt, gates, prior=prior, evident=evident
        )
    if program.structured is not None:
        beliefs = structured.look_back(program, beliefs, informed, gates)
    return beliefs, informed


def update_group(
    program: Program,
    index: int,
    beliefs: Beliefs,
    informed: dict[int, Any],
    seen: Seen,
    dt: Scalar,
    gates: Gates,
    *,
    prior: Mapping[int, Any] | None = None,
    evident: Evident | None = None,
) -> None:
    """One group's part of the upward sweep; ``beliefs`` and ``informed`` are changed in place."""
    node, prediction = program.nodes[index], beliefs[index]
    known, found = (prediction if prior is None else prior[index]), None
    if structured.applies(program, index):
        evidence, heard, found = structured.hear(program, index, beliefs, informed, dt, gates)
    else:
        beliefs.update(repredict_children(program, index, beliefs, dt))
        now = beliefs | {index: known}
        evidence, heard = collect_evidence(program, index, now, informed, dt, gates)
    belief = known
    if heard is not False:
        learned = apply_to_group(program, index, type(node).update)(node, known, evidence)
        belief = learned if heard is True else learned.where(heard)
    if found is not None:
        belief = structured.settle_group(program, index, beliefs, belief, found, heard)
    if evident is not None:
        heard = combine_or(heard, evident.get(index, False))
    if index in seen:
        belief = observe_group(program, index, belief, seen[index], gates)
        heard = combine_or(heard, seen[index][1])
        if program.structured is not None:
            belief = structured.witness(program, index, belief)
    if jnp.ndim(heard) > len(places(program.schedule.groups[index].size, 1)):
        belief = dataclasses.replace(belief, evident=heard)
    beliefs[index] = belief if prior is None else prediction.with_posterior(belief)
    informed[index] = heard
