"""Which cases of a law the command of the README tries; continuous integration tries all of them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest


def few(cases: Iterable[Any], count: int) -> list[Any]:
    """The cases of a law, all but ``count`` of them marked slow: the first, the last, and some between.

    For laws whose cases take the same way through the code with other numbers. A tuple holds the
    values of several names, as ``pytest.mark.parametrize`` takes them.
    """
    cases = list(cases)
    quick = set(np.linspace(0, len(cases) - 1, count).round().astype(int).tolist())
    return [case if at in quick else as_slow(case) for at, case in enumerate(cases)]


def as_slow(case: Any) -> Any:
    """A case that is slow, under the name that it would have anyway."""
    if hasattr(case, "marks"):
        return pytest.param(*case.values, marks=[*case.marks, pytest.mark.slow], id=case.id)
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
