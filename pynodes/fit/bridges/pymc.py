"""to_pymc: an agent and data as a model of PyMC."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import ParameterError
from pynodes._inference import priors
from pynodes._inference.priors import AbstractPrior
from pynodes._results.tables import extra
from pynodes._typing import Array
from pynodes.fit.agent.acting import act_for_subjects
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.arrays import to_arrays
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.model import Model, Values
from pynodes.fit.data.layout import Sequences, TrialLayout
from pynodes.fit.data.roles import ONLY
from pynodes.fit.data.trials import Trials

Function = Callable[[Any], Any]
"""Takes a list of numbers."""

RESPONSES = "responses"
"""The variable of the responses where there is one stream; several have their streams' names."""


def to_pymc(agent: Agent, trials: Trials) -> Any:
    """A model of PyMC of a single subject, for its samplers, comparisons and predictive checks.

    Every free value is a variable by its name, with its prior. Responses are observed variables with a
    likelihood, its gradient, and a way to be drawn, so that predictive sampling works; trials without
    response are left out of them. Without responses, what was seen is a potential.

    Parameters
    ----------
    agent
        The agent.
    trials
        What one subject saw and did.

    Raises
    ------
    DataError
        Trials that do not fit the agent.
    ParameterError
        Trials of several subjects, or a prior that is none of ours.
    MissingExtraError
        PyMC is not installed.
    """
    pm = extra("pymc")
    if len(trials.subjects) != 1:
        raise ParameterError(
            f"These trials are of {len(trials.subjects)} subjects, whose parameters are their own. Take one "
            "with trials.only(...)."
        )
    sequences = jax.tree.map(jnp.asarray, to_arrays(agent.model, trials))
    with pm.Model() as model:
        values = [make_variable(pm, name, prior) for name, prior in agent.priors.items()]
        if agent.response is None:
            part = Stream(agent.model, sequences, ONLY, trials.layout, np.arange(len(trials)))
            loglike = make_operation(part.log_likelihood, part.gradients, len(values))
            pm.Potential("seen", loglike(*values).sum())
        for stream in streams_of(agent.response) if agent.response is not None else ():
            add_likelihood(pm, Stream.of(agent, trials, sequences, stream), values)
    return model


def add_likelihood(pm: Any, part: Stream, values: list[Any]) -> None:
    """Add the responses of one stream to the model that is being made."""
    loglike = make_operation(part.log_likelihood, part.gradients, len(values))

    def logp(_: Any, *given: Any) -> Any:
        return loglike(*given)

    def random(*given: Any, rng: Any, size: Any = None) -> np.ndarray:
        key = jax.random.key(int(rng.integers(2**31)))
        return part.draw([float(np.ravel(value)[0]) for value in given], key)

    pm.CustomDist(
        part.stream or RESPONSES, *values, logp=logp, random=random, observed=part.observed
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Stream:
    """The responses of one stream of one subject, by row.

    Attributes
    ----------
    model, sequences, stream
        The agent, what was seen and done, and which of its responses.
    layout, rows
        Where rows are, and which of them have a response.
    """

    model: Model
    sequences: Sequences
    stream: str
    layout: TrialLayout
    rows: np.ndarray

    @classmethod
    def of(cls, agent: Agent, trials: Trials, sequences: Sequences, stream: str) -> Stream:
        """The rows that have a response of a stream."""
        column, *_ = (trials.roles.actions or {})[stream]
        known = ~np.isnan(trials.numbers(column)) & ~trials.frozen
        return cls(agent.model, sequences, stream, trials.layout, np.flatnonzero(known))

    @property
    def observed(self) -> np.ndarray:
        """The responses."""
        actions = self.sequences.actions
        whole = actions[self.stream] if isinstance(actions, dict) else actions
        return np.asarray(self.take_rows(whole))

    def take_rows(self, whole: Array) -> Array:
        """Of values in a layout those of the rows."""
        return whole[tuple(self.layout.index[:, self.rows])]

    def name_values(self, values: Any) -> Values:
        """Values by name, each of shape (1,): one subject."""
        return {
            n: jnp.reshape(jnp.asarray(v, float), (1,))
            for n, v in zip(self.model.names, values, strict=True)
        }

    def log_likelihood(self, values: Any) -> Array:
        """Log likelihood of every row."""
        named = self.name_values(values)
        return self.take_rows(stream_log_likelihood(self.model, named, self.sequences, self.stream))

    def gradients(self, values: Any) -> Array:
        """How that changes with every value, of shape (rows, values)."""
        return jax.jacfwd(lambda at: self.log_likelihood(list(at)))(jnp.asarray(values, float))

    def draw(self, values: Any, key: Array) -> np.ndarray:
        """Responses as they might have been."""
        found = act_for_subjects(self.model, self.name_values(values), self.sequences, key).actions
        return np.asarray(self.take_rows(found[self.stream]), float)


def stream_log_likelihood(model: Model, values: Values, sequences: Sequences, stream: str) -> Array:
    """Log likelihood of every trial of one stream, of shape (subjects, blocks, steps)."""

    def one(values: Values, blocks: Sequences) -> Array:
        return jax.vmap(lambda block: model.stream_log_likelihoods(values, block)[stream])(blocks)

    return jax.vmap(one)(values, sequences)


def make_variable(pm: Any, name: str, prior: AbstractPrior) -> Any:
    """A variable with a prior.

    Raises
    ------
    ParameterError
        A prior that is none of ours.
    """
    match prior:
        case priors.Normal():
            return pm.Normal(name, prior.mean, prior.standard_deviation)
        case priors.LogNormal():
            return pm.LogNormal(name, prior.mean, prior.standard_deviation)
        case priors.Gamma():
            return pm.Gamma(name, alpha=prior.shape, beta=prior.rate)
        case priors.HalfNormal():
            return pm.HalfNormal(name, prior.standard_deviation)
        case priors.LogitNormal():
            share = pm.LogitNormal(f"{name}:share", prior.mean, prior.standard_deviation)
        case priors.Beta():
            share = pm.Beta(f"{name}:share", alpha=prior.ones, beta=prior.zeros)
        case _:
            raise ParameterError(
                f"PyMC has no equal of the prior of {name!r}, {prior!r}. Use one of pynodes.fit's own "
                "priors, or to_numpyro, which takes any."
            )
    low, high = prior.bounds
    return pm.Deterministic(name, low + (high - low) * share)


def make_operation(function: Function, gradients: Function, count: int) -> Callable[..., Any]:
    """A function of some numbers as an operation of PyTensor, which makes a vector of scalars.

    Parameters
    ----------
    function
        Makes a vector, of shape (rows,).
    gradients
        Makes its changes with every number, of shape (rows, numbers).
    count
        How many numbers there are.
    """
    tensor, op = extra("pytensor.tensor"), extra("pytensor.graph.op").Op
    apply = extra("pytensor.graph.basic").Apply
    values_of, slopes_of = jax.jit(function), jax.jit(gradients)

    class Slopes(op):
        """Changes of the vector with every number, times a weight for every row, summed."""

        def make_node(self, *inputs: Any) -> Any:
            given = [tensor.as_tensor_variable(one) for one in inputs]
            return apply(self, given, [tensor.dscalar() for _ in range(count)])

        def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
            *numbers, weights = inputs
            found = np.asarray(slopes_of([float(one) for one in numbers]), float).T @ weights
            for place, value in zip(outputs, found, strict=True):
                place[0] = np.asarray(value, float)

    slopes = Slopes()

    class Values(op):
        """The vector."""

        def make_node(self, *inputs: Any) -> Any:
            given = [tensor.as_tensor_variable(one) for one in inputs]
            return apply(self, given, [tensor.dvector()])

        def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
            outputs[0][0] = np.asarray(values_of([float(one) for one in inputs]), float)

        def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> Any:
            return slopes(*inputs, cotangents[0])

        def grad(self, inputs: Any, cotangents: Any) -> Any:
            return slopes(*inputs, cotangents[0])

    values = Values()
    # PyMC gives parameters of observed vectors as vectors of one number.
    return lambda *given: values(*(tensor.as_tensor_variable(one).ravel()[0] for one in given))
