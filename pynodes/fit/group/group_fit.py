"""GroupFit: a population as it was estimated, and its units in that light."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._citing.versions import versions
from pynodes.fit._fitted import Fitted
from pynodes.fit.agent._binding import counted
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data._frames import columns_of
from pynodes.fit.data.trials import Trials
from pynodes.fit.group import _group
from pynodes.fit.group._em import Found
from pynodes.fit.group._group_words import problems
from pynodes.fit.group._populated import Populated
from pynodes.fit.group._population import Coordinates, Population
from pynodes.fit.mode.map_fit import MapFit

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class GroupFit(Fitted):
    """A population and its units. Made by :func:`~pynodes.fit.fit_em`.

    Attributes
    ----------
    agent, trials
        What was fitted to what.
    populated
        Designs and priors of the population, and names of what is in them.
    found
        All numbers.
    settings, versions
        What the search was asked for, and what computed it.
    """

    method = "em"
    agent: Agent
    trials: Trials
    populated: Populated
    found: Found
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=versions)

    @property
    def formulas(self) -> dict[str, str]:
        """The formula of every parameter."""
        return self.populated.formulas

    @property
    def converged(self) -> bool:
        """Whether the last turn moved nothing by more than the tolerance."""
        return self.found.converged

    @property
    def iterations(self) -> int:
        """How many turns were taken."""
        return self.found.turns

    @property
    def estimates(self) -> dict[str, float]:
        """Coefficients, deviations and correlations by name, on the lines of the priors."""
        return dict(zip(self._population.names, self._named[0].tolist(), strict=True))

    @property
    def deviations(self) -> dict[str, float]:
        """By how much units scatter around what is expected of them, by parameter."""
        return dict(zip(self.names, _group.scatter_sizes(self.found).tolist(), strict=True))

    @property
    def expected(self) -> np.ndarray:
        """The position that is expected of every unit, of shape (units, free values)."""
        return np.asarray(self.found.view.mean)

    @property
    def population(self) -> pandas.DataFrame:
        """A row per coefficient, deviation and correlation: estimate, standard error and 90 % interval.

        ``deviation`` is the posterior standard deviation of the estimate. Deviations have intervals by their
        logarithms, correlations by Fisher's transformation.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        from pynodes.fit.group._group_tables import population_table

        return population_table(self)

    @property
    def effects(self) -> pandas.DataFrame:
        """A row per level of a factor and column with grouped effects: estimate, error and 90 % interval.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        from pynodes.fit.group._group_tables import effect_table

        return effect_table(self)

    def expect(self, data: Any) -> pandas.DataFrame:
        """What is expected of others: a row per row of some covariates and parameter.

        ``estimate`` is the value at the expected position, with the ends of a 90 % interval of the
        expectation; ``position`` and its standard error ``deviation`` on the line of the prior. Effects of
        levels are left out: it is what is expected at an average one.

        Parameters
        ----------
        data
            A frame with the columns of the formulas, of any library that :class:`Trials` takes.

        Raises
        ------
        FormulaError
            A column that is not there, or a group that the data do not have.
        MissingExtraError
            pandas is not installed.
        """
        from pynodes.fit.group._group_tables import expected_table

        return expected_table(self, columns_of(data))

    @cached_property
    def individuals(self) -> MapFit:
        """The units' own fits, each under the population as its prior: estimates, trajectories and so on.

        Positions, Hessians, covariances and evidence are those under the population; they take it for known.
        What ``summary()`` says of a prior is about the agent's.
        """
        return MapFit(
            agent=self.agent,
            trials=self.trials,
            posterior=_group.unit_posterior(self.found),
            settings={"prior": "population"},
        )

    @property
    def shrinkage(self) -> dict[str, np.ndarray]:
        """The share of the population's variance that a unit's own data took away, by parameter.

        One where a unit's data say all about it; zero where it is what the population expects of it.
        """
        left = self._unit_variances / _group.scatter_sizes(self.found) ** 2
        return {name: np.maximum(1 - left[:, p], 0) for p, name in enumerate(self.names)}

    @property
    def centred(self) -> dict[str, bool]:
        """Whether a sampler does better with a parameter's positions than with their scores.

        It does where units' own data say more of them than the population, in half of the units at least.
        """
        shares = np.sqrt(self._unit_variances) / _group.scatter_sizes(self.found)
        ratios = np.median(shares, axis=0)
        return {n: bool(r < np.sqrt(0.5)) for n, r in zip(self.names, ratios, strict=True)}

    @property
    def log_evidence(self) -> float:
        """Log probability of the data by Laplace's method, all that is unknown being integrated.

        Of two fits to the same trials, with other formulas or of other agents, the one with more is better.
        """
        return _group.log_evidence(self.found)

    @property
    def log_likelihood(self) -> float:
        """Log probability of the data under the population as estimated, its units being integrated."""
        return _group.log_likelihood(self._population, self.found)

    @property
    def bic(self) -> float:
        """Schwarz's criterion of the group, of what is unknown of the population and of all trials."""
        return float(
            len(self.estimates) * np.log(max(self.observations, 1)) - 2 * self.log_likelihood
        )

    @property
    def observations(self) -> int:
        """Number of trials in which something was done, or without responses something seen."""
        return int(counted(self.agent.model, self.trials).sum())

    def problems(self) -> list[str]:
        """What went wrong or may mislead, a sentence each; empty if nothing did."""
        return problems(self)

    def summary(self, mass: float = 0.9) -> pandas.DataFrame:
        """A row per unit and free parameter.

        ``estimate`` with ``lower`` and ``upper``, the ends of its central interval; ``position`` and
        ``deviation`` on the line of the prior; ``expected``, the position that the population expects;
        ``shrinkage``.

        Parameters
        ----------
        mass
            Probability of the interval.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        from pynodes.fit.group._group_tables import unit_table

        return unit_table(self, mass)

    def trajectories(self, fields: list[str] | None = None) -> pandas.DataFrame:
        """What was believed in every trial under the units' estimates: see :meth:`MapFit.trajectories`."""
        return self.individuals.trajectories(fields)

    def plot(self, *, axes: Any = None) -> Panels:
        """Draw coefficients and scatter; see :func:`pynodes.plotting.plot_population`."""
        from pynodes.plotting import plot_population

        return plot_population(self, axes=axes)

    def plot_shrinkage(self, alone: MapFit, *, axes: Any = None) -> Panels:
        """Draw how estimates moved from a fit of each alone; see :func:`pynodes.plotting.plot_shrinkage`."""
        from pynodes.plotting import plot_shrinkage

        return plot_shrinkage(self, alone, axes=axes)

    def coordinates(self, centred: dict[str, bool] | None = None) -> Coordinates:
        """Where a sampler of population and units begins; which parameters are centred is as for it."""
        population = self._population.recentred(self.centred if centred is None else centred)
        weights, scatter = (jnp.asarray(a) for a in (self.found.view.weights, self.found.scatter))
        found = _group.coordinates_of(population, weights, scatter)
        return found | {
            "units": population.unplaced(found, jnp.asarray(self.found.likeness.position))
        }

    @property
    def hyper_covariance(self) -> np.ndarray:
        """Posterior covariance of all coordinates but the units', in the order of a flattened tree."""
        arrays = (jnp.asarray(a) for a in (self.found.view.weights, self.found.scatter))
        slopes = np.asarray(_group.hyper_slopes(self._population, *arrays), float)
        return slopes @ _group.joint_covariance(self.found) @ slopes.T

    @property
    def _population(self) -> Population:
        """The population as JAX takes it."""
        return jax.tree.map(jnp.asarray, self.populated.population)

    @cached_property
    def _unit_variances(self) -> np.ndarray:
        """Posterior variance of every unit's positions, the population being known."""
        return _group.unit_variances(self.found)

    @cached_property
    def _named(self) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients, deviations and correlations in the order of their names, and standard errors."""
        return _group.named(self._population, self.found)

    def _places(self, draws: int, seed: int) -> np.ndarray:
        """Draws from the Gaussians at the units' modes, the population being known."""
        return self.individuals._places(draws, seed)

    def _scoring(self) -> np.ndarray:
        """The units' modes."""
        return self.individuals._scoring()

    def __getitem__(self, subject: Any) -> MapFit:
        """The fit of one unit, under the population as its prior."""
        return self.individuals[subject]

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.estimates.items())
        said = f"GroupFit({len(self)} units; {values}; log evidence {self.log_evidence:.6g}"
        count = len(self.problems())
        return said + (f"; {count} problems, see .problems())" if count else ")")

    def _repr_html_(self) -> str:
        from pynodes.fit.group._group_tables import group_to_html

        return group_to_html(self)
