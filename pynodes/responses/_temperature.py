"""Temperature: how sharply differences in value turn into differences in choice."""

from __future__ import annotations

from typing import Any

from pynodes._typing import Array, Scalar
from pynodes.responses._fields import Reader
from pynodes.responses._probability import exponential


def sharpness(beliefs: Reader, inverse_temperature: Scalar, log_temperature: str | None) -> Any:
    """The inverse temperature of every trial: a number, lowered by a belief where one is named.

    Source: Diaconescu et al. (2014), doi 10.1371/journal.pcbi.1003810: β = exp(-μ̂₃).
    """
    if log_temperature is None:
        return inverse_temperature
    return inverse_temperature * exponential(-beliefs(log_temperature))


def beside_options(sharp: Any) -> Array | Scalar:
    """An inverse temperature per trial, shaped to multiply values whose last axis is the options."""
    return sharp[..., None] if getattr(sharp, "ndim", 0) else sharp
