"""Network: a compiled graph that filters, addressed by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pynodes._boundary import boundary
from pynodes._compiler.compile import compiled
from pynodes._core.tracing import traced
from pynodes._graph.graph import Graph
from pynodes._results.state import State, check_state
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.calls import initial_state
from pynodes._runtime.explanation import Explanation
from pynodes._runtime.gate import Gate
from pynodes._runtime.generative import Generative
from pynodes._runtime.inputs import Inputs, read, single
from pynodes._runtime.record import recorded
from pynodes._runtime.retrospective import Retrospective
from pynodes._runtime.series import Series
from pynodes._typing import Array, Scalar


class Network(Generative, Retrospective):
    """A graph compiled for JAX: an immutable pytree whose leaves are parameters and wiring.

    ``jax.grad``, ``jax.vmap`` and ``jax.jit`` work on it, over it, and through it. Make one with
    :meth:`Graph.compile`.
    """

    def start(self) -> State:
        """The state before the first step."""
        return State(labels=self.labels, groups=initial_state(self._single))

    @boundary
    def filter(
        self,
        inputs: Inputs,
        *,
        dt: Series | float = 1.0,
        observed: Mapping[str, Series] | Series | None = None,
        frozen: Series | None = None,
        gate: Gate | None = None,
        start: State | None = None,
        record: Iterable[str] | None = None,
        throw: bool = True,
    ) -> Trajectories:
        """Pass a series of observations through the network.

        Parameters
        ----------
        inputs
            One series of shape (time,) per input node and regressor, in the node's units; NaN is a
            missing observation. A state that is observed directly, and a node's parameter that is
            known per step (``"u.precision"``), are given the same way.
        dt
            Time since the previous step, of shape () or (time,), positive, in the time unit of the
            volatilities.
        observed
            Which values were observed: one mask for all, or one by name. Missing observations let
            beliefs drift: every belief stays at its prediction.
        frozen
            Steps at which nothing moves and no time passes: trials to be ignored.
        gate
            Which nodes may learn: a series of truth values per node name; or a function of the step's
            predictions, as trajectories of one step, and of its observations by name, that returns
            truth values by node name. A node whose gate is closed stays at its prediction and says
            nothing to its parents; an input's observation then counts as missing.
        start
            The state to start from; by default the network's initial beliefs.
        record
            Names of the nodes whose beliefs are kept; by default all.
        throw
            Whether a failure raises. If not, the last healthy belief is held, the surprise is
            infinite from there on, and ``.status`` says what happened.

        Returns
        -------
        Every step's beliefs by node name; ``.final`` is where a later call can continue.

        Raises
        ------
        InputError
            A named input is absent, unknown, or of another length; a value that a node cannot take.
        FilterError
            A precision fell to zero or below; names the node, the step and what to do.

        Examples
        --------
        What does not move, seen twice through noise of variance 1, after a belief of precision 1:

        >>> import pynodes as pn
        >>> graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState(tonic_volatility=-50.0))
        >>> beliefs = graph.couple("x", "u").compile().filter({"u": [3.0, 3.0, float("nan")]})
        >>> [round(float(mean), 3) for mean in beliefs["x"].mean]
        [1.5, 2.0, 2.0]
        >>> [round(float(precision), 3) for precision in beliefs["x"].precision]
        [2.0, 3.0, 3.0]
        """
        feed = read(self.labels, inputs, dt, observed, frozen, gate)
        state, kept = self._groups(start), recorded(self.labels, record)
        run = self._calls.filter(feed, state, kept)
        plain = not traced(run.alive)
        explain = Explanation(self.labels, self._calls, feed, state) if plain else None
        status = Status(alive=run.alive, bounded=run.bounded, explain=explain)
        if throw and plain:
            status.check()
        return self._told(run, status, kept, feed.series.observed, self.program.couplings)

    @boundary
    def surprise(
        self,
        inputs: Inputs,
        *,
        dt: Series | float = 1.0,
        observed: Mapping[str, Series] | Series | None = None,
        frozen: Series | None = None,
        gate: Gate | None = None,
        start: State | None = None,
    ) -> Array:
        """Total surprise of a series, in nats: minus its log evidence (see Trajectories.surprise).

        Nothing else is kept. It is differentiable in every parameter, and fast so. Where a belief
        breaks down it is infinite, with gradient zero.

        Parameters
        ----------
        inputs, dt, observed, frozen, gate, start
            As for :meth:`filter`.

        Returns
        -------
        A scalar.

        Raises
        ------
        InputError
            As for :meth:`filter`.

        Examples
        --------
        An outcome that is as probable as not has a surprise of log 2:

        >>> import pynodes as pn
        >>> network = pn.models.binary_hgf(levels=2).compile()
        >>> round(float(network.surprise({"u": [1.0]})), 3)
        0.693
        """
        feed = read(self.labels, inputs, dt, observed, frozen, gate)
        return self._calls.surprise(feed, self._groups(start))

    @boundary
    def step(
        self,
        state: State,
        inputs: Mapping[str, Scalar],
        dt: Scalar = 1.0,
        *,
        throw: bool = True,
    ) -> tuple[State, Trajectories]:
        """One step online.

        Parameters
        ----------
        state
            Where to start from: :meth:`start`, or what the previous step returned.
        inputs
            One number per input; NaN if it was not observed.
        dt
            Time since the previous step.
        throw
            Whether a failure raises, as for :meth:`filter`.

        Returns
        -------
        The next state, and the beliefs of this step, with fields of shape ().

        Raises
        ------
        InputError, FilterError
            As for :meth:`filter`.

        Examples
        --------
        >>> import pynodes as pn
        >>> graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState(tonic_volatility=-50.0))
        >>> network = graph.couple("x", "u").compile()
        >>> state = network.start()
        >>> for value in (3.0, 3.0):
        ...     state, beliefs = network.step(state, {"u": value})
        >>> round(float(beliefs["x"].mean), 3)
        2.0
        """
        check_state(state)
        beliefs = self.filter(single(self.labels, inputs), dt=dt, start=state, throw=throw)
        return beliefs.final, beliefs.squeezed()

    def __repr__(self) -> str:
        return f"Network({len(self.labels.nodes)} nodes in {len(self.labels.groups)} groups)"

    def _repr_html_(self) -> str:
        from pynodes._runtime.network_html import network_to_html

        return network_to_html(self)


def compile_graph(graph: Graph, **settings: Any) -> Network:
    """Compile a graph; see :meth:`Graph.compile`."""
    program, labels = compiled(graph, graph.settings.revised(**settings))
    return Network(labels=labels, program=program)
