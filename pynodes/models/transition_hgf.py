"""Learning transitions: from every state of the world, the probabilities of what comes next."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._core.modules import is_traced
from pynodes._errors import InputError
from pynodes._graph.graph import Graph
from pynodes._runtime.series import flag_beginnings
from pynodes._typing import AnyArray
from pynodes.couplings import Category
from pynodes.models._parts import (
    PerLevel,
    checked_codes,
    checked_count,
    checked_levels,
    extend_defaults,
    shared_ladder,
)
from pynodes.nodes import CategoricalInput


@boundary
def transition_hgf(
    states: int = 4,
    levels: int = 3,
    *,
    normalised: bool = False,
    tonic_volatility: PerLevel | None = None,
    initial_mean: PerLevel | None = None,
    initial_precision: PerLevel | None = None,
    volatility_strength: PerLevel = 1.0,
    **settings: Any,
) -> Graph:
    """Transition probabilities: a categorical input for each state, a logit for every next state.

    ``u_0``, ``u_1``, ... are what followed state 0, 1, ...; ``x2_0_1`` is the logit of going from 0 to 1;
    ``x3`` is the volatility parent of all logits. In every step one input is observed, that of the state
    that was left: :func:`transition_inputs` turns a series of states into the inputs. Logits of
    transitions that were not observed keep their mean and grow less certain.

    Parameters
    ----------
    states
        Number of states of the world; their codes are 0 to states - 1.
    levels
        Number of levels, the inputs included; at least 2.
    normalised
        Whether the probabilities of what follows a state are one softmax of its logits.
    tonic_volatility, initial_mean, initial_precision
        One value for all levels, or one per level, lowest first; the lowest level's may be a list of one
        per transition, in their order. The defaults are the prior means of
        ``hgf_whatworld`` in the TAPAS toolbox: tonic volatilities -6, -8, -8, ... (-3 in the
        place of -8 there; see :func:`categorical_hgf`); initial means minus
        log(states - 1), then 1; initial precisions 1, then 10.
    volatility_strength
        Strength of every volatility coupling, or one per level, lowest first (κ).
    settings
        Settings of the graph: ``expansion``, ``marginalise``, ``probability_clip``.

    Raises
    ------
    GraphError
        A number of states or levels that makes no model, or of values that does not fit.

    Source: hgf_whatworld of the TAPAS HGF toolbox; docs/theory/categories.md.
    """
    checked_count("states", states)
    checked_levels(levels, 2)
    codes, count = range(states), levels - 1
    ladder, edges = shared_ladder(
        [f"x2_{begin}_{end}" for begin in codes for end in codes],
        [f"x{level}" for level in range(3, levels + 1)],
        volatility_strength,
        tonic_volatility=extend_defaults([-6.0, -8.0], count)
        if tonic_volatility is None
        else tonic_volatility,
        initial_mean=extend_defaults([-math.log(states - 1), 1.0], count)
        if initial_mean is None
        else initial_mean,
        initial_precision=extend_defaults([1.0, 10.0], count)
        if initial_precision is None
        else initial_precision,
    )
    inputs = {
        f"u_{code}": CategoricalInput(outcomes=states, normalised=normalised) for code in codes
    }
    fed = [
        (f"x2_{begin}_{end}", f"u_{begin}", Category(outcome=end))
        for begin in codes
        for end in codes
    ]
    return Graph(**settings).extend({**inputs, **ladder}, [*fed, *edges])


def transition_inputs(
    series: Any, states: int = 4, *, start: int | None = None, by: Any = None
) -> dict[str, AnyArray]:
    """The inputs of :func:`pynodes.models.transition_hgf` for a series of states of the world.

    Parameters
    ----------
    series
        Codes from 0, one per step, of shape (time,); NaN where the state was not seen. Then neither the
        transition to it nor the one from it was.
    states
        Number of states of the world.
    start
        The state before the first step. If it is not given, nothing is learned in the first step.
    by
        Whose every step is, such as a column of subjects, or several columns in a list: the first of each
        is no transition from the last of another. None where all are of one series.

    Returns
    -------
    Series by the name of the input: what followed that state, NaN in all other steps.

    Raises
    ------
    InputError
        Something that is no code, a series of another shape, or no number of states.
    """
    codes = checked_codes("series", series, states)
    array = jnp if is_traced(codes) else np
    if start is not None and not (isinstance(start, int | np.integer) and 0 <= start < states):
        raise InputError(f"start must be a code from 0 to {states - 1}, not {start!r}.")
    first = array.full(1, math.nan if start is None else float(start), codes.dtype)
    before = array.concatenate([first, codes[:-1]])
    before = array.where(flag_beginnings(by, codes.shape[0]), first, before)
    return {f"u_{code}": array.where(before == code, codes, math.nan) for code in range(states)}
