"""Values: axes in the unconstrained space of a prior, which are labelled with values of the parameter."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator, NullLocator

from pynodes._inference.priors import AbstractPrior
from pynodes._inference.transforms import Identity

LABELS = 5
"""Ticks of an axis at most, so that their labels do not touch."""

POWERS = [m * 10.0**e for e in range(-8, 9) for m in (1.0, 2.0, 5.0)]
SHARES = [0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999]


def label_with_values(axis: Axis, prior: AbstractPrior, low: float, high: float) -> None:
    """Ticks of an axis in unconstrained space, at round values, from one number to another."""
    if isinstance(prior.transform, Identity):
        axis.set_major_locator(MaxNLocator(LABELS - 1))
        return
    values = np.array(round_values(prior))
    places = np.asarray(prior.transform.unconstrain(jnp.asarray(values)))
    inside = np.flatnonzero((places > low) & (places < high))
    chosen = inside[:: max(1, math.ceil(len(inside) / LABELS))]
    axis.set_ticks(places[chosen], [f"{value:g}" for value in values[chosen]])
    axis.set_minor_locator(NullLocator())


def round_values(prior: AbstractPrior) -> list[float]:
    """Round values between the bounds of a prior."""
    low, high = (float(bound) for bound in prior.bounds)
    if math.isinf(high):
        return [value for value in POWERS if value > low]
    return [low + (high - low) * share for share in SHARES]


def density(prior: AbstractPrior, places: np.ndarray) -> np.ndarray:
    """The prior's density of some numbers in unconstrained space."""
    return np.exp(np.asarray(prior.unconstrained_log_density(jnp.asarray(places))))


def reach(prior: AbstractPrior, sds: float = 3.0) -> tuple[float, float]:
    """The interval of unconstrained space in which a prior supposes a parameter."""
    mean, sd = float(prior.unconstrained_mean), float(prior.unconstrained_sd)
    return mean - sds * sd, mean + sds * sd


def short(name: str) -> str:
    """A parameter's name on two lines where it is long, so that it fits over a panel."""
    return name if len(name) < 24 else name.replace(".", ".\n", 1)
