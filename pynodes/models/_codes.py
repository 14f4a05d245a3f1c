"""Codes: series of whole numbers that say which one of several it was."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynodes._core.tracing import traced
from pynodes._errors import InputError
from pynodes._runtime.series import to_numbers


def checked_codes(name: str, series: Any, count: int) -> Any:
    """A series of codes from 0 to count - 1, NaN where there is none.

    Raises
    ------
    InputError
        Something else.
    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise InputError(f"The number of codes must be a positive whole number, not {count!r}.")
    codes = to_numbers(name, series, ())
    if traced(codes):
        return codes
    wrong = ~np.isnan(codes) & ~((codes >= 0) & (codes < count) & (codes == np.floor(codes)))
    if wrong.any():
        step = int(np.argmax(wrong))
        raise InputError(
            f"{name} is {codes[step]:g} at step {step}, but must hold codes, whole numbers from 0 to "
            f"{count - 1}; NaN where there is none."
        )
    return codes
