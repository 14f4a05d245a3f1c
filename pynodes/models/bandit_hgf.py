"""Bandits: several arms, of which the reward of the chosen one is seen."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._core.modules import is_traced
from pynodes._errors import GraphError, InputError
from pynodes._graph.graph import Graph
from pynodes._runtime.series import to_numbers
from pynodes._typing import AnyArray, Scalar
from pynodes.couplings import Observation, Probability
from pynodes.models._parts import (
    PerLevel,
    checked_codes,
    checked_count,
    checked_levels,
    extend_defaults,
    shared_ladder,
)
from pynodes.nodes import BinaryInput, ContinuousInput

REWARDS = ("binary", "continuous")


@boundary
def bandit_hgf(
    arms: int = 3,
    levels: int | None = None,
    *,
    rewards: str = "binary",
    coupled: bool = False,
    reward_precision: Scalar = 1.0,
    tonic_volatility: PerLevel | None = None,
    initial_mean: PerLevel | None = None,
    initial_precision: PerLevel | None = None,
    volatility_strength: PerLevel = 1.0,
    value_strength: Scalar = 1.0,
    autoconnection: PerLevel = 1.0,
    attractor: PerLevel = 0.0,
    **settings: Any,
) -> Graph:
    """A reward input and a value state for each arm of a bandit, and shared volatility parents.

    ``u_0``, ``u_1``, ... are the rewards. Binary ones have logits ``x2_0``, ``x2_1``, ... under ``x3``,
    ``x4``, ...; continuous ones have means ``x1_0``, ``x1_1``, ... under ``x2``, ``x3``, ... In every step
    one arm is observed (:func:`bandit_inputs`); what the others are worth keeps drifting unseen.

    Parameters
    ----------
    arms
        Number of arms; their codes are 0 to arms - 1.
    levels
        Number of levels, the highest state's number; by default 3 for binary rewards, else 2.
    rewards
        ``"binary"`` or ``"continuous"``.
    coupled
        Whether two arms with binary rewards pay against each other: one state ``x2`` is the logit of the
        first arm and minus that of the second.
    reward_precision
        Precision of a continuous reward around what the arm is worth.
    tonic_volatility, initial_mean, initial_precision
        One value for all levels of states, or one per level, lowest first; the lowest level's may be a list
        of one per arm. By default -3 below -6, 0 below 1, and 10 below 1 for binary rewards; -4, 0 below
        1, and 1 for continuous ones.
    volatility_strength
        Strength of every volatility coupling, or one per level, lowest first (κ).
    value_strength
        Strength of the couplings into the inputs.
    autoconnection, attractor
        What a state keeps of its mean per step, and where it is drawn otherwise; one value for all
        levels or one per level, lowest first. In the words of TAPAS, 1 - φ and m.
    settings
        Settings of the graph: ``expansion``, ``marginalise``, ``probability_clip``.

    Raises
    ------
    GraphError
        A number of arms or levels that makes no model, or of values that does not fit; rewards of
        another kind; coupled arms that are not two or whose rewards are not binary.

    Source: hgf_binary_mab, hgf_ar1_binary_mab and hgf_ar1_mab of the TAPAS HGF toolbox, which couple
    two arms by mirroring their means only; docs/theory/categories.md.
    """
    checked_count("arms", arms, 1)
    if rewards not in REWARDS:
        raise GraphError(f"rewards must be 'binary' or 'continuous', not {rewards!r}.")
    if coupled and (arms != 2 or rewards != "binary"):
        raise GraphError(
            f"Only two arms with binary rewards can be coupled, not {arms} with {rewards} rewards."
        )
    lowest = 2 if rewards == "binary" else 1
    levels = lowest + 1 if levels is None else levels
    checked_levels(levels, lowest)
    count = levels - lowest + 1
    worth = [f"x{lowest}"] if coupled else [f"x{lowest}_{arm}" for arm in range(arms)]
    usual = ([-3.0, -6.0], [10.0, 1.0]) if rewards == "binary" else ([-4.0], [1.0])
    states, edges = shared_ladder(
        worth,
        [f"x{level}" for level in range(lowest + 1, levels + 1)],
        volatility_strength,
        tonic_volatility=extend_defaults(usual[0], count)
        if tonic_volatility is None
        else tonic_volatility,
        initial_mean=extend_defaults([0.0, 1.0], count) if initial_mean is None else initial_mean,
        initial_precision=extend_defaults(usual[1], count)
        if initial_precision is None
        else initial_precision,
        autoconnection=autoconnection,
        attractor=attractor,
    )
    binary = rewards == "binary"
    pays = BinaryInput() if binary else ContinuousInput(precision=reward_precision)
    signs = [1.0, -1.0] if coupled else [1.0] * arms
    fed = [
        (
            worth[0] if coupled else worth[arm],
            f"u_{arm}",
            (Probability if binary else Observation)(strength=sign * value_strength),
        )
        for arm, sign in enumerate(signs)
    ]
    nodes = {**{f"u_{arm}": pays for arm in range(arms)}, **states}
    return Graph(**settings).extend(nodes, [*fed, *edges])


def bandit_inputs(choices: Any, rewards: Any, arms: int = 3) -> dict[str, AnyArray]:
    """Inputs of :func:`pynodes.models.bandit_hgf` from choices and rewards.

    Parameters
    ----------
    choices
        Codes of the chosen arms, from 0, of shape (time,); NaN where none was chosen.
    rewards
        What the chosen arm paid, of shape (time,); NaN where it was not seen.
    arms
        Number of arms.

    Returns
    -------
    Series by the name of the input: the reward where the arm was chosen, NaN elsewhere.

    Raises
    ------
    InputError
        Something that is no code, or series of different lengths.
    """
    codes, paid = checked_codes("choices", choices, arms), to_numbers("rewards", rewards, ())
    if codes.shape != paid.shape:
        raise InputError(
            f"There are {codes.shape[0]} choices but {paid.shape[0]} rewards; give one each per step."
        )
    array = jnp if is_traced((codes, paid)) else np
    return {f"u_{arm}": array.where(codes == arm, paid, math.nan) for arm in range(arms)}
