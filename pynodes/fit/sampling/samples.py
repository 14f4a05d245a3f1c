"""Samples: draws from a posterior, and what follows from them."""

from __future__ import annotations

import dataclasses
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from pynodes._citing.citation import versions
from pynodes._errors import DataError, SamplingWarning
from pynodes._results.tables import extra
from pynodes._runtime.series import read_share
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.draws import spread_evenly, subject_index
from pynodes.fit.agent.fit import AbstractFit
from pynodes.fit.agent.regressors import long_frame, mean_regressors, regressors_of_draws
from pynodes.fit.data.trials import Trials
from pynodes.fit.group.em import estimate_group
from pynodes.fit.mode.map import fit_map
from pynodes.fit.mode.map_fit import MapFit
from pynodes.fit.sampling import diagnostics
from pynodes.fit.sampling.leave_one_out import LeaveOneOut, leave_one_out
from pynodes.fit.sampling.target import Problem

if TYPE_CHECKING:
    import pandas
    import xarray

    from pynodes.plotting.panels import Panels


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Samples(AbstractFit):
    """Draws from the posterior of the parameters of some subjects, and of their population if there is one.

    Made by :func:`~pynodes.fit.fit_nuts` and its like.

    Attributes
    ----------
    problem
        What was fitted to what: agent, trials, formulas, parameterisation.
    method
        ``"nuts"``, ``"pathfinder"`` or ``"smc"``.
    unconstrained
        Draws in unconstrained space (log space under a LogNormal prior), of shape (chains, draws, subjects,
        free values).
    population
        Draws of what the subjects have in common, by name, each of shape (chains, draws): coefficients as
        ``"parameter:term"``, standard deviations as ``"parameter:sd"``. Empty of a single subject.
    stats
        What the sampler noted of every draw, by name, each of shape (chains, draws). Of NUTS ``lp``,
        ``acceptance_rate``, ``diverging``, ``energy``, ``tree_depth``, ``n_steps`` and ``step_size``.
    settings
        What it was asked for: ``seed``, ``chains``, ``draws`` and the like.
    log_evidence, log_evidence_standard_error
        Of sequential Monte Carlo; the error follows from independent chains.
    elbo, pareto_k
        Of Pathfinder: the evidence lower bound of every path, and the shape of the tail of the weights.
    versions
        Of what computed them.
    """

    problem: Problem
    method: str
    unconstrained: np.ndarray
    population: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    stats: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    log_evidence: float | None = None
    log_evidence_standard_error: float | None = None
    elbo: tuple[float, ...] | None = None
    pareto_k: float | None = None
    versions: dict[str, str] = dataclasses.field(default_factory=versions)

    @property
    def agent(self) -> Agent:
        """The agent."""
        return self.problem.agent

    @property
    def trials(self) -> Trials:
        """The trials."""
        return self.problem.trials

    @property
    def provenance(self) -> dict[str, Any]:
        """Method, settings and versions of the fit."""
        return super().provenance | self.problem.settings

    @property
    def chains(self) -> int:
        """How many chains there are."""
        return self.unconstrained.shape[0]

    @property
    def draws(self) -> int:
        """How many draws every chain has."""
        return self.unconstrained.shape[1]

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """Draws of the parameters by name, of shape (chains, draws, subjects)."""
        found = self.agent.model.constrain(jnp.asarray(self.unconstrained))
        return {name: np.asarray(values) for name, values in found.items()}

    @cached_property
    def tree(self) -> xarray.DataTree:
        """Everything as a tree that ArviZ takes; see docs/fits.md for its groups and dimensions.

        Raises
        ------
        MissingExtraError
            xarray is not installed.
        """
        return self.to_tree()

    def to_tree(
        self, *, prior: int = 500, predictive: int = 0, fields: list[str] | None = None
    ) -> xarray.DataTree:
        """The tree with more, or less, in it than :attr:`tree` has.

        Parameters
        ----------
        prior
            Number of draws from the prior; 0 for none.
        predictive
            Number of draws of which responses are simulated, for the group ``posterior_predictive``.
        fields
            What was believed under every draw, as for :meth:`trajectories`, for the group ``trajectories``.

        Raises
        ------
        FieldError, UnknownNodeError
            A field that is not there.
        MissingExtraError
            xarray is not installed.
        """
        from pynodes.fit.sampling.tree import make_tree

        return make_tree(self, prior=prior, predictive=predictive, fields=fields)

    def plot(self, **options: Any) -> Panels:
        """Draw the draws against priors; see :func:`pynodes.plotting.plot_draws`."""
        from pynodes.plotting import plot_draws

        return plot_draws(self, **options)

    def plot_population(self, **options: Any) -> Panels:
        """Draw coefficients and standard deviations; see :func:`pynodes.plotting.plot_population`."""
        from pynodes.plotting import plot_population

        return plot_population(self, **options)

    def plot_groups(self, by: str, **options: Any) -> Panels:
        """Draw groups of people side by side; see :func:`pynodes.plotting.plot_groups`."""
        from pynodes.plotting import plot_groups

        return plot_groups(self, by, **options)

    def summary(self, mass: float = 0.9) -> pandas.DataFrame:
        """A row per quantity: first of the population, if there is one, then of every subject.

        ``mean`` and ``sd`` of the posterior, ``lower`` and ``upper``, the ends of its central interval;
        ``ess_bulk`` and ``ess_tail``, effective draws; ``r_hat``; ``mcse``, the Monte-Carlo error of the
        mean.

        Parameters
        ----------
        mass
            Probability of the interval.

        Raises
        ------
        MissingExtraError
            pandas or arviz-stats is not installed.
        """
        return summarise_draws(self, mass)

    def problems(self) -> list[str]:
        """Problems, a sentence each; empty if there are none.

        Chains that are stuck or disagree, few effective draws, divergences, energies that hardly move.

        Raises
        ------
        MissingExtraError
            arviz-stats is not installed.
        """
        return diagnostics.describe_sampling_problems(self)

    def check(self) -> list[str]:
        """The same as :meth:`problems`, with a warning if there are any; a stuck chain is an error.

        Raises
        ------
        SamplingError
            A chain did not move: nothing can be concluded from the draws.
        """
        diagnostics.refuse_stuck(self)
        found = self.problems()
        if found:
            warnings.warn(" ".join(found), SamplingWarning, stacklevel=2)
        return found

    def loo(self, unit: str = "trial", *, progress: bool | None = None) -> LeaveOneOut:
        """Leave-one-out cross-validation (PSIS-LOO) of trials, sessions or subjects.

        By Pareto-smoothed importance sampling (docs/theory/leaving_out.md): nothing is fitted again.

        Parameters
        ----------
        unit
            What is left out at a time: ``"trial"``, ``"session"`` or ``"subject"``.
        progress
            Whether to show progress; by default in a terminal or a notebook, once it takes a second.

        Raises
        ------
        DataError
            An unknown unit, or but one item.
        """
        return leave_one_out(self, unit, progress)

    def trajectories(
        self, fields: list[str] | None = None, *, at: str = "mean", draws: int | None = None
    ) -> pandas.DataFrame:
        """Beliefs and prediction errors in every trial: a row per row of the data, in its order.

        It has the columns that key the trials, so that it merges with the data, and a column per field.
        Which fields are predictions and which posteriors their names say.

        Parameters
        ----------
        fields
            ``"node.field"``, ``"parent->child.field"``, ``"surprise"`` or ``"log_likelihood"``; by default
            predicted mean and mean of every node that has them.
        at
            ``"mean"``: the mean of what was believed, over all draws. ``"map"``: what was believed under the
            most probable parameters, of one subject those of :func:`fit_map`, of several those that
            :func:`fit_em` finds given their population. ``"draws"``: what was believed under every draw, with
            columns ``chain`` and ``draw``.
        draws
            Of how many draws, spread evenly, for ``"mean"`` and ``"draws"``; by default all.

        Raises
        ------
        DataError
            Another word for ``at``.
        FieldError, UnknownNodeError
            A field that is not there.
        MissingExtraError
            pandas is not installed.
        """
        return tabulate_trajectories(self, fields, at, draws)

    @property
    def flat(self) -> np.ndarray:
        """Draws of all chains, one after the other, of shape (draws, subjects, free values)."""
        return self.unconstrained.reshape(-1, *self.unconstrained.shape[2:])

    def _draw(self, draws: int, seed: int) -> np.ndarray:
        """Draws that are spread evenly over all."""
        del seed
        return self.flat[spread_evenly(len(self.flat), draws)]

    def _score_draws(self) -> np.ndarray:
        """All draws."""
        return self.flat

    def __getitem__(self, subject: Any) -> Samples:
        """The draws of one subject without its population; its prior is then the agent's."""
        index = subject_index(subject, self.trials)
        if len(self) == 1:
            return self
        trials = self.trials.of_subject(subject)
        return dataclasses.replace(
            self,
            problem=dataclasses.replace(self.problem, trials=trials, group=None, centred={}),
            unconstrained=self.unconstrained[:, :, index : index + 1],
            population={},
        )

    def __repr__(self) -> str:
        who = f"{len(self)} subject{'s' * (len(self) > 1)}"
        found = "" if self.log_evidence is None else f"; log evidence {self.log_evidence:.6g}"
        found += "" if self.pareto_k is None else f"; Pareto k {self.pareto_k:.2f}"
        return (
            f"Samples({self.method}, {self.chains} x {self.draws} draws, {who}; "
            f"{', '.join(self.names)}{found})"
        )


def expect_subjects_of_draws(
    samples: Samples, parameter: str, subjects: np.ndarray
) -> tuple[float, float, float]:
    """Mean of what is expected of some subjects, by number, and its 90 % interval, in unconstrained space.

    Raises
    ------
    DataError
        Samples of subjects without a population.
    """
    group = samples.problem.group
    if group is None:
        raise DataError(
            "These samples are of subjects without a population, of which nothing is expected. Sample "
            "several subjects together: fit_nuts(agent, trials, formulas=...)."
        )
    design = group.population.designs[samples.names.index(parameter)]
    row = np.asarray(design.fixed, float)[subjects].mean(axis=0)
    draws = sum(
        weight * samples.population[f"{parameter}:{term}"]
        for weight, term in zip(row, design.terms, strict=True)
    )
    low, high = np.quantile(draws, (0.05, 0.95))
    return float(np.mean(draws)), float(low), float(high)


def summarise_draws(samples: Samples, mass: float) -> pandas.DataFrame:
    """A row per quantity, of the population and of every subject."""
    pd = extra("pandas")
    keys, names, draws = label_draws(samples)
    mass = read_share("mass", mass)
    tails = np.quantile(draws, [0.5 - mass / 2, 0.5 + mass / 2], axis=(1, 2))
    columns: dict[str, Any] = {
        name: pd.Series(
            [key.get(name) for key in keys],
            dtype=None if all(name in key for key in keys) else object,
        )
        for name in dict.fromkeys(name for key in keys for name in key)
    }
    return pd.DataFrame(
        columns
        | {
            "parameter": names,
            "mean": draws.mean(axis=(1, 2)),
            "sd": draws.std(axis=(1, 2), ddof=1),
            "lower": tails[0],
            "upper": tails[1],
        }
        | diagnostics.measure(draws)
    )


def tabulate_trajectories(
    samples: Samples, fields: list[str] | None, at: str, draws: int | None
) -> pandas.DataFrame:
    """What was believed in every trial."""
    model, trials = samples.agent.model, samples.trials
    if at == "map":
        return fit_mode(samples).trajectories(fields)
    chosen = np.arange(len(samples.flat))
    if draws is not None:
        chosen = spread_evenly(len(chosen), draws)
    if at == "mean":
        return long_frame(trials, mean_regressors(model, samples.flat[chosen], trials, fields))
    if at != "draws":
        raise DataError(f"at must be 'mean', 'map' or 'draws', not {at!r}.")
    found = regressors_of_draws(model, samples.flat[chosen], trials, fields)
    chain, draw = np.divmod(chosen, samples.draws)
    numbered = {"chain": chain, "draw": draw}
    columns = {name: np.repeat(number, len(trials)) for name, number in numbered.items()}
    columns |= {name: np.tile(key, len(chosen)) for name, key in trials.key_frame().items()}
    return extra("pandas").DataFrame(columns | {n: rows.ravel() for n, rows in found.items()})


def fit_mode(samples: Samples) -> MapFit:
    """The most probable parameters: of one subject, or of several given the population that fits best."""
    problem = samples.problem
    if problem.group is None:
        return fit_map(problem.agent, problem.trials, seed=int(samples.settings.get("seed", 0)))
    return estimate_group(problem.agent, problem.trials, problem.group).individuals


def label_draws(samples: Samples) -> tuple[list[dict[str, Any]], list[str], np.ndarray]:
    """Whose every quantity is, its name, and its draws, of shape (quantities, chains, draws)."""
    keys: list[dict[str, Any]] = [{} for _ in samples.population]
    names = list(samples.population)
    parts: list[np.ndarray] = list(samples.population.values())
    for index, subject in enumerate(samples.trials.subjects):
        for name in samples.names:
            keys.append(samples.trials.key_of(subject))
            names.append(name)
            parts.append(samples.values[name][:, :, index])
    return keys, names, np.stack([np.asarray(part, float) for part in parts])
