"""Likelihood: how probable a block's responses are, summed inside the loop over time.

Beliefs are read at the step at which they are there and are not kept: a search asks for sums alone, and what
is not written to memory need not be differentiated, compiled or carried as tangents.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.labels import Kept, Labels
from pynodes._engine import sweeps
from pynodes._engine.filter import filter_step, report_groups, surprises
from pynodes._engine.loop import Guard, Now, Sum, scan
from pynodes._engine.sweeps import Step
from pynodes._results.state import State
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.inputs import read_inputs
from pynodes._runtime.network import Network
from pynodes._runtime.runs import select_recorded_nodes
from pynodes._typing import Array
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.roles import ONLY
from pynodes.responses import AbstractResponse, JointResponse


def sum_log_likelihood(network: Network, response: Any, block: Sequences) -> Array:
    """Log likelihood of one block: of its responses; without responses, of what was seen.

    Minus infinity where filtering fails.
    """
    labels, program = network.labels, network.program
    feed = read_inputs(labels, block.inputs, interval_of(block), frozen=block.frozen)
    kept = select_recorded_nodes(labels, list_read_nodes(response))
    actions = block.actions if isinstance(block.actions, dict) else {ONLY: block.actions}

    def add(now: Now, found: Step, guard: Guard) -> Array:
        beliefs = read_step(labels, kept, now, found, guard)
        if response is None:
            likelihood = guard.where_counted(-beliefs.surprise, 0.0)
        else:
            acted, known = now.beside
            parts = score_streams(response, beliefs, acted, known, now.moment.frozen)
            likelihood = sum(parts.values(), start=jnp.zeros(()))
        # A failure makes the whole infinite, which a compensated sum could not hold.
        return jnp.where(guard.alive, likelihood, 0.0)

    ran = scan(
        program,
        feed,
        sweeps.start(program),
        partial(filter_step, feed),
        total=Sum.zeros(),
        add=add,
        beside=(actions, block.covariates),
    )
    total = ran.total.total
    return jnp.where(ran.alive & jnp.isfinite(total), total, -jnp.inf)


def interval_of(block: Sequences) -> Any:
    """Time since the previous step of a block; by step where nothing else says how many there are."""
    if block.dt is not None:
        return block.dt
    return 1.0 if block.inputs else jnp.ones(jnp.shape(block.frozen))


def score_streams(
    response: Any, beliefs: Trajectories, actions: Any, covariates: Any, frozen: Any
) -> dict[str, Array]:
    """Log likelihood of the actions of one or many trials, by stream."""
    return {
        stream: part.log_likelihood(
            beliefs,
            actions[stream],
            covariates={n: v for n, v in covariates.items() if n in part.covariates},
            frozen=frozen,
        )
        for stream, part in streams_of(response).items()
    }


def read_step(labels: Labels, kept: Kept, now: Now, found: Step, guard: Guard) -> Trajectories:
    """The beliefs of one step inside the loop, with fields of one step."""
    none = jnp.zeros(len(labels.nodes), bool)
    status = Status(
        labels=labels, alive=guard.alive, bounded=jnp.array(False), failed=none, grown=none
    )
    return Trajectories(
        labels=labels,
        kept=kept,
        records=report_groups(found.program, found.beliefs, kept),
        surprises=surprises(found.program, found.beliefs, found.seen, found.gates),
        values=now.moment.values,
        observed={group: jnp.asarray(now.moment.observed.get(group, True)) for group in found.seen},
        final=State(labels=labels, groups=found.before),
        found=status,
        interval=now.dt,
        frozen=now.moment.frozen,
    )


def streams_of(response: AbstractResponse | JointResponse) -> dict[str, AbstractResponse]:
    """The streams of a response, by name; of a single one, under none."""
    return dict(response.streams) if isinstance(response, JointResponse) else {ONLY: response}


def list_read_nodes(response: Any) -> tuple[str, ...] | None:
    """Names of the nodes whose beliefs a response reads; None for all, where a stream does not say."""
    if response is None:
        return ()
    every = [part.reads for part in streams_of(response).values()]
    return tuple(n for names in every for n in names) if all(every) else None
