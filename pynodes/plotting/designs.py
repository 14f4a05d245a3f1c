"""Designs: how precision grows with the number of trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import NullLocator

from pynodes._boundary import boundary
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, side_by_side
from pynodes.plotting.values import short

if TYPE_CHECKING:
    from pynodes.fit.study.study_design import DesignAnalysis


@boundary
def plot_design(found: DesignAnalysis, *, axes: Given = None) -> Panels:
    """Draw the posterior standard deviation to be expected over the number of trials, a panel per parameter.

    The band holds four fifths of simulated subjects; the dotted line is the standard deviation of the prior,
    the dashed one the root mean squared error of the estimates.

    Parameters
    ----------
    found
        Of a design.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by name; nothing is shown or saved.
    """
    trials = np.array(found.trials)
    errors = np.stack(
        [np.asarray(one.posterior.unconstrained) - one.true for one in found.recoveries]
    )
    with style.rules():
        panels = side_by_side(found.agent.names, axes)
        for place, (name, ax) in enumerate(panels.items()):
            prior = found.agent.priors[name]
            low, high = np.quantile(found.posterior_sd[:, :, place], (0.1, 0.9), axis=1)
            ax.fill_between(trials, low, high, color=style.BLUE, alpha=0.2, lw=0)
            ax.plot(
                trials,
                found.expected_sd[name],
                "o-",
                color=style.BLUE,
                ms=3.5,
                lw=1.2,
                label="posterior",
            )
            rmse = np.sqrt((errors[:, :, place] ** 2).mean(axis=1))
            ax.plot(trials, rmse, "--", color=style.ORANGE, lw=1.0, label="error (RMSE)")
            ax.axhline(
                float(prior.unconstrained_sd), color=style.GREY, lw=0.9, ls=":", label="prior"
            )
            ax.set_xscale("log")
            ax.set_xticks(trials, [str(count) for count in found.trials])
            ax.xaxis.set_minor_locator(NullLocator())
            ax.set_ylim(0, None)
            ax.set(title=short(name), xlabel="trials")
        panels.axes[0].set_ylabel("standard deviation")
        panels.explain_below(3)
    return panels
