"""Score: what says how well graphs explain some series."""

from __future__ import annotations

import abc

import numpy as np

from pynodes.structure.space import Space


class AbstractScore(abc.ABC):
    """How well the graphs of a space explain some series."""

    space: Space

    @abc.abstractmethod
    def how(self) -> tuple[str, ...]:
        """How every candidate is scored, in words."""

    @abc.abstractmethod
    def evidence(self, masks: np.ndarray) -> np.ndarray:
        """Log evidence of some graphs, of shape (graphs, edges)."""

    @abc.abstractmethod
    def strengths(self, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and variance of every strength in some graphs; NaN where none is integrated."""

    @property
    def failed(self) -> int:
        """Of how many graphs there is no evidence, because the filter fails."""
        return 0
