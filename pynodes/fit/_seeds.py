"""Seeds: where chance begins."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynodes._errors import InputError


def check_seed(seed: Any) -> int:
    """A seed: a whole number.

    Raises
    ------
    InputError
        Something else.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed must be a whole number, zero or above, not {seed!r}.")
    return int(seed)
