"""Runs: from a call by name to a loop over time, and back to results by name."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from pynodes._compiler.labels import Kept, Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import is_traced, namespace_of
from pynodes._engine.feed import Feed, Moment
from pynodes._engine.filter import Run
from pynodes._errors import FilterError, InputError
from pynodes._results.edge_beliefs import EdgeMessages, keep_couplings
from pynodes._results.simulations import Forecast, Interaction
from pynodes._results.state import State, check_state
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.calls import Calls
from pynodes._runtime.derivatives import Each
from pynodes._runtime.inputs import read_inputs
from pynodes._runtime.interact import (
    Parties,
    as_response,
    check_environment,
    interact_series,
    select_network_inputs,
)
from pynodes._runtime.messages import collect_messages
from pynodes._runtime.parameters import Prior, replace_parameters, sample_parameters
from pynodes._runtime.sample import check_key, sample_futures, sample_series
from pynodes._runtime.series import Series, positive, to_numbers
from pynodes._runtime.smooth import check_smoothable, smooth_series
from pynodes._runtime.times import read_times
from pynodes._typing import Array


@dataclasses.dataclass(frozen=True, eq=False)
class Origin:
    """The call that made some beliefs, from which the messages of its run can be found.

    Attributes
    ----------
    labels, program
        The network.
    feed
        What it was given.
    state
        Where it started; None for the initial beliefs.
    """

    labels: Labels
    program: Program
    feed: Feed
    state: Any

    def messages(self) -> dict[str, EdgeMessages]:
        """What went along every edge at every step, by name; the run is made again."""
        return collect_messages(self.labels, self.program, self.feed, self.state)


def filter_inputs(
    labels: Labels, calls: Calls, feed: Feed, start: State | None, record: Any, throw: bool
) -> Trajectories:
    """The beliefs of a run."""
    state, kept = states_of(labels, start), select_recorded_nodes(labels, record)
    run = calls.filter(feed, state, kept)
    # A finished run lies on the host, all of it (calls.py): one leaf tells, and looking at all takes time.
    finished = isinstance(run.alive, np.ndarray)
    origin = Origin(labels, calls.program, feed, state) if finished else None
    beliefs = to_trajectories(labels, run, feed, kept, calls.couplings, origin)
    return check_status(beliefs, throw)


def check_each(each: object) -> Each:
    """Of what the surprise is wanted.

    Raises
    ------
    InputError
        Something else than None, ``"input"`` and ``"step"``.
    """
    if each not in (None, "input", "step"):
        raise InputError(f"each must be 'input', 'step' or None, not {each!r}.")
    return each  # type: ignore[return-value]


def name_inputs(labels: Labels, feed: Feed, found: Array) -> dict[str, Array]:
    """Numbers of observed nodes, group by group, by name."""
    names = [name for group in sorted(feed.series.values) for name in labels.groups[group]]
    return {name: found[number] for number, name in enumerate(names)}


def smooth_inputs(
    labels: Labels, program: Program, feed: Feed, start: State | None, record: Any, throw: bool
) -> Trajectories:
    """The beliefs of a run, given the whole series."""
    check_smoothable(labels)
    state, kept = states_of(labels, start), select_recorded_nodes(labels, record)
    run = smooth_series(program, feed, state, kept)
    return check_status(to_trajectories(labels, run, feed, kept), throw)


def sample_by_name(
    labels: Labels, program: Program, feed: Feed, start: State | None, key: Array
) -> dict[str, Array]:
    """A draw of every node, by name."""
    check_key(key)
    drawn = sample_series(program, feed, states_of(labels, start), key)
    return {
        name: drawn[group] if len(labels.groups[group]) == 1 else drawn[group][:, position]
        for name, (group, position) in labels.nodes.items()
    }


def forecast(
    labels: Labels,
    program: Program,
    feed: Feed,
    start: State | None,
    key: Array,
    draws: int,
    record: Any,
) -> Forecast:
    """Many draws of the future."""
    check_key(key)
    kept, state = select_recorded_nodes(labels, record), states_of(labels, start)
    drawn = sample_futures(program, feed, state, key, kept=kept, draws=positive("draws", draws))
    return Forecast(labels=labels, kept=kept, records=drawn)


def forecast_from_priors(
    labels: Labels,
    program: Program,
    feed: Feed,
    key: Array,
    priors: Mapping[str, Prior],
    draws: int,
    record: Any,
) -> Forecast:
    """Many draws of a series, each with parameters drawn from their priors."""
    check_key(key)
    draws, kept = positive("draws", draws), select_recorded_nodes(labels, record)
    mine, theirs = jax.random.split(key)
    drawn = sample_parameters(labels, program, priors, theirs, draws)

    def one(values: dict[str, Array], key: Array) -> dict[int, Array]:
        now = replace_parameters(program, labels, values)
        return sample_futures(now, feed, None, key, kept=kept, draws=1)

    records = jax.vmap(one)(drawn, jax.random.split(mine, draws))
    flat = {group: values[:, 0] for group, values in records.items()}
    return Forecast(labels=labels, kept=kept, records=flat, parameters=drawn)


def interact(
    labels: Labels,
    program: Program,
    environment: Any,
    response: Any,
    key: Array,
    *,
    steps: int,
    dt: Any,
    covariates: Mapping[str, Series] | None,
    begin: tuple[State | None, Any],
    record: Any,
    throw: bool,
) -> Interaction:
    """An agent's run in its environment."""
    check_key(key)
    check_environment(environment)
    steps, kept = positive("steps", steps), select_recorded_nodes(labels, record)
    known = read_covariates(covariates or {}, steps)
    parties = Parties.of(as_response(response), environment, known)
    times, interval = read_times(dt, steps)
    blank = Moment(values={}, observed={}, interval=times)
    feed = Feed(steps=steps, series=blank, interval=interval)
    state = states_of(labels, begin[0])
    run, life = interact_series(
        program, parties, (state, begin[1]), feed, key, labels=labels, kept=kept
    )

    origin = None
    if not is_traced(run):
        lived = read_inputs(labels, life.inputs | select_network_inputs(labels, life.shown), dt)
        origin = Origin(labels, program, lived, state)
    lived = dataclasses.replace(
        feed, series=dataclasses.replace(blank, values=life.values, observed=life.observed)
    )
    couplings = keep_couplings(program.couplings)
    beliefs = to_trajectories(labels, run, lived, kept, couplings, origin)
    return Interaction(
        beliefs=check_status(beliefs, throw),
        actions=life.actions,
        inputs=life.inputs,
        shown=life.shown,
        world=life.world,
    )


def read_covariates(covariates: Mapping[str, Series], steps: int) -> dict[str, Any]:
    """What a response must know besides, one number per step each."""
    known = {name: to_numbers(name, series) for name, series in covariates.items()}
    for name, series in known.items():
        if series.shape[0] != steps:
            raise InputError(f"{name!r} has {series.shape[0]} steps, not {steps}.")
    return known


def to_trajectories(
    labels: Labels,
    run: Run,
    feed: Feed,
    kept: Kept,
    couplings: tuple[Any, ...] | None = None,
    origin: Origin | None = None,
) -> Trajectories:
    """A run by name."""
    series, shape = feed.series, np.shape(run.alive)
    xp: Any = namespace_of(run.alive)  # an array that is made on the device takes time
    interval = feed.interval if series.interval is None else series.interval
    none = fill(xp, (len(labels.nodes),), False)
    status = Status(
        labels=labels,
        alive=run.alive,
        bounded=run.bounded,
        failed=none if run.failed is None else run.failed,
        grown=none if run.grown is None else run.grown,
    )
    return Trajectories(
        labels=labels,
        kept=kept,
        records=run.records,
        surprises=run.surprise,
        values=series.values,
        observed={
            group: series.observed[group]
            if group in series.observed
            else fill(xp, np.shape(surprise), True)
            for group, surprise in run.surprise.items()
            if group in series.values
        },
        final=State(labels=labels, groups=run.final),
        found=status,
        interval=fill(xp, shape, 1.0) if interval is None else xp.broadcast_to(interval, shape),
        frozen=fill(xp, shape, False) if series.frozen is None else series.frozen,
        couplings=couplings,
        origin=origin,
    )


def fill(xp: Any, shape: tuple[int, ...], value: Any) -> Any:
    """An array of one value; on the host one for all of its shape, which nobody can write to."""
    return fill_once(shape, value) if xp is np else xp.full(shape, value)


@functools.lru_cache(64, typed=True)
def fill_once(shape: tuple[int, ...], value: Any) -> np.ndarray:
    """An array of one value that takes no room."""
    return np.broadcast_to(np.asarray(value), shape)


def check_status(beliefs: Trajectories, throw: bool) -> Trajectories:
    """The beliefs, unless a failure is to be raised and there is one."""
    if throw and not is_traced(beliefs.found.alive) and not beliefs.found.alive.all():
        try:
            beliefs.status.check()
        except FilterError as error:
            error.beliefs = beliefs
            raise
    return beliefs


def states_of(labels: Labels, start: State | None) -> tuple[Any, ...] | None:
    """The groups of a state of a network; None for the initial beliefs."""
    if start is None:
        return None
    check_state(start)
    start.check_for(labels)
    return start.groups


def select_recorded_nodes(labels: Labels, record: Iterable[str] | None) -> Kept:
    """The groups, and the positions in each, of the nodes named; None stands for everything.

    Raises
    ------
    InputError
        A single name instead of a list of them.
    UnknownNodeError
        A name that the network does not have.
    """
    if record is None:
        return labels.everything
    if isinstance(record, str) or not isinstance(record, Iterable):
        raise InputError(f"record must be a list of names, as in ['x'], not {record!r}.")
    wanted: dict[int, set[int]] = {}
    for name in record:
        group, position = labels.place(name)
        wanted.setdefault(group, set()).add(position)
    return tuple(
        (group, None if len(positions) == len(labels.groups[group]) else tuple(sorted(positions)))
        for group, positions in sorted(wanted.items())
    )
