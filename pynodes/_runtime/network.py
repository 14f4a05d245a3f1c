"""Network: a compiled graph that filters, addressed by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.compile import compiled
from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import Module, checked_value, choice, parameters_of
from pynodes._errors import InputError, StateError
from pynodes._graph.graph import Graph
from pynodes._results.state import State
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime import filter as loops
from pynodes._runtime import sweeps
from pynodes._runtime.derivatives import total_surprise
from pynodes._runtime.feed import Feed
from pynodes._runtime.parcel import Parcel
from pynodes._runtime.inputs import Inputs, Series, read
from pynodes._typing import Array, Scalar



@partial(jax.jit, static_argnames="kept")
def _filtered(program: Parcel, feed: Feed, state: sweeps.State | None, kept: loops.Kept) -> Parcel:
    """A run in a parcel."""
    return Parcel.of(loops.filtered(program, feed, state, kept), 1, jnp.stack)


_held = jax.jit(loops.held, static_argnames="kept")
_surprise = jax.jit(total_surprise)
_start = jax.jit(sweeps.start)


class Network(Module):
    """A graph compiled for JAX: an immutable pytree whose leaves are parameters and wiring.

    ``jax.grad``, ``jax.vmap`` and ``jax.jit`` work on it, over it, and through it. Make one with
    :meth:`Graph.compile`.
    """

    labels: Labels = choice()
    program: Program

    @property
    def graph(self) -> Graph:
        """The graph that was compiled."""
        return self.labels.graph

    def parameters(self) -> dict[str, Array]:
        """Every parameter by name: ``"node.field"`` and ``"parent->child.strength"``."""
        return {name: self[name] for name in self.labels.parameters}

    def __getitem__(self, name: str) -> Array:
        """The value of a parameter, by name."""
        where = self.labels.address(name)
        stack = getattr(getattr(self.program, where.section)[where.stack], where.field)
        return jnp.ravel(stack)[where.position] if np.ndim(stack) else stack

    def replace(self, values: Mapping[str, Scalar]) -> Network:
        """A network with some parameters changed; it runs the same compiled program.

        Parameters
        ----------
        values
            New values by parameter name, of shape (); traced ones as well.

        Raises
        ------
        ParameterError
            An unknown name, or a value outside the parameter's range.
        """
        stacks: dict[tuple[str, int, str], dict[int, Scalar]] = {}
        for name, value in values.items():
            where = self.labels.address(name)
            module = getattr(self.program, where.section)[where.stack]
            checked_value(repr(name), where.field, value, parameters_of(module)[where.field])
            stacks.setdefault((where.section, where.stack, where.field), {})[where.position] = value
        program = self.program
        for (section, stack, field), changes in stacks.items():
            modules = list(getattr(program, section))
            revised = changed(getattr(modules[stack], field), changes)
            modules[stack] = dataclasses.replace(modules[stack], **{field: revised})
            program = dataclasses.replace(program, **{section: tuple(modules)})
        return dataclasses.replace(self, program=program)

    def start(self) -> State:
        """The state before the first step."""
        return State(labels=self.labels, groups=_start(self.program))

    def filter(
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
        """
        feed = read(self.labels, inputs, dt, observed, frozen)
        state = None if start is None else self._groups(start)
        kept = self._kept(record)
        plain = not any(map(traced, jax.tree.leaves((self.program, feed, state))))
        if plain:
            run = _filtered(self._parcel, feed, state, kept).on_host()
        else:
            run = loops.filtered(self.program, feed, state, kept)
        if not plain or feed.series.frozen is not None or not run.alive[-1]:
            run = _held(self.program, feed, state, kept, run)
        explain = Explanation(self, feed, state) if plain else None
        status = Status(alive=run.alive, bounded=run.bounded, explain=explain)
        if throw and plain:
            status.check()
        return Trajectories(
            labels=self.labels,
            kept=kept,
            records=run.records,
            surprises=run.surprise,
            final=State(labels=self.labels, groups=run.final),
            status=status,
        )

    def surprise(
        self,
        inputs: Inputs,
        *,
        dt: Series | float = 1.0,
        observed: Mapping[str, Series] | Series | None = None,
        frozen: Series | None = None,
        start: State | None = None,
    ) -> Array:
        """Total surprise of a series, in nats: minus its log evidence (see Trajectories.surprise).

        Nothing else is kept. It is differentiable in every parameter, and fast so. Where a belief
        breaks down it is infinite, with gradient zero.

        Parameters
        ----------
        inputs, dt, observed, frozen, start
            As for :meth:`filter`.

        Returns
        -------
        A scalar.

        Raises
        ------
        InputError
            As for :meth:`filter`.
        """
        feed = read(self.labels, inputs, dt, observed, frozen)
        state = None if start is None else self._groups(start)
        plain = not any(map(traced, jax.tree.leaves((self.program, feed, state))))
        return _surprise(self._parcel if plain else self.program, feed, state)

    def step(
        self, state: State, inputs: Mapping[str, Scalar], dt: Scalar = 1.0, *, throw: bool = True
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
        """
        one = {name: jnp.reshape(value, (1,)) if traced(value) else np.reshape(value, (1,)) for name, value in inputs.items()}
        beliefs = self.filter(one, dt=dt, start=state, throw=throw)
        now = jax.tree.map(lambda leaf: leaf[0], (beliefs.records, beliefs.surprises))
        return beliefs.final, dataclasses.replace(beliefs, records=now[0], surprises=now[1])

    @property
    def _parcel(self) -> Parcel:
        """The program as it travels into compiled code, in the precision of the moment."""
        parcels = self.__dict__.setdefault("_parcels", {})
        precision = jnp.result_type(float)
        if precision not in parcels:
            plain = jax.tree.map(np.asarray, self.program)
            parcels[precision] = jax.device_put(Parcel.of(plain, 0, np.stack))
        return parcels[precision]

    def _groups(self, start: State) -> sweeps.State:
        """The groups of a state of this network."""
        if not isinstance(start, State):
            raise StateError(f"start must be a state, such as network.start() or beliefs.final, not {start!r}.")
        if start.labels is not self.labels and start.labels.groups != self.labels.groups:
            raise StateError("This state belongs to a network with other nodes.")
        return start.groups

    def _kept(self, record: Iterable[str] | None) -> loops.Kept:
        """The groups and positions whose reports are kept."""
        if record is None:
            return tuple((group, None) for group in range(len(self.labels.groups)))
        if isinstance(record, str):
            raise InputError(f"record must be a list of names, as in [{record!r}].")
        wanted: dict[int, list[int]] = {}
        for name in record:
            group, position = self.labels.place(name)
            wanted.setdefault(group, []).append(position)
        whole = {group: len(self.labels.groups[group]) == len(set(p)) for group, p in wanted.items()}
        return tuple((g, None if whole[g] else tuple(sorted(set(p)))) for g, p in sorted(wanted.items()))

    def __repr__(self) -> str:
        return f"Network({len(self.labels.nodes)} nodes in {len(self.labels.groups)} groups)"


def traced(value: Any) -> bool:
    """Whether a value is known only while tracing."""
    return isinstance(value, jax.core.Tracer)


def changed(stack: Any, changes: Mapping[int, Scalar]) -> Any:
    """A stack of parameters with new values at some positions; on the host if all are plain."""
    if np.ndim(stack) == 0:
        value = changes[0]
        return value if isinstance(value, jax.Array) else np.asarray(value, dtype=float)
    if any(isinstance(value, jax.Array) for value in (stack, *changes.values())):
        flat = jnp.ravel(jnp.asarray(stack, float))
        values = jnp.stack([jnp.asarray(value, float) for value in changes.values()])
        return flat.at[jnp.array(list(changes))].set(values).reshape(jnp.shape(stack))
    flat = np.array(stack, dtype=float).ravel()
    flat[list(changes)] = list(changes.values())
    return flat.reshape(np.shape(stack))


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """Names the nodes behind a failure, by taking the step again."""

    network: Network
    feed: Feed
    state: sweeps.State | None

    def __call__(self, what: str, step: int) -> list[str]:
        """Names of the nodes that broke down (``"failed"``) or grew at the bound at a step."""
        labels, program = self.network.labels, self.network.program
        before = self.state
        if step:
            early = part(self.feed, slice(0, step))
            before = _filtered(self.network._parcel, early, self.state, ()).on_host().final
        elif before is None:
            before = _start(program)
        moment = jax.tree.map(lambda leaf: jnp.asarray(leaf)[step], self.feed.series)
        now = moment.program(program)
        beliefs, _ = sweeps.step(now, before, moment.seen, self.feed.dt(moment))
        return [
            name
            for name, (group, position) in labels.nodes.items()
            if marked(beliefs[group], what).ravel()[position]
        ]


def marked(belief: Any, what: str) -> np.ndarray:
    """Which nodes of a group failed, or grew at the bound."""
    flags = ~belief.healthy() if what == "failed" else belief.overgrown()
    return np.broadcast_to(np.asarray(flags), np.shape(belief.mean))


def part(feed: Feed, steps: slice) -> Feed:
    """Some steps of a feed."""
    series = jax.tree.map(lambda leaf: leaf[steps], feed.series)
    return Feed(steps=len(range(feed.steps)[steps]), series=series, interval=feed.interval)


def compile_graph(graph: Graph, **settings: Any) -> Network:
    """Compile a graph; see :meth:`Graph.compile`."""
    program, labels = compiled(graph, graph.settings.revised(**settings))
    return Network(labels=labels, program=program)
