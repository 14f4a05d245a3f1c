"""The binary HGF: learning the probability of an outcome, and how fast it changes."""

from __future__ import annotations

from typing import Any

from pynodes._boundary import boundary
from pynodes._graph.graph import Graph
from pynodes._typing import Scalar
from pynodes.couplings import Probability
from pynodes.models._parts import PerLevel, checked_levels, extend_defaults, make_volatility_chain
from pynodes.nodes import BinaryInput


@boundary
def binary_hgf(
    levels: int = 3,
    *,
    tonic_volatility: PerLevel | None = None,
    initial_mean: PerLevel | None = None,
    initial_precision: PerLevel | None = None,
    tonic_drift: PerLevel = 0.0,
    autoconnection: PerLevel = 1.0,
    volatility_strength: PerLevel = 1.0,
    probability_strength: Scalar = 1.0,
    **settings: Any,
) -> Graph:
    """A binary input ``u`` (the first level) under states ``x2``, ``x3``, ...

    ``x2`` is the logit of u; every further state is the volatility parent of the one below.

    Parameters
    ----------
    levels
        Number of levels, the input included; at least 2.
    tonic_volatility, initial_mean, initial_precision
        One value for all states, or one per state, lowest first. The defaults are the prior means of
        ``hgf_binary`` in the TAPAS toolbox: tonic volatilities -3, -6, -6, ..., initial means 0, 1,
        1, ..., initial precisions 10, 1, 1, ...
    tonic_drift, autoconnection
        What a state moves by per unit of time, and the share of its mean that it keeps; one value for all
        states or one per state, lowest first. A state that keeps the share a of its mean and drifts by
        (1 - a) m is drawn to m: the AR(1) models of the TAPAS toolbox, whose φ is 1 - a.
    volatility_strength
        Strength of every volatility coupling, or one per coupling, lowest first (κ).
    probability_strength
        Strength of the coupling from ``x2`` to ``u``.
    settings
        Settings of the graph: ``expansion``, ``marginalise``, ``probability_clip``.

    Raises
    ------
    GraphError
        A number of levels that makes no model, or of values that does not fit.

    Source: Mathys et al. (2011), doi 10.3389/fnhum.2011.00039.

    Examples
    --------
    >>> import pynodes as pn
    >>> pn.models.binary_hgf(levels=3)
    Graph(3 nodes, 2 edges)
    """
    checked_levels(levels, 2)
    names = [f"x{level}" for level in range(2, levels + 1)]
    count = len(names)
    states, edges = make_volatility_chain(
        names,
        volatility_strength,
        tonic_volatility=extend_defaults([-3.0, -6.0], count)
        if tonic_volatility is None
        else tonic_volatility,
        initial_mean=extend_defaults([0.0, 1.0], count) if initial_mean is None else initial_mean,
        initial_precision=extend_defaults([10.0, 1.0], count)
        if initial_precision is None
        else initial_precision,
        tonic_drift=tonic_drift,
        autoconnection=autoconnection,
    )
    first = ("x2", "u", Probability(strength=probability_strength))
    return Graph(**settings).extend({"u": BinaryInput(), **states}, [first, *edges])
