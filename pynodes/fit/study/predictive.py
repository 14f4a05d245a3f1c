"""Predictive: responses under draws of an agent's parameters, and what is expected of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import ParameterError
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes.fit._seeds import seeded
from pynodes.fit.agent._binding import situated
from pynodes.fit.agent._intervention import intervened
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling._draws import by_row, in_chunks, rows_of_draws
from pynodes.fit.study._responding import acted_under_draws, expected_under_draws
from pynodes.fit.study.simulation import check_apart, columns_for

if TYPE_CHECKING:
    import pandas

    from pynodes.fit.study._statistics import Statistic
    from pynodes.plotting.panels import Panels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Predictive:
    """Responses under draws of an agent's parameters. Made by ``fit.predict()`` and :func:`prior_predictive`.

    Everything is computed when it is first asked for. What is seen, and covariates, are those of the trials.

    Attributes
    ----------
    agent, trials
        Who responds, and to what.
    positions
        Draws on the lines of the priors, of shape (draws, subjects, free values).
    seed
        Of the responses.
    progress
        Whether they show progress when they are asked for; None where somebody is there to look.
    """

    agent: Agent
    trials: Trials
    positions: np.ndarray
    seed: int
    progress: bool | None = None

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return len(self.positions)

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """Draws of the parameters by name, of shape (draws, subjects)."""
        found = self.agent.model.constrained(jnp.asarray(self.positions))
        return {name: np.asarray(values) for name, values in found.items()}

    @property
    def responses(self) -> dict[str, np.ndarray]:
        """Simulated responses by column, of shape (draws, rows).

        NaN in ignored trials, where a response of the data is missing, and where filtering failed.

        Raises
        ------
        PynodesError
            A response that defines no ``draw()``.
        """
        return self._acted[0]

    @property
    def failed(self) -> np.ndarray:
        """Whether filtering failed, of shape (draws, subjects)."""
        return self._acted[1]

    @cached_property
    def expected(self) -> dict[str, np.ndarray]:
        """What is expected of every response by column: its mean, or the probability of every option.

        Of shape (draws, rows) or (draws, rows, options); in ignored trials NaN.

        Raises
        ------
        PynodesError
            A response that defines no ``prediction()``.
        """
        compute = partial(expected_under_draws, self.agent.model, self._sequences)
        with Progress(None, "predicting", self.progress):
            found = rows_of_draws(compute, self.trials, self.positions)
        ignored = self.trials.ignored
        return {
            column: np.where(
                ignored.reshape(-1, *(1,) * (found[stream].ndim - 2)), np.nan, found[stream]
            )
            for stream, column in self._columns.items()
        }

    @property
    def table(self) -> pandas.DataFrame:
        """A row per row of the data, in its order: its key, and what is expected of its response.

        For a response ``y`` there are ``y_expected``, the mean over draws, and ``y_lower`` and ``y_upper``,
        between which nine tenths of the draws lie; for several options one of each per option.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        found = dict(self.trials.key_frame())
        for column, whole in self.expected.items():
            for place in np.ndindex(whole.shape[2:]):
                where = f"[{','.join(map(str, place))}]" if place else ""
                rows = whole[(..., *place)]
                lower, upper = np.quantile(rows, (0.05, 0.95), axis=0)
                found[f"{column}_expected{where}"] = rows.mean(axis=0)
                found[f"{column}_lower{where}"], found[f"{column}_upper{where}"] = lower, upper
        return extra("pandas").DataFrame(found)

    def statistics(
        self,
        by: str | Sequence[str] = (),
        own: Mapping[str, Callable[[np.ndarray], float]] | None = None,
    ) -> pandas.DataFrame:
        """Statistics of the responses in the data, and in those that were simulated: a predictive check.

        Of choices the share of every option, how often they change from one trial of a block to the next, and
        how often they agree with what was seen; of numbers mean, deviation, least and largest. Columns
        ``observed``; ``mean``, ``lower`` and ``upper`` of the draws; and ``probability``, the share of
        draws whose statistic is above the observed one (ties count half): near 0 or 1 the model misses
        something.

        Parameters
        ----------
        by
            Columns of the data: a row for each of their values instead of one for all trials.
        own
            Further statistics by name: functions from an array of responses to a number.

        Raises
        ------
        DataError
            A column that is not there.
        MissingExtraError
            pandas is not installed.
        """
        from pynodes.fit.study._statistics import compared

        names = (by,) if isinstance(by, str) else tuple(by)
        statistics: dict[str, Statistic] = dict(own or {})
        return extra("pandas").DataFrame(compared(self, names, statistics))

    def plot(
        self,
        by: str | Sequence[str] = (),
        own: Mapping[str, Callable[[np.ndarray], float]] | None = None,
        *,
        axes: Any = None,
    ) -> Panels:
        """Draw statistics of data and simulations; see :func:`pynodes.plotting.plot_check`."""
        from pynodes.plotting import plot_check

        return plot_check(self, by, own, axes=axes)

    def plot_trials(self, subject: Any = None, **options: Any) -> Panels:
        """Draw expected responses trial by trial; see :func:`pynodes.plotting.plot_predicted`."""
        from pynodes.plotting import plot_predicted

        return plot_predicted(self, subject, **options)

    def problems(self) -> list[str]:
        """What may mislead, a sentence each; empty if nothing was found."""
        count = int(self.failed.sum())
        if not count:
            return []
        draw, subject = np.argwhere(self.failed)[0]
        first = {name: round(float(v[draw, subject]), 4) for name, v in self.values.items()}
        return [
            f"Filtering fails for {count} of {self.failed.size} subjects that were drawn, first with "
            f"{first}: they have no responses. Choose priors of smaller volatilities, or another expansion "
            "than 'standard'."
        ]

    def __getitem__(self, draw: int) -> Trials:
        """The trials with the simulated responses of one draw, fit for another fit."""
        check_apart(self.trials, self._columns)
        found = {column: rows[draw] for column, rows in self.responses.items()}
        roles = {stream: (column,) for stream, column in self._columns.items()}
        return Trials._of(
            {**self.trials.columns, **found}, dataclasses.replace(self.trials.roles, actions=roles)
        )

    def __len__(self) -> int:
        return self.draws

    @cached_property
    def _columns(self) -> dict[str, str]:
        """The column of every stream."""
        return columns_for(self.agent, self.trials)

    @cached_property
    def _sequences(self) -> Sequences:
        """What is seen."""
        return situated(self.agent.model, self.trials)

    @cached_property
    def _acted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Simulated responses by column and row, and whether filtering failed, by draw and subject."""
        keys = jax.random.split(jax.random.key(self.seed), self.draws)
        compute = partial(acted_under_draws, self.agent.model, self._sequences)
        found: dict[str, list[np.ndarray]] = {}
        alive: list[np.ndarray] = []
        with Progress(self.draws, "draws", self.progress) as bar:
            for actions, fine in in_chunks(compute, self.trials.layout, self.positions, keys):
                alive.append(fine)
                for stream, whole in actions.items():
                    found.setdefault(stream, []).append(by_row(whole, self.trials.layout))
                bar.advance(len(fine))
        failed = ~np.concatenate(alive)
        lost = failed[:, self.trials.layout.place[0]]
        return {
            column: np.where(lost | self._silent(column), np.nan, np.concatenate(found[stream]))
            for stream, column in self._columns.items()
        }, failed

    def _silent(self, column: str) -> np.ndarray:
        """In which rows there is no response."""
        given = self.trials.roles.actions
        known = given is not None and column in self.trials.columns
        missing = (
            np.isnan(self.trials.numbers(column)) if known else np.zeros(len(self.trials), bool)
        )
        return self.trials.ignored | (missing if not missing.all() else False)

    def __repr__(self) -> str:
        return f"Predictive({self.draws} draws, {self.trials!r})"


def predictive(
    agent: Agent,
    trials: Trials,
    positions: np.ndarray,
    seed: int,
    do: Mapping[str, Any] | None,
    progress: bool | None,
) -> Predictive:
    """Responses under some draws, once agent, trials and what is to be set are found to fit."""
    if agent.response is None:
        raise ParameterError("An agent without responses does nothing that could be predicted.")
    agent, positions = intervened(agent, positions, do)
    found = Predictive(
        agent=agent, trials=trials, positions=positions, seed=seeded(seed), progress=progress
    )
    _ = found._columns, found._sequences
    return found
