"""Beliefs of one subject under its estimates, with what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError
from pynodes.plotting import style
from pynodes.plotting.beliefs import plot_beliefs
from pynodes.plotting.panels import Panels

if TYPE_CHECKING:
    from pynodes.fit.mode.map_fit import MapFit


@boundary
def plot_subject(fit: MapFit, *, block: int = 0, **options: Any) -> Panels:
    """Draw what one subject believed under its estimates, a panel for every node, and its choices.

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
    from pynodes.fit.agent.arrays import design_arrays

    if len(fit) != 1:
        raise DataError("This draws one subject. Take one of the fit, as in fit['s01'].")
    layout = fit.trials.layout
    rows = np.flatnonzero(layout.index[1] == block)
    if not rows.size:
        raise DataError(f"There is no block {block}: they are 0 to {int(layout.index[1].max())}.")
    network, _ = fit.agent.instantiate(fit.estimates)
    whole = design_arrays(fit.agent.model, fit.trials)
    one = jax.tree.map(lambda leaf: np.asarray(leaf)[0, block, : len(rows)], whole)
    beliefs = fit.agent.model.filter(network, one, None)
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
