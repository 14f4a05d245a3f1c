"""The jget model: tracking a quantity and the noise with which it is observed."""

from __future__ import annotations

import math
from typing import Any

from pynodes._boundary import boundary
from pynodes._graph.graph import Graph
from pynodes._typing import Scalar
from pynodes.couplings import Noise, Observation
from pynodes.models._parts import PerLevel, checked_levels, make_volatility_chain
from pynodes.nodes import ConstantState, ContinuousInput

WITHOUT_RUNAWAY = "unbounded"
"""The expansion unless one is named: Enhanced loses a noise that may change fast."""


@boundary
def jget(
    levels: int = 2,
    *,
    tonic_volatility: PerLevel = -4.0,
    noise_tonic_volatility: PerLevel = -4.0,
    initial_mean: PerLevel = 0.0,
    noise_initial_mean: PerLevel = 0.0,
    initial_precision: PerLevel = 1.0,
    noise_initial_precision: PerLevel = 1.0,
    volatility_strength: PerLevel = 1.0,
    noise_volatility_strength: PerLevel = 1.0,
    noise_strength: Scalar = 1.0,
    tonic_noise: Scalar | None = None,
    **settings: Any,
) -> Graph:
    """Jumping Gaussian estimation: an input ``u`` whose mean and noise have a hierarchy of states each.

    ``x1``, ``x2``, ... track the mean, ``a1``, ``a2``, ... the log variance of the noise; every further
    state is the volatility parent of the one below. The input has no fixed noise.

    Parameters
    ----------
    levels
        Number of states in each hierarchy; at least 1.
    tonic_volatility, initial_mean, initial_precision, volatility_strength
        Of the x states: one value for all, or one per level, lowest first.
    noise_tonic_volatility, noise_initial_mean, noise_initial_precision, noise_volatility_strength
        Of the a states, likewise.
    noise_strength
        Strength of the coupling from ``a1`` to ``u``.
    tonic_noise
        Log noise variance that is always there: the strength of a coupling from a constant ``bias``
        to ``u``, which is added if this is given.
    settings
        Settings of the graph: ``expansion``, ``marginalise``, ``probability_clip``. The expansion is
        Unbounded unless they name one: Enhanced loses a noise that may change fast
        (docs/theory/expansions.md).

    Raises
    ------
    GraphError
        A number of levels that makes no model, or of values that does not fit.

    Source: the jget models of the TAPAS toolbox ("jumping Gaussian estimation task").
    """
    checked_levels(levels, 1)
    numbers = range(1, levels + 1)
    means = make_volatility_chain(
        [f"x{n}" for n in numbers],
        volatility_strength,
        tonic_volatility=tonic_volatility,
        initial_mean=initial_mean,
        initial_precision=initial_precision,
    )
    noises = make_volatility_chain(
        [f"a{n}" for n in numbers],
        noise_volatility_strength,
        tonic_volatility=noise_tonic_volatility,
        initial_mean=noise_initial_mean,
        initial_precision=noise_initial_precision,
    )
    nodes: dict[str, Any] = {"u": ContinuousInput(precision=math.inf), **means[0], **noises[0]}
    edges: list[Any] = [("x1", "u", Observation()), ("a1", "u", Noise(strength=noise_strength))]
    if tonic_noise is not None:
        nodes["bias"] = ConstantState()
        edges.append(("bias", "u", Noise(strength=tonic_noise)))
    settings = {"expansion": WITHOUT_RUNAWAY} | settings
    return Graph(**settings).extend(nodes, [*edges, *means[1], *noises[1]])
