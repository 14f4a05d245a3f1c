"""Posteriors beside priors: what the data have added, on axes of a prior's unconstrained space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from scipy.stats import gaussian_kde, norm

from pynodes._boundary import boundary
from pynodes._inference.priors import AbstractPrior
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, side_by_side
from pynodes.plotting.scales import ParameterLabels, label_with_values, name_panel, name_scale

if TYPE_CHECKING:
    from pynodes.fit.mode.map_fit import MapFit
    from pynodes.fit.sampling.samples import Samples


def prior_density(prior: AbstractPrior, places: np.ndarray) -> np.ndarray:
    """The prior's density of some numbers in unconstrained space."""
    return np.exp(np.asarray(prior.unconstrained_log_density(jnp.asarray(places))))


def reach(prior: AbstractPrior, sds: float = 3.0) -> tuple[float, float]:
    """The interval of unconstrained space in which a prior supposes a parameter."""
    mean, sd = float(prior.unconstrained_mean), float(prior.unconstrained_sd)
    return mean - sds * sd, mean + sds * sd


FINE = 400
"""Points of a density."""


@boundary
def plot_posteriors(
    fit: MapFit, *, credible: float = 0.9, labels: ParameterLabels = None, axes: Given = None
) -> Panels:
    """Draw posteriors and priors, a panel per parameter.

    For one subject the densities of both, in unconstrained space: ticks are values, and below stands which
    scale it is. For several, each subject's estimate and central interval, in the order of the estimates,
    over the interval of the prior.

    Parameters
    ----------
    fit
        A fit by MAP.
    credible
        Probability of the intervals.
    labels
        What to call parameters, by their names.
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
            ax.set_title(name_panel(name, labels, panels))
        if several:
            panels.axes[0].set_ylabel("subject, by estimate")
        else:
            panels.axes[0].legend(frameon=False, loc="upper left", handlelength=1.0)
    return panels


@boundary
def plot_draws(samples: Samples, *, labels: ParameterLabels = None, axes: Given = None) -> Panels:
    """Draw the draws of a sampler and the priors, a panel per parameter.

    The density of all chains' draws in unconstrained space, a line per subject; of one subject, a line per
    chain. Chains that do not lie on one another have not converged.

    Parameters
    ----------
    samples
        What a sampler drew.
    labels
        What to call parameters, by their names.
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
            ax.set_title(name_panel(name, labels, panels))
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
    """Limits, ticks at values, and which scale they are on."""
    ax.set_xlim(low, high)
    ax.set_xlabel(name_scale(prior), color=style.GREY)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    label_with_values(ax.xaxis, prior, low, high)
