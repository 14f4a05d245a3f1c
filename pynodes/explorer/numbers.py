"""Numbers: many series as one text, which a browser unpacks into typed arrays."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import numpy as np


class Numbers:
    """Series of one length, collected for a page.

    Parameters
    ----------
    steps
        Length of every series.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._series: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._series)

    def add(self, values: Any) -> int:
        """Where a series of shape (time,) stands among the others."""
        self._series.append(np.asarray(values))
        return len(self._series) - 1

    def add_parts(self, values: Any) -> dict[str, Any]:
        """Where the series of an array of shape (time, ...) stand, one for each of its numbers."""
        values = np.asarray(values)
        flat = values.reshape(len(values), -1)
        places = [self.add(flat[:, part]) for part in range(flat.shape[1])]
        return {"series": places, "shape": list(values.shape[1:])}

    @property
    def kind(self) -> str:
        """``"float32"`` if that holds every number just so, else ``"float64"``."""
        small = all(np.can_cast(series.dtype, np.float32, "safe") for series in self._series)
        return "float32" if small else "float64"

    def packed(self) -> str:
        """All series, one after another, bit for bit: bytes of equal rank together, gzip, base64.

        The leading bytes of neighbouring numbers are much alike, and compress well side by side.
        """
        little = np.dtype(self.kind).newbyteorder("<")
        whole = np.zeros((len(self._series), self.steps), dtype=little)
        for place, series in enumerate(self._series):
            whole[place] = series
        ranks = whole.reshape(-1).view(np.uint8).reshape(-1, whole.itemsize).T
        packed = gzip.compress(np.ascontiguousarray(ranks).tobytes(), compresslevel=9, mtime=0)
        return base64.b64encode(packed).decode("ascii")
