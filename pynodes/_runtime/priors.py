"""Priors: parameters drawn by name, for simulations of what a model supposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import checked_value, parameters_of
from pynodes._core.tracing import traced
from pynodes._errors import ParameterError
from pynodes._typing import Array

Prior = Callable[[Array], Any]
"""Draws a value of a parameter with a key."""


def drawn_from(
    labels: Labels, program: Program, priors: Mapping[str, Prior], key: Array, draws: int
) -> dict[str, Array]:
    """So many values of every parameter that has a prior, by name.

    Raises
    ------
    ParameterError
        Priors that are no functions by name, an unknown name, or draws outside the parameter's range.
    """
    if not isinstance(priors, Mapping) or not all(map(callable, priors.values())):
        raise ParameterError(
            "Give priors as functions of a key by parameter name, as in {'x.tonic_volatility': lambda key: "
            f"jax.random.normal(key)}}, not {priors!r}."
        )
    found: dict[str, Array] = {}
    for (name, prior), own in zip(
        priors.items(), jax.random.split(key, max(len(priors), 1)), strict=False
    ):
        found[name] = jax.vmap(prior)(jax.random.split(own, draws))
        check_drawn(labels, program, name, found[name])
    return found


def check_drawn(labels: Labels, program: Program, name: str, values: Array) -> None:
    """All draws of a parameter are in its range: its extremes are."""
    where = labels.address(name)
    spec = parameters_of(getattr(program, where.section)[where.stack])[where.field]
    if jnp.ndim(values) != 1 + where.rank:
        raise ParameterError(
            f"A draw of {name!r} must have {where.rank} dimensions, not shape {jnp.shape(values)[1:]}."
        )
    if not traced(values):
        for extreme in (np.min(values, axis=0), np.max(values, axis=0)):
            checked_value(f"A draw of {name!r}", where.field, extreme, spec)
