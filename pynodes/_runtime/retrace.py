"""Retracing: a step taken again, knowing what came after it.

What the future says about a node is one more likelihood of its value, and it comes from the node
itself one step later: it *is* its own child, through its memory. So a step is retraced with the two
sweeps that took it. Downward every node predicts as before and then takes in its future, so that its
children predict from a better known parent. Upward it hears its children from there, and its
parents hear of all that it learned, future included (docs/theory/smoothing.md).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.program import Program
from pynodes._compiler.wiring import places
from pynodes._core.arithmetic import reciprocal
from pynodes._core.beliefs import Gaussian
from pynodes._core.modules import Module
from pynodes._runtime.edges import Beliefs, Informed, either, heard, inlets, settled
from pynodes._runtime.gates import Seen
from pynodes._runtime.groupwise import each
from pynodes._runtime.sweeps import State
from pynodes._typing import Array, Scalar


class Future(Module):
    """What the steps after this one say about a node, to second order.

    Attributes
    ----------
    point
        The value at which the gradient is taken.
    gradient, curvature
        First derivative of the log likelihood of the future there, and minus the second.
    loud
        Whether anything was learned after this step.
    """

    point: Array
    gradient: Array
    curvature: Array
    loud: Array

    def joined_to(self, belief: Gaussian) -> Gaussian:
        """A prediction that has taken the future in, as a prediction."""
        gradient = self.gradient - self.curvature * (belief.predicted_mean - self.point)
        spread = belief.predicted_variance
        variance = spread * reciprocal(1 + spread * self.curvature)
        mean = belief.predicted_mean + variance * gradient
        return belief.updated(mean, variance).as_prediction()


Futures = tuple[Future | None, ...]
"""The future of every group; None for those that remember nothing."""


def no_future(program: Program, state: State) -> Futures:
    """What is known of the time after the last step: nothing."""

    def nothing(index: int, belief: Any) -> Future:
        still = jnp.zeros_like(belief.mean)
        loud = jnp.zeros(places(program.schedule.groups[index].size, 1), dtype=bool)
        return Future(point=still, gradient=still, curvature=still, loud=loud)

    return tuple(
        None if belief is None else nothing(index, belief) for index, belief in enumerate(state)
    )


class Retraced(Module):
    """A step taken again.

    Attributes
    ----------
    beliefs
        Beliefs after it, given what was seen in it and later; their predictions hold what came
        before, and the parents' futures.
    informed
        Which nodes learned anything in this step or later.
    inlets
        What the parents contributed.
    """

    beliefs: Beliefs
    informed: Informed
    inlets: dict[int, dict[str, Any]]


def retraced(program: Program, before: State, futures: Futures, seen: Seen, dt: Scalar) -> Retraced:
    """The two sweeps, from the beliefs before a step, with what came after it taken in."""
    beliefs: Beliefs = {}
    foretold: Beliefs = {}
    fed: dict[int, dict[str, Any]] = {}
    for index in program.schedule.downward:
        node, future = program.nodes[index], futures[index]
        last = before[index] if node.remembers else each(program, index, type(node).init)(node)
        fed[index] = inlets(program, index, foretold, dt)
        belief = each(program, index, type(node).predict)(node, last, fed[index], dt)
        beliefs[index] = belief
        foretold[index] = belief if future is None else future.joined_to(belief)
    informed: Informed = {}
    for index in program.schedule.upward:
        node, future, belief = program.nodes[index], futures[index], foretold[index]
        beliefs |= settled(program, index, beliefs, dt)
        news, informed[index] = heard(program, index, beliefs | {index: belief}, informed, dt)
        if informed[index] is not False:
            learned = each(program, index, type(node).update)(node, belief, news)
            belief = learned if informed[index] is True else learned.held(informed[index])
        if future is not None:
            informed[index] = either(informed[index], future.loud)
        if index in seen:
            value, observed = seen[index]
            belief = each(program, index, type(node).observe)(node, belief, value, observed)
            informed[index] = either(informed[index], observed)
        beliefs[index] = concluded(beliefs[index], belief)
    return Retraced(beliefs=beliefs, informed=informed, inlets=fed)


def concluded(prediction: Any, posterior: Any) -> Any:
    """A posterior beside the prediction that the node's parents made, its own future left out."""
    if not isinstance(prediction, Gaussian):
        return posterior
    return prediction.updated(posterior.mean, posterior.variance)


def sent_back(program: Program, before: State, step: Retraced, dt: Scalar) -> Futures:
    """What a retraced step says about the one before it."""

    def said(index: int) -> Future:
        node = program.nodes[index]
        rule = each(program, index, remembrance)
        found = rule(node, before[index], step.beliefs[index], step.inlets[index], dt)
        loud = jnp.broadcast_to(step.informed[index], jnp.shape(found.loud))
        return dataclasses.replace(found, loud=loud)

    return tuple(
        said(index) if node.remembers else None for index, node in enumerate(program.nodes)
    )


def remembrance(node: Any, before: Gaussian, after: Gaussian, inlet: Any, dt: Scalar) -> Future:
    """What a node, better known after a step, says about where it was before.

    It says it as a child does to a value parent: what it learned is a likelihood of its value, which
    is widened by all that moved it but its past, and seen through the slope of its memory. Certainty
    is never taken away: a belief that grew less certain than its prediction, as expansions of
    volatility evidence may make it, pulls but has no curvature.
    """
    kept, surplus = node.keeps(dt)
    past = Gaussian(mean=before.mean, variance=surplus * before.variance)
    moved = node.predict(past, inlet, dt).predicted_variance
    learned = 1 - after.variance * reciprocal(after.predicted_variance)
    gain = kept * reciprocal(after.variance + moved * learned)
    curvature = kept * gain * learned
    return Future(
        point=before.mean,
        gradient=gain * (after.mean - after.predicted_mean),
        curvature=jnp.where(curvature > 0, curvature, 0.0),
        loud=jnp.zeros((), dtype=bool),
    )
