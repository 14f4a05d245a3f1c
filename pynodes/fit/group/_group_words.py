"""What a fit of a group may mislead about, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pynodes._errors import listed
from pynodes.fit.group._group import scatter_covariance

if TYPE_CHECKING:
    from pynodes.fit.group.group_fit import GroupFit

FEW = 5
"""Fewer units, or levels of a factor, say little about how much units differ."""

NARROW = 0.05
"""Share of the population's variance that a unit's data must take away to say anything of the unit."""


def problems(fit: GroupFit) -> list[str]:
    """What went wrong or may mislead, a sentence each."""
    return [*of_search(fit), *of_scatter(fit), *fit.individuals.problems()]


def of_search(fit: GroupFit) -> Iterator[str]:
    """What of the search did not end well."""
    if not fit.found.converged:
        yield (
            f"The fit did not converge: turn {fit.found.turns} still moved something by "
            f"{fit.found.moved:.2g} deviations. Allow for more iterations=, or leave a term or a parameter "
            "out."
        )
    if not scatter_covariance(fit.found)[1]:
        yield (
            "The Hessian of deviations and correlations is not positive definite: data and priors do not fix "
            "all of them. Standard errors and evidence are not to be relied on."
        )


def of_scatter(fit: GroupFit) -> Iterator[str]:
    """What is hardly known of how units and levels differ."""
    if len(fit) < FEW:
        yield (
            f"There are {len(fit)} units: how much they differ is what the priors suppose, more than what "
            "the data say."
        )
    few = [name for name, part in fit.populated.population.grouped.items() if part.levels < FEW]
    if few:
        yield (
            f"The factors of {listed(few)} have fewer than {FEW} levels: how much these differ is what the "
            "priors suppose, more than what the data say. A coefficient for each level says more."
        )
    for name, taken in fit.shrinkage.items():
        if np.max(taken) < NARROW:
            yield (
                f"No unit's data say anything of its own about {name!r}, beyond what all say together: the "
                "estimates of units are what the population expects of them."
            )
