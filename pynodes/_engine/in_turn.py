"""Inputs in turn: each is predicted from what those before it in the same step have taught.

The sum of the surprises of a step is then a chain of conditional densities, ``log p(u_1) + log p(u_2 | u_1) +
...``, which is the log evidence where beliefs are exact. With all inputs predicted from the past alone, what
an uncertain parent explains of several of them is lost.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.program import Program
from pynodes._engine.edges import (
    Beliefs,
    collect_evidence,
    combine_and,
    combine_or,
    observe_group,
    repredict_children,
    sum_inlets,
)
from pynodes._engine.feed import Seen
from pynodes._engine.gates import Gates
from pynodes._engine.lagged import remember_prediction
from pynodes._engine.memory import recall
from pynodes._typing import Scalar

Flags = dict[int, Any]
"""Whether each node learned something; True and False are static."""


def take_in_turn(
    program: Program, state: Any, predicted: Beliefs, seen: Seen, dt: Scalar, gates: Gates
) -> tuple[Beliefs, Flags]:
    """Beliefs after a step whose inputs come one after another, and which nodes learned something.

    Parameters
    ----------
    program
        The network, with the parameters of the step.
    state
        What every node remembers.
    predicted
        What every node would predict if nothing of the step were known: it fills the places of nodes whose
        turn has not come.
    seen
        What was observed.
    dt
        Time since the previous step.
    gates
        Which nodes may learn.
    """
    beliefs = dict(predicted)
    informed: Flags = dict.fromkeys(beliefs, False)
    spoken: Flags = dict.fromkeys(beliefs, False)
    for turn in program.schedule.turns or ():
        index = turn.group
        if turn.predicts:
            beliefs[index] = predict_now(program, index, state, beliefs, dt)
            if index in seen:
                observed = seen[index][1]
                beliefs[index] = observe_group(program, index, beliefs[index], seen[index], gates)
                informed[index] = observed
                # What is known is told at once; whoever is a child of it has nothing to add.
                if program.schedule.groups[index].up:
                    tell_parents(program, index, observed, beliefs, informed, dt, gates)
                    spoken[index] = observed
        else:
            news = combine_and(informed[index], negate(spoken[index]))
            tell_parents(program, index, news, beliefs, informed, dt, gates)
    return beliefs, informed


def negate(flag: Any) -> Any:
    """Logical not, static where it can be."""
    return not flag if isinstance(flag, bool) else ~flag


def predict_now(program: Program, index: int, state: Any, beliefs: Beliefs, dt: Scalar) -> Any:
    """What a node predicts from what its parents believe now."""
    node = program.nodes[index]
    before = recall(program, state, index)
    now = {number: belief.as_prior() for number, belief in beliefs.items()}
    belief = type(node).predict(node, before, sum_inlets(program, index, now, dt, state), dt)
    return remember_prediction(program, index, belief, before)


def tell_parents(
    program: Program,
    child: int,
    flags: Any,
    beliefs: Beliefs,
    informed: Flags,
    dt: Scalar,
    gates: Gates,
) -> None:
    """Let a node's parents hear it, and nobody else; beliefs and flags are changed in place."""
    if flags is False:
        return
    bundles = program.schedule.groups[child].down
    parents = {end for one in bundles if not one.lagged for end in one.ends.sources}
    alone: Flags = dict.fromkeys(beliefs, False) | {child: flags}
    for index in sorted(parents):
        node = program.nodes[index]
        if not node.learns:
            continue
        beliefs |= repredict_children(program, index, beliefs, dt)
        prior = beliefs[index].as_prior()
        evidence, heard = collect_evidence(
            program, index, beliefs | {index: prior}, alone, dt, gates
        )
        if heard is False:
            continue
        learned = type(node).update(node, prior, evidence)
        learned = learned if heard is True else learned.where(heard)
        if jnp.ndim(heard):
            learned = dataclasses.replace(learned, evident=heard)
        beliefs[index] = beliefs[index].with_posterior(learned)
        informed[index] = combine_or(informed[index], heard)
