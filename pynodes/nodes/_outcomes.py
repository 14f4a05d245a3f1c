"""What nodes of several outcomes share: how many there may be."""

from __future__ import annotations

import numbers
from typing import Any

from pynodes._errors import ParameterError


def check_outcomes(node: Any) -> None:
    """Refuse a number of outcomes that leaves nothing to choose between.

    Raises
    ------
    ParameterError
        Not a whole number of at least two.
    """
    found = node.outcomes
    if isinstance(found, bool) or not isinstance(found, numbers.Integral) or found < 2:
        raise ParameterError(
            f"{type(node).__name__}: outcomes must be a whole number of at least 2, not {found!r}."
        )
    if not isinstance(node.normalised, bool):
        raise ParameterError(
            f"{type(node).__name__}: normalised must be True or False, not {node.normalised!r}."
        )
