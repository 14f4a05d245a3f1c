"""Thinning: fewer points for a line, none of them an extreme that mattered."""

from __future__ import annotations

import itertools

import numpy as np

MOST = 4000
"""Points of a line that is not thinned; more than a page can tell apart."""


def thinned(series: np.ndarray, spread: np.ndarray | None = None) -> np.ndarray:
    """Indices that draw a series, with its highest and lowest point in every bin kept.

    Parameters
    ----------
    series
        Values over time.
    spread
        Half-width of a band around them, whose extremes are kept as well.
    """
    steps = len(series)
    if steps <= MOST:
        return np.arange(steps)
    bands = [series] if spread is None else [series - spread, series, series + spread]
    bins = MOST // (2 * len(bands))
    edges = np.linspace(0, steps, bins + 1).astype(int)
    kept = {0, steps - 1}
    for start, stop in itertools.pairwise(edges):
        for band in bands:
            part = band[start:stop]
            if np.isfinite(part).any():
                kept |= {start + int(np.nanargmin(part)), start + int(np.nanargmax(part))}
            else:
                kept.add(int(start))  # or the line would run straight across the gap
    return np.array(sorted(kept))
