"""Residuals: what a fit leaves unexplained, and whether it should have been able to explain it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, arrange_panels

if TYPE_CHECKING:
    from pynodes.fit.data.trials import Trials
    from pynodes.fit.mode.map_fit import MapFit
    from pynodes.fit.sampling.samples import Samples

LAGS = 10
BINS = 10
SHOWN = ("calibration", "course", "echo")
PARTS = 10
"""Parts of a session, over which residuals are averaged."""


class ResidualPlot(NamedTuple):
    """Responses of one stream beside what was expected; a column per option, one for other responses.

    Attributes
    ----------
    column
        Of the data.
    given, expected
        Responses, and their expectations, of shape (rows, options).
    chances
        Whether expectations are probabilities.
    """

    column: str
    given: np.ndarray
    expected: np.ndarray
    chances: bool

    @property
    def scores(self) -> np.ndarray:
        """Residuals in standard deviations, of shape (rows, options); NaN without response."""
        error = self.given - self.expected
        if not self.chances:
            return error / np.nanstd(error)
        variance = self.expected * (1 - self.expected)
        return error / np.sqrt(np.maximum(variance, 1e-6))


@boundary
def plot_residuals(
    fit: MapFit | Samples, *, draws: int = 50, seed: int = 0, axes: Given = None
) -> Panels:
    """Draw what a fit leaves unexplained, a row of panels per stream of responses.

    On the left what was done over what was expected: on the diagonal where the model is right. In the middle
    the mean residual in every tenth of a session: a trend says that something changes that the model takes
    for constant, such as strategy or attention. On the right the correlation of residuals with those some
    trials later: beyond the grey band, responses depend on those before more than the model knows.

    Parameters
    ----------
    fit
        A fit by MAP, or samples.
    draws, seed
        Draws from the posterior over which expectations are averaged.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels ``"y: calibration"``, ``"y: course"`` and ``"y: echo"`` of every column ``y``; nothing is shown
    or saved.
    """
    found = residuals(fit, draws, seed)
    with style.rules():
        names = [f"{one.column}: {what}" for one in found for what in SHOWN]
        panels = arrange_panels(names, axes, size=(style.WIDTH, 0.2 + 2.2 * len(found)), columns=3)
        for one in found:
            calibration, course, echo = (panels[f"{one.column}: {what}"] for what in SHOWN)
            draw_calibration(calibration, one)
            draw_course(course, one, fit.trials)
            draw_echo(echo, one, fit.trials)
    return panels


def residuals(fit: MapFit | Samples, draws: int, seed: int) -> list[ResidualPlot]:
    """Responses and expectations of every stream."""
    trials = fit.trials
    expected = fit.predict(draws=draws, seed=seed).expected
    found: list[ResidualPlot] = []
    for column, whole in expected.items():
        mean = whole.mean(axis=0)
        given = np.where(trials.frozen, np.nan, trials.numbers(column))
        binary = mean.ndim == 1 and bool(np.isin(given[~np.isnan(given)], (0, 1)).all())
        if mean.ndim == 2:
            chosen = (given[:, None] == np.arange(mean.shape[1])).astype(float)
            given = np.where(np.isnan(given)[:, None], np.nan, chosen)
        else:
            mean, given = mean[:, None], given[:, None]
        chances = binary or mean.shape[1] > 1
        found.append(ResidualPlot(column=column, given=given, expected=mean, chances=chances))
    return found


def draw_calibration(ax: Axes, one: ResidualPlot) -> None:
    """Responses over expectations: shares in ten parts of equal size for choices, points for numbers."""
    there = ~np.isnan(one.given)
    given, expected = one.given[there], one.expected[there]
    if one.chances:
        groups = np.array_split(np.argsort(expected, kind="stable"), min(BINS, len(given)))
        share = np.array([given[group].mean() for group in groups])
        place = np.array([expected[group].mean() for group in groups])
        sizes = np.array([len(group) for group in groups])
        half = 1.64 * np.sqrt(place * (1 - place) / sizes)
        ax.fill_between(place, place - half, place + half, color=style.PALE, lw=0)
        ax.plot(place, share, "o", color=style.BLUE, ms=4)
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        ax.set(xlabel="expected share", ylabel=f"{one.column}: share")
    else:
        few = len(given) <= 2000
        ax.plot(expected, given, ".", color=style.BLUE, ms=2, alpha=0.4, rasterized=not few)
        ax.set(xlabel="expected", ylabel=f"{one.column}: given")
    ends = [float(expected.min()), float(expected.max())]
    ax.plot(ends, ends, color=style.GREY, lw=0.8, zorder=0)


def draw_course(ax: Axes, one: ResidualPlot, trials: Trials) -> None:
    """Mean residual of the last option, or of a number, by part of the session."""
    step = trials.layout.index[2]
    lengths = in_blocks(np.ones(len(step)), trials, blank=0.0).sum(axis=-1)
    whose, block, _ = trials.layout.index
    part = np.minimum((PARTS * step / lengths[whose, block]).astype(int), PARTS - 1)
    scores = one.scores[:, -1]
    means, halves = [], []
    for number in range(PARTS):
        here = scores[(part == number) & ~np.isnan(scores)]
        means.append(here.mean() if len(here) else np.nan)
        halves.append(1.64 * scores_error(here))
    places = (np.arange(PARTS) + 0.5) * 100 / PARTS
    ax.axhline(0, color=style.GREY, lw=0.8, zorder=0)
    ax.errorbar(places, means, halves, fmt="o", color=style.BLUE, ms=3.5, lw=0.9)
    ax.set(xlabel="percent of a session", ylabel="mean residual (SD)", xlim=(0, 100))


def scores_error(scores: np.ndarray) -> float:
    """Standard error of a mean."""
    return float(scores.std() / np.sqrt(len(scores))) if len(scores) > 1 else np.nan


def draw_echo(ax: Axes, one: ResidualPlot, trials: Trials) -> None:
    """Correlation of residuals with those some trials later, in the same block."""
    blocks = np.stack([in_blocks(column, trials) for column in one.scores.T])
    lags = np.arange(1, LAGS + 1)
    found, counts = [], []
    for lag in lags:
        product = blocks[..., :-lag] * blocks[..., lag:]
        known = ~np.isnan(product)
        counts.append(known.sum() / len(blocks))
        square = np.nanmean(blocks**2)
        found.append(product[known].mean() / square if known.any() else np.nan)
    half = 1.96 / np.sqrt(np.maximum(counts, 1))
    ax.fill_between(lags, -half, half, color=style.PALE, lw=0)
    ax.vlines(lags, 0, found, color=style.BLUE, lw=1.2)
    ax.plot(lags, found, "o", color=style.BLUE, ms=3.5)
    ax.axhline(0, color=style.GREY, lw=0.8, zorder=0)
    ax.set(xlabel="trials later", ylabel="autocorrelation", xticks=lags[1::2])


def in_blocks(rows: np.ndarray, trials: Trials, blank: float = np.nan) -> np.ndarray:
    """Values by row as an array of shape (subjects, blocks, steps)."""
    return trials.layout.pad(np.asarray(rows, float), blank)
