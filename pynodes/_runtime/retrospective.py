"""Retrospective: the method of a network that looks back over a whole series."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._compiler.labels import Labels
from pynodes._core.beliefs import Gaussian
from pynodes._core.tracing import traced
from pynodes._errors import SmoothingError, listed
from pynodes._results.state import State
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.compiled import Compiled
from pynodes._runtime.explanation import Explanation
from pynodes._runtime.inputs import Inputs, read
from pynodes._runtime.record import recorded
from pynodes._runtime.series import Series
from pynodes._runtime.smooth import smoothed
from pynodes._typing import Array
from pynodes.nodes import AbstractNode


class Retrospective(Compiled):
    """A compiled graph that looks back."""

    @boundary
    def smooth(
        self,
        inputs: Inputs,
        *,
        dt: Series | float = 1.0,
        observed: Mapping[str, Series] | Series | None = None,
        frozen: Series | None = None,
        start: State | None = None,
        record: Iterable[str] | None = None,
        throw: bool = True,
    ) -> Trajectories:
        """What every node believes of every step once the whole series is known.

        The series is filtered, then retraced from its end: each step is taken again, with what came
        after it as one more child of every node that remembers (docs/theory/smoothing.md).

        Parameters
        ----------
        inputs, dt, observed, frozen, start, record
            As for :meth:`filter`. Frozen steps repeat the belief of the last step that moved.
        throw
            Whether a failure raises. If not, a step whose beliefs break down given the future keeps the
            filter's and passes on nothing of what came after, and ``.status`` says so.

        Returns
        -------
        Trajectories with the fields of :meth:`filter`, of which the posterior ones, such as ``mean`` and
        ``precision``, are given the whole series; an input's ``mean`` is what was observed, or what is
        expected there given all the rest. Predictions, the surprise and ``.final`` are the filter's. At
        the last step all is as in the filter.

        Raises
        ------
        SmoothingError
            A node of a kind that remembers something other than a Gaussian belief, or does not say
            what it keeps of it (``keeps``).
        InputError, FilterError
            As for :meth:`filter`.

        Source: for one linear Gaussian state, the fixed-interval smoother of Rauch, Tung and Striebel
        (1965), doi 10.2514/3.3166, to rounding; derived, and measured elsewhere, in
        docs/theory/smoothing.md.
        """
        check_smoothable(self.labels)
        feed = read(self.labels, inputs, dt, observed, frozen)
        state, kept = self._groups(start), recorded(self.labels, record)
        found = smoothed(self._single, feed, state, kept)
        run, alive = found.run, found.run.alive
        for flags in found.sound.values():
            alive = alive & jnp.all(jnp.reshape(flags, (feed.steps, -1)), axis=-1)
        explain = None
        if not traced(alive):
            forward = Explanation(self.labels, self._calls, feed, state)
            explain = Breakdown(self.labels, forward, run.alive, found.sound)
        status = Status(alive=alive, bounded=run.bounded, explain=explain)
        if throw and explain is not None:
            status.check()
        return self._told(run, status, kept, feed.series.observed)


def check_smoothable(labels: Labels) -> None:
    """Refuse a graph with nodes that do not say what they keep over a step, or hold no Gaussian belief.

    Raises
    ------
    SmoothingError
        Names them and their kind.
    """
    for names in labels.groups:
        node = labels.graph.nodes[names[0]]
        if not node.remembers:
            continue
        if type(node).keeps is AbstractNode.keeps or not isinstance(node.init(), Gaussian):
            raise SmoothingError(
                f"{listed(names)} cannot be smoothed: a {type(node).__name__} does not say what a Gaussian "
                "belief keeps over a step. Use network.filter, or give the kind a keeps(dt)."
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Breakdown:
    """Names the nodes whose beliefs broke down on the way forward or back, or grew at the bound."""

    labels: Labels
    forward: Explanation
    alive: Array
    sound: Mapping[int, Array]

    def __call__(self, what: str, step: int) -> list[str]:
        """Names of the nodes that ``"failed"``, or were ``"bounded"``, at a step."""
        if what == "bounded" or not self.alive[step]:
            return self.forward(what, step)
        return [name for name, place in self.labels.nodes.items() if not self.stood(*place, step)]

    def stood(self, group: int, position: int, step: int) -> Any:
        """Whether a node's belief given the whole series is one."""
        return np.ravel(self.sound[group][step])[position]
