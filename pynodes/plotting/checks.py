"""Predictive checks: what a fit predicts of responses, by statistic, trial by trial, and of one subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, quote
from pynodes.plotting import style
from pynodes.plotting.beliefs import finish_figure, plot_beliefs
from pynodes.plotting.forecasts import MASSES
from pynodes.plotting.panels import Given, Panels, arrange_panels, side_by_side
from pynodes.plotting.selection import check_mass

if TYPE_CHECKING:
    from pynodes.fit.agent.predictive import Predictive
    from pynodes.fit.mode.map_fit import MapFit


MANY = 40
"""Rows of a panel whose names can still be read."""


@boundary
def plot_check(
    predicted: Predictive,
    by: str | Sequence[str] = (),
    own: Mapping[str, Callable[[np.ndarray], float]] | None = None,
    *,
    axes: Given = None,
) -> Panels:
    """Draw statistics of the responses over the intervals that nine tenths of simulated ones lie in.

    Parameters
    ----------
    predicted
        What ``fit.predict()`` or :func:`~pynodes.fit.prior_predictive` made.
    by, own
        As for ``predicted.statistics``: columns whose values have a row each, and further statistics.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by response and statistic; nothing is shown or saved. Orange where data are outside.

    Raises
    ------
    DataError
        A column that is not there.
    """
    table = predicted.statistics(by, own)
    keys = [by] if isinstance(by, str) else list(by)
    groups = list(table.groupby(["response", "statistic"], sort=False))
    rows = max(len(part) for _, part in groups)
    with style.rules():
        names = [": ".join(cast("tuple[str, str]", key)) for key, _ in groups]
        panels = side_by_side(names, axes, height=0.9 + min(0.16 * rows, 5.0))
        for (name, ax), (_, part) in zip(panels.items(), groups, strict=True):
            places = np.arange(len(part))
            observed = part["observed"].to_numpy()
            low, high = part["lower"].to_numpy(), part["upper"].to_numpy()
            ax.hlines(places, low, high, color=style.BLUE, lw=max(1.5, 5 - 0.1 * rows), alpha=0.3)
            ax.plot(part["mean"], places, "|", color=style.BLUE, ms=6)
            outside = (observed < low) | (observed > high)
            for mask, colour in ((~outside, style.INK), (outside, style.ORANGE)):
                ax.plot(observed[mask], places[mask], "o", color=colour, ms=3.5)
            ax.set_title(name)
            named = [
                ", ".join(str(cell) for cell in row) for row in part[keys].itertuples(index=False)
            ]
            readable = keys and rows <= MANY
            ax.set_yticks(places if readable else [], named if readable else [])
            ax.set_ylim(len(part) - 0.5, -0.5)
        panels.label_below("data (points) and 90% of simulations")
    return panels


@boundary
def plot_predictions(
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
        panels = arrange_panels(list(shown), axes, size=size, sharex=True)
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
        finish_figure(panels, "trial")
    return panels


def rows_of(predicted: Predictive, subject: Any) -> np.ndarray:
    """The rows of one subject."""
    subjects = list(predicted.trials.subjects)
    if subject is None and len(subjects) > 1:
        raise DataError(f"This draws one subject. Name one of {quote(subjects)}.")
    if subject is not None and subject not in subjects:
        raise DataError(f"There is no subject {subject!r}, only {quote(subjects)}.")
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


@boundary
def plot_subject(fit: MapFit, *, block: int = 0, **options: Any) -> Panels:
    """Draw the beliefs of one subject under its estimates, a panel for every node, and its choices.

    Choices between 0 and 1 are ticks above and below the panels of the inputs.

    Parameters
    ----------
    fit
        A fit of one subject: ``fit["s01"]``.
    block
        Which session, or part of one between resets, from 0.
    options
        As for :func:`plot_beliefs`.

    Returns
    -------
    The panels by the names of the nodes; nothing is shown or saved.

    Raises
    ------
    DataError
        A fit of several subjects, or a block that is not there.
    """
    from pynodes.fit.agent.subject import rows_of_block

    if len(fit) != 1:
        raise DataError("This draws one subject. Take one of the fit, as in fit['s01'].")
    beliefs, rows = fit.beliefs(block=block), rows_of_block(fit.trials, 0, block)
    panels = plot_beliefs(beliefs, **options)
    for column in (name for (name, *_) in (fit.trials.roles.actions or {}).values()):
        draw_choices(panels, list(beliefs.labels.graph.inputs), fit.trials.numbers(column)[rows])
    return panels


def draw_choices(panels: Panels, inputs: list[str], given: np.ndarray) -> None:
    """Choices between 0 and 1, as ticks in the panels of the inputs."""
    if not np.isin(given[~np.isnan(given)], (0, 1)).all():
        return
    for ax in (panels[name] for name in inputs if name in panels):
        for value, place in ((1.0, 1.09), (0.0, -0.09)):
            steps = np.flatnonzero(given == value)
            ax.plot(steps, np.full(len(steps), place), "|", color=style.ORANGE, ms=4, mew=0.8)
        ax.set_title("choices (ticks)", loc="left", color=style.ORANGE, pad=2, fontsize=style.TEXT)
