"""AbstractTarget: a density over flat vectors, with the data it needs, and what such a vector means."""

from __future__ import annotations

import abc

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from pynodes._core.modules import Module
from pynodes._typing import Array
from pynodes.fit.agent._likelihood import log_likelihoods
from pynodes.fit.agent._model import Model
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.group._population import Coordinates, Population


class AbstractTarget(Module, abc.ABC):
    """A log density of places, which are vectors without bounds. Its data are leaves."""

    @abc.abstractmethod
    def log_prior(self, place: Array) -> Array:
        """Log density of a place before any data were seen."""

    @abc.abstractmethod
    def log_likelihood(self, place: Array) -> Array:
        """Log density of the data at a place."""

    @abc.abstractmethod
    def positions(self, place: Array) -> Array:
        """Positions of every unit, of shape (units, free values)."""

    @abc.abstractmethod
    def common(self, place: Array) -> dict[str, Array]:
        """What is common to the units, by name."""

    def log_density(self, place: Array) -> Array:
        """Log density of place and data."""
        return self.log_prior(place) + self.log_likelihood(place)


class AbstractPosterior(AbstractTarget):
    """A target with a prior that can be drawn from."""

    @abc.abstractmethod
    def drawn(self, key: Array) -> Array:
        """A place from the prior."""


class OneUnit(AbstractPosterior):
    """A single unit under the agent's own priors: a place is its positions.

    Attributes
    ----------
    model, sequences
        The agent, and what the unit saw and did.
    """

    model: Model
    sequences: Sequences

    def log_prior(self, place: Array) -> Array:
        """That of the agent."""
        return self.model.log_prior(place)

    def log_likelihood(self, place: Array) -> Array:
        """That of the unit's responses."""
        return log_likelihoods(self.model, place[None], self.sequences)[0]

    def positions(self, place: Array) -> Array:
        """The place itself."""
        return place[None]

    def common(self, place: Array) -> dict[str, Array]:
        """Nothing."""
        return {}

    def drawn(self, key: Array) -> Array:
        """Positions from the agent's priors."""
        keys = jax.random.split(key, len(self.model.priors))
        drawn = [p.draw_position(k) for p, k in zip(self.model.priors, keys, strict=True)]
        return jnp.stack(drawn)


class Hierarchy(AbstractPosterior):
    """Units in a population: a place is the population's coordinates in a row, the units' last.

    Attributes
    ----------
    model, sequences
        The agent, and what every unit saw and did.
    population
        How units are distributed, and what is supposed of that.
    """

    model: Model
    sequences: Sequences
    population: Population

    @property
    def start(self) -> Array:
        """A place at the centre of the priors."""
        return ravel_pytree(self.population.initial())[0]

    def coordinates(self, place: Array) -> Coordinates:
        """The coordinates by name."""
        _, unravel = ravel_pytree(self.population.initial())
        return unravel(place)

    def log_prior(self, place: Array) -> Array:
        """That of population and units."""
        return self.population.placed(self.coordinates(place))[1]

    def log_likelihood(self, place: Array) -> Array:
        """That of all units' responses."""
        return jnp.sum(log_likelihoods(self.model, self.positions(place), self.sequences))

    def positions(self, place: Array) -> Array:
        """Those of the units."""
        return self.population.placed(self.coordinates(place))[0]

    def common(self, place: Array) -> dict[str, Array]:
        """Coefficients, deviations and correlations."""
        return self.population.named(self.coordinates(place))

    def drawn(self, key: Array) -> Array:
        """Coordinates from the priors of the population, with units from it."""
        return ravel_pytree(self.population.drawn(key))[0]


class Whitened(AbstractTarget):
    """A target seen from its mode, in units of its curvature: near it, places are standard normal.

    Places of the target are ``centre + scales @ place``, in which ``scales`` has a block of its own for
    the first few numbers and one for every unit. So a sampler need not know correlations.

    Attributes
    ----------
    target
        The target.
    centre
        The mode, of shape (places,).
    first
        Scales of the first numbers, lower triangular.
    own
        Scales of every unit's numbers, of shape (units, values, values), lower triangular.
    """

    target: AbstractTarget
    centre: Array
    first: Array
    own: Array

    def there(self, place: Array) -> Array:
        """The target's own place."""
        count = self.first.shape[0]
        units, values = self.own.shape[:2]
        own = jnp.einsum("uij,uj->ui", self.own, place[count:].reshape(units, values))
        return self.centre + jnp.concatenate([self.first @ place[:count], own.reshape(-1)])

    def log_volume(self) -> Array:
        """Log of how large a unit of places is among the target's own."""
        own = jnp.diagonal(self.own, axis1=1, axis2=2)
        return jnp.sum(jnp.log(jnp.diagonal(self.first))) + jnp.sum(jnp.log(own))

    def log_prior(self, place: Array) -> Array:
        """That of the target, per unit of its own places."""
        return self.target.log_prior(self.there(place))

    def log_likelihood(self, place: Array) -> Array:
        """That of the target."""
        return self.target.log_likelihood(self.there(place))

    def positions(self, place: Array) -> Array:
        """Those of the target."""
        return self.target.positions(self.there(place))

    def common(self, place: Array) -> dict[str, Array]:
        """That of the target."""
        return self.target.common(self.there(place))
