"""Tables: results of fits as frames of pandas, which is imported when one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._results.tables import extra
from pynodes.fit.data.trials import Trials

if TYPE_CHECKING:
    import pandas

    from pynodes.fit.mode.map_fit import MapFit


def summary(fit: MapFit, mass: float) -> pandas.DataFrame:
    """A row per subject and free parameter."""
    intervals, edges = fit.interval(mass), fit.at_edge
    rows: list[dict[str, Any]] = []
    for index, subject in enumerate(fit.subjects):
        for place, (name, prior) in enumerate(fit.agent.priors.items()):
            low, high = (np.atleast_1d(end)[index] for end in intervals[name])
            deviation = float(fit._deviations[index, place])
            rows.append(
                key_of(fit, subject)
                | {
                    "parameter": name,
                    "estimate": float(fit._values[name][index]),
                    "lower": float(low),
                    "upper": float(high),
                    "position": float(fit.posterior.position[index, place]),
                    "deviation": deviation,
                    "prior": repr(prior),
                    "shrinkage": 1 - (deviation / float(prior.spread)) ** 2,
                    "at_edge": bool(np.atleast_1d(edges[name])[index]),
                }
            )
    return extra("pandas").DataFrame(rows)


def by_subject(fit: MapFit) -> pandas.DataFrame:
    """A row per subject."""
    rows: list[dict[str, Any]] = []
    columns = (
        "lme",
        "accuracy",
        "complexity",
        "aic",
        "bic",
        "observations",
        "agreeing",
        "converged",
        "definite",
    )
    for index, subject in enumerate(fit.subjects):
        values = {name: np.atleast_1d(getattr(fit, name))[index].item() for name in columns}
        estimates = {name: float(found[index]) for name, found in fit._values.items()}
        rows.append(key_of(fit, subject) | estimates | values)
    return extra("pandas").DataFrame(rows)


def key_of(fit: MapFit, subject: Any) -> dict[str, Any]:
    """The cells that say whose a row is, if the trials have subjects."""
    return fit.trials.key_of(subject)


def long_frame(trials: Trials, columns: dict[str, np.ndarray]) -> pandas.DataFrame:
    """A row per row of the data, with its key."""
    return extra("pandas").DataFrame(trials.key_frame() | columns)
