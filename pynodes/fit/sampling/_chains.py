"""Chains: transitions of the no-U-turn sampler, some of them in one compiled call."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._core.modules import Module
from pynodes._results.tables import extra
from pynodes._typing import Array
from pynodes.fit.sampling._stages import Stages
from pynodes.fit.sampling._tuning import Tuning, tuned, untuned
from pynodes.fit.sampling.target import Whitened

CHUNK = 50
"""Transitions in one compiled call."""

SPREADS = (2.0, 1.0, 0.5, 0.25, 0.0)
"""A chain begins as far from the mode, in posterior standard deviations, as there is a density."""


class Chain(Module):
    """Where a chain is, and how it goes on.

    Attributes
    ----------
    place, density, gradient
        Its place, and the target's log density there with its gradient.
    tuning
        Step size and metric.
    count
        How many transitions it has made.
    """

    place: Array
    density: Array
    gradient: Array
    tuning: Tuning
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

    def looks_on(carry: tuple[Array, Array, Array, Array]) -> Array:
        number, _, density, _ = carry
        return ~jnp.isfinite(density) & (number < len(SPREADS))

    def look(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        number = carry[0]
        place = spreads[number] * away
        return number + 1, place, *jax.value_and_grad(target.log_density)(place)

    nothing = jnp.zeros((), jnp.int32), away, jnp.full((), -jnp.inf, away.dtype), away
    _, place, density, gradient = lax.while_loop(looks_on, look, nothing)
    return Chain(
        place=place,
        density=density,
        gradient=gradient,
        tuning=untuned(place),
        count=jnp.zeros((), jnp.int32),
    )


@partial(jax.jit, static_argnames="deepest")
def advance_chain(
    target: Whitened,
    chain: Chain,
    key: Array,
    stages: Stages,
    acceptance: Array,
    *,
    deepest: int,
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
    stages
        What the transitions are for.
    acceptance
        The acceptance rate for which the step size is tuned.
    deepest
        How often a trajectory is doubled at most.
    """

    def one(chain: Chain, stage: Stages) -> tuple[Chain, DrawRecord]:
        fresh = jax.random.fold_in(key, chain.count)
        size = jnp.exp(jnp.where(stage.tunes, chain.tuning.step, chain.tuning.average))
        moved, stats = transition(target, chain, fresh, size, deepest)
        tuning = lax.cond(
            stage.tunes,
            lambda: tuned(
                chain.tuning,
                moved.place,
                stats["acceptance_rate"],
                acceptance,
                jnp.asarray(stage.collects),
                jnp.asarray(stage.closes),
            ),
            lambda: chain.tuning,
        )
        kept = record_draw(target, moved.place, stats)
        return dataclasses.replace(moved, tuning=tuning, count=chain.count + 1), kept

    def maybe(chain: Chain, stage: Stages) -> tuple[Chain, DrawRecord]:
        nothing = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(one, chain, stage)[1]
        )
        return lax.cond(stage.counts, lambda: one(chain, stage), lambda: (chain, nothing))

    return lax.scan(maybe, chain, stages)


def transition(
    target: Whitened, chain: Chain, key: Array, step: Array, deepest: int
) -> tuple[Chain, dict[str, Array]]:
    """A chain after one transition, and what the sampler notes of it."""
    hmc, nuts = extra("blackjax.mcmc.hmc"), extra("blackjax.mcmc.nuts")
    state: Any = hmc.HMCState(chain.place, chain.density, chain.gradient)
    state, info = nuts.build_kernel()(
        key, state, target.log_density, step, chain.tuning.metric, max_num_doublings=deepest
    )
    moved = dataclasses.replace(
        chain,
        place=state.position,
        density=state.logdensity,
        gradient=state.logdensity_grad,
    )
    stats = {
        "lp": state.logdensity,
        "acceptance_rate": info.acceptance_rate,
        "diverging": info.is_divergent,
        "energy": info.energy,
        "tree_depth": info.num_trajectory_expansions,
        "n_steps": info.num_integration_steps,
        "step_size": step,
    }
    return moved, stats


def record_draw(target: Whitened, place: Array, stats: dict[str, Array]) -> DrawRecord:
    """What is kept of a transition that ended at a place."""
    return DrawRecord(
        parameters=target.parameters(place),
        hyperparameters=target.hyperparameters(place),
        stats=stats,
    )
