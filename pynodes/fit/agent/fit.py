"""AbstractFit: what every fit of an agent to trials can be asked for."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import logsumexp

from pynodes._core.html import table
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.draws import pointwise_log_likelihoods, select_subjects
from pynodes.fit.agent.predictive import Predictive, make_predictive
from pynodes.fit.agent.subject import make_events, subject_beliefs
from pynodes.fit.data.trials import Trials

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from pynodes._results.trajectories import Trajectories
    from pynodes.plotting.panels import Panels


GONE = {
    "positions": "They are fit.unconstrained.",
    "to_netcdf": "Keep a fit by pynodes.save(path, fit); draws go to ArviZ by samples.tree.to_netcdf(path).",
}
"""What fits of version 0.1.0 had, and what to use instead."""


class AbstractFit(abc.ABC):
    """An agent that was fitted to the trials of some subjects: it predicts, is drawn, and can be kept."""

    method: ClassVar[str]

    agent: Agent
    trials: Trials
    settings: dict[str, Any]
    versions: dict[str, str]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in GONE:
                raise AttributeError(f"A fit has no {name!r} any more. {GONE[name]}")
            return object.__getattribute__(self, name)

    @property
    def subjects(self) -> tuple[Any, ...]:
        """The subjects, in the order of the data; tuples where several columns name one."""
        return self.trials.subjects

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free values."""
        return self.agent.names

    @property
    def provenance(self) -> dict[str, Any]:
        """Method, settings and versions of the fit."""
        return {"method": self.method} | self.settings | self.versions

    @abc.abstractmethod
    def _draw(self, draws: int, seed: int) -> np.ndarray:
        """Draws from the posterior in unconstrained space, of shape (draws, subjects, free values)."""

    @abc.abstractmethod
    def _score_draws(self) -> np.ndarray:
        """The draws over which a score averages, of the same shape."""

    @abc.abstractmethod
    def trajectories(self, fields: list[str] | None = None) -> pandas.DataFrame:
        """Beliefs and prediction errors in every trial: a row per row of the data, in its order."""

    def beliefs(self, subject: Any = None, *, block: int = 0) -> Trajectories:
        """What one subject believed in one block: a run, to draw, to explore, or to go on from.

        Under its estimates; of samples under the means of the draws in unconstrained space.

        Parameters
        ----------
        subject
            One of :attr:`subjects`; of a fit of one it need not be named.
        block
            Which session, or part of one between resets, from 0.

        Raises
        ------
        DataError
            No such subject or block; several subjects, of which none is named.
        """
        return subject_beliefs(
            self.agent, self.trials, np.mean(self._score_draws(), axis=0), subject, block
        )

    def events(
        self,
        onset: str,
        *,
        duration: str | float = 0.0,
        trial_type: str | None = None,
        fields: list[str] | None = None,
    ) -> pandas.DataFrame:
        """Trials as events of an imaging run, with what was believed as parametric modulators.

        The columns are ``onset`` and ``duration`` in seconds, ``trial_type`` if there is one, the fields, and
        the keys of the trials. So BIDS has them in ``events.tsv``, between tabs, ``na_rep="n/a"``, a file per
        run.

        Parameters
        ----------
        onset
            The column that says when a trial began, from the beginning of its run: seconds, or durations.
        duration
            How long it took: the column that says so, or a number of seconds for all.
        trial_type
            A column of conditions, texts or numbers.
        fields
            As of :meth:`trajectories`.

        Raises
        ------
        DataError
            A column that is not there, an onset that is missing or does not rise, a duration below zero.
        FieldError, UnknownNodeError
            A field that is not there.
        MissingExtraError
            pandas is not installed.
        """
        return make_events(self.trajectories(fields), self.trials, onset, duration, trial_type)

    def predict(
        self,
        trials: Trials | None = None,
        *,
        draws: int = 400,
        seed: int = 0,
        do: Mapping[str, Any] | None = None,
        progress: bool | None = None,
    ) -> Predictive:
        """What the subjects would do: responses under draws from the posterior, and what is expected of them.

        Parameters
        ----------
        trials
            Other trials of subjects that were fitted; by default those that were fitted.
        draws
            Under how many draws: of samples spread evenly over all, of a MAP fit from the Gaussians at the
            modes.
        seed
            Of everything random.
        do
            Parameters that are set, by name, whatever was found of them: an intervention. Any parameter of
            the agent will do; free values may differ by subject.
        progress
            Whether responses show progress when they are asked for; by default in a terminal or a notebook,
            once it takes a second.

        Raises
        ------
        DataError
            Trials that do not fit the agent, or of subjects that were not fitted.
        ParameterError
            An agent without responses, or values that cannot be set.
        """
        trials = self.trials if trials is None else trials
        unconstrained = select_subjects(self._draw(draws, seed), self.trials, trials)
        return make_predictive(self.agent, trials, unconstrained, seed, do, progress)

    def score(self, trials: Trials | None = None) -> float:
        """Log predictive density of other trials of the same subjects, in nats; of all trials together.

        Samples average the probability of every trial over the draws; a MAP fit takes that at the estimates.

        Parameters
        ----------
        trials
            Of subjects that were fitted; by default those that were fitted, which flatters the model.

        Raises
        ------
        DataError
            Trials that do not fit the agent, or of subjects that were not fitted.
        """
        trials = self.trials if trials is None else trials
        unconstrained = select_subjects(self._score_draws(), self.trials, trials)
        parts = pointwise_log_likelihoods(self.agent.model, unconstrained, trials).values()
        rows = np.sum(np.stack(list(parts)), axis=0, dtype=float)
        return float(np.sum(logsumexp(rows, axis=0) - np.log(len(rows))))

    def plot_correlation(self, **options: Any) -> Axes:
        """Draw posterior correlations of parameters; see :func:`pynodes.plotting.plot_correlation`."""
        from pynodes.plotting import plot_correlation

        return plot_correlation(self, **options)  # type: ignore[arg-type]

    def plot_residuals(self, *, draws: int = 50, seed: int = 0, axes: Any = None) -> Panels:
        """Draw what the fit leaves unexplained; see :func:`pynodes.plotting.plot_residuals`."""
        from pynodes.plotting import plot_residuals

        return plot_residuals(self, draws=draws, seed=seed, axes=axes)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.subjects)

    def _repr_html_(self) -> str:
        rows = [(name, repr(prior)) for name, prior in self.agent.priors.items()]
        made = ", ".join(f"{name} {value}" for name, value in self.provenance.items())
        return table(repr(self), ("free value", "prior"), rows, notes=[made])
