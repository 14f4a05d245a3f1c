"""Agent: a network, what it does given its beliefs, and which parameters of both are unknown."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._core.html import table
from pynodes._core.modules import is_traced
from pynodes._errors import DataError, ParameterError, nearest, quote
from pynodes._graph.graph import Graph
from pynodes._inference.priors import AbstractPrior, Fixed
from pynodes._runtime.network import Network
from pynodes._runtime.sample import check_key
from pynodes._typing import Array, Scalar
from pynodes.fit.agent.arrays import covariates_of, to_arrays
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.model import (
    Model,
    Values,
    refresh_model,
    stop_infinite,
    subject_log_likelihoods,
)
from pynodes.fit.agent.parameters import fix_values, make_model, split_model
from pynodes.fit.data.roles import ONLY
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.responses import AbstractResponse, JointResponse


class Agent:
    """A network, a response model, and priors on the free parameters. It holds no data.

    Parameters are addressed by name: ``"x2.tonic_volatility"`` of the network, ``"inverse_temperature"``
    of the response, ``"choice.inverse_temperature"`` of a stream. Where both have a name, it is given as
    ``"network:..."`` or ``"response:..."``. What is not named stays as it is.

    Parameters
    ----------
    graph
        A graph, which is compiled under its own settings, or a compiled network.
    responses
        What it does: one response, several by stream, or None: then the free parameters are those under
        which what was seen is the least surprising (Bayes-optimal).
    free
        Prior of every free value by name, or :class:`Fixed` for a parameter that is set.
    tied
        Names of the parameters that share a free value, by its name: ``free={"rate": Normal(-4, 2)},
        tied={"rate": ["x.tonic_volatility", "y.tonic_volatility"]}``.

    Raises
    ------
    ParameterError
        A name that is unknown, ambiguous or set twice; something that is no prior; a prior of values
        that the parameter cannot take.

    Examples
    --------
    >>> import pynodes as pn
    >>> agent = pn.Agent(
    ...     pn.models.binary_hgf(levels=2),
    ...     pn.responses.UnitSquareSigmoid(),
    ...     free={"x2.tonic_volatility": pn.Normal(-3, 1), "inverse_temperature": pn.LogNormal(1, 0.5)},
    ... )
    >>> agent.names
    ('x2.tonic_volatility', 'inverse_temperature')
    """

    @boundary
    def __init__(
        self,
        graph: Graph | Network,
        responses: AbstractResponse | JointResponse | Mapping[str, AbstractResponse] | None = None,
        *,
        free: Mapping[str, AbstractPrior | Fixed] | None = None,
        tied: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        network = graph.compile() if isinstance(graph, Graph) else graph
        if not isinstance(network, Network):
            raise ParameterError(f"An agent needs a graph or a network, not {graph!r}.")
        response: Any = (
            JointResponse.of(**responses) if isinstance(responses, Mapping) else responses
        )
        if response is not None and not isinstance(response, AbstractResponse | JointResponse):
            raise ParameterError(
                f"responses must be one of pynodes.responses, or several by name, not {responses!r}."
            )
        check_reads(response, network)
        self._model = make_model(network, response, dict(free or {}), dict(tied or {}))
        _ = self.model

    @property
    def model(self) -> Model:
        """What the agent computes with; functions of one's own are taken as they are now."""
        return refresh_model(self._model)

    @property
    def network(self) -> Network:
        """The compiled network, with fixed parameters set and free ones as they were."""
        return self.model.network

    @property
    def response(self) -> Any:
        """The response, or several; None without."""
        return self.model.response

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free values."""
        return self._model.names

    @property
    def priors(self) -> dict[str, AbstractPrior]:
        """Prior of every free value, by name."""
        return dict(zip(self.names, self._model.priors, strict=True))

    @property
    def fixed(self) -> dict[str, float]:
        """Fixed parameters of network and response by name, with their values.

        What is fixed is supposed to be known, and decides comparisons as much as what is free. Free it by
        name, or set it by :meth:`replace`.
        """
        taken = {target for _, targets in self._model.targets for target in targets}
        labels = self.network.labels
        known = {
            ("network", name): self.network[name]
            for name, place in labels.parameters.items()
            if not place.rank and name not in labels.required and ("network", name) not in taken
        }
        if self.response is not None:
            known |= {("response", name): v for name, v in self.response.parameters().items()}
        levels = {
            name: value
            for split in self._model.splits
            for name, value in zip(split.names, split.fixed, strict=True)
            if value is not None
        }
        return levels | {
            f"{part}:{name}" if ("network", name) in known and part == "response" else name: float(
                value
            )
            for (part, name), value in known.items()
            if (part, name) not in taken
        }

    @boundary
    def instantiate(
        self, values: Mapping[str, Scalar], *, levels: Mapping[str, Any] | None = None
    ) -> tuple[Network, Any]:
        """Network and response with some values of the free parameters.

        Parameters
        ----------
        values
            Free values by name.
        levels
            Where parameters differ by conditions: which level, by column.

        Raises
        ------
        ParameterError
            A name that is unknown or absent, a value that its parameter cannot take, or no level of a column
            by which something differs.
        """
        return self.model.instantiate(self.check_values(values), levels)

    @boundary
    def split(
        self,
        names: str | Sequence[str],
        *,
        by: str,
        levels: Sequence[Any],
        free: Mapping[str, AbstractPrior | Fixed] | None = None,
    ) -> Agent:
        """The same agent, but some free values differ by condition, from trial to trial within a session.

        Every level has a free value of its own, called as in ``"x2.tonic_volatility[stable]"``. Beliefs go
        on from one condition to the next; the parameters of a trial are those under which its prediction is
        made. The trials need the column, as texts or numbers.

        Parameters
        ----------
        names
            Free values: of nodes, couplings or responses.
        by
            The column of the data that says of which level a trial is.
        levels
            Its values.
        free
            Priors of levels by name, or :class:`Fixed`; every other level has the prior that the value had.

        Raises
        ------
        ParameterError
            A value that is not free or cannot differ between trials, levels that are none, a prior that does
            not fit.

        Examples
        --------
        >>> import pynodes as pn
        >>> agent = pn.agents.binary_hgf(levels=2)
        >>> agent.split("x2.tonic_volatility", by="block", levels=["stable", "volatile"]).names
        ('x2.tonic_volatility[stable]', 'x2.tonic_volatility[volatile]', 'inverse_temperature')
        """
        listed = (names,) if isinstance(names, str) or not isinstance(names, Sequence) else names
        agent = copy.copy(self)
        agent._model = split_model(
            self.model, tuple(listed), by, levels, {} if free is None else free
        )
        return agent

    @boundary
    def replace(self, values: Mapping[str, Scalar]) -> Agent:
        """The same agent with other values of some parameters that are not free.

        Parameters
        ----------
        values
            By the name of the parameter, of network or response.

        Raises
        ------
        ParameterError
            A name that is unknown, or of a parameter that is free; a value that cannot be.
        """
        agent = copy.copy(self)
        agent._model = fix_values(self.model, values)
        return agent

    def draw(self, key: Array) -> Values:
        """Values drawn from the priors, by name.

        Parameters
        ----------
        key
            A JAX random key.
        """
        check_key(key)
        keys = jax.random.split(key, max(len(self.names), 1))
        return {
            name: prior.draw(one)
            for one, (name, prior) in zip(keys, self.priors.items(), strict=False)
        }

    @boundary
    def log_prior(self, values: Mapping[str, Scalar]) -> Array:
        """Log prior density of values, per unit of the values.

        Raises
        ------
        ParameterError
            A name that is unknown or absent.
        """
        values = self.check_values(values)
        parts = [prior.log_density(values[name]) for name, prior in self.priors.items()]
        return sum(parts[1:], start=parts[0]) if parts else jnp.zeros(())

    @boundary
    def log_likelihood(self, values: Mapping[str, Any], trials: Trials) -> Array:
        """Log likelihood of all responses together, in nats; without responses, of the inputs.

        Differentiable in the values. Minus infinity, with gradient zero, where filtering fails before a
        response.

        Parameters
        ----------
        values
            Free values by name: of shape (), or (subjects,) for values of each subject's own.
        trials
            What was seen and done.

        Raises
        ------
        ParameterError
            A name that is unknown or absent, or a value that its parameter cannot take.
        DataError
            Trials that do not fit the agent.
        """
        parts = self._stream_log_likelihoods(values, trials).values()
        return stop_infinite(sum((jnp.sum(part) for part in parts), start=jnp.zeros(())))

    @boundary
    def pointwise_log_likelihood(self, values: Mapping[str, Any], trials: Trials) -> Array:
        """Log likelihood of every trial, in the order of the data; zero where there is none.

        Parameters and errors as for :meth:`log_likelihood`; several streams are added.
        """
        parts = list(self._stream_log_likelihoods(values, trials).values())
        return trials.layout.take_rows(sum(parts[1:], start=parts[0]))

    @boundary
    def log_density(self, trials: Trials) -> Callable[[Array], Array]:
        """Log joint density of one subject's data and free values, as a plain function for any sampler.

        The function takes an array of shape (free values,), in unconstrained space and in the order of
        ``names``; ``agent.priors[name].constrain`` makes a value of such a number. It can be compiled,
        differentiated and batched.

        Raises
        ------
        DataError
            Trials that do not fit the agent.
        ParameterError
            Trials of several subjects.
        """
        sequences = to_arrays(self.model, trials)
        if trials.layout.shape[0] != 1:
            raise ParameterError(
                f"These trials are of {trials.layout.shape[0]} subjects, whose parameters are their own. "
                "Take one with trials.only(...)."
            )
        blocks = jax.tree.map(lambda leaf: leaf[0], sequences)
        return lambda unconstrained: self.model.log_joint(unconstrained, blocks)

    def _stream_log_likelihoods(
        self, values: Mapping[str, Any], trials: Trials
    ) -> dict[str, Array]:
        """Log likelihood of every stream, of shape (subjects, blocks, steps)."""
        sequences = to_arrays(self.model, trials)
        count = trials.layout.shape[0]
        given = self.check_values(values)
        check_shapes(given, count)
        each = {n: jnp.broadcast_to(jnp.asarray(v, float), (count,)) for n, v in given.items()}
        return subject_log_likelihoods(self.model, each, sequences)

    def check_values(self, values: Mapping[str, Any]) -> Values:
        """Values of just the free parameters, each within its prior's bounds.

        Raises
        ------
        ParameterError
            A name that is unknown or absent, or a value outside of its prior's bounds.
        """
        if not hasattr(values, "keys"):
            raise ParameterError(f"Give values by name, a mapping, not {values!r}.")
        for name in values:
            if name not in self.names:
                hint = nearest(name, self.names) if self.names else "It has none."
                raise ParameterError(f"The agent has no free value {name!r}. {hint}")
        absent = [name for name in self.names if name not in values]
        if absent:
            raise ParameterError(f"No value was given for {quote(absent)}. Give one for each.")
        for name, prior in self.priors.items():
            if not is_traced(values[name]):
                prior.unconstrain(values[name])
        return dict(values)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}: {prior!r}" for name, prior in self.priors.items())
        by = ", ".join(f"{split.name} by {split.column}" for split in self._model.splits)
        return f"Agent({self.network!r}, {self.response!r}, free={{{shown}}}{', ' * bool(by)}{by})"

    def _repr_html_(self) -> str:
        rows = [(name, repr(prior)) for name, prior in self.priors.items()]
        rows += [(name, f"fixed at {value:g}") for name, value in self.fixed.items()]
        title = f"Agent: {self.network!r}, {self.response!r}, {len(self.names)} free values"
        return table(title, ("value", "prior"), rows)


def check_reads(response: Any, network: Network) -> None:
    """What responses read is there.

    Raises
    ------
    ParameterError
        A node that they read is no node of the network.
    """
    nodes = network.labels.nodes
    for part in {} if response is None else streams_of(response).values():
        absent = [name for name in part.reads if name not in nodes]
        if absent:
            said = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
            named = [name for name, it in said.items() if isinstance(it, str) and it == absent[0]]
            how = f" by {named[0]}=" if named else ""
            raise ParameterError(
                f"{type(part).__name__} reads the beliefs of {absent[0]!r}, which is no node of this "
                f"network. Its nodes are {quote(nodes)}. Name one of them{how}, or take a response that "
                "reads less."
            )


def check_shapes(values: Mapping[str, Any], count: int) -> None:
    """Every value is one for all subjects, or one for each.

    Raises
    ------
    ParameterError
        One that is neither.
    """
    for name, value in values.items():
        if np.shape(value) not in ((), (count,)):
            raise ParameterError(
                f"{name!r} must have shape () or ({count},), one per subject, not {np.shape(value)}."
            )


def select_covariates(agents: Mapping[str, Agent], trials: Trials) -> dict[str, Trials]:
    """The trials as every agent takes them: with those of their covariates that it has.

    Raises
    ------
    ParameterError
        Something that is no agent.
    DataError
        A covariate that no agent has.
    """
    check_trials(trials)
    for name, agent in agents.items():
        if not isinstance(agent, Agent):
            raise ParameterError(f"Give agents by name; {name!r} is {agent!r}.")
    wanted = {name: covariates_of(agent) for name, agent in agents.items()}
    known = set().union(*wanted.values())
    strange = [name for name in trials.roles.covariates if name not in {*known, ONLY}]
    if strange:
        hint = nearest(strange[0], known) if known else "They take none."
        raise DataError(f"None of {quote(agents)} has a covariate {strange[0]!r}. {hint}")
    return {name: trials.for_covariates(own) for name, own in wanted.items()}
