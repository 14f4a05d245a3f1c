"""Scales: axes of parameters, which are in unconstrained space, with ticks at values and the scale's name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import jax.numpy as jnp
import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator, NullLocator

from pynodes._errors import InputError, nearest
from pynodes._inference.priors import AbstractPrior
from pynodes._inference.transforms import Identity, LogTransform

LABELS = 5
"""Ticks of an axis at most, so that their labels do not touch."""

LEAST = 3
"""Ticks of an axis at least, where round values allow it."""

STEPS = ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
"""Leading digits of round values on a logarithmic axis, from many to few; rarer ones are powers of ten."""

SHARES = [0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999]

ParameterLabels = Mapping[str, str] | None
"""What a user calls parameters, by name."""


def name_scale(prior: AbstractPrior) -> str:
    """What an axis of a parameter is in, where its ticks are not evenly spaced; nothing elsewhere."""
    if isinstance(prior.transform, Identity):
        return ""
    return "logarithmic scale" if isinstance(prior.transform, LogTransform) else "logit scale"


def name_unconstrained(prior: AbstractPrior) -> str:
    """What a parameter in unconstrained space is: itself, or its logarithm or logit."""
    if isinstance(prior.transform, Identity):
        return "value"
    return "logarithm" if isinstance(prior.transform, LogTransform) else "logit"


def check_labels(labels: ParameterLabels, known: Iterable[str]) -> None:
    """Labels are for parameters that are there.

    Raises
    ------
    InputError
        One is not.
    """
    for given in labels or {}:
        if given not in known:
            raise InputError(f"labels has {given!r}. {nearest(given, list(known))}")


def name_models(models: tuple[str, ...], labels: ParameterLabels) -> tuple[str, ...]:
    """What models are called: the user's labels, or their names.

    Raises
    ------
    InputError
        A label for a model that is not there.
    """
    check_labels(labels, models)
    return tuple((labels or {}).get(name, name) for name in models)


def name_panel(name: str, labels: ParameterLabels, known: Iterable[str]) -> str:
    """What stands over the panel of a parameter: the user's label, or its name, on two lines if it is long.

    Raises
    ------
    InputError
        A label for a parameter that is not there.
    """
    check_labels(labels, known)
    if labels and name in labels:
        return labels[name]
    return name if len(name) < 24 else name.replace(".", ".\n", 1)


def label_with_values(axis: Axis, prior: AbstractPrior, low: float, high: float) -> None:
    """Ticks of an axis in unconstrained space, at round values, from one number to another."""
    if isinstance(prior.transform, Identity):
        axis.set_major_locator(MaxNLocator(LABELS - 1))
        return
    values = choose_values(prior, low, high)
    places = np.asarray(prior.transform.unconstrain(jnp.asarray(values)))
    axis.set_ticks(places, [f"{value:g}" for value in values])
    axis.set_minor_locator(NullLocator())


def choose_values(prior: AbstractPrior, low: float, high: float) -> np.ndarray:
    """Round values between two numbers in unconstrained space: few, and evenly chosen."""
    least, most = (float(end) for end in prior.transform.constrain(jnp.asarray([low, high])))
    bottom, top = (float(bound) for bound in prior.bounds)
    if math.isinf(top):
        return choose_powers(least, most)
    shares = np.array(SHARES) * (top - bottom) + bottom
    inside = shares[(shares > least) & (shares < most)]
    if len(inside) < LEAST:
        return choose_evenly(least, most)
    return inside[:: math.ceil(len(inside) / LABELS)]


def choose_powers(least: float, most: float) -> np.ndarray:
    """Round values on a logarithmic axis: as many leading digits as there is room for."""
    exponents = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    inside = np.zeros(0)
    for digits in STEPS:
        values = np.array([digit * 10.0**exponent for exponent in exponents for digit in digits])
        inside = values[(values > least) & (values < most)]
        if len(inside) <= LABELS:
            return inside if len(inside) >= LEAST else choose_evenly(least, most)
    return inside[:: math.ceil(len(inside) / LABELS)]


def choose_evenly(least: float, most: float) -> np.ndarray:
    """Round values an even step apart, where the axis is too short for others."""
    values = np.asarray(MaxNLocator(LABELS).tick_values(least, most))
    return values[(values > least) & (values < most)]
