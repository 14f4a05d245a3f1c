"""The continuous HGF: tracking a quantity, and how fast it changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import GraphError
from pynodes._graph.graph import Graph
from pynodes._typing import Scalar
from pynodes.couplings import Observation
from pynodes.models._parts import PerLevel, checked_levels, extend_defaults, make_volatility_chain
from pynodes.nodes import ContinuousInput


@boundary
def continuous_hgf(
    levels: int = 2,
    *,
    input_precision: Scalar = 1.0,
    tonic_volatility: PerLevel | None = None,
    initial_mean: PerLevel | None = None,
    initial_precision: PerLevel | None = None,
    tonic_drift: PerLevel = 0.0,
    autoconnection: PerLevel = 1.0,
    volatility_strength: PerLevel = 1.0,
    **settings: Any,
) -> Graph:
    """A continuous input ``u`` under states ``x1``, ``x2``, ...

    ``x1`` is what is observed; every further state is the volatility parent of the one below.
    :func:`scaled_to` gives parameters that suit the units of a series.

    Parameters
    ----------
    levels
        Number of states; at least 1.
    input_precision
        Precision of an observation, in inverse squared units of the data (π_u).
    tonic_volatility, initial_mean, initial_precision
        One value for all states, or one per state, lowest first; by default -4, 0 for the first
        and 1 above, and 1.
    tonic_drift, autoconnection
        What a state moves by per unit of time, and the share of its mean that it keeps; one value for all
        states or one per state, lowest first. A state that keeps the share a of its mean and drifts by
        (1 - a) m is drawn to m: the AR(1) models of the TAPAS toolbox, whose φ is 1 - a.
    volatility_strength
        Strength of every volatility coupling, or one per coupling, lowest first (κ).
    settings
        Settings of the graph: ``expansion``, ``marginalise``, ``probability_clip``.

    Raises
    ------
    GraphError
        A number of levels that makes no model, or of values that does not fit.

    Source: Mathys et al. (2014), doi 10.3389/fnhum.2014.00825.
    """
    checked_levels(levels, 1)
    names = [f"x{level}" for level in range(1, levels + 1)]
    states, edges = make_volatility_chain(
        names,
        volatility_strength,
        tonic_volatility=-4.0 if tonic_volatility is None else tonic_volatility,
        initial_mean=extend_defaults([0.0, 1.0], levels) if initial_mean is None else initial_mean,
        initial_precision=1.0 if initial_precision is None else initial_precision,
        tonic_drift=tonic_drift,
        autoconnection=autoconnection,
    )
    first = ("x1", "u", Observation())
    nodes = {"u": ContinuousInput(precision=input_precision), **states}
    return Graph(**settings).extend(nodes, [first, *edges])


def scaled_to(series: Any, levels: int = 2) -> dict[str, Any]:
    """Parameters of :func:`pynodes.models.continuous_hgf` in the units of a series.

    As the TAPAS toolbox places its priors: the first state starts at the first value, with the
    variance v of the first twenty; it moves by about v per step, and observations have precision
    1/v. Higher states start at 1 with variance 0.1 and log volatility -4.

    Parameters
    ----------
    series
        Observations; NaN where missing.
    levels
        Number of states.

    Returns
    -------
    Keyword arguments for :func:`pynodes.models.continuous_hgf`.

    Raises
    ------
    GraphError
        Fewer than two different values among the first twenty that are there.
    """
    values = np.asarray(series, dtype=float)
    early = values[np.isfinite(values)][:20]
    variance = float(np.var(early)) if early.size else 0.0
    if variance == 0:
        raise GraphError(
            "The series shows no variance in its first twenty values, so it gives no scale."
        )
    return {
        "levels": levels,
        "input_precision": 1 / variance,
        "tonic_volatility": extend_defaults([float(np.log(variance)), -4.0], levels),
        "initial_mean": extend_defaults([float(early[0]), 1.0], levels),
        "initial_precision": extend_defaults([1 / variance, 10.0], levels),
    }
