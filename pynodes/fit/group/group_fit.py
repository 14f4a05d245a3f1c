"""GroupFit: a population as it was estimated, and its subjects in that light."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

from pynodes._citing.citation import versions
from pynodes._core.html import table
from pynodes._results.tables import extra
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.arrays import scored_rows
from pynodes.fit.agent.fit import AbstractFit
from pynodes.fit.data.frames import Columns, read_frame
from pynodes.fit.data.trials import Trials
from pynodes.fit.group.estimates import (
    EMResult,
    describe_group_problems,
    joint_covariance,
    population_coordinates,
    population_log_likelihood,
    population_slopes,
    subject_posteriors,
)
from pynodes.fit.group.group_model import GroupModel
from pynodes.fit.group.population import Coordinates, Population
from pynodes.fit.mode.map_fit import MapFit

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


REACH = float(ndtri(0.95))
"""Standard errors from the estimate to both ends of an interval of nine tenths."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class GroupFit(AbstractFit):
    """A hierarchical fit: a population and its subjects. Made by :func:`~pynodes.fit.fit_em`.

    Attributes
    ----------
    agent, trials
        What was fitted to what.
    group
        Designs and priors of the population, and names of what is in them.
    result
        All numbers.
    settings, versions
        What the search was asked for, and what computed it.
    """

    method = "em"
    agent: Agent
    trials: Trials
    group: GroupModel
    result: EMResult
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=versions)

    @property
    def formulas(self) -> dict[str, str]:
        """The formula of every parameter."""
        return self.group.formulas

    @property
    def converged(self) -> bool:
        """Whether the last iteration changed nothing by more than the tolerance."""
        return self.result.converged

    @property
    def iterations(self) -> int:
        """How many iterations were taken."""
        return self.result.iterations

    @property
    def estimates(self) -> dict[str, float]:
        """Coefficients, standard deviations and correlations by name, in unconstrained space."""
        names = self.group.population.names
        return dict(zip(names, self.result.hyperparameters.tolist(), strict=True))

    @property
    def population_sds(self) -> dict[str, float]:
        """Standard deviations of subjects around the group prediction, by parameter."""
        return dict(zip(self.names, self.result.population_sds.tolist(), strict=True))

    @property
    def expected(self) -> np.ndarray:
        """Group prediction for every subject in unconstrained space, of shape (subjects, free values)."""
        return np.asarray(self.result.state.means)

    @property
    def population(self) -> pandas.DataFrame:
        """A row per coefficient, standard deviation and correlation: estimate, error and 90 % interval.

        ``standard_error`` is the posterior standard deviation of the estimate. Standard deviations have
        intervals by their logarithms, correlations by Fisher's transformation.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        return extra("pandas").DataFrame(population_rows(self))

    @property
    def effects(self) -> pandas.DataFrame:
        """A row per level of a factor and column with random effects: estimate, error and 90 % interval.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        return effect_table(self)

    def expect(self, data: Any) -> pandas.DataFrame:
        """Group prediction for new covariates: a row per row of them and parameter.

        ``estimate`` is the expected value, with the ends of a 90 % interval of the expectation;
        ``unconstrained`` is the same in unconstrained space, with its ``standard_error``. Effects of levels
        are left out: it is what is expected at an average one.

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
        return expected_table(self, read_frame(data))

    @cached_property
    def individuals(self) -> MapFit:
        """The subjects' own fits, each under the population as its prior: estimates, trajectories and so on.

        Estimates, Hessians, covariances and evidence are those under the population; they take it for known.
        What ``summary()`` says of a prior is about the agent's.
        """
        posterior = subject_posteriors(self.result)
        values = self.agent.model.constrain(jnp.asarray(posterior.unconstrained))
        return MapFit(
            agent=self.agent,
            trials=self.trials,
            posterior=posterior,
            values={name: np.asarray(found) for name, found in values.items()},
            settings={"prior": "population"},
        )

    @property
    def shrinkage(self) -> dict[str, np.ndarray]:
        """The share of the population's variance that a subject's own data removed, by parameter.

        One where a subject's data say all about it; zero where it is what the population expects of it.
        """
        left = self._subject_variances / self.result.population_sds**2
        return {name: np.maximum(1 - left[:, p], 0) for p, name in enumerate(self.names)}

    @property
    def centred(self) -> dict[str, bool]:
        """Whether a sampler should use the centred parameterisation, by parameter.

        It does where subjects' own data say more of it than the population, in half of them at least.
        """
        shares = np.sqrt(self._subject_variances) / self.result.population_sds
        ratios = np.median(shares, axis=0)
        return {n: bool(r < np.sqrt(0.5)) for n, r in zip(self.names, ratios, strict=True)}

    @property
    def log_evidence(self) -> float:
        """Log evidence by Laplace's method, over the parameters of subjects and population.

        Of two fits to the same trials, with other formulas or of other agents, the one with more is better.
        """
        return self.result.log_evidence

    @property
    def log_likelihood(self) -> float:
        """Log probability of the data under the population as estimated, its subjects being integrated."""
        return population_log_likelihood(self._population, self.result)

    @property
    def bic(self) -> float:
        """Integrated BIC, of the population parameters and of all trials."""
        return float(
            len(self.estimates) * np.log(max(self.observations, 1)) - 2 * self.log_likelihood
        )

    @property
    def observations(self) -> int:
        """Number of trials with a response; without responses, with an observation."""
        return int(scored_rows(self.agent.model, self.trials).sum())

    def problems(self) -> list[str]:
        """Problems of the fit, a sentence each; empty if there are none."""
        return [*describe_group_problems(self), *self.individuals.problems()]

    def summary(self, mass: float = 0.9) -> pandas.DataFrame:
        """A row per subject and free parameter.

        ``estimate`` with ``lower`` and ``upper``, the ends of its central interval; ``unconstrained`` and its
        ``sd``, the same in unconstrained space; ``expected`` there of the subject; ``shrinkage``.

        Parameters
        ----------
        mass
            Probability of the interval.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        return subject_rows(self, mass)

    def trajectories(self, fields: list[str] | None = None) -> pandas.DataFrame:
        """Beliefs in every trial under the subjects' estimates: see :meth:`MapFit.trajectories`."""
        return self.individuals.trajectories(fields)

    def plot(self, **options: Any) -> Panels:
        """Draw coefficients and standard deviations; see :func:`pynodes.plotting.plot_population`."""
        from pynodes.plotting import plot_population

        return plot_population(self, **options)

    def plot_shrinkage(self, alone: MapFit, **options: Any) -> Panels:
        """Draw how estimates moved from a fit of each alone; see :func:`pynodes.plotting.plot_shrinkage`."""
        from pynodes.plotting import plot_shrinkage

        return plot_shrinkage(self, alone, **options)

    def plot_groups(self, by: str, **options: Any) -> Panels:
        """Draw groups of people side by side; see :func:`pynodes.plotting.plot_groups`."""
        from pynodes.plotting import plot_groups

        return plot_groups(self, by, **options)

    def coordinates(self, centred: dict[str, bool] | None = None) -> Coordinates:
        """Where a sampler of population and subjects begins; which parameters are centred is as for it."""
        population = self._population.with_centred(self.centred if centred is None else centred)
        result = self.result
        weights, scatter = jnp.asarray(result.state.weights), jnp.asarray(result.scatter)
        found = population_coordinates(population, weights, scatter)
        parameters = jnp.asarray(result.sites.unconstrained)
        return found | {"subjects": population.to_coordinates(found, parameters)}

    @property
    def population_covariance(self) -> np.ndarray:
        """Posterior covariance of all coordinates but the subjects', in the order of a flattened tree."""
        weights, scatter = jnp.asarray(self.result.state.weights), jnp.asarray(self.result.scatter)
        slopes = np.asarray(population_slopes(self._population, weights, scatter), float)
        return slopes @ joint_covariance(self.result.state) @ slopes.T

    @property
    def _population(self) -> Population:
        """The population as JAX takes it."""
        return jax.tree.map(jnp.asarray, self.group.population)

    @cached_property
    def _subject_variances(self) -> np.ndarray:
        """Posterior variance of every subject's parameters, the population being known."""
        inverse = np.linalg.inv(self.result.state.scale)
        hessians = np.asarray(self.result.sites.curvature) + (inverse.T @ inverse)[None]
        return np.diagonal(np.linalg.inv(hessians), axis1=1, axis2=2)

    def _draw(self, draws: int, seed: int) -> np.ndarray:
        """Draws from the Gaussians at the subjects' modes, the population being known."""
        return self.individuals._draw(draws, seed)

    def _score_draws(self) -> np.ndarray:
        """The subjects' modes."""
        return self.individuals._score_draws()

    def __getitem__(self, subject: Any) -> MapFit:
        """The fit of one subject, under the population as its prior."""
        return self.individuals[subject]

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.estimates.items())
        lost = "" if self.converged else "; did not converge"
        return (
            f"GroupFit({len(self)} subjects; {values}; log evidence {self.log_evidence:.6g}{lost})"
        )

    def _repr_html_(self) -> str:
        rows = population_rows(self)
        return table(repr(self), list(rows[0]), [list(row.values()) for row in rows])


def expect_subjects(
    fit: GroupFit, parameter: str, subjects: np.ndarray
) -> tuple[float, float, float]:
    """Mean of what is expected of some subjects, by number, and its 90 % interval, in unconstrained space."""
    weights = np.asarray(fit.result.state.weights, float)
    covariance, start = joint_covariance(fit.result.state), 0
    for name, design in zip(fit.names, fit.group.population.designs, strict=True):
        own = slice(start, start + len(design.terms))
        if name == parameter:
            row = np.asarray(design.fixed, float)[subjects].mean(axis=0)
            middle = float(row @ weights[own])
            away = REACH * float(np.sqrt(row @ covariance[own, own] @ row))
            return middle, middle - away, middle + away
        start += len(design.terms) + sum(g.levels * len(g.columns) for g in design.grouped)
    raise KeyError(parameter)


def population_rows(fit: GroupFit) -> list[dict[str, Any]]:
    """A row per coefficient, standard deviation and correlation."""
    estimates, errors = fit.result.hyperparameters, fit.result.standard_errors
    count = len(fit.group.population.coefficient_names)
    rows: list[dict[str, Any]] = []
    for number, (name, value, error) in enumerate(
        zip(fit.estimates, estimates.tolist(), errors.tolist(), strict=True)
    ):
        if number < count:
            low, high = value - REACH * error, value + REACH * error
        elif "correlation(" in name:
            centre, away = np.arctanh(value), REACH * error / (1 - value**2)
            low, high = np.tanh(centre - away), np.tanh(centre + away)
        else:
            away = np.exp(REACH * error / value)
            low, high = value / away, value * away
        rows.append(
            {"term": name, "estimate": value, "standard_error": error}
            | {"lower": float(low), "upper": float(high)}
        )
    return rows


def effect_table(fit: GroupFit) -> pandas.DataFrame:
    """A row per level of a factor and column with grouped effects."""
    weights = np.asarray(fit.result.state.weights, float)
    errors = np.sqrt(np.diagonal(joint_covariance(fit.result.state)))
    rows: list[dict[str, Any]] = []
    number = 0
    for name, design in zip(fit.names, fit.group.population.designs, strict=True):
        number += len(design.terms)
        for part in design.grouped:
            for level in fit.group.levels[f"{name}:{part.factor}"]:
                for effect in part.names:
                    value, error = float(weights[number]), float(errors[number])
                    rows.append(
                        {"parameter": name, "term": effect, "level": level}
                        | {"estimate": value, "standard_error": error}
                        | {"lower": value - REACH * error, "upper": value + REACH * error}
                    )
                    number += 1
    columns = ["parameter", "term", "level", "estimate", "standard_error", "lower", "upper"]
    return extra("pandas").DataFrame(rows, columns=columns)


def expected_table(fit: GroupFit, columns: Columns) -> pandas.DataFrame:
    """A row per row of some covariates and parameter."""
    weights = np.asarray(fit.result.state.weights, float)
    covariance = joint_covariance(fit.result.state)
    rows: list[dict[str, Any]] = []
    start = 0
    for (name, prior), design in zip(
        fit.agent.priors.items(), fit.group.population.designs, strict=True
    ):
        wide = fit.group.parts[name].columns_for(columns)
        own = slice(start, start + len(design.terms))
        expected = wide @ weights[own]
        errors = np.sqrt(np.einsum("ri,ij,rj->r", wide, covariance[own, own], wide))
        ends = {"estimate": 0.0, "lower": -REACH, "upper": REACH}
        numbers = {
            key: np.asarray(prior.constrain(expected + away * errors)) for key, away in ends.items()
        } | {"unconstrained": expected, "standard_error": errors}
        rows += [
            {key: column[row] for key, column in columns.items()}
            | {"parameter": name}
            | {key: float(found[row]) for key, found in numbers.items()}
            for row in range(len(expected))
        ]
        start += len(design.terms) + sum(g.levels * len(g.columns) for g in design.grouped)
    return extra("pandas").DataFrame(rows)


def subject_rows(fit: GroupFit, mass: float) -> pandas.DataFrame:
    """A row per subject and free parameter."""
    own, shrinkage = fit.individuals, fit.shrinkage
    intervals = own.interval(mass)
    rows: list[dict[str, Any]] = []
    for index, subject in enumerate(fit.subjects):
        for number, name in enumerate(fit.names):
            low, high = (float(end[index]) for end in intervals[name])
            rows.append(
                fit.trials.key_of(subject)
                | {"parameter": name, "estimate": float(own.values[name][index])}
                | {"lower": low, "upper": high}
                | {"unconstrained": float(own.posterior.unconstrained[index, number])}
                | {"sd": float(own.posterior_sd[index, number])}
                | {"expected": float(fit.expected[index, number])}
                | {"shrinkage": float(shrinkage[name][index])}
            )
    return extra("pandas").DataFrame(rows)
