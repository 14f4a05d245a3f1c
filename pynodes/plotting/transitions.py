"""Transitions: what was expected to follow every state of the world, at some steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import FieldError, quote
from pynodes.nodes import CategoricalInput
from pynodes.plotting import style
from pynodes.plotting.densities import which_steps
from pynodes.plotting.panels import (
    NARROW,
    Given,
    Panels,
    arrange_panels,
    name_sides,
    write_in_cells,
)
from pynodes.plotting.selection import one_run

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


@boundary
def plot_transitions(
    beliefs: Trajectories,
    steps: Sequence[int] | int = 3,
    *,
    inputs: Sequence[str] | None = None,
    states: Sequence[str] | None = None,
    axes: Given = None,
) -> Panels:
    """Draw matrices of transition probabilities as they were predicted at some steps.

    A row for every state that is left, a column for every state that may follow, as in
    :func:`pynodes.models.transition_hgf`.

    Parameters
    ----------
    beliefs
        One run.
    steps
        Which steps; or how many, evenly spaced over the run.
    inputs
        The categorical input for every state that is left, in the order of the states; by default all
        categorical inputs, in the order of the graph.
    states
        Names of the states; by default their codes.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels ``"step 0"`` and so on; nothing is shown or saved.

    Raises
    ------
    FieldError
        A batch of runs, inputs that are not categorical, or not as many as there are states.
    InputError
        A step that the run does not have, or no step at all.
    UnknownNodeError
        A name that the network does not have.
    """
    rows = which_steps(steps, one_run(beliefs))
    probabilities = matrices(beliefs, inputs)
    count = probabilities.shape[-1]
    names = [str(code) for code in range(count)] if states is None else list(states)
    if len(names) != count:
        raise FieldError(f"states must name {count} states, not {len(names)}.")
    titles = {f"step {step}": step for step in rows}
    paper = style.PAPER.get()
    across = max(1, min(len(rows), 4, int(paper / NARROW)))
    side = min((paper - 0.3) / across, 0.55 + 0.42 * count)
    down = -(-len(rows) // across)
    with style.rules():
        size = (side * across + 0.3, (side + 0.25) * down + 0.3)
        panels = arrange_panels(list(titles), axes, size=size, columns=across)
        for title, ax in panels.items():
            ax.imshow(probabilities[titles[title]], cmap="Blues", vmin=0, vmax=1)
            if count <= 6:
                write_in_cells(ax, probabilities[titles[title]])
            name_sides(ax, names, names)
            ax.set_title(title)
        panels.axes[0].set_ylabel("from")
        panels.label_below("to")
    return panels


def matrices(beliefs: Trajectories, inputs: Sequence[str] | None) -> np.ndarray:
    """Predicted probabilities of shape (time, from, to)."""
    kinds = beliefs.labels.graph.nodes
    names = (
        [name for name in beliefs.names if isinstance(kinds[name], CategoricalInput)]
        if inputs is None
        else [inputs]
        if isinstance(inputs, str)
        else list(inputs)
    )
    rows = [np.asarray(beliefs[name].predicted_mean) for name in names]
    wide = [row.shape[1] if row.ndim == 2 else 0 for row in rows]
    if not names or set(wide) != {len(names)}:
        found = dict(zip(names, wide, strict=True))
        raise FieldError(
            f"A matrix of transitions needs a categorical input for every state, each with as many outcomes; "
            f"given were {quote(names)} with {list(found.values())}. Name them with inputs=, or make the "
            "graph with pn.models.transition_hgf."
        )
    return np.stack(rows, axis=1)
