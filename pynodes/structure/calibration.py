"""Calibration: how often edges of a reported probability are there, in series simulated from the space."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes.structure.simulate import simulate_series
from pynodes.structure.space import seed_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from pynodes.structure.found import Found

BINS = 10
"""Equal parts of the probabilities from zero to one."""

SURE = 3.0
"""Standard deviations beyond which a deviation is reported."""

FEW = 20
"""Bins with fewer edges are not judged."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """Reported probabilities beside the truth. Made by :meth:`Found.calibrate`.

    Attributes
    ----------
    edges
        Names of the candidates.
    probability, truth
        What searches reported, and whether the edge was there, of shape (simulations, edges).
    redrawn
        How often strengths were drawn anew because their series exploded.
    """

    edges: tuple[str, ...]
    probability: np.ndarray
    truth: np.ndarray
    redrawn: int

    @property
    def table(self) -> pandas.DataFrame:
        """A row per tenth of the probabilities that were reported.

        How many edges, their mean probability, the share that was there, and the standard deviation of that
        share if probabilities are right.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        return extra("pandas").DataFrame(self.bins())

    def bins(self) -> dict[str, np.ndarray]:
        """The columns of the table; bins without edges are left out."""
        probability, truth = self.probability.ravel(), self.truth.ravel()
        place = np.minimum((probability * BINS).astype(int), BINS - 1)
        count = np.bincount(place, minlength=BINS)
        kept = count > 0
        share = 1 / np.maximum(count, 1)
        spread = np.bincount(place, probability * (1 - probability), BINS)
        return {
            "edges": count[kept],
            "reported": (np.bincount(place, probability, BINS) * share)[kept],
            "true": (np.bincount(place, truth, BINS) * share)[kept],
            "sd": (np.sqrt(spread) * share)[kept],
        }

    @property
    def z(self) -> float:
        """Edges that were there beyond those reported, by simulation, in standard errors of their mean.

        Edges of one simulation need not be independent; simulations are.
        """
        excess = np.sum(self.truth - self.probability, axis=1)
        error = np.std(excess, ddof=1) / np.sqrt(len(excess)) if len(excess) > 1 else np.nan
        return float(np.mean(excess) / error) if error > 0 else 0.0

    @boundary
    def false_share(self, threshold: float = 0.5) -> tuple[float, float]:
        """Share of the edges reported at more than a threshold that were not there, and the share promised.

        Parameters
        ----------
        threshold
            Above which probability an edge is reported.
        """
        reported = self.probability > threshold
        if not reported.any():
            return 0.0, 0.0
        return float(1 - self.truth[reported].mean()), float(1 - self.probability[reported].mean())

    @boundary
    def problems(self) -> list[str]:
        """Where reported probabilities are not to be taken at their word, in sentences."""
        found = []
        if abs(self.z) > SURE:
            side = "more" if self.z > 0 else "fewer"
            found.append(f"There are {side} edges than reported (z = {self.z:.1f}).")
        bins = self.bins()
        for count, reported, true, sd in zip(*bins.values(), strict=True):
            if count >= FEW and abs(true - reported) > SURE * max(sd, 1 / count):
                found.append(
                    f"Of {count} edges reported at {reported:.2f} on average, {true:.2f} were there, "
                    f"{abs(true - reported) / max(sd, 1 / count):.1f} standard deviations off."
                )
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how often edges are there over the probabilities that were reported."""
        from pynodes.plotting import plot_edge_calibration

        return plot_edge_calibration(self, ax)

    def __repr__(self) -> str:
        false, promised = self.false_share()
        return (
            f"Calibration({len(self.truth)} simulations, z {self.z:+.2f}; of the edges at more than one half "
            f"{100 * false:.1f} % false, {100 * promised:.1f} % promised)"
        )


def calibrate(found: Found, simulations: int, key: Any, progress: bool | None) -> Calibration:
    """Simulate from the space of a search, search in the same way, and keep what was reported and true."""
    from pynodes.structure.search import search

    space, request, seed = found.space, found.request, seed_of(key)
    count = positive("simulations", simulations)
    truth = space.sample(seed, count)
    probability, redrawn = np.zeros(truth.shape), 0
    with Progress(count, "simulations", progress) as bar:
        for number, mask in enumerate(truth):
            rng = np.random.default_rng([seed, number])
            series, tried = simulate_series(space, mask, request, rng)
            again: Any = search(
                space,
                series,
                key=seed + number,
                dt=request.dt,
                observed=request.observed,
                frozen=request.frozen,
                progress=False,
                **request.settings,
            )
            probability[number] = list(again.edge_probability.values())
            redrawn += tried
            bar.advance()
    return Calibration(space.edges, probability, truth, redrawn)
