"""Generative: the methods of a network that run forward, without or against a world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax

from pynodes._boundary import boundary
from pynodes._core.tracing import traced
from pynodes._errors import InputError
from pynodes._results.forecast import Forecast
from pynodes._results.interaction import Interaction
from pynodes._results.state import State
from pynodes._results.status import Explain, Status
from pynodes._runtime.compiled import Compiled
from pynodes._runtime.explanation import Explanation
from pynodes._runtime.fixed import in_structure
from pynodes._runtime.forecast import foretold
from pynodes._runtime.inputs import Inputs, read, read_given
from pynodes._runtime.interact import Lived, Parties, Rule, interacted, own
from pynodes._runtime.priors import Prior, drawn_from
from pynodes._runtime.record import recorded
from pynodes._runtime.replacement import replaced
from pynodes._runtime.sample import check_key, sampled
from pynodes._runtime.series import Series, elapsed, numbers, positive
from pynodes._typing import Array


class Generative(Compiled):
    """A compiled graph that simulates."""

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
        check_key(key)
        feed = read_given(self.labels, {} if inputs is None else inputs, dt, steps)
        drawn = sampled(self._single, feed, self._groups(start), key)
        return {
            name: drawn[group] if len(self.labels.groups[group]) == 1 else drawn[group][:, position]
            for name, (group, position) in self.labels.nodes.items()
        }

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
        """What may come: many draws of the future, from any state.

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
        check_key(key)
        feed = read_given(self.labels, {} if inputs is None else inputs, dt, steps)
        kept = recorded(self.labels, record)
        drawn = foretold(
            self._single, feed, self._groups(start), key, kept=kept, draws=positive("draws", draws)
        )
        return Forecast(labels=self.labels, kept=kept, records=drawn)

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
        """What a network with priors on its parameters supposes before it has seen anything.

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
        check_key(key)
        draws = positive("draws", draws)
        feed = read_given(self.labels, {} if inputs is None else inputs, dt, steps)
        kept = recorded(self.labels, record)
        mine, theirs = jax.random.split(key)
        drawn = drawn_from(self.labels, self._single, priors, theirs, draws)
        keys = jax.random.split(mine, draws)

        def one(values: dict[str, Array], key: Array) -> dict[int, Array]:
            program = replaced(self.program, self.labels, values)
            return foretold(program, feed, None, key, kept=kept, draws=1)

        records = jax.vmap(one)(drawn, keys)
        flat = {group: values[:, 0] for group, values in records.items()}
        return Forecast(labels=self.labels, kept=kept, records=flat, parameters=drawn)

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
        """An agent that predicts, acts, is answered and learns, step by step, in one compiled loop.

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
        check_key(key)
        steps = positive("steps", steps)
        known = {name: numbers(name, series) for name, series in (covariates or {}).items()}
        for name, series in known.items():
            if series.shape[0] != steps:
                raise InputError(f"{name!r} has {series.shape[0]} steps, not {steps}.")
        times, interval = elapsed(dt, steps)
        kept = recorded(self.labels, record)
        run, lived = interacted(
            self._single,
            Parties(
                response=acting(response), environment=answering(environment), covariates=known
            ),
            (self._groups(start), world),
            times,
            interval,
            key,
            labels=self.labels,
            kept=kept,
            steps=steps,
        )
        plain = not traced(run.alive)
        explain = self._explaining(lived, dt, start) if plain else None
        status = Status(alive=run.alive, bounded=run.bounded, explain=explain)
        if throw and plain:
            status.check()
        return Interaction(
            beliefs=self._told(run, status, kept, lived.observed, self.program.couplings),
            actions=lived.actions,
            inputs=lived.inputs,
            shown=lived.shown,
            world=lived.world,
        )

    def _explaining(self, lived: Lived, dt: Any, start: State | None) -> Explain:
        """Names what broke down in a life, by filtering what was observed in it."""

        def explain(what: str, step: int) -> list[str]:
            seen = lived.inputs | own(self.labels, lived.shown)
            feed = read(self.labels, seen, dt)
            return Explanation(self.labels, self._calls, feed, self._groups(start))(what, step)

        return explain


def acting(response: Any) -> Any:
    """A response, or a function of a key and predictions, as something that can be sampled."""
    if hasattr(response, "sample"):
        return response
    if not callable(response):
        raise InputError(
            "response must be a response, such as pynodes.responses.Softmax(...), or a function of a key and "
            f"the step's predictions that returns an action, not {response!r}."
        )
    return Rule(function=in_structure(response))


def answering(environment: Any) -> Any:
    """An environment that begins and answers."""
    if not hasattr(environment, "begin") or not hasattr(environment, "answer"):
        raise InputError(
            "environment must have begin(key) and answer(key, state, action), as a subclass of "
            f"pynodes.environments.AbstractEnvironment has, not be {environment!r}."
        )
    return environment
