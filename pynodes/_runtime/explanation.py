"""Explanation: which nodes were behind a failure, found by taking the step again."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._results.edge_messages import EdgeMessages
from pynodes._runtime import sweeps
from pynodes._runtime.along_edges import along_edges
from pynodes._runtime.calls import Calls, initial_state
from pynodes._runtime.feed import Feed
from pynodes._runtime.filter import one_step
from pynodes._runtime.groupwise import each
from pynodes._typing import Array


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """Names the nodes that failed, or grew at the bound, at some step of a run.

    The loop over time carries no such bookkeeping. When somebody asks, the run is made again up to
    the step, and the step is taken outside the loop.
    """

    labels: Labels
    calls: Calls
    feed: Feed
    state: sweeps.State | None

    def __call__(self, what: str, step: int) -> list[str]:
        """Names of the nodes that ``"failed"``, or were ``"bounded"``, at a step."""
        before = initial_state(self.calls.program) if self.state is None else self.state
        if step:
            before = self.calls.filter(until(self.feed, step), self.state, ()).final
        moment = jax.tree.map(lambda leaf: jnp.asarray(leaf)[step], self.feed.series)
        now = moment.program(self.calls.program)
        beliefs, _ = one_step(now, self.feed, before, moment)
        marks = {group: marked(now, group, belief, what) for group, belief in beliefs.items()}
        return [
            name
            for name, (group, position) in self.labels.nodes.items()
            if np.broadcast_to(marks[group], len(self.labels.groups[group]))[position]
        ]

    def messages(self) -> dict[str, EdgeMessages]:
        """What went along every edge at every step, by name; the run is made again."""
        return along_edges(self.labels, self.calls.program, self.feed, self.state)

    def times(self) -> np.ndarray | None:
        """Time of every step since the beginning; None if it is just the number of steps."""
        given = self.feed.series.interval
        interval = self.feed.interval if given is None else given
        if interval is None:
            return None
        each = np.broadcast_to(np.asarray(interval, dtype=float), (self.feed.steps,))
        return None if np.all(each == 1) else np.cumsum(each)

    def outcomes(self, name: str) -> np.ndarray | None:
        """What an input was given at every step, NaN where nothing was observed; None of other nodes."""
        group, position = self.labels.nodes[name]
        if group not in self.feed.series.values:
            return None
        values = np.asarray(self.feed.series.values[group], dtype=float)
        seen = np.asarray(self.feed.series.observed.get(group, True))
        if len(self.labels.groups[group]) > 1:
            values, seen = values[:, position], seen[:, position] if seen.ndim == 2 else seen
        beside = np.reshape(seen, (-1, *(1,) * (values.ndim - 1)))
        return np.where(beside, values, np.nan)


def until(feed: Feed, steps: int) -> Feed:
    """The first steps of a feed."""
    series = jax.tree.map(lambda leaf: leaf[:steps], feed.series)
    return dataclasses.replace(feed, steps=steps, series=series)


def marked(program: Program, group: int, belief: Any, what: str) -> np.ndarray:
    """Which nodes of a group failed, or grew at the bound."""

    def mark(one: Any) -> Array:
        return jnp.any(~one.healthy() if what == "failed" else one.overgrown())

    return np.atleast_1d(each(program, group, mark)(belief))
