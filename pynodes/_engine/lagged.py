"""Lagged edges: what children say of a parent's value of the step before, once both have been updated.

A child predicts from what its parent believed after the step before, mean m and variance P, whatever cycles
that makes. Its evidence is about that value, ``x(t-1) = m + c (x(t) - predicted) + rest``, with ``c = gain P
/ predicted variance`` and a rest of variance ``r = P - c^2 predicted variance`` on which no later evidence
depends. With the rest integrated out, a gradient g and a curvature h are ``c g / (1 + h r)`` and
``c^2 h / (1 + h r)`` about x(t), at its prediction.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.program import Program
from pynodes._core.beliefs import alongside
from pynodes._core.messages import Evidence
from pynodes._engine.edges import (
    Beliefs,
    Evident,
    apply_to_group,
    collect_evidence,
    see_parent,
)
from pynodes._engine.gates import Gates
from pynodes._typing import Array, Scalar


def has_lagged(program: Program) -> bool:
    """Whether any edge leads from a value of the step before."""
    return any(bundle.lagged for group in program.schedule.groups for bundle in group.down)


def remember_prediction(program: Program, index: int, belief: Any, before: Any) -> Any:
    """A prediction that knows the belief it came from, where a child hears of that."""
    if not any(bundle.lagged for bundle in program.schedule.groups[index].up):
        return belief
    return dataclasses.replace(belief, remembered=before)


def update_lagged_parents(
    program: Program, beliefs: Mapping[int, Any], informed: Evident, dt: Scalar, gates: Gates
) -> Beliefs:
    """Beliefs once every parent has heard its children of one step later, all at the same time."""
    found = dict(beliefs)
    for index, group in enumerate(program.schedule.groups):
        if not any(bundle.lagged for bundle in group.up):
            continue
        belief = beliefs[index]
        above = see_parent(beliefs, None, index, lagged=True)
        evidence, heard = collect_evidence(
            program, index, beliefs, informed, dt, gates, before=above
        )
        if heard is False:
            continue
        learned = learn(program, index, belief, add_up(evidence, above), dt)
        if heard is not True:
            moved = alongside(heard, belief.mean)
            learned = belief.updated(
                jnp.where(moved, learned.mean, belief.mean),
                jnp.where(moved, learned.variance, belief.variance),
            )
        found[index] = learned
    return found


def add_up(evidence: Any, above: Any) -> Evidence:
    """Value and volatility evidence about one value; of volatility, curvatures that are positive."""
    gradient, curvature = jnp.zeros_like(above.mean), jnp.zeros_like(above.mean)
    if evidence.value is not None:
        gradient, curvature = (
            gradient + evidence.value.gradient,
            curvature + evidence.value.curvature,
        )
    if evidence.volatility is not None:
        sent = evidence.volatility.predicted()
        wide = jnp.ndim(sent.gradient) > jnp.ndim(above.mean)
        positive = jnp.where(sent.curvature > 0, sent.curvature, 0.0)
        gradient = gradient + (jnp.sum(sent.gradient, -1) if wide else sent.gradient)
        curvature = curvature + (jnp.sum(positive, -1) if wide else positive)
    return Evidence(gradient=gradient, curvature=curvature)


def learn(program: Program, index: int, belief: Any, heard: Evidence, dt: Scalar) -> Any:
    """A belief that has heard evidence about the value that it remembers."""
    node = program.nodes[index]

    def gain_of(node: Any) -> Array:
        return jnp.asarray(node.memory_gain(dt)[0], float)

    gain = apply_to_group(program, index, gain_of)(node)
    before, predicted = belief.remembered.variance, belief.predicted_variance
    slope = alongside(gain, before) * before / predicted
    rest = before - slope**2 * predicted
    kept = 1 / (1 + heard.curvature * rest)
    curvature = slope**2 * heard.curvature * kept
    gradient = slope * heard.gradient * kept - curvature * (belief.mean - belief.predicted_mean)
    variance = belief.variance / (1 + belief.variance * curvature)
    return belief.updated(belief.mean + variance * gradient, variance)
