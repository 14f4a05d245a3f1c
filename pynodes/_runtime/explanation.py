"""Explanation: which nodes were behind a failure, found by taking the step again."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._runtime import sweeps
from pynodes._runtime.calls import Calls, initial_state
from pynodes._runtime.feed import Feed


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
        beliefs, _ = sweeps.step(now, before, moment.seen, jnp.asarray(self.feed.dt(moment)))
        return [
            name
            for name, (group, position) in self.labels.nodes.items()
            if marked(beliefs[group], what)[position]
        ]


def until(feed: Feed, steps: int) -> Feed:
    """The first steps of a feed."""
    series = jax.tree.map(lambda leaf: leaf[:steps], feed.series)
    return Feed(steps=steps, series=series, interval=feed.interval)


def marked(belief: Any, what: str) -> np.ndarray:
    """Which nodes of a group failed, or grew at the bound."""
    flags = ~belief.healthy() if what == "failed" else belief.overgrown()
    return np.broadcast_to(np.asarray(flags), np.shape(belief.mean)).ravel()
