"""Target: whose parameters are sought, given what, and as which density over flat, unconstrained vectors."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from pynodes._core.modules import Module
from pynodes._errors import FormulaError, ParameterError, nearest, quote
from pynodes._typing import Array
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.arrays import to_arrays
from pynodes.fit.agent.conditions import check_levels_seen
from pynodes.fit.agent.model import Model, log_likelihoods
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.fit.group.group_model import GroupModel, check_covariance, make_group_model
from pynodes.fit.group.population import Coordinates, Population

WAYS = {"centred": True, "noncentred": False}
"""What a parameterisation may be called, and whether parameters are coordinates then."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """An agent and data, as a posterior to be sampled from.

    Attributes
    ----------
    agent, trials
        The agent, and what was seen and done.
    group
        The population of the subjects; None where every subject has the agent's own priors.
    parameterisation
        What was asked for, by parameter: ``"centred"``, ``"noncentred"`` or ``"auto"``.
    centred
        Which parameters are centred, as far as it is known.
    """

    agent: Agent
    trials: Trials
    group: GroupModel | None = None
    parameterisation: dict[str, str] = dataclasses.field(default_factory=dict)
    centred: dict[str, bool] = dataclasses.field(default_factory=dict)

    @cached_property
    def sequences(self) -> Sequences:
        """What was seen and done, as arrays."""
        return jax.tree.map(jnp.asarray, to_arrays(self.agent.model, self.trials))

    @property
    def formulas(self) -> dict[str, str] | None:
        """What the parameters of subjects in a population depend on; None without a population."""
        return None if self.group is None else self.group.formulas

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for, in plain values."""
        group: dict[str, Any] = {}
        if self.group is not None:
            group = {"formulas": self.formulas, "covariance": self.group.covariance}
        return group | {"parameterisation": self.parameterisation}

    def target(self, centred: Mapping[str, bool]) -> AbstractDrawablePosterior:
        """The density, given which parameters are centred."""
        model = self.agent.model
        if self.group is None:
            return SinglePosterior(model=model, sequences=self.sequences)
        population = self.group.population.with_centred(dict(centred))
        arrays = jax.tree.map(jnp.asarray, population)
        return GroupPosterior(model=model, sequences=self.sequences, population=arrays)


def make_problem(
    agent: Agent,
    trials: Trials,
    formulas: Mapping[str, str] | None = None,
    covariance: str = "diagonal",
    parameterisation: str | Mapping[str, str] = "auto",
) -> Problem:
    """The problem of one subject, or of several in a population.

    Raises
    ------
    DataError
        Trials that do not fit the agent.
    FormulaError
        Formulas that cannot be read, do not go with the data, or are of a single subject.
    ParameterError
        An agent without free values; a formula or a parameterisation of something else.
    """
    if not isinstance(agent, Agent):
        raise ParameterError(f"Give an agent, not {agent!r}.")
    if not agent.names:
        raise ParameterError(
            "The agent has no free values: there is nothing to sample. Name some in free=."
        )
    check_trials(trials)
    check_covariance(covariance)
    alone = len(trials.subjects) == 1
    if alone and formulas:
        raise FormulaError(
            "The trials are of one subject, whose parameters depend on no one else's: leave formulas out."
        )
    group = None if alone else make_group_model(agent, trials, formulas, covariance=covariance)
    ways = check_parameterisation(agent, parameterisation)
    problem = Problem(
        agent=agent,
        trials=trials,
        group=group,
        parameterisation=ways,
        centred={name: WAYS[way] for name, way in ways.items() if way != "auto"},
    )
    _ = problem.sequences
    check_levels_seen(agent.model.splits, trials)
    return problem


def check_parameterisation(
    agent: Agent, parameterisation: str | Mapping[str, str]
) -> dict[str, str]:
    """How every parameter is to be sampled.

    Raises
    ------
    ParameterError
        A name of no free value, or a word of no parameterisation.
    """
    if isinstance(parameterisation, str):
        parameterisation = dict.fromkeys(agent.names, parameterisation)
    for name, way in parameterisation.items():
        if name not in agent.names:
            raise ParameterError(
                f"parameterisation names {name!r}, which is no free value. {nearest(name, agent.names)}"
            )
        if way not in (*WAYS, "auto"):
            raise ParameterError(f"parameterisation must be {quote((*WAYS, 'auto'))}, not {way!r}.")
    return dict.fromkeys(agent.names, "auto") | dict(parameterisation)


class AbstractTarget(Module, abc.ABC):
    """A log density of places, which are vectors of unconstrained numbers. Its data are leaves."""

    @abc.abstractmethod
    def log_prior(self, place: Array) -> Array:
        """Log density of a place before any data were seen."""

    @abc.abstractmethod
    def log_likelihood(self, place: Array) -> Array:
        """Log density of the data at a place."""

    @abc.abstractmethod
    def parameters(self, place: Array) -> Array:
        """Unconstrained parameters of every subject, of shape (subjects, free values)."""

    @abc.abstractmethod
    def hyperparameters(self, place: Array) -> dict[str, Array]:
        """What the subjects have in common, by name."""

    def log_density(self, place: Array) -> Array:
        """Log density of place and data."""
        return self.log_prior(place) + self.log_likelihood(place)


class AbstractDrawablePosterior(AbstractTarget):
    """A target with a prior that can be drawn from."""

    @abc.abstractmethod
    def draw_prior(self, key: Array) -> Array:
        """A place from the prior."""


class SinglePosterior(AbstractDrawablePosterior):
    """A single subject under the agent's own priors: a place is its parameters.

    Attributes
    ----------
    model, sequences
        The agent, and what the subject saw and did.
    """

    model: Model
    sequences: Sequences

    def log_prior(self, place: Array) -> Array:
        """That of the agent."""
        return self.model.log_prior(place)

    def log_likelihood(self, place: Array) -> Array:
        """That of the subject's responses."""
        return log_likelihoods(self.model, place[None], self.sequences)[0]

    def parameters(self, place: Array) -> Array:
        """The place itself."""
        return place[None]

    def hyperparameters(self, place: Array) -> dict[str, Array]:
        """None."""
        return {}

    def draw_prior(self, key: Array) -> Array:
        """Parameters from the agent's priors."""
        return self.model.draw_unconstrained(key)


class GroupPosterior(AbstractDrawablePosterior):
    """Subjects in a population: a place is the population's coordinates in a row, the subjects' last.

    Attributes
    ----------
    model, sequences
        The agent, and what every subject saw and did.
    population
        How subjects are distributed, and what is supposed of that.
    """

    model: Model
    sequences: Sequences
    population: Population

    @property
    def start(self) -> Array:
        """A place at the means of the priors."""
        return ravel_pytree(self.population.initialise())[0]

    def coordinates(self, place: Array) -> Coordinates:
        """The coordinates by name."""
        _, unravel = ravel_pytree(self.population.initialise())
        return unravel(place)

    def log_prior(self, place: Array) -> Array:
        """That of population and subjects."""
        return self.population.evaluate(self.coordinates(place))[1]

    def log_likelihood(self, place: Array) -> Array:
        """That of all subjects' responses."""
        return jnp.sum(log_likelihoods(self.model, self.parameters(place), self.sequences))

    def parameters(self, place: Array) -> Array:
        """Those of the subjects."""
        return self.population.evaluate(self.coordinates(place))[0]

    def hyperparameters(self, place: Array) -> dict[str, Array]:
        """Coefficients, standard deviations and correlations."""
        return self.population.hyperparameters(self.coordinates(place))

    def draw_prior(self, key: Array) -> Array:
        """Coordinates from the priors of the population, with subjects from it."""
        return ravel_pytree(self.population.draw(key))[0]


class Whitened(AbstractTarget):
    """A target seen from its mode, in units of its curvature: near it, places are standard normal.

    Places of the target are ``mode + scales @ place``, in which ``scales`` has a block of its own for
    the first few numbers and one for every subject. So a sampler need not know correlations.

    Attributes
    ----------
    target
        The target.
    mode
        Of the target, of shape (places,).
    shared
        Scales of the first numbers, lower triangular.
    own
        Scales of every subject's numbers, of shape (subjects, values, values), lower triangular.
    """

    target: AbstractTarget
    mode: Array
    shared: Array
    own: Array

    def unwhiten(self, place: Array) -> Array:
        """The target's own place."""
        count = self.shared.shape[0]
        subjects, values = self.own.shape[:2]
        own = jnp.einsum("uij,uj->ui", self.own, place[count:].reshape(subjects, values))
        return self.mode + jnp.concatenate([self.shared @ place[:count], own.reshape(-1)])

    def log_volume(self) -> Array:
        """Log of how large a unit of places is among the target's own."""
        own = jnp.diagonal(self.own, axis1=1, axis2=2)
        return jnp.sum(jnp.log(jnp.diagonal(self.shared))) + jnp.sum(jnp.log(own))

    def log_prior(self, place: Array) -> Array:
        """That of the target, per unit of its own places."""
        return self.target.log_prior(self.unwhiten(place))

    def log_likelihood(self, place: Array) -> Array:
        """That of the target."""
        return self.target.log_likelihood(self.unwhiten(place))

    def parameters(self, place: Array) -> Array:
        """Those of the target."""
        return self.target.parameters(self.unwhiten(place))

    def hyperparameters(self, place: Array) -> dict[str, Array]:
        """Those of the target."""
        return self.target.hyperparameters(self.unwhiten(place))


PriorDraws = tuple[dict[str, np.ndarray], np.ndarray]
"""Of hyperparameters by name, each of shape (draws,), and parameters (draws, subjects, free values)."""


def draw_from_prior(
    agent: Agent,
    trials: Trials,
    count: int,
    seed: int,
    group: GroupModel | None = None,
) -> PriorDraws:
    """Draw the parameters of some subjects from the prior, and those of their population if there is one.

    Parameters
    ----------
    agent, trials
        Whose priors, and of which subjects.
    count, seed
        How many draws, and from which seed.
    group
        Their population; without, every subject has the agent's priors.
    """
    keys = jax.random.split(jax.random.key(seed), count)
    if group is None:
        return {}, np.asarray(draw_subjects(agent.model, keys, subjects=len(trials.subjects)))
    drawn = draw_populations(jax.tree.map(jnp.asarray, group.population), keys)
    hyperparameters, parameters = jax.tree.map(np.asarray, drawn)
    return hyperparameters, parameters


@partial(jax.jit, static_argnames="subjects")
def draw_subjects(model: Model, keys: Array, *, subjects: int) -> Array:
    """Parameters of subjects of whom each has the agent's priors."""
    each = jax.vmap(model.draw_unconstrained)
    return jax.vmap(lambda key: each(jax.random.split(key, subjects)))(keys)


@jax.jit
def draw_populations(population: Population, keys: Array) -> tuple[dict[str, Array], Array]:
    """Hyperparameters from their priors, and parameters of subjects from the population."""

    def draw(key: Array) -> tuple[dict[str, Array], Array]:
        coordinates = population.draw(key)
        return population.hyperparameters(coordinates), population.evaluate(coordinates)[0]

    return jax.vmap(draw)(keys)
