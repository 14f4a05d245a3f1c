"""design_analysis: how precisely parameters will be known, by the number of trials and of subjects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, InputError, ParameterError, listed
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes.fit._seeds import seeded
from pynodes.fit.agent._binding import situated
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data._roles import ONLY
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.data.trials import Trials
from pynodes.fit.mode._laplace import Posterior, all_posteriors
from pynodes.fit.study.recovery import ParameterRecovery, check_acting, taken_in_turn
from pynodes.fit.study.simulation import answered, answers, drawn

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


ROUNDING = 1e-6
"""A number of subjects that is whole but for rounding is not rounded up."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class DesignAnalysis:
    """What the first so many trials of a design tell of every parameter. Made by :func:`design_analysis`.

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
    def deviations(self) -> np.ndarray:
        """Posterior standard deviations, of shape (numbers of trials, simulated subjects, parameters)."""
        return np.stack([np.asarray(one._deviations) for one in self.recoveries])

    @property
    def expected(self) -> dict[str, np.ndarray]:
        """Posterior standard deviation to be expected by number of trials, by parameter.

        The root of the mean posterior variance of simulated subjects, on the line of the prior.
        """
        found = np.sqrt((self.deviations**2).mean(axis=1))
        return {name: found[:, place] for place, name in enumerate(self.agent.names)}

    @property
    def table(self) -> pandas.DataFrame:
        """A row per number of trials and parameter: expected posterior deviation, and how estimates do.

        ``deviation`` with ``shrinkage``, the share of the prior variance that goes; ``bias``, ``rmse``,
        ``correlation`` and ``coverage`` as of a parameter recovery.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        pd = extra("pandas")
        frames: list[Any] = []
        for place, (count, one) in enumerate(zip(self.trials, self.recoveries, strict=True)):
            frame = one.metrics
            found = np.array([self.expected[name][place] for name in self.agent.names])
            frame.insert(0, "trials", count)
            frame.insert(2, "deviation", found)
            frame.insert(3, "shrinkage", 1 - (found / self._spreads) ** 2)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def trials_for(self, deviation: float | Mapping[str, float]) -> dict[str, float | None]:
        """Trials after which a posterior standard deviation is to be expected, by parameter.

        Interpolated between the numbers that were looked at, on logarithmic axes; None where the largest of
        them is not enough, and the smallest number where that is.

        Parameters
        ----------
        deviation
            On the line of the prior: one for all parameters, or by name.

        Raises
        ------
        ParameterError
            An unknown name.
        InputError
            A deviation that is not positive.
        """
        wanted = self._by_name(deviation, "deviation")
        return {name: crossing(self.trials, self.expected[name], w) for name, w in wanted.items()}

    def mean_error(
        self, subjects: int, scatter: float | Mapping[str, float] | None = None
    ) -> dict[str, np.ndarray]:
        """Standard error of a group's mean by number of trials, by parameter.

        Every subject tells of the mean as much as the sum of scatter and uncertainty of its own allows. A
        difference between two groups of that size has an error larger by the root of two.

        Parameters
        ----------
        subjects
            How many.
        scatter
            Standard deviation between subjects on the line of the prior, for all parameters or by name; by
            default that of the prior.

        Raises
        ------
        ParameterError, InputError
            Names or numbers that make no sense.
        """
        count = positive("subjects", subjects)
        given = dict(zip(self.agent.names, self._spreads.tolist(), strict=True))
        scatters = given if scatter is None else self._by_name(scatter, "scatter")
        return {
            name: 1 / np.sqrt(count * self._information(name, between).mean(axis=1))
            for name, between in scatters.items()
        }

    def subjects_for(
        self, error: float | Mapping[str, float], scatter: float | Mapping[str, float] | None = None
    ) -> dict[str, np.ndarray]:
        """Subjects that a standard error of a group's mean takes, by number of trials, by parameter.

        Parameters
        ----------
        error
            On the line of the prior: one for all parameters, or by name.
        scatter
            As for :meth:`mean_error`.

        Raises
        ------
        ParameterError, InputError
            Names or numbers that make no sense.
        """
        alone = self.mean_error(1, scatter)
        wanted = self._by_name(error, "error")
        return {
            name: np.ceil((alone[name] / one) ** 2 * (1 - ROUNDING)).astype(int)
            for name, one in wanted.items()
            if name in alone
        }

    def plot(self, *, axes: Any = None) -> Panels:
        """Draw precision over the number of trials; see :func:`pynodes.plotting.plot_design`."""
        from pynodes.plotting import plot_design

        return plot_design(self, axes=axes)

    def _information(self, name: str, scatter: float) -> np.ndarray:
        """What every simulated subject tells of the mean, of shape (numbers of trials, subjects).

        The likelihood's part of a subject's precision is what its posterior has more than its prior.
        """
        place = self.agent.names.index(name)
        own = 1 / self.deviations[:, :, place] ** 2 - 1 / self._spreads[place] ** 2
        own = np.maximum(own, 1e-12)
        return 1 / (scatter**2 + 1 / own)

    @property
    def _spreads(self) -> np.ndarray:
        """Standard deviations of the priors."""
        return np.array([float(prior.spread) for prior in self.agent.priors.values()])

    def _by_name(self, given: Any, what: str) -> dict[str, float]:
        """A positive number by parameter."""
        names = self.agent.names
        found: dict[str, Any] = dict.fromkeys(names, given)
        if isinstance(given, Mapping):
            found = {str(name): value for name, value in given.items()}
        unknown = [name for name in found if name not in self.agent.names]
        if unknown:
            raise ParameterError(
                f"{what} is given for {listed(unknown)}; the parameters are {listed(self.agent.names)}."
            )
        for name, value in found.items():
            if not value > 0:
                raise InputError(f"{what} of {name!r} must be positive, not {value!r}.")
        return {name: float(value) for name, value in found.items()}

    def __repr__(self) -> str:
        count = len(self.recoveries[0].true)
        return f"DesignAnalysis({listed(self.trials)} trials; {count} simulated subjects)"


@boundary
def design_analysis(
    agent: Agent,
    design: Trials,
    trials: Sequence[int],
    n: int = 100,
    *,
    seed: int = 0,
    starts: int = 16,
    polished: int = 2,
    progress: bool | None = None,
) -> DesignAnalysis:
    """How precisely the parameters will be known after so many trials of a design.

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
    seed, starts, polished, progress
        As for :func:`~pynodes.fit.fit_map`.

    Raises
    ------
    DataError
        More trials than the design has.
    ParameterError, FilterError
        As for :func:`~pynodes.fit.simulate`.
    """
    n = positive("n", n)
    check_acting(agent)
    numbers = tuple(sorted({positive("trials", count) for count in trials}))
    chance, acting, search = jax.random.split(jax.random.key(seeded(seed)), 3)
    values = drawn(agent, n, chance)
    sequences = taken_in_turn(situated(agent.model, design), n)
    check_length(sequences, numbers)
    told = answered(sequences, answers(agent.model, values, sequences, acting))
    true = np.stack(
        [np.asarray(p.scale.position(values[name])) for name, p in agent.priors.items()], axis=-1
    )

    def after(count: int) -> Posterior:
        first = beginning(told, count)
        return all_posteriors(agent.model, first, search, starts=starts, polished=polished)

    with Progress(None, f"fitting {n} subjects, {len(numbers)} times", progress):
        found = [ParameterRecovery(agent=agent, true=true, posterior=after(c)) for c in numbers]
    return DesignAnalysis(agent=agent, trials=numbers, recoveries=tuple(found))


def check_length(sequences: Sequences, numbers: tuple[int, ...]) -> None:
    """A design has as many trials as are asked for."""
    counts = (~np.asarray(sequences.frozen)).sum(axis=(1, 2))
    if not numbers or numbers[-1] > counts.min():
        asked = listed(numbers) if numbers else "none"
        raise DataError(
            f"The numbers of trials are {asked}, but some subject of the design has {counts.min()} only. "
            "Give a design as long as the longest study in question."
        )


def beginning(told: Sequences, count: int) -> Sequences:
    """The same with responses to the first so many trials of every subject alone."""
    counts = ~np.asarray(told.frozen)
    order = np.cumsum(counts.reshape(len(counts), -1), axis=1).reshape(counts.shape)
    given = told.actions if isinstance(told.actions, dict) else {ONLY: told.actions}
    kept = {stream: np.where(order <= count, found, np.nan) for stream, found in given.items()}
    return dataclasses.replace(told, actions=kept.get(ONLY, kept))


def crossing(trials: tuple[int, ...], deviations: np.ndarray, wanted: float) -> float | None:
    """Where a falling curve reaches a value."""
    reached = np.flatnonzero(deviations <= wanted)
    if not reached.size:
        return None
    place = int(reached[0])
    if place == 0:
        return float(trials[0])
    ends = np.log(deviations[place - 1 : place + 1])
    share = float((ends[0] - np.log(wanted)) / (ends[0] - ends[1]))
    first, second = np.log(trials[place - 1]), np.log(trials[place])
    return float(np.exp(first + share * (second - first)))
