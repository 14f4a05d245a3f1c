"""to_pymc: an agent and data as a model of PyMC."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import ParameterError
from pynodes._results.tables import extra
from pynodes._typing import Array
from pynodes.fit.agent._binding import bound
from pynodes.fit.agent._model import Model, Values, streams_of
from pynodes.fit.agent.agent import Agent
from pynodes.fit.bridges._operations import operations
from pynodes.fit.data._layout import Layout
from pynodes.fit.data._roles import ONLY
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.data.trials import Trials
from pynodes.fit.prior import priors
from pynodes.fit.prior._prior import AbstractPrior
from pynodes.fit.study.simulation import acted

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
    sequences = jax.tree.map(jnp.asarray, bound(agent.model, trials))
    with pm.Model() as model:
        values = [variable(pm, name, prior) for name, prior in agent.priors.items()]
        if agent.response is None:
            part = Part(agent.model, sequences, ONLY, trials.layout, np.arange(len(trials)))
            loglike = operations(part.log_likelihood, part.gradients, len(values))
            pm.Potential("seen", loglike(*values).sum())
        for stream in streams_of(agent.response) if agent.response is not None else ():
            observe(pm, Part.of(agent, trials, sequences, stream), values)
    return model


def observe(pm: Any, part: Part, values: list[Any]) -> None:
    """Add the responses of one stream to the model that is being made."""
    loglike = operations(part.log_likelihood, part.gradients, len(values))

    def logp(_: Any, *given: Any) -> Any:
        return loglike(*given)

    def random(*given: Any, rng: Any, size: Any = None) -> np.ndarray:
        key = jax.random.key(int(rng.integers(2**31)))
        return part.drawn([float(np.ravel(value)[0]) for value in given], key)

    pm.CustomDist(
        part.stream or RESPONSES, *values, logp=logp, random=random, observed=part.observed
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
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
    layout: Layout
    rows: np.ndarray

    @classmethod
    def of(cls, agent: Agent, trials: Trials, sequences: Sequences, stream: str) -> Part:
        """The rows that have a response of a stream."""
        column, *_ = (trials.roles.actions or {})[stream]
        known = ~np.isnan(trials.numbers(column)) & ~trials.ignored
        return cls(agent.model, sequences, stream, trials.layout, np.flatnonzero(known))

    @property
    def observed(self) -> np.ndarray:
        """The responses."""
        actions = self.sequences.actions
        whole = actions[self.stream] if isinstance(actions, dict) else actions
        return np.asarray(self.gathered(whole))

    def gathered(self, whole: Array) -> Array:
        """Of values in places those of the rows."""
        return whole[tuple(self.layout.place[:, self.rows])]

    def named(self, values: Any) -> Values:
        """Values by name, each of shape (1,): one subject."""
        return {
            n: jnp.reshape(jnp.asarray(v, float), (1,))
            for n, v in zip(self.model.names, values, strict=True)
        }

    def log_likelihood(self, values: Any) -> Array:
        """Log likelihood of every row."""
        return pointwise(self.model, self.named(values), self.sequences, self.stream)[
            tuple(self.layout.place[:, self.rows])
        ]

    def gradients(self, values: Any) -> Array:
        """How that changes with every value, of shape (rows, values)."""
        return jax.jacfwd(lambda at: self.log_likelihood(list(at)))(jnp.asarray(values, float))

    def drawn(self, values: Any, key: Array) -> np.ndarray:
        """Responses as they might have been."""
        found, _ = acted(self.model, self.named(values), self.sequences, key)
        return np.asarray(self.gathered(found[self.stream]), float)


def pointwise(model: Model, values: Values, sequences: Sequences, stream: str) -> Array:
    """Log likelihood of every trial of one stream, of shape (subjects, blocks, steps)."""

    def one(values: Values, blocks: Sequences) -> Array:
        return jax.vmap(lambda block: model.by_stream(values, block)[stream])(blocks)

    return jax.vmap(one)(values, sequences)


def variable(pm: Any, name: str, prior: AbstractPrior) -> Any:
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
