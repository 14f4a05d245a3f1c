"""Posteriors beside priors: what the data have added, on axes of a prior's unconstrained space."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator, NullLocator
from scipy.stats import gaussian_kde, norm

from pynodes._boundary import boundary
from pynodes._inference.priors import AbstractPrior
from pynodes._inference.transforms import Identity
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, side_by_side

if TYPE_CHECKING:
    from pynodes.fit.mode.map_fit import MapFit
    from pynodes.fit.sampling.samples import Samples


LABELS = 5
"""Ticks of an axis at most, so that their labels do not touch."""

POWERS = [m * 10.0**e for e in range(-8, 9) for m in (1.0, 2.0, 5.0)]
SHARES = [0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999]


def label_with_values(axis: Axis, prior: AbstractPrior, low: float, high: float) -> None:
    """Ticks of an axis in unconstrained space, at round values, from one number to another."""
    if isinstance(prior.transform, Identity):
        axis.set_major_locator(MaxNLocator(LABELS - 1))
        return
    values = np.array(round_values(prior))
    places = np.asarray(prior.transform.unconstrain(jnp.asarray(values)))
    inside = np.flatnonzero((places > low) & (places < high))
    chosen = inside[:: max(1, math.ceil(len(inside) / LABELS))]
    axis.set_ticks(places[chosen], [f"{value:g}" for value in values[chosen]])
    axis.set_minor_locator(NullLocator())


def round_values(prior: AbstractPrior) -> list[float]:
    """Round values between the bounds of a prior."""
    low, high = (float(bound) for bound in prior.bounds)
    if math.isinf(high):
        return [value for value in POWERS if value > low]
    return [low + (high - low) * share for share in SHARES]


def prior_density(prior: AbstractPrior, places: np.ndarray) -> np.ndarray:
    """The prior's density of some numbers in unconstrained space."""
    return np.exp(np.asarray(prior.unconstrained_log_density(jnp.asarray(places))))


def reach(prior: AbstractPrior, sds: float = 3.0) -> tuple[float, float]:
    """The interval of unconstrained space in which a prior supposes a parameter."""
    mean, sd = float(prior.unconstrained_mean), float(prior.unconstrained_sd)
    return mean - sds * sd, mean + sds * sd


def break_long_name(name: str) -> str:
    """A parameter's name on two lines where it is long, so that it fits over a panel."""
    return name if len(name) < 24 else name.replace(".", ".\n", 1)


FINE = 400
"""Points of a density."""


@boundary
def plot_posteriors(fit: MapFit, *, credible: float = 0.9, axes: Given = None) -> Panels:
    """Draw posteriors against priors, a panel per parameter.

    For one subject the densities of both, in unconstrained space, whose ticks are values. For several, each
    subject's estimate and central interval, in the order of the estimates, over the interval of the prior.

    Parameters
    ----------
    fit
        A fit by MAP.
    credible
        Probability of the intervals.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by name; nothing is shown or saved.
    """
    several = len(fit) > 1
    with style.rules():
        height = min(2.1 + 0.03 * len(fit), 6.0) if several else 2.1
        panels = side_by_side(fit.names, axes, height=height)
        for place, (name, ax) in enumerate(panels.items()):
            prior = fit.agent.priors[name]
            means, widths = (
                np.asarray(fit.posterior.unconstrained)[:, place],
                fit.posterior_sd[:, place],
            )
            if several:
                draw_forest(
                    ax, prior, means, float(norm.ppf(0.5 + credible / 2)) * widths, credible
                )
            else:
                draw_gaussian(ax, prior, float(means[0]), float(widths[0]))
            ax.set_title(break_long_name(name))
        if several:
            panels.axes[0].set_ylabel("subject, by estimate")
        else:
            panels.axes[0].legend(frameon=False, loc="upper left", handlelength=1.0)
    return panels


@boundary
def plot_draws(samples: Samples, *, axes: Given = None) -> Panels:
    """Draw the draws of a sampler against priors, a panel per parameter.

    The density of all chains' draws in unconstrained space, a line per subject; of one subject, a line per
    chain. Chains that do not lie on one another have not converged.

    Parameters
    ----------
    samples
        What a sampler drew.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by name; nothing is shown or saved.
    """
    several = len(samples) > 1
    with style.rules():
        panels = side_by_side(samples.names, axes)
        for place, (name, ax) in enumerate(panels.items()):
            prior = samples.agent.priors[name]
            drawn = samples.unconstrained[..., place]
            series = (
                [drawn[:, :, subject].ravel() for subject in range(drawn.shape[2])]
                if several
                else [chain[:, 0] for chain in drawn]
            )
            draw_densities(ax, prior, series, several=several)
            ax.set_title(break_long_name(name))
        panels.explain_below(2)
    return panels


def draw_prior(ax: Axes, prior: AbstractPrior, low: float, high: float) -> None:
    """The density of a prior."""
    places = np.linspace(low, high, FINE)
    ax.fill_between(places, prior_density(prior, places), color=style.PALE, lw=0, label="prior")


def draw_gaussian(ax: Axes, prior: AbstractPrior, mean: float, deviation: float) -> None:
    """The density of a prior, and a Gaussian posterior's."""
    low, high = reach(prior)
    low, high = min(low, mean - 4 * deviation), max(high, mean + 4 * deviation)
    draw_prior(ax, prior, low, high)
    places = np.union1d(np.linspace(low, high, FINE), mean + deviation * np.linspace(-4, 4, FINE))
    shown = norm.pdf(places, mean, deviation)
    ax.fill_between(places, shown, color=style.BLUE, alpha=0.25, lw=0)
    ax.plot(places, shown, color=style.BLUE, lw=1.2, label="posterior")
    finish_panels(ax, prior, low, high)


def draw_densities(
    ax: Axes, prior: AbstractPrior, series: list[np.ndarray], *, several: bool
) -> None:
    """The density of a prior, and those of the draws of subjects or of chains."""
    every = np.concatenate(series)
    low, high = reach(prior)
    low, high = min(low, every.min()), max(high, every.max())
    draw_prior(ax, prior, low, high)
    label = "posterior, by subject" if several else "posterior, by chain"
    for number, drawn in enumerate(series):
        colour = style.BLUE if several else style.MANY[number % len(style.MANY)]
        said = label if number == 0 else None
        room = 0.2 * np.ptp(drawn)
        if room == 0:
            ax.axvline(drawn[0], color=colour, lw=1.2, label=said)
            continue
        places = np.linspace(drawn.min() - room, drawn.max() + room, FINE)
        alpha = 1.0 if len(series) < 8 else 0.4
        ax.plot(places, gaussian_kde(drawn)(places), color=colour, lw=1.0, alpha=alpha, label=said)
    finish_panels(ax, prior, low, high)


def draw_forest(
    ax: Axes, prior: AbstractPrior, means: np.ndarray, halves: np.ndarray, credible: float
) -> None:
    """Estimates and intervals of all subjects in order, over the interval of the prior."""
    order, rows = np.argsort(means, kind="stable"), np.arange(len(means))
    half = float(norm.ppf(0.5 + credible / 2)) * float(prior.unconstrained_sd)
    centre = float(prior.unconstrained_mean)
    ax.axvspan(centre - half, centre + half, color=style.PALE, alpha=0.6, lw=0, zorder=0)
    ax.axvline(centre, color=style.GREY, lw=0.8, zorder=1)
    ax.hlines(rows, (means - halves)[order], (means + halves)[order], color=style.BLUE, lw=0.9)
    ax.plot(means[order], rows, "o", color=style.BLUE, ms=max(2.0, 4.5 - 0.03 * len(rows)))
    low = min(centre - 1.2 * half, float(np.min(means - halves)))
    high = max(centre + 1.2 * half, float(np.max(means + halves)))
    finish_panels(ax, prior, low, high)


def finish_panels(ax: Axes, prior: AbstractPrior, low: float, high: float) -> None:
    """Limits, and ticks at values."""
    ax.set_xlim(low, high)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    label_with_values(ax.xaxis, prior, low, high)
