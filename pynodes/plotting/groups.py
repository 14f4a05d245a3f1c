"""Groups: estimates of people of several groups side by side, and what the model expects of each group."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import DataError
from pynodes._inference.priors import AbstractPrior
from pynodes.plotting import style
from pynodes.plotting.panels import Given, Panels, side_by_side
from pynodes.plotting.scales import ParameterLabels, label_with_values, name_panel, name_scale

if TYPE_CHECKING:
    from pynodes.fit.group.group_fit import GroupFit
    from pynodes.fit.sampling.samples import Samples

MOST_GROUPS = 8
"""Groups beside one another that can still be read."""

SPREAD = 0.22
"""How far points stand aside of their group's place, so that equal ones can be told apart."""


@boundary
def plot_groups(
    group: GroupFit | Samples, by: str, *, labels: ParameterLabels = None, axes: Given = None
) -> Panels:
    """Draw estimates of people of several groups side by side, a panel per parameter.

    Points are the subjects' estimates, of samples their means. Beside them stand the mean that the model
    expects of the group, and its interval of 90 %: other covariates are taken as the group's own subjects
    have them. Estimates of subjects are drawn to what is expected of them, so that they scatter too little:
    the interval counts.

    Parameters
    ----------
    group
        A fit of a population whose formulas name the group, or samples of one.
    by
        The column that says whose group a subject is of.
    labels
        What to call parameters, by their names.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by name; nothing is shown or saved.

    Raises
    ------
    DataError
        A column that is not there, that changes within a subject, or that has too many groups; samples of
        subjects without a population.
    """
    expect, estimates = read_estimates(group)
    members = find_members(group, by)
    with style.rules():
        panels = side_by_side(group.names, axes, height=2.4)
        for place, (name, ax) in enumerate(panels.items()):
            expected = {label: expect(group, name, subjects) for label, subjects in members.items()}
            prior = group.agent.priors[name]
            draw_members(ax, prior, estimates[:, place], members, expected)
            ax.set_title(name_panel(name, labels, panels))
            ax.set_xlabel(by)
    return panels


def read_estimates(group: GroupFit | Samples) -> tuple[Callable[..., Any], np.ndarray]:
    """What says what is expected of subjects, and their estimates in unconstrained space."""
    from pynodes.fit.group.group_fit import GroupFit, expect_subjects
    from pynodes.fit.sampling.samples import expect_subjects_of_draws

    if isinstance(group, GroupFit):
        return expect_subjects, np.asarray(group.individuals.posterior.unconstrained)
    return expect_subjects_of_draws, group.flat.mean(axis=0)


def find_members(group: GroupFit | Samples, by: str) -> dict[Any, np.ndarray]:
    """Numbers of the subjects of every group, in order of its name.

    Raises
    ------
    DataError
        A column that is not there, that changes within a subject, or that has too many groups.
    """
    from pynodes.fit.data.frames import find_column

    column, owner = find_column(group.trials.columns, by, "by"), group.trials.layout.index[0]
    each: list[Any] = []
    for subject in range(len(group)):
        found = list(dict.fromkeys(column[owner == subject].tolist()))
        if len(found) > 1:
            who = group.trials.label(group.subjects[subject])
            raise DataError(
                f"{by!r} changes within {who}: {found[:3]}. Name a column of groups of people."
            )
        each += found
    kinds = sorted(dict.fromkeys(each), key=str)
    if len(kinds) > MOST_GROUPS:
        raise DataError(
            f"{by!r} has {len(kinds)} groups, of which at most {MOST_GROUPS} can be told apart."
        )
    return {kind: np.flatnonzero([one == kind for one in each]) for kind in kinds}


def draw_members(
    ax: Axes,
    prior: AbstractPrior,
    estimates: np.ndarray,
    members: dict[Any, np.ndarray],
    expected: dict[Any, tuple[float, float, float]],
) -> None:
    """One parameter: a column of points per group, and beside it what is expected of the group."""
    for place, (label, subjects) in enumerate(members.items()):
        colour = style.MANY[place % len(style.MANY)]
        mine = np.sort(estimates[subjects])
        aside = SPREAD * (np.arange(len(mine)) * 0.618 % 1 - 0.5)  # evenly, whatever their number
        ax.plot(place - 0.15 + aside, mine, "o", color=colour, ms=3, mew=0, alpha=0.6)
        middle, low, high = expected[label]
        ax.vlines(place + 0.22, low, high, color=colour, lw=1.6)
        ax.plot(place + 0.22, middle, "D", color=colour, ms=5)
    every = np.concatenate([estimates, np.ravel(list(expected.values()))])
    room = 0.08 * np.ptp(every) or 1.0
    low, high = float(every.min() - room), float(every.max() + room)
    ax.set(xlim=(-0.6, len(members) - 0.4), ylim=(low, high))
    ax.set_xticks(range(len(members)), [f"{label}\n(n = {len(m)})" for label, m in members.items()])
    ax.set_ylabel(name_scale(prior), color=style.GREY)
    label_with_values(ax.yaxis, prior, low, high)
