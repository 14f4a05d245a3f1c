"""Predicted responses: what a subject was expected to do, trial by trial, under draws of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, listed
from pynodes.plotting import style
from pynodes.plotting.beliefs import finish
from pynodes.plotting.forecasts import MASSES
from pynodes.plotting.panels import Given, Panels, arranged
from pynodes.plotting.selection import check_mass

if TYPE_CHECKING:
    from pynodes.fit.agent.predictive import Predictive


@boundary
def plot_predicted(
    predicted: Predictive,
    subject: Any = None,
    *,
    masses: Sequence[float] = MASSES,
    axes: Given = None,
) -> Panels:
    """Draw what was expected of a subject's responses at every trial, as fans over draws of its parameters.

    From :func:`pynodes.prior_predictive` it shows what the priors allow before anything is known; from
    ``fit.predict()`` what is left possible. Points are the responses of the data, if it has any; of several
    options each has a panel, with the points at 0 or 1. Dotted lines are where a block begins.

    Parameters
    ----------
    predicted
        What ``fit.predict()`` or ``prior_predictive`` made.
    subject
        One of ``predicted.trials.subjects``; may be left out if there is one only.
    masses
        Shares of the draws that the bands hold, each between 0 and 1.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by the column of the responses, ``"y"``, or ``"y = 0"`` and so on; nothing is shown or saved.

    Raises
    ------
    DataError
        A subject that is not there, or none where there are several.
    InputError
        A share that is none.
    """
    for mass in masses:
        check_mass("masses", mass)
    rows = rows_of(predicted, subject)
    shown = fans(predicted, rows)
    trial, blocks = np.arange(len(rows)), predicted.trials.layout.index[1][rows]
    with style.rules():
        size = (style.WIDTH, 0.7 + 1.4 * len(shown))
        panels = arranged(list(shown), axes, size=size, sharex=True)
        for name, ax in panels.items():
            expected, given = shown[name]
            for mass in sorted(masses, reverse=True):
                low, high = quantiles(expected, (0.5 - mass / 2, 0.5 + mass / 2))
                ax.fill_between(trial, low, high, color=style.BLUE, alpha=0.2, lw=0)
            ax.plot(trial, quantiles(expected, (0.5,))[0], color=style.BLUE, lw=1.4)
            ax.plot(trial, given, ".", color=style.ORANGE, ms=3)
            for start in np.flatnonzero(np.diff(blocks)) + 1:
                ax.axvline(start - 0.5, color=style.GREY, lw=0.8, ls=":")
            ax.set_ylabel(name)
        said = ", ".join(f"{100 * mass:.4g}" for mass in masses)
        note = f"expected: median, {said}% of {predicted.draws} draws"
        panels.axes[0].set_title(note, loc="right", color=style.GREY, pad=2)
        finish(panels, "trial")
    return panels


def rows_of(predicted: Predictive, subject: Any) -> np.ndarray:
    """The rows of one subject."""
    subjects = list(predicted.trials.subjects)
    if subject is None and len(subjects) > 1:
        raise DataError(f"This draws one subject. Name one of {listed(subjects)}.")
    if subject is not None and subject not in subjects:
        raise DataError(f"There is no subject {subject!r}, only {listed(subjects)}.")
    place = 0 if subject is None else subjects.index(subject)
    return np.flatnonzero(predicted.trials.layout.index[0] == place)


def quantiles(expected: np.ndarray, probabilities: tuple[float, ...]) -> np.ndarray:
    """Quantiles over the draws that did not fail; NaN in trials that are frozen."""
    silent = np.isnan(expected).all(axis=0)
    found = np.nanquantile(np.where(silent, 0.0, expected), probabilities, axis=0)
    return np.where(silent, np.nan, found)


def fans(predicted: Predictive, rows: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What was expected, of shape (draws, rows), and what was done, by panel."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for column, whole in predicted.expected.items():
        known = column in predicted.trials.columns
        given = predicted.trials.numbers(column)[rows] if known else np.full(len(rows), np.nan)
        if whole.ndim == 2:
            found[column] = (whole[:, rows], given)
            continue
        for option in range(whole.shape[2]):
            done = np.where(np.isnan(given), np.nan, given == option)
            found[f"{column} = {option}"] = (whole[:, rows, option], done)
    return found
