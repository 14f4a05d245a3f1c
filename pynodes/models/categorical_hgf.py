"""The categorical HGF: learning the probabilities of several outcomes, and how fast they change."""

from __future__ import annotations

import math
from typing import Any

from pynodes._boundary import boundary
from pynodes._graph.graph import Graph
from pynodes.couplings import Category
from pynodes.models._parts import (
    PerLevel,
    checked_count,
    checked_levels,
    extend_defaults,
    shared_ladder,
)
from pynodes.nodes import CategoricalInput


@boundary
def categorical_hgf(
    outcomes: int = 3,
    levels: int = 3,
    *,
    normalised: bool = False,
    tonic_volatility: PerLevel | None = None,
    initial_mean: PerLevel | None = None,
    initial_precision: PerLevel | None = None,
    volatility_strength: PerLevel = 1.0,
    **settings: Any,
) -> Graph:
    """A categorical input ``u`` under a state for the logit of each outcome, and volatility parents.

    ``x2_0``, ``x2_1``, ... are the logits, ``x3`` is the volatility parent of all of them, and every
    further state that of the one below.

    Parameters
    ----------
    outcomes
        Number of outcomes; their codes are 0 to outcomes - 1.
    levels
        Number of levels, the input included; at least 2.
    normalised
        Whether the probabilities are one softmax of the logits, rather than a sigmoid of each.
    tonic_volatility, initial_mean, initial_precision
        One value for all levels of states, or one per level, lowest first; the lowest level's may be a list
        of one per outcome. The defaults are the prior means of ``hgf_categorical`` in the TAPAS toolbox:
        tonic volatilities -4, -6, -6, ...; initial means minus log(outcomes - 1), then 1; initial
        precisions 1, then 10. (The toolbox has -3, a variance of 0.05, in the place of -6, with which a
        parent of several logits runs away under Unbounded: docs/theory/categories.md.)
    volatility_strength
        Strength of every volatility coupling, or one per level, lowest first (κ).
    settings
        Settings of the graph: ``expansion``, ``marginalise``, ``probability_clip``.

    Raises
    ------
    GraphError
        A number of outcomes or levels that makes no model, or of values that does not fit.

    Source: hgf_categorical and hgf_categorical_norm of the TAPAS HGF toolbox; docs/theory/categories.md.
    """
    checked_count("outcomes", outcomes)
    checked_levels(levels, 2)
    logits, count = [f"x2_{code}" for code in range(outcomes)], levels - 1
    states, edges = shared_ladder(
        logits,
        [f"x{level}" for level in range(3, levels + 1)],
        volatility_strength,
        tonic_volatility=extend_defaults([-4.0, -6.0], count)
        if tonic_volatility is None
        else tonic_volatility,
        initial_mean=extend_defaults([-math.log(outcomes - 1), 1.0], count)
        if initial_mean is None
        else initial_mean,
        initial_precision=extend_defaults([1.0, 10.0], count)
        if initial_precision is None
        else initial_precision,
    )
    nodes = {"u": CategoricalInput(outcomes=outcomes, normalised=normalised), **states}
    fed = [(name, "u", Category(outcome=code)) for code, name in enumerate(logits)]
    return Graph(**settings).extend(nodes, [*fed, *edges])
