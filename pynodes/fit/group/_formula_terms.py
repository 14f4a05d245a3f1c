"""Terms of a formula: names of their columns, and by how much these differ between units."""

from __future__ import annotations

from typing import Any

import numpy as np


def labels_of(term: Any) -> list[str]:
    """Names of the columns of a term: ``group[T.b]`` for what a level differs by from the first one."""
    labels: list[str] = list(term.labels)
    for part in getattr(term, "components", ()):
        if part.kind == "categoric" and not part.spans_intercept:
            labels = [label.replace(f"{part.name}[", f"{part.name}[T.", 1) for label in labels]
    return labels


def size_of(column: np.ndarray, kind: str) -> float:
    """By how much a column differs between units: a step between two groups, or a standard deviation."""
    if kind == "intercept" or not np.isfinite(column).all():
        return 1.0
    if kind == "interaction" and np.any(column):
        column = column[column != 0] if np.unique(column).size > 2 else column
    distinct = np.unique(column)
    size = np.ptp(column) if distinct.size <= 2 else np.std(column)
    return float(size) if size > 0 else 1.0
