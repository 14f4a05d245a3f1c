"""Chains: transitions of the no-U-turn sampler and its warm-up, some of them in one compiled call.

Both are blackjax's: the kernel, Stan's schedule, dual averaging of the step size and the metric of a window.
Its own loop over them runs to the end in one call; this one runs in stretches, so that a run can be shown,
interrupted, written to a checkpoint, and go on bit for bit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._core.modules import Module
from pynodes._results.tables import extra
from pynodes._typing import AnyArray, Array
from pynodes.fit.sampling.target import Whitened

CHUNK = 50
"""Transitions in one compiled call."""

SPREADS = (2.0, 1.0, 0.5, 0.25, 0.0)
"""A chain begins as far from the mode, in posterior standard deviations, as there is a density."""

TRUST = 5.0
"""How many draws the metric before a window is worth beside those in it: it begins at the curvature."""


@contextlib.contextmanager
def permissive_promotion() -> Generator[None]:
    """Lets types and ranks be mixed, as blackjax does, whatever a program has forbidden."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


class TransitionSchedule(Module):
    """What some transitions are for, each of shape (transitions,).

    Attributes
    ----------
    exists
        Whether there is such a transition; the others fill a chunk up.
    warms_up
        Whether the step size is adapted.
    in_window, closes_window
        Whether the metric learns from it, and whether it then changes.
    """

    exists: AnyArray
    warms_up: AnyArray
    in_window: AnyArray
    closes_window: AnyArray

    def chunk(self, number: int) -> TransitionSchedule:
        """The transitions of one chunk, filled up with none."""
        start = number * CHUNK

        def cut(flags: AnyArray) -> AnyArray:
            here = flags[start : start + CHUNK]
            return np.concatenate([here, np.zeros(CHUNK - len(here), bool)])

        return jax.tree.map(cut, self)


def make_schedule(tune: int, draws: int) -> TransitionSchedule:
    """The schedule of a chain: the step size first, then the metric in windows, then the step size again."""
    with permissive_promotion():
        stages = extra("blackjax.adaptation.window_adaptation").build_schedule(tune)
    stages = np.asarray(stages, bool)
    none = np.zeros(draws, bool)
    return TransitionSchedule(
        exists=np.ones(tune + draws, bool),
        warms_up=np.arange(tune + draws) < tune,
        in_window=np.concatenate([stages[:, 0], none]),
        closes_window=np.concatenate([stages[:, 1], none]),
    )


class Chain(Module):
    """Where a chain is, and how it goes on.

    Attributes
    ----------
    state
        Of blackjax's kernel: its place, and the target's log density there with its gradient.
    adaptation
        Of blackjax's warm-up: step size and metric, and what is known about better ones.
    count
        How many transitions it has made.
    """

    state: Any
    adaptation: Any
    count: Array


class DrawRecord(Module):
    """What is kept of transitions, each of shape (transitions, ...).

    Attributes
    ----------
    parameters, hyperparameters
        Of the target at every place.
    stats
        What the sampler notes, by name.
    """

    parameters: Array
    hyperparameters: dict[str, Array]
    stats: dict[str, Array]


@jax.jit
def start_chain(target: Whitened, key: Array) -> Chain:
    """A chain at a random place around the mode, farther out than the posterior reaches."""
    away = jax.random.normal(key, target.mode.shape, target.mode.dtype)
    spreads = jnp.asarray(SPREADS, away.dtype)

    def is_lost(carry: tuple[Array, Array, Array, Array]) -> Array:
        number, _, density, _ = carry
        return ~jnp.isfinite(density) & (number < len(SPREADS))

    def look(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        number = carry[0]
        place = spreads[number] * away
        return number + 1, place, *jax.value_and_grad(target.log_density)(place)

    nothing = jnp.zeros((), jnp.int32), away, jnp.full((), -jnp.inf, away.dtype), away
    _, place, density, gradient = lax.while_loop(is_lost, look, nothing)
    return Chain(
        state=extra("blackjax.mcmc.hmc").HMCState(place, density, gradient),
        adaptation=start_adaptation(place),
        count=jnp.zeros((), jnp.int32),
    )


def start_adaptation(place: Array) -> Any:
    """Where the warm-up begins in places whose variances should be near one."""
    init_step, _, _ = extra("blackjax.adaptation.step_size").dual_averaging_adaptation(0.8)
    init_metric, _, _ = extra("blackjax.adaptation.mass_matrix").mass_matrix_adaptation()
    step = jnp.asarray(place.size**-0.25, place.dtype)
    metric = init_metric(place.size, jnp.ones_like(place))
    state = extra("blackjax.adaptation.window_adaptation").WindowAdaptationState(
        init_step(step), metric, step, metric.inverse_mass_matrix
    )
    return jax.tree.map(lambda leaf: settle_type(leaf, place.dtype), state)


def settle_type(leaf: Any, dtype: Any) -> Array:
    """A number of a state as an array of a type that it keeps: whole, or real as places are."""
    # Whole numbers of 32 bits would make blackjax's step sizes ones of single precision.
    return jnp.asarray(leaf, int if jnp.issubdtype(jnp.result_type(leaf), jnp.integer) else dtype)


def adapt(
    adaptation: Any,
    place: Array,
    acceptance: Array,
    target_acceptance: Array,
    now: TransitionSchedule,
) -> Any:
    """The warm-up after one of its transitions."""
    init_step, update_step, average_step = extra(
        "blackjax.adaptation.step_size"
    ).dual_averaging_adaptation(target_acceptance)
    _, update_metric, close_window = extra(
        "blackjax.adaptation.mass_matrix"
    ).mass_matrix_adaptation(imm_shrinkage_to_previous=TRUST)

    def settle(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: settle_type(leaf, place.dtype), tree)

    steps = settle(update_step(adaptation.ss_state, acceptance))
    metric = lax.cond(
        jnp.asarray(now.in_window),
        lambda: settle(update_metric(adaptation.imm_state, place)),
        lambda: adaptation.imm_state,
    )
    steps, metric = lax.cond(
        jnp.asarray(now.closes_window),
        lambda: settle((init_step(average_step(steps)), close_window(metric))),
        lambda: (steps, metric),
    )
    return type(adaptation)(steps, metric, jnp.exp(steps.log_step_size), metric.inverse_mass_matrix)


@partial(jax.jit, static_argnames="max_doublings")
def advance_chain(
    target: Whitened,
    chain: Chain,
    key: Array,
    schedule: TransitionSchedule,
    target_acceptance: Array,
    *,
    max_doublings: int,
) -> tuple[Chain, DrawRecord]:
    """A chain after some more transitions, and what is kept of them.

    A transition's chance depends on the chain's key and its own number alone, not on how transitions
    are divided into calls.

    Parameters
    ----------
    target
        The density.
    chain
        Where it is.
    key
        The chain's random key.
    schedule
        What the transitions are for.
    target_acceptance
        The acceptance rate for which the step size is adapted.
    max_doublings
        How often a trajectory is doubled at most.
    """

    def step(chain: Chain, now: TransitionSchedule) -> tuple[Chain, DrawRecord]:
        fresh = jax.random.fold_in(key, chain.count)
        averaged = jnp.exp(chain.adaptation.ss_state.log_step_size_avg)
        size = jnp.where(now.warms_up, chain.adaptation.step_size, averaged)
        state, stats = make_transition(target, chain, fresh, size, max_doublings)
        adaptation = lax.cond(
            now.warms_up,
            lambda: adapt(
                chain.adaptation, state.position, stats["acceptance_rate"], target_acceptance, now
            ),
            lambda: chain.adaptation,
        )
        moved = Chain(state=state, adaptation=adaptation, count=chain.count + 1)
        return moved, record_draw(target, state.position, stats)

    def step_if_any(chain: Chain, now: TransitionSchedule) -> tuple[Chain, DrawRecord]:
        nothing = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(step, chain, now)[1]
        )
        return lax.cond(now.exists, lambda: step(chain, now), lambda: (chain, nothing))

    return lax.scan(step_if_any, chain, schedule)


def make_transition(
    target: Whitened, chain: Chain, key: Array, size: Array, max_doublings: int
) -> tuple[Any, dict[str, Array]]:
    """The state of a chain after one transition, and what the sampler notes of it."""
    state, info = extra("blackjax.mcmc.nuts").build_kernel()(
        key,
        chain.state,
        target.log_density,
        size,
        chain.adaptation.inverse_mass_matrix,
        max_num_doublings=max_doublings,
    )
    return state, {
        "lp": state.logdensity,
        "acceptance_rate": info.acceptance_rate,
        "diverging": info.is_divergent,
        "energy": info.energy,
        "tree_depth": info.num_trajectory_expansions,
        "n_steps": info.num_integration_steps,
        "step_size": size,
    }


def record_draw(target: Whitened, place: Array, stats: dict[str, Array]) -> DrawRecord:
    """What is kept of a transition that ended at a place."""
    return DrawRecord(
        parameters=target.parameters(place),
        hyperparameters=target.hyperparameters(place),
        stats=stats,
    )
