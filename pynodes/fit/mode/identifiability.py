"""Identifiability: along which directions the data say something, and along which next to nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import DataError, quote
from pynodes._results.tables import extra
from pynodes.fit.mode.problems import check_own_prior

if TYPE_CHECKING:
    import pandas

    from pynodes.fit.mode.map_fit import MapFit

FLAT = 0.2
"""Share of the prior's variance that data must take away, lest a direction be called flat."""

ALONE = 0.95
"""Length of a direction's component from which it is said to be of one parameter alone."""

SMALL = 0.15
"""Components below are not spoken of."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Identifiability:
    """Directions in parameter space, and how informative the data are along each.

    Made by ``fit.identifiability()``. Parameters are measured in standard deviations of their priors, in
    which a Gaussian prior alone has curvature one in every direction (docs/theory/evidence.md).

    Attributes
    ----------
    names
        Of the parameters.
    prior_sds
        Standard deviations of their priors, in unconstrained space.
    curvatures
        Of minus the log joint density, along each direction; flattest first.
    directions
        A row for each: orthogonal, of length one.
    """

    names: tuple[str, ...]
    prior_sds: np.ndarray
    curvatures: np.ndarray
    directions: np.ndarray

    @property
    def learned(self) -> np.ndarray:
        """Share of the prior's variance that the data removed, along each direction."""
        return 1 - 1 / np.maximum(self.curvatures, 1.0)

    @property
    def table(self) -> pandas.DataFrame:
        """A row per direction, the flattest first: its curvature, what was learned, and its components.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        columns = {"curvature": self.curvatures, "learned": self.learned}
        parts = dict(zip(self.names, self.directions.T, strict=True))
        return extra("pandas").DataFrame(columns | parts)

    def problems(self) -> list[str]:
        """A sentence for every direction along which the data are uninformative; empty if there is none."""
        return list(describe_flat_directions(self))

    def __repr__(self) -> str:
        count = int((self.learned < FLAT).sum())
        advice = "; see .problems()" * bool(count)
        return f"Identifiability({len(self.names)} directions, {count} flat{advice})"


def analyse_identifiability(fit: MapFit) -> Identifiability:
    """The directions of a fit; of several subjects, those of their mean curvature.

    Raises
    ------
    DataError
        No subject whose search ended at a mode.
    """
    check_own_prior(fit)
    sound = np.asarray(fit.posterior.converged)
    if not sound.any():
        raise DataError(
            "No search ended at a mode, so that there are no directions. See .problems() of the fit."
        )
    sds = np.array([float(prior.unconstrained_sd) for prior in fit.agent.priors.values()])
    hessian = np.asarray(fit.posterior.hessian, float)[sound].mean(axis=0)
    curvatures, columns = np.linalg.eigh(hessian * np.outer(sds, sds))
    return Identifiability(
        names=fit.names, prior_sds=sds, curvatures=curvatures, directions=columns.T
    )


def describe_flat_directions(found: Identifiability) -> Iterator[str]:
    """What is to be said of every flat direction."""
    flat: Any = zip(found.curvatures, found.learned, found.directions, strict=True)
    for curvature, learned, direction in flat:
        if learned >= FLAT:
            return
        share = f"{100 * learned:.0f}% of the prior's variance"
        bent = " (the likelihood even curves the other way)" if curvature < 0.9 else ""
        largest = int(np.argmax(np.abs(direction)))
        if abs(direction[largest]) > ALONE:
            yield (
                f"The data say next to nothing of {found.names[largest]!r}: they took away {share}{bent}. "
                "Fix it, or look for a task in which it matters."
            )
            continue
        moves = direction * found.prior_sds * np.sign(direction[largest])
        changes = [
            f"{name!r} by {move:+.2g}"
            for name, move, part in zip(found.names, moves, direction, strict=True)
            if abs(part) > SMALL
        ]
        yield (
            f"The data cannot tell apart {name_parameters(found, direction)}: to move {', '.join(changes)} "
            f"(in unconstrained space) changes hardly anything, and the data took away {share} "
            f"there{bent}. Only priors hold them apart: fix one."
        )


def name_parameters(found: Identifiability, direction: np.ndarray) -> str:
    """The parameters that a direction mixes, in order of how much."""
    order = [place for place in np.argsort(-np.abs(direction)) if abs(direction[place]) > SMALL]
    return quote([found.names[place] for place in order])
