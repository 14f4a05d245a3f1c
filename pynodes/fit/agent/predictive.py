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
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.arrays import design_arrays
from pynodes.fit.agent.draws import map_chunks, map_rows, rows_of_draws
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.simulation import (
    act_under_draws,
    check_not_seen,
    expect_under_draws,
    past_rows,
    response_columns,
    with_gaps,
    with_responses,
)
from pynodes.fit.data.frames import find_column
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.trials import Trials
from pynodes.responses import AbstractBinaryResponse, AbstractChoiceResponse

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels

Statistic = Callable[[np.ndarray], float]
"""A number from an array of responses."""

Measure = Callable[[np.ndarray], np.ndarray]
"""Numbers of shape (draws,) from responses of shape (draws, rows), in which NaN is no response."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Predictive:
    """Prior or posterior predictive responses. Made by ``fit.predict()`` and :func:`prior_predictive`.

    Everything is computed when it is first asked for. What is seen, and covariates, are those of the trials.

    Attributes
    ----------
    agent, trials
        Who responds, and to what.
    unconstrained
        Draws of the free values in unconstrained space, of shape (draws, subjects, free values).
    seed
        Of the responses.
    progress
        Whether they show progress when they are asked for; None where somebody is there to look.
    """

    agent: Agent
    trials: Trials
    unconstrained: np.ndarray
    seed: int
    progress: bool | None = None

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return len(self.unconstrained)

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """Draws of the parameters by name, of shape (draws, subjects)."""
        found = self.agent.model.constrain(jnp.asarray(self.unconstrained))
        return {name: np.asarray(values) for name, values in found.items()}

    @property
    def responses(self) -> dict[str, np.ndarray]:
        """Simulated responses by column, of shape (draws, rows).

        NaN in frozen trials, where a response of the data is missing, and where filtering failed.

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

        Of shape (draws, rows) or (draws, rows, options); in frozen trials NaN.

        Raises
        ------
        PynodesError
            A response that defines no ``prediction()``.
        """
        compute = partial(expect_under_draws, self.agent.model, self._sequences)
        with Progress(None, "predicting", self.progress):
            found = map_rows(compute, self.trials, self.unconstrained)
        frozen = self.trials.frozen
        return {
            column: np.where(
                frozen.reshape(-1, *(1,) * (found[stream].ndim - 2)), np.nan, found[stream]
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
            for option in np.ndindex(whole.shape[2:]):
                which = f"[{','.join(map(str, option))}]" if option else ""
                rows = whole[(..., *option)]
                lower, upper = np.quantile(rows, (0.05, 0.95), axis=0)
                found[f"{column}_expected{which}"] = rows.mean(axis=0)
                found[f"{column}_lower{which}"], found[f"{column}_upper{which}"] = lower, upper
        return extra("pandas").DataFrame(found)

    def statistics(
        self,
        by: str | Sequence[str] = (),
        own: Mapping[str, Callable[[np.ndarray], float]] | None = None,
    ) -> pandas.DataFrame:
        """Statistics of the responses in the data, and in those that were simulated: a predictive check.

        Of choices the share of every option, how often they change from one trial of a block to the next, and
        how often they agree with what was seen; of numbers mean, sd, minimum and maximum. Columns
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
        names = (by,) if isinstance(by, str) else tuple(by)
        return extra("pandas").DataFrame(compare_statistics(self, names, dict(own or {})))

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
        """Draw expected responses trial by trial; see :func:`pynodes.plotting.plot_predictions`."""
        from pynodes.plotting import plot_predictions

        return plot_predictions(self, subject, **options)

    def problems(self) -> list[str]:
        """Problems, a sentence each; empty if there are none."""
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
        check_not_seen(self.trials, self._columns)
        rows = {column: rows[draw] for column, rows in self.responses.items()}
        rows |= past_rows(self.agent, self.trials, self._columns, rows)
        return with_responses(self.trials, self._columns, rows)

    def __len__(self) -> int:
        return self.draws

    @cached_property
    def _columns(self) -> dict[str, str]:
        """The column of every stream."""
        return response_columns(self.agent, self.trials)

    @cached_property
    def _sequences(self) -> Sequences:
        """What is seen, and where there is no response."""
        return with_gaps(self.trials, self._columns, design_arrays(self.agent.model, self.trials))

    @cached_property
    def _acted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Simulated responses by column and row, and whether filtering failed, by draw and subject."""
        keys = jax.random.split(jax.random.key(self.seed), self.draws)
        compute = partial(act_under_draws, self.agent.model, self._sequences)
        found: dict[str, list[np.ndarray]] = {}
        alive: list[np.ndarray] = []
        with Progress(self.draws, "draws", self.progress) as bar:
            for actions, fine in map_chunks(compute, self.trials.layout, self.unconstrained, keys):
                alive.append(fine)
                for stream, whole in actions.items():
                    found.setdefault(stream, []).append(rows_of_draws(whole, self.trials.layout))
                bar.advance(len(fine))
        failed = ~np.concatenate(alive)
        lost = failed[:, self.trials.layout.index[0]]
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
        return self.trials.frozen | (missing if not missing.all() else False)

    def __repr__(self) -> str:
        return f"Predictive({self.draws} draws, {self.trials!r})"


def make_predictive(
    agent: Agent,
    trials: Trials,
    unconstrained: np.ndarray,
    seed: int,
    do: Mapping[str, Any] | None,
    progress: bool | None,
) -> Predictive:
    """Responses under some draws, once agent, trials and what is to be set are found to fit."""
    if agent.response is None:
        raise ParameterError(
            "This agent has no response model, so there is nothing to predict. Pass responses=... to Agent."
        )
    agent, unconstrained = intervene(agent, unconstrained, do)
    result = Predictive(agent, trials, unconstrained, check_seed(seed), progress)
    _ = result._columns, result._sequences
    return result


def intervene(
    agent: Agent, unconstrained: np.ndarray, do: Mapping[str, Any] | None
) -> tuple[Agent, np.ndarray]:
    """Set some parameters of an agent, or of draws of shape (draws, subjects, free values): an intervention.

    Free values are set in the draws, for all or for each subject; other parameters in the agent.

    Raises
    ------
    ParameterError
        A name that is unknown, a parameter that a free value of another name sets, or a value that
        cannot be.
    """
    if not do:
        return agent, unconstrained
    if not isinstance(do, Mapping):
        raise ParameterError(f"Give do= as values by name, as in {{'x2.mean': 0.0}}, not {do!r}.")
    fixed = {name: value for name, value in do.items() if name not in agent.names}
    unconstrained = np.array(unconstrained)
    count = unconstrained.shape[1]
    for name, value in do.items():
        if name in agent.names:
            if np.shape(value) not in ((), (count,)):
                raise ParameterError(
                    f"do[{name!r}] must be one number, or one for each of the {count} subjects, not of shape "
                    f"{np.shape(value)}."
                )
            index = agent.names.index(name)
            given: Any = np.asarray(value)
            unconstrained[..., index] = np.asarray(agent.priors[name].unconstrain(given))
    return agent.replace(fixed) if fixed else agent, unconstrained


def compare_statistics(
    predicted: Predictive, by: tuple[str, ...], own: Mapping[str, Statistic]
) -> list[dict[str, Any]]:
    """A row per group of trials, column of responses and statistic."""
    found: list[dict[str, Any]] = []
    streams = streams_of(predicted.agent.response)
    for key, rows in group_by_columns(predicted.trials, by):
        for stream, column in predicted._columns.items():
            simulated = predicted.responses[column][:, rows]
            known = column in predicted.trials.columns
            data = predicted.trials.numbers(column)[rows] if known else np.full(len(rows), np.nan)
            data = np.where(predicted.trials.frozen[rows], np.nan, data)
            measures = choose_measures(streams[stream], predicted.trials, rows, simulated)
            measures |= {name: apply_to_each(function) for name, function in own.items()}
            for name, measure in measures.items():
                observed = float(measure(data[None])[0])
                found.append(
                    key
                    | {"response": column, "statistic": name, "observed": observed}
                    | summarise_statistic(observed, measure(simulated))
                )
    return found


def group_by_columns(
    trials: Trials, by: tuple[str, ...]
) -> list[tuple[dict[str, Any], np.ndarray]]:
    """The rows of every combination of values of some columns."""
    columns = [find_column(trials.columns, name, "by").tolist() for name in by]
    keys = list(zip(*columns, strict=True)) if columns else [()] * len(trials)
    groups: dict[Any, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return [(dict(zip(by, key, strict=True)), np.array(rows)) for key, rows in groups.items()]


def choose_measures(
    response: Any, trials: Trials, rows: np.ndarray, simulated: np.ndarray
) -> dict[str, Measure]:
    """What is measured of a kind of response."""
    if not isinstance(response, AbstractBinaryResponse | AbstractChoiceResponse):
        return {
            "mean": ignore_missing(np.nanmean),
            "sd": ignore_missing(np.nanstd),
            "minimum": ignore_missing(np.nanmin),
            "maximum": ignore_missing(np.nanmax),
        }
    options = np.unique(simulated[~np.isnan(simulated)]).astype(int)
    found: dict[str, Measure] = {
        f"share of {option}": option_share(option)
        for option in options[-1 if len(options) < 3 else 0 :]
    }
    found["switching"] = switch_rate(trials.layout.index[:2, rows])
    seen = [trials.numbers(column)[rows] for (column,) in single_inputs(trials)]
    if len(seen) == 1:
        found["agreement"] = agreement_rate(seen[0])
    return found


def single_inputs(trials: Trials) -> list[tuple[str]]:
    """The columns of the inputs that have one."""
    return [(names[0],) for names in trials.roles.inputs.values() if len(names) == 1]


def ignore_missing(function: Callable[..., Any]) -> Measure:
    """A measure that is NaN where there are no responses."""

    def measure(responses: np.ndarray) -> np.ndarray:
        found = np.full(len(responses), np.nan)
        some = ~np.isnan(responses).all(axis=1)
        if some.any():
            found[some] = function(responses[some], axis=1)
        return found

    return measure


def average_available(flags: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The share of flags among what is known, by draw; NaN where nothing is."""
    count = known.sum(axis=1)
    return np.where(count > 0, (flags & known).sum(axis=1) / np.maximum(count, 1), np.nan)


def option_share(option: int) -> Measure:
    """How often an option is chosen."""
    return lambda responses: average_available(responses == option, ~np.isnan(responses))


def switch_rate(blocks: np.ndarray) -> Measure:
    """How often another option is chosen than in the trial before, of the same subject and block."""
    together = (blocks[:, 1:] == blocks[:, :-1]).all(axis=0)

    def measure(responses: np.ndarray) -> np.ndarray:
        before, after = responses[:, :-1], responses[:, 1:]
        known = ~np.isnan(before) & ~np.isnan(after) & together
        return average_available(before != after, known)

    return measure


def agreement_rate(seen: np.ndarray) -> Measure:
    """How often what is chosen is what is then seen."""
    return lambda responses: average_available(
        responses == seen, ~np.isnan(responses) & ~np.isnan(seen)
    )


def apply_to_each(function: Statistic) -> Measure:
    """A measure by a user's function of one series of responses, without gaps."""
    return lambda responses: np.array([float(function(row[~np.isnan(row)])) for row in responses])


def summarise_statistic(observed: float, simulated: np.ndarray) -> dict[str, float]:
    """Mean and central interval of what was simulated, and how much of it is above what was observed."""
    known = simulated[~np.isnan(simulated)]
    if not len(known):
        return dict.fromkeys(("mean", "lower", "upper", "probability"), np.nan)
    lower, upper = np.quantile(known, (0.05, 0.95))
    above = np.mean(known > observed) + 0.5 * np.mean(known == observed)
    return {
        "mean": float(known.mean()),
        "lower": float(lower),
        "upper": float(upper),
        "probability": float(above) if observed == observed else np.nan,
    }
