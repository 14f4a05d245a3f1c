"""Statistics of responses: those of the data beside those that were simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes.fit.agent._model import streams_of
from pynodes.fit.data.trials import Trials
from pynodes.responses import AbstractBinaryResponse, AbstractChoiceResponse

if TYPE_CHECKING:
    from pynodes.fit.study.predictive import Predictive

Statistic = Callable[[np.ndarray], float]
"""A number from an array of responses."""

Measure = Callable[[np.ndarray], np.ndarray]
"""Numbers of shape (draws,) from responses of shape (draws, rows), in which NaN is no response."""


def compared(
    predicted: Predictive, by: tuple[str, ...], own: Mapping[str, Statistic]
) -> list[dict[str, Any]]:
    """A row per group of trials, column of responses and statistic."""
    found: list[dict[str, Any]] = []
    streams = streams_of(predicted.agent.response)
    for key, rows in grouped(predicted.trials, by):
        for stream, column in predicted._columns.items():
            simulated = predicted.responses[column][:, rows]
            known = column in predicted.trials.columns
            data = predicted.trials.numbers(column)[rows] if known else np.full(len(rows), np.nan)
            data = np.where(predicted.trials.ignored[rows], np.nan, data)
            measures = measures_of(streams[stream], predicted.trials, rows, simulated)
            measures |= {name: one_by_one(function) for name, function in own.items()}
            for name, measure in measures.items():
                observed = float(measure(data[None])[0])
                found.append(
                    key
                    | {"response": column, "statistic": name, "observed": observed}
                    | described(observed, measure(simulated))
                )
    return found


def grouped(trials: Trials, by: tuple[str, ...]) -> list[tuple[dict[str, Any], np.ndarray]]:
    """The rows of every combination of values of some columns."""
    from pynodes.fit.data._columns import named

    columns = [named(trials.columns, name, "by").tolist() for name in by]
    keys = list(zip(*columns, strict=True)) if columns else [()] * len(trials)
    groups: dict[Any, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return [(dict(zip(by, key, strict=True)), np.array(rows)) for key, rows in groups.items()]


def measures_of(
    response: Any, trials: Trials, rows: np.ndarray, simulated: np.ndarray
) -> dict[str, Measure]:
    """What is measured of a kind of response."""
    if not isinstance(response, AbstractBinaryResponse | AbstractChoiceResponse):
        return {
            "mean": quietly(np.nanmean),
            "deviation": quietly(np.nanstd),
            "least": quietly(np.nanmin),
            "largest": quietly(np.nanmax),
        }
    options = np.unique(simulated[~np.isnan(simulated)]).astype(int)
    found: dict[str, Measure] = {
        f"share of {option}": share_of(option)
        for option in options[-1 if len(options) < 3 else 0 :]
    }
    found["switching"] = switching(trials.layout.place[:2, rows])
    seen = [trials.numbers(column)[rows] for (column,) in single_inputs(trials)]
    if len(seen) == 1:
        found["agreement"] = agreement(seen[0])
    return found


def single_inputs(trials: Trials) -> list[tuple[str]]:
    """The columns of the inputs that have one."""
    return [(names[0],) for names in trials.roles.inputs.values() if len(names) == 1]


def quietly(function: Callable[..., Any]) -> Measure:
    """A measure that is NaN where there are no responses."""

    def measure(responses: np.ndarray) -> np.ndarray:
        found = np.full(len(responses), np.nan)
        some = ~np.isnan(responses).all(axis=1)
        if some.any():
            found[some] = function(responses[some], axis=1)
        return found

    return measure


def average(flags: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The share of flags among what is known, by draw; NaN where nothing is."""
    count = known.sum(axis=1)
    return np.where(count > 0, (flags & known).sum(axis=1) / np.maximum(count, 1), np.nan)


def share_of(option: int) -> Measure:
    """How often an option is chosen."""
    return lambda responses: average(responses == option, ~np.isnan(responses))


def switching(blocks: np.ndarray) -> Measure:
    """How often another option is chosen than in the trial before, of the same subject and block."""
    together = (blocks[:, 1:] == blocks[:, :-1]).all(axis=0)

    def measure(responses: np.ndarray) -> np.ndarray:
        before, after = responses[:, :-1], responses[:, 1:]
        known = ~np.isnan(before) & ~np.isnan(after) & together
        return average(before != after, known)

    return measure


def agreement(seen: np.ndarray) -> Measure:
    """How often what is chosen is what is then seen."""
    return lambda responses: average(responses == seen, ~np.isnan(responses) & ~np.isnan(seen))


def one_by_one(function: Statistic) -> Measure:
    """A measure by a user's function of one series of responses, without gaps."""
    return lambda responses: np.array([float(function(row[~np.isnan(row)])) for row in responses])


def described(observed: float, simulated: np.ndarray) -> dict[str, float]:
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
