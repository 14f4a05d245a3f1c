"""design_analysis: how precisely parameters will be known, by the number of trials and of subjects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, InputError, ParameterError, quote
from pynodes._inference.laplace import LaplacePosterior, find_posteriors
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes.environments import AbstractEnvironment
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.acting import stack_environments, with_acts
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.arrays import design_arrays
from pynodes.fit.agent.simulation import check_can_simulate, draw_values, simulate_sequences
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.roles import ONLY
from pynodes.fit.data.trials import Trials
from pynodes.fit.study.recovery import (
    ParameterRecovery,
    check_responds,
    repeat_subjects,
    unconstrain_values,
)

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


ROUNDING = 1e-6
"""A number of subjects that is whole but for rounding is not rounded up."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class DesignAnalysis:
    """Posterior precision of every parameter by number of trials. Made by :func:`design_analysis`.

    Attributes
    ----------
    agent
        Whose parameters.
    trials
        The numbers of trials, ascending.
    recoveries
        The same simulated subjects, fitted to their first trials only: one recovery per number.
    """

    agent: Agent
    trials: tuple[int, ...]
    recoveries: tuple[ParameterRecovery, ...]

    @property
    def posterior_sd(self) -> np.ndarray:
        """Posterior standard deviations, of shape (numbers of trials, simulated subjects, parameters)."""
        return np.stack([np.asarray(one.posterior_sd) for one in self.recoveries])

    @property
    def expected_sd(self) -> dict[str, np.ndarray]:
        """Posterior standard deviation to be expected by number of trials, by parameter.

        The root of the mean posterior variance of simulated subjects, in unconstrained space.
        """
        found = np.sqrt((self.posterior_sd**2).mean(axis=1))
        return {name: found[:, i] for i, name in enumerate(self.agent.names)}

    @property
    def table(self) -> pandas.DataFrame:
        """A row per number of trials and parameter: expected posterior sd, and how estimates do.

        ``sd`` with ``shrinkage``, the share of the prior variance that goes; ``bias``, ``rmse``,
        ``correlation`` and ``coverage`` as of a parameter recovery.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        pd = extra("pandas")
        frames: list[Any] = []
        for i, (count, one) in enumerate(zip(self.trials, self.recoveries, strict=True)):
            frame = one.metrics
            found = np.array([self.expected_sd[name][i] for name in self.agent.names])
            frame.insert(0, "trials", count)
            frame.insert(2, "sd", found)
            frame.insert(3, "shrinkage", 1 - (found / self._prior_sds) ** 2)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def trials_for(self, sd: float | Mapping[str, float]) -> dict[str, float | None]:
        """Trials after which a posterior standard deviation is to be expected, by parameter.

        Interpolated between the numbers that were looked at, on logarithmic axes; None where the largest of
        them is not enough, and the smallest number where that is.

        Parameters
        ----------
        sd
            In unconstrained space: one for all parameters, or by name.

        Raises
        ------
        ParameterError
            An unknown name.
        InputError
            A standard deviation that is not positive.
        """
        wanted = self._by_name(sd, "sd")
        return {n: find_crossing(self.trials, self.expected_sd[n], w) for n, w in wanted.items()}

    def standard_error(
        self, subjects: int, population_sd: float | Mapping[str, float] | None = None
    ) -> dict[str, np.ndarray]:
        """Standard error of a group's mean by number of trials, by parameter.

        Every subject tells of the mean as much as the sum of two variances allows, that between subjects and
        its own uncertainty's. A difference between two groups of that size has an error larger by the root of
        two.

        Parameters
        ----------
        subjects
            How many.
        population_sd
            Standard deviation between subjects in unconstrained space, for all parameters or by name; by
            default that of the prior.

        Raises
        ------
        ParameterError, InputError
            Names or numbers that make no sense.
        """
        count = positive("subjects", subjects)
        sds = dict(zip(self.agent.names, self._prior_sds.tolist(), strict=True))
        if population_sd is not None:
            sds = self._by_name(population_sd, "population_sd")
        return {
            name: 1 / np.sqrt(count * self._information(name, between).mean(axis=1))
            for name, between in sds.items()
        }

    def subjects_for(
        self,
        standard_error: float | Mapping[str, float],
        population_sd: float | Mapping[str, float] | None = None,
    ) -> dict[str, np.ndarray]:
        """Subjects that a standard error of a group's mean takes, by number of trials, by parameter.

        Parameters
        ----------
        standard_error
            In unconstrained space: one for all parameters, or by name.
        population_sd
            As for :meth:`standard_error`.

        Raises
        ------
        ParameterError, InputError
            Names or numbers that make no sense.
        """
        alone = self.standard_error(1, population_sd)
        wanted = self._by_name(standard_error, "standard_error")
        return {
            name: np.ceil((alone[name] / one) ** 2 * (1 - ROUNDING)).astype(int)
            for name, one in wanted.items()
            if name in alone
        }

    def plot(self, **options: Any) -> Panels:
        """Draw precision over the number of trials; see :func:`pynodes.plotting.plot_design`."""
        from pynodes.plotting import plot_design

        return plot_design(self, **options)

    def _information(self, name: str, population_sd: float) -> np.ndarray:
        """What every simulated subject tells of the mean, of shape (numbers of trials, subjects).

        The likelihood's part of a subject's precision is what its posterior has more than its prior.
        """
        index = self.agent.names.index(name)
        own = 1 / self.posterior_sd[:, :, index] ** 2 - 1 / self._prior_sds[index] ** 2
        own = np.maximum(own, 1e-12)
        return 1 / (population_sd**2 + 1 / own)

    @property
    def _prior_sds(self) -> np.ndarray:
        """Standard deviations of the priors."""
        return np.array([float(prior.unconstrained_sd) for prior in self.agent.priors.values()])

    def _by_name(self, given: Any, what: str) -> dict[str, float]:
        """A positive number by parameter."""
        names = self.agent.names
        found: dict[str, Any] = dict.fromkeys(names, given)
        if isinstance(given, Mapping):
            found = {str(name): value for name, value in given.items()}
        unknown = [name for name in found if name not in self.agent.names]
        if unknown:
            raise ParameterError(
                f"{what} is given for {quote(unknown)}; the parameters are {quote(self.agent.names)}."
            )
        for name, value in found.items():
            if not value > 0:
                raise InputError(f"{what} of {name!r} must be positive, not {value!r}.")
        return {name: float(value) for name, value in found.items()}

    def __repr__(self) -> str:
        count = len(self.recoveries[0].true)
        return f"DesignAnalysis({quote(self.trials)} trials; {count} simulated subjects)"


@boundary
def design_analysis(
    agent: Agent,
    design: Trials,
    trials: Sequence[int],
    n: int = 100,
    *,
    environment: AbstractEnvironment | Mapping[Any, AbstractEnvironment] | None = None,
    seed: int = 0,
    starts: int = 16,
    refine: int = 2,
    progress: bool | None = None,
) -> DesignAnalysis:
    """Design analysis: posterior precision of parameters by number of trials.

    Subjects are drawn from the priors and simulated through the whole design; then each is fitted to its
    first trials only, responses to the others being missing. All fits run one compiled program.

    Parameters
    ----------
    agent
        The agent; its priors are the population.
    design
        What is seen, as long as the longest study in question; simulated subjects take its subjects in turn.
    trials
        Numbers of trials to look at.
    n
        Number of simulated subjects.
    environment
        What answers simulated responses, as for :func:`~pynodes.fit.simulate`.
    seed, starts, refine, progress
        As for :func:`~pynodes.fit.fit_map`.

    Raises
    ------
    DataError
        More trials than the design has.
    ParameterError, FilterError
        As for :func:`~pynodes.fit.simulate`.
    """
    n = positive("n", n)
    check_responds(agent)
    check_can_simulate(agent, design, environment)
    worlds = stack_environments(environment, design.subjects)
    numbers = tuple(sorted({positive("trials", count) for count in trials}))
    chance, acting, search = jax.random.split(jax.random.key(check_seed(seed)), 3)
    values = draw_values(agent, n, chance)
    sequences = repeat_subjects(design_arrays(agent.model, design), n)
    check_length(sequences, numbers)
    acts = simulate_sequences(agent.model, values, sequences, acting, repeat_subjects(worlds, n))
    told = with_acts(agent.model, sequences, acts)
    true = unconstrain_values(agent, values)

    def after(count: int) -> LaplacePosterior:
        first = take_first(told, count)
        return find_posteriors(agent.model, first, search, starts=starts, refine=refine)[0]

    with Progress(None, f"fitting {n} subjects, {len(numbers)} times", progress):
        found = [ParameterRecovery(agent=agent, true=true, posterior=after(c)) for c in numbers]
    return DesignAnalysis(agent=agent, trials=numbers, recoveries=tuple(found))


def check_length(sequences: Sequences, numbers: tuple[int, ...]) -> None:
    """A design has as many trials as are asked for."""
    counts = (~np.asarray(sequences.frozen)).sum(axis=(1, 2))
    if not numbers or numbers[-1] > counts.min():
        asked = quote(numbers) if numbers else "none"
        raise DataError(
            f"The numbers of trials are {asked}, but some subject of the design has {counts.min()} only. "
            "Give a design as long as the longest study in question."
        )


def take_first(told: Sequences, count: int) -> Sequences:
    """The same with responses to the first so many trials of every subject alone."""
    counts = ~np.asarray(told.frozen)
    order = np.cumsum(counts.reshape(len(counts), -1), axis=1).reshape(counts.shape)
    given = told.actions if isinstance(told.actions, dict) else {ONLY: told.actions}
    kept = {stream: np.where(order <= count, found, np.nan) for stream, found in given.items()}
    return dataclasses.replace(told, actions=kept.get(ONLY, kept))


def find_crossing(trials: tuple[int, ...], sds: np.ndarray, wanted: float) -> float | None:
    """Where a falling curve reaches a value."""
    reached = np.flatnonzero(sds <= wanted)
    if not reached.size:
        return None
    place = int(reached[0])
    if place == 0:
        return float(trials[0])
    ends = np.log(sds[place - 1 : place + 1])
    share = float((ends[0] - np.log(wanted)) / (ends[0] - ends[1]))
    first, second = np.log(trials[place - 1]), np.log(trials[place])
    return float(np.exp(first + share * (second - first)))
