"""Stages: what every transition of a chain is for, from its first to its last."""

from __future__ import annotations

import numpy as np

from pynodes._core.modules import Module
from pynodes._typing import AnyArray

FIRST, LAST = 75, 50
"""Most transitions before the first and after the last window."""

SHORTEST = 25
"""Transitions of the first window; every later one is twice as long."""


class Stages(Module):
    """What some transitions are for, each of shape (transitions,).

    Attributes
    ----------
    counts
        Whether there is such a transition; the others fill a chunk up.
    tunes
        Whether the step size is tuned.
    collects
        Whether the metric's window hears of it.
    closes
        Whether a window ends with it.
    """

    counts: AnyArray
    tunes: AnyArray
    collects: AnyArray
    closes: AnyArray

    def part(self, start: int, length: int) -> Stages:
        """So many from some place on, filled up with none."""

        def cut(flags: AnyArray) -> AnyArray:
            here = flags[start : start + length]
            return np.concatenate([here, np.zeros(length - len(here), bool)])

        return Stages(
            counts=cut(self.counts),
            tunes=cut(self.tunes),
            collects=cut(self.collects),
            closes=cut(self.closes),
        )


def staged(tune: int, draws: int) -> Stages:
    """The stages of a chain: the step size first, then the metric in windows, then the step size again.

    Source: the Stan reference manual, "Automatic parameter tuning".
    """
    place = np.arange(tune + draws)
    first, last = min(FIRST, tune * 15 // 100), min(LAST, tune // 10)
    closes = np.zeros(tune + draws, bool)
    closes[window_ends(first, tune - last)] = True
    return Stages(
        counts=np.ones(tune + draws, bool),
        tunes=place < tune,
        collects=(place >= first) & (place < tune - last),
        closes=closes,
    )


def window_ends(start: int, stop: int) -> list[int]:
    """Last transitions of windows that fill a stretch, each twice as long as the one before."""
    ends: list[int] = []
    length = SHORTEST
    while start < stop:
        # A window too short to be followed by a longer one takes what is left.
        end = start + length if start + 3 * length <= stop else stop
        ends.append(end - 1)
        start, length = end, 2 * length
    return ends
