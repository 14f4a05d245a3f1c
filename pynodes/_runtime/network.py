"""Network: a compiled graph, addressed by name, that filters, smooths, samples and acts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import jax
import numpy as np

from pynodes._boundary import boundary
from pynodes._compiler.compile import compile_program
from pynodes._compiler.labels import SETTLE_INSTEAD, Address, Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import Module, choice, parameters_of
from pynodes._engine.closed_form import ClosedForm
from pynodes._engine.energy import energy_by_name
from pynodes._errors import BatchError
from pynodes._graph.graph import Graph
from pynodes._results.edge_beliefs import EdgeMessages
from pynodes._results.simulations import Forecast, Interaction
from pynodes._results.state import State, check_state
from pynodes._results.trajectories import Trajectories
from pynodes._runtime import runs
from pynodes._runtime.calls import Calls, initial_state
from pynodes._runtime.derivatives import Each
from pynodes._runtime.gate import Gate, StepGate, single_gate
from pynodes._runtime.inputs import Inputs, read_inputs, read_simulation, single_step
from pynodes._runtime.messages import collect_messages
from pynodes._runtime.parameters import (
    Prior,
    Values,
    batch_shape,
    get_parameter,
    get_vector,
    replace_parameters,
)
from pynodes._runtime.series import Series
from pynodes._runtime.switches import switch_edges, switch_states
from pynodes._runtime.times import as_interval, intervals
from pynodes._typing import Array, Scalar


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
        """Every parameter by name: ``"node.field"`` and ``"parent->child.strength"``; a batch comes first."""
        return {name: self[name] for name in self.labels.parameters}

    def __getitem__(self, name: str) -> Array:
        """The value of a parameter, by name; of a batch of networks one each, the batch first."""
        return get_parameter(self.program, self.labels.address(name))

    @boundary
    def vector(self, names: Sequence[str]) -> Array:
        """The values of several parameters as one array, in the order of their names.

        ``network.replace({tuple(names): array})`` puts another in its place. However many names, that
        is a handful of operations, where one value each would be one operation each.

        Parameters
        ----------
        names
            Names of parameters that are numbers.

        Raises
        ------
        ParameterError
            An unknown name, or a parameter that is an array itself.
        """
        return get_vector(self.program, self.labels, names)

    @boundary
    def replace(self, values: Values) -> Self:
        """A network with some parameters changed; it runs the same compiled program.

        Of a batch of networks, as ``jax.vmap`` makes one, all are changed alike.

        Parameters
        ----------
        values
            New values by parameter name, of shape (); or, by a tuple of names, an array with one value for
            each of them. Traced ones as well.

        Raises
        ------
        ParameterError
            An unknown name, or a value outside the parameter's range.

        Examples
        --------
        >>> import pynodes as pn
        >>> network = pn.models.binary_hgf(levels=2).compile()
        >>> slow = network.replace({"x2.tonic_volatility": -6.5})
        >>> float(slow.parameters()["x2.tonic_volatility"])
        -6.5
        """
        return dataclasses.replace(
            self, program=replace_parameters(self.program, self.labels, values)
        )

    @property
    def switches(self) -> dict[str, Any]:
        """Whether each edge is on, by name: ``"x3->x2"``, or ``"x3->x2.Volatility"`` if there are two."""
        return switch_states(self.program, self.labels)

    @boundary
    def switch(self, edges: Mapping[str, Any]) -> Self:
        """A network in which some edges are switched on or off.

        The first switch makes a network whose program can be switched, even if it switches nothing.
        From there on no switch compiles anything: truth values may be traced, so that ``jax.vmap``
        tries many graphs at once. The graph, and the names of parameters, stay as they are.

        Parameters
        ----------
        edges
            Whether an edge is on, by its name; edges that are not named stay as they are.

        Raises
        ------
        UnknownEdgeError, UnknownNodeError
            The name of an edge that is not there.
        ParameterError
            Something else than a truth value of shape (); or a node that cannot be filtered without
            the edge, such as an input of infinite precision without its noise.
        """
        return dataclasses.replace(self, program=switch_edges(self.program, self.labels, edges))

    def start(self) -> State:
        """The state before the first step."""
        return State(labels=self.labels, groups=initial_state(self._single))

    @boundary
    def filter(
        self,
        inputs: Inputs,
        *,
        dt: Series | float = 1.0,
        time: Series | None = None,
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
            volatilities; durations count in seconds.
        time
            In the place of ``dt``: when each step was, as stamps that rise, numbers or dates (in seconds).
            Before the first step as much time passes as between two steps usually, the median.
        observed
            Which values were observed: one mask for all, or one by name. Missing observations let
            beliefs drift: every belief stays at its prediction.
        frozen
            Steps at which nothing moves and no time passes: trials to be ignored.
        gate
            Which nodes may learn: a series of truth values per node name; or a function of the step's
            predictions, as trajectories of one step, and of its observations by name, that returns
            truth values by node name. A node whose gate is closed stays at its prediction and says
            nothing to its parents; an input's observation then counts as missing. A number between 0 and 1
            is a power: the log density of what an input saw, or of what a state's children did, counts so
            many times, as if an input's noise were as many times as precise.
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
        feed = read_inputs(self.labels, inputs, intervals(dt, time), observed, frozen, gate)
        return runs.filter_inputs(self.labels, self._calls, feed, start, record, throw)

    @boundary
    def surprise(
        self,
        inputs: Inputs,
        *,
        dt: Series | float = 1.0,
        time: Series | None = None,
        observed: Mapping[str, Series] | Series | None = None,
        frozen: Series | None = None,
        gate: Gate | None = None,
        start: State | None = None,
        each: Each = None,
    ) -> Array | dict[str, Array]:
        """Total surprise of a series, in nats: minus its log evidence (see Trajectories.surprise).

        Nothing else is kept. It is differentiable in every parameter, and fast so. Where a belief
        breaks down it is infinite, with gradient zero.

        Parameters
        ----------
        inputs, dt, time, observed, frozen, gate, start
            As for :meth:`filter`.
        each
            ``"input"`` for the total of every observed node, ``"step"`` for that of every step; by
            default all in one.

        Returns
        -------
        A scalar; a scalar per observed node, by name; or an array of shape (time,).

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
        feed = read_inputs(self.labels, inputs, intervals(dt, time), observed, frozen, gate)
        found = self._calls.surprise(
            feed, runs.states_of(self.labels, start), runs.check_each(each)
        )
        return runs.name_inputs(self.labels, feed, found) if each == "input" else found

    @boundary
    def step(
        self,
        state: State,
        inputs: Mapping[str, Scalar],
        dt: Scalar = 1.0,
        *,
        gate: StepGate | None = None,
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
        gate
            Which nodes may learn: a truth value, or a number from 0 to 1, per node name; or a function, as
            for :meth:`filter`.
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
        single = single_step(self.labels, inputs)
        gates = single_gate(gate)
        beliefs = self.filter(single, dt=dt, gate=gates, start=state, throw=throw)
        return beliefs.final, beliefs.squeezed()

    @boundary
    def messages(
        self,
        inputs: Inputs,
        *,
        dt: Series | float = 1.0,
        time: Series | None = None,
        observed: Mapping[str, Series] | Series | None = None,
        frozen: Series | None = None,
        gate: Gate | None = None,
        start: State | None = None,
    ) -> dict[str, EdgeMessages]:
        """Messages along every edge at every step, by the edge's name, as in ``"x2->u"``.

        Parameters and errors as for :meth:`filter`.
        """
        feed = read_inputs(self.labels, inputs, intervals(dt, time), observed, frozen, gate)
        state = runs.states_of(self.labels, start)
        return collect_messages(self.labels, self._single, feed, state)

    @boundary
    def energy(
        self, values: Mapping[str, Any], *, state: State | None = None, dt: Scalar = 1.0
    ) -> dict[str, Array]:
        """Energy of the graph at given values, by node: the surprise of each, its parents at theirs.

        Its sum is minus the log density of the values, given what is believed of the step before.

        Parameters
        ----------
        values
            A value for every node, by name, in the node's shape; a regressor's is its own.
        state
            What is believed of the step before; by default the network's initial beliefs.
        dt
            Time since then.

        Returns
        -------
        The energy of every node that has one, by name, in nats; of an array the sum over its elements.

        Raises
        ------
        InputError
            A value that is absent, unknown or of another shape.
        """
        return energy_by_name(
            self.labels, self._single, values, runs.states_of(self.labels, state), as_interval(dt)
        )

    @boundary
    def smooth(
        self,
        inputs: Inputs,
        *,
        dt: Series | float = 1.0,
        time: Series | None = None,
        observed: Mapping[str, Series] | Series | None = None,
        frozen: Series | None = None,
        start: State | None = None,
        record: Iterable[str] | None = None,
        throw: bool = True,
    ) -> Trajectories:
        """Smoothing: beliefs about every step given the whole series.

        The series is filtered, then retraced from its end: each step is taken again, with what came
        after it as one more child of every node that remembers (docs/theory/smoothing.md).

        Parameters
        ----------
        inputs, dt, time, observed, frozen, start, record
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
            what it keeps of it (``memory_gain``).
        InputError, FilterError
            As for :meth:`filter`.

        Source: for one linear Gaussian state, the fixed-interval smoother of Rauch, Tung and Striebel
        (1965), doi 10.2514/3.3166, to rounding; derived, and measured elsewhere, in
        docs/theory/smoothing.md.
        """
        feed = read_inputs(self.labels, inputs, intervals(dt, time), observed, frozen)
        return runs.smooth_inputs(self.labels, self._single, feed, start, record, throw)

    @boundary
    def sample(
        self,
        key: Array,
        steps: int | None = None,
        *,
        inputs: Inputs | None = None,
        dt: Series | float = 1.0,
        start: State | None = None,
    ) -> dict[str, Array]:
        """Run the generative model forward.

        Every node is drawn from what its parents' values imply, with randomness of its own.

        Parameters
        ----------
        key
            A JAX random key, such as ``jax.random.key(0)``.
        steps
            Number of steps; may be left out if ``inputs`` or ``dt`` tell.
        inputs
            Series of the regressors, and of parameters that are known per step.
        dt
            Time since the previous step, of shape () or (time,).
        start
            The state whose beliefs the values before the first step are drawn from; by default the
            network's initial beliefs.

        Returns
        -------
        A series of shape (steps,) for every node, by name; those of the inputs are fit to be filtered.

        Raises
        ------
        InputError
            No number of steps, or series that do not fit.

        Examples
        --------
        >>> import jax
        >>> import pynodes as pn
        >>> network = pn.models.binary_hgf(levels=2).compile()
        >>> world = network.sample(jax.random.key(0), steps=100)
        >>> sorted(world), world["u"].shape, network.filter({"u": world["u"]})["x2"].mean.shape
        (['u', 'x2'], (100,), (100,))
        """
        feed = read_simulation(self.labels, inputs, dt, steps)
        return runs.sample_by_name(self.labels, self._single, feed, start, key)

    @boundary
    def forecast(
        self,
        key: Array,
        steps: int | None = None,
        *,
        inputs: Inputs | None = None,
        dt: Series | float = 1.0,
        start: State | None = None,
        draws: int = 1000,
        record: Iterable[str] | None = None,
    ) -> Forecast:
        """Draws of the future, from any state.

        Parameters
        ----------
        key, steps, inputs, dt, start
            As for :meth:`sample`; ``start`` is ``beliefs.final`` to go on from a filtered series.
        draws
            Number of futures.
        record
            Names of the nodes that are kept; by default all.

        Returns
        -------
        The draws, with means and bands by node name.

        Raises
        ------
        InputError
            As for :meth:`sample`, or a number of draws that is not positive.
        """
        feed = read_simulation(self.labels, inputs, dt, steps)
        return runs.forecast(self.labels, self._single, feed, start, key, draws, record)

    @boundary
    def prior_predictive(
        self,
        key: Array,
        priors: Mapping[str, Prior],
        steps: int | None = None,
        *,
        inputs: Inputs | None = None,
        dt: Series | float = 1.0,
        draws: int = 1000,
        record: Iterable[str] | None = None,
    ) -> Forecast:
        """Prior predictive check: series drawn with parameters from priors.

        Parameters
        ----------
        key, steps, inputs, dt, draws, record
            As for :meth:`forecast`.
        priors
            For every parameter that is not certain, by name, a function that draws a value with a key,
            such as ``lambda key: -4 + 2 * jax.random.normal(key)``.

        Returns
        -------
        The draws, each with parameters of its own, which are in ``.parameters``.

        Raises
        ------
        ParameterError
            An unknown name, or draws outside the parameter's range.
        InputError
            As for :meth:`forecast`.
        """
        feed = read_simulation(self.labels, inputs, dt, steps)
        return runs.forecast_from_priors(
            self.labels, self._single, feed, key, priors, draws, record
        )

    @boundary
    def interact(
        self,
        environment: Any,
        response: Any,
        key: Array,
        *,
        steps: int,
        dt: Series | float = 1.0,
        covariates: Mapping[str, Series] | None = None,
        start: State | None = None,
        world: Any = None,
        record: Iterable[str] | None = None,
        throw: bool = True,
    ) -> Interaction:
        """Closed loop of an agent and an environment: predict, act, observe, update.

        Parameters
        ----------
        environment
            What answers its actions: an :class:`pynodes.environments.AbstractEnvironment`.
        response
            How it acts on the predictions of a step: a response (``pynodes.responses``), or a function
            of a key and those predictions, as trajectories of one step whose ``.final`` is the state
            before it, that returns an action.
        key
            A JAX random key; actions and answers have randomness of their own.
        steps
            Number of steps.
        dt
            Time since the previous step, of shape () or (steps,).
        covariates
            What the response must know besides, by name: one number per step each. What the
            environment shows is known as well.
        start, world
            The agent's state and the environment's to start from; by default their beginnings.
        record
            Names of the nodes whose beliefs are kept; by default all.
        throw
            Whether a failure of the filter raises, as for :meth:`filter`.

        Returns
        -------
        Beliefs, actions and observations of every step. Use ``jax.vmap`` over keys, networks, responses
        or environments for many agents.

        Raises
        ------
        InputError
            An environment or response that cannot be used, or answers that do not fit the network.
        FieldError
            A response that reads what is known only after the step's observation.
        FilterError
            As for :meth:`filter`.
        """
        return runs.interact(
            self.labels,
            self._single,
            environment,
            response,
            key,
            steps=steps,
            dt=dt,
            covariates=covariates,
            begin=(start, world),
            record=record,
            throw=throw,
        )

    @property
    def _single(self) -> Program:
        """The program, of one network, whose code is what it was when it was first computed with.

        Raises
        ------
        BatchError, GraphError
            As of a program that is no sweep of one network.
        ParameterError
            Code of the user's reads what has changed since.
        """
        self.labels.refuse_changed_code()
        return self._sweep

    @cached_property
    def _sweep(self) -> Program:
        """The program, of one network.

        Raises
        ------
        BatchError
            It is that of several.
        GraphError
            It has edges that are fed back, which no sweep follows.
        """
        self.labels.refuse_feedback(self.labels.settings.scheme, SETTLE_INSTEAD)
        known = (
            Address("nodes", group, field, 0, spec["rank"])
            for group, node in enumerate(self.program.nodes)
            for field, spec in parameters_of(node).items()
        )
        where = next(known, None)
        batch = () if where is None else batch_shape(self.program, where)
        if batch:
            raise BatchError(
                f"This is a batch of networks, of shape {batch}, and one is needed. Use jax.vmap over the "
                "batch: jax.vmap(lambda network: network.filter(inputs))(networks)."
            )
        return self.program

    @property
    def _calls(self) -> Calls:
        """The compiled calls, made once for each floating-point precision."""
        self.labels.refuse_changed_code()
        made = self.__dict__.setdefault("_made", {})
        precision = jax.dtypes.canonicalize_dtype(np.float64)
        if precision not in made:
            made[precision] = Calls.of(self._sweep)
        return made[precision]

    def __repr__(self) -> str:
        return f"Network({len(self.labels.nodes)} nodes in {len(self.labels.groups)} groups)"

    def _repr_html_(self) -> str:
        from pynodes._results.html import network_to_html

        return network_to_html(self)


def compile_graph(graph: Graph, key: Any, **settings: Any) -> Network:
    """Compile a graph; see :meth:`Graph.compile`."""
    program, labels = compile_program(graph, graph.settings.revise(**settings), ClosedForm(), key)
    return Network(labels=labels, program=program)
