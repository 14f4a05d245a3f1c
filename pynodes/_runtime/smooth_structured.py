"""Smoothing under Structured: a step taken back on the joint belief of parents and children.

Given where a parent is *after* the step, everything before it is jointly Gaussian: where the
parent was, where its children were, and where they are now. So the smoother of Rauch, Tung and Striebel is
applied at a few places of the parent, and what it finds there is summarised as the filter's beliefs are: by
mean and variance, and by the conditional of every child. Derived in docs/theory/structured.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.program import Bundle, Program, Wiring
from pynodes._core.arithmetic import reciprocal, root
from pynodes._core.beliefs import Gaussian
from pynodes._core.modules import Module
from pynodes._core.structured import (
    LEAN,
    Conditional,
    ConditionalPrediction,
    Neighbourhood,
    Places,
    QuadratureRule,
    Structure,
    average_nodes,
    lean_of,
    reach_of,
)
from pynodes._core.value_conditionals import LinearPrediction
from pynodes._engine import sweeps
from pynodes._engine.bundles import gather_parents, lay_of_children, node_gain, over_edges
from pynodes._engine.edges import Beliefs
from pynodes._engine.loop import Now
from pynodes._engine.sweeps import State
from pynodes._typing import Array

Ties = tuple[Conditional, ConditionalPrediction | LinearPrediction, Conditional]
"""A child's conditional belief before a step, as predicted, and after it given the whole series."""


class Passage(Module):
    """A node's step from one time to the next, as the filter took it and as it is known afterwards.

    Attributes
    ----------
    before
        Its mean before the step.
    gain
        How much of its value the step keeps.
    around
        The regression of the value before the step on the one after it.
    predicted_mean
        Of the value after the step.
    mean, variance
        Of the value after the step, given the whole series.
    """

    before: Array
    gain: Array
    around: Neighbourhood
    predicted_mean: Array
    mean: Array
    variance: Array

    def places(self, rule: QuadratureRule) -> Places:
        """Where the node may be after the step."""
        spread = reach_of(self.variance, self.around.strength)
        return Places.spread(rule, spread, self.mean - self.predicted_mean)

    def alone(self) -> tuple[Array, Array]:
        """Mean and variance before the step, as far as only the node's own value after it tells."""
        kept = self.around.kept
        return (
            self.before + kept * (self.mean - self.predicted_mean),
            self.around.blurred + kept**2 * self.variance,
        )


class Crossing(Module):
    """What a child's step says at one place of its parent.

    Attributes
    ----------
    mean, variance
        Of the child before the step.
    covariance
        Of parent and child before the step.
    parent_variance
        Of the parent before the step, had it no other child.
    pull, precision
        Of the Gaussian factor by which the child says where the parent was before the step.
    """

    mean: Array
    variance: Array
    covariance: Array
    parent_variance: Array
    pull: Array
    precision: Array


class ParentBefore(Module):
    """Where a parent was before the step, at every place where it may be after it, and altogether.

    Attributes
    ----------
    means
        At the places.
    mean, variance
        Averaged over them.
    shift, ratio
        What the children add to what the node's own value tells: to the mean, and as a factor.
    """

    means: tuple[Array, ...]
    mean: Array
    variance: Array
    shift: Array
    ratio: Array


def step_back(now: Now, before: State, after: State) -> State:
    """The beliefs before a step given the whole series, from those after it."""
    program = now.program
    predicted = sweeps.predict(program, before, now.dt)
    passages = {
        index: make_passage(now, index, before[index], predicted[index], after[index])
        for index in program.schedule.downward
        if program.nodes[index].has_memory
    }
    origins = {
        index: find_origin(program, index, passages, predicted, (before, after))
        for index in passages
    }
    found: Beliefs = {}
    for index, passage in passages.items():
        origin = origins[index]
        number = conditional_of(program, index)
        if number is None:
            mean, variance = passage.alone()
            kept = before[index].structured
        else:
            views = (passages, origins, found)
            mean, variance, conditional = cross_back(
                program, index, number, predicted, (before, after), views
            )
            slots = len(before[index].structured.conditionals)
            kept = Structure(
                conditionals=tuple(conditional if i == number else None for i in range(slots))
            )
        if origin is not None:
            mean, variance = mean + origin.shift, variance * origin.ratio
        found[index] = Gaussian(mean=mean, variance=variance, structured=kept)
    return tuple(found.get(index) for index in range(len(program.nodes)))


def conditional_of(program: Program, index: int) -> int | None:
    """Which bundle of parents a group's belief is conditional on."""
    down = program.schedule.groups[index].down
    return next((number for number, bundle in enumerate(down) if bundle.conditional), None)


def make_passage(
    now: Now, index: int, before: Gaussian, predicted: Gaussian, after: Gaussian
) -> Passage:
    """A group's step."""
    gain = jnp.broadcast_to(
        node_gain(now.program, index, now.program.nodes[index], now.dt)[0], jnp.shape(before.mean)
    )
    facts = predicted.structured
    around, kernel = (None, None) if facts is None else (facts.neighbourhood, facts.kernel)
    if around is None:
        none = jnp.zeros_like(before.mean)
        around = Neighbourhood.of(before.variance, predicted.predicted_variance, gain, none)
    if kernel is not None:
        around = dataclasses.replace(around, kept=kernel.slope, blurred=kernel.variance)
    return Passage(
        before=before.mean,
        gain=gain,
        around=around,
        predicted_mean=predicted.predicted_mean,
        mean=after.mean,
        variance=after.variance,
    )


def cross(
    rule: QuadratureRule,
    parent: Passage,
    child: Passage,
    ties: Ties,
) -> list[Crossing]:
    """One child on one edge, at every place where its parent may be after the step."""
    carried, prediction, known = ties
    around, gain = parent.around, child.gain
    places = parent.places(rule)
    blurred = carried.variance * jnp.exp(
        jnp.minimum(0.5 * carried.steepness**2 * around.blurred, 1.0)
    )
    lean = carried.slope * around.blurred
    found = []
    for offset, step, power, (mean, variance) in zip(
        places.offsets(),
        places.steps(),
        places.powers(known.steepness),
        prediction.over(places),
        strict=True,
    ):
        # With the parent here after the step, the child was, is and will be jointly Gaussian.
        steep = jnp.clip(carried.steepness * around.kept * offset, -LEAN, LEAN)
        own = blurred * jnp.exp(steep) + carried.slope * lean
        inverse = reciprocal(variance)
        error = (child.mean + known.slope * step - mean) * inverse
        excess = (known.variance * power - variance) * inverse**2
        left = around.blurred + (gain * lean) ** 2 * excess
        share = around.blurred * reciprocal(jnp.where(left > 0, left, 1.0))
        found.append(
            Crossing(
                mean=child.before + carried.slope * around.kept * offset + gain * own * error,
                variance=own + (gain * own) ** 2 * excess,
                covariance=lean + gain * own * gain * lean * excess,
                parent_variance=left,
                pull=share * gain * carried.slope * error,
                precision=-share * (gain * carried.slope) ** 2 * excess,
            )
        )
    return found


def find_origin(
    program: Program,
    index: int,
    passages: Mapping[int, Passage],
    predicted: Beliefs,
    states: tuple[State, State],
) -> ParentBefore | None:
    """Where the nodes of a group were, from their children that are states; None without any."""
    group, passage, rule = (
        program.schedule.groups[index],
        passages[index],
        program.structured.rule(),
    )
    heard: list[list[tuple[Array, Array]]] = []
    for bundle, wiring in zip(group.up, program.up[index], strict=True):
        conditional = bundle.volatile or bundle.conditional == "value"
        if conditional and program.nodes[bundle.ends.sources[0]].has_memory:
            edge = lay_children(program, index, bundle, wiring, passages, predicted, states)
            sent = over_edges(partial(send, rule), group.size, bundle.fan)(edge, passage)
            last = int(group.size > 1)
            heard.append(
                [
                    (sum_fan(pull, bundle.fan, last), sum_fan(precision, bundle.fan, last))
                    for pull, precision in sent
                ]
            )
    if not heard:
        return None
    places, around = passage.places(rule), passage.around
    means, variances = [], []
    for number, offset in enumerate(places.offsets()):
        pull = sum(place[number][0] for place in heard)
        precision = sum(place[number][1] for place in heard)
        whole = 1 + around.blurred * precision
        left = around.blurred * reciprocal(jnp.where(whole > 0, whole, 1.0))
        means.append(passage.before + around.kept * offset + left * pull)
        variances.append(left)
    weights = rule.weights
    mean = average_nodes(weights, means)
    spread = [v + (m - mean) ** 2 for m, v in zip(means, variances, strict=True)]
    outside = around.kept**2 * (passage.variance - places.scale**2)
    variance = average_nodes(weights, spread) + outside
    alone, left = passage.alone()
    return ParentBefore(
        means=tuple(means),
        mean=mean,
        variance=variance,
        shift=mean - alone,
        ratio=variance * reciprocal(jnp.where(left > 0, left, 1.0)),
    )


def send(rule: QuadratureRule, edge: Any, parent: Passage) -> list[tuple[Array, Array]]:
    """What one child says of where its parent was."""
    child, ties = edge
    own = jnp.ndim(parent.mean)
    sent = []
    for one in cross(rule, parent, child, ties):
        axes = tuple(range(own, jnp.ndim(one.pull)))
        sent.append((jnp.sum(one.pull, axes), jnp.sum(one.precision, axes)))
    return sent


def sum_fan(sent: Array, fan: int, axis: int) -> Array:
    """A sum over the edges of each parent."""
    return jnp.sum(sent, axis) if fan > 1 else sent


def lay_children(
    program: Program,
    index: int,
    bundle: Bundle,
    wiring: Wiring,
    passages: Mapping[int, Passage],
    predicted: Beliefs,
    states: tuple[State, State],
) -> tuple[Passage, Ties]:
    """The steps of the children in a bundle, and what ties them to their parents, beside its edges."""
    (child,) = bundle.ends.sources
    facts = [
        (passages[child], ties_of(child, number, predicted, states)) if down.conditional else None
        for number, down in enumerate(program.schedule.groups[child].down)
    ]
    return lay_of_children(program, index, bundle, wiring, facts)


def ties_of(index: int, number: int, predicted: Beliefs, states: tuple[State, State]) -> Ties:
    """A group's conditional belief before the step, as predicted, and after it given the whole series."""
    before, after = states
    return (
        before[index].structured.conditionals[number],
        predicted[index].structured.predictions[number],
        after[index].structured.conditionals[number],
    )


def cross_back(
    program: Program,
    index: int,
    number: int,
    predicted: Beliefs,
    states: tuple[State, State],
    views: tuple[Mapping[int, Passage], Mapping[int, ParentBefore | None], Beliefs],
) -> tuple[Array, Array, Conditional]:
    """A group before the step, conditional on its parents and averaged over them."""
    passages, origins, found = views
    group, rule = program.schedule.groups[index], program.structured.rule()
    ends = dict.fromkeys(group.down[number].ends.sources)
    parents = gather_parents(
        program,
        index,
        number,
        lambda end: end,
        {end: (passages[end], origins[end], found[end]) for end in ends},
    )
    edge = (parents, ties_of(index, number, predicted, states))
    return over_edges(partial(marginalise_child, rule), group.size, 1)(edge, passages[index])


def marginalise_child(
    rule: QuadratureRule, edge: Any, child: Passage
) -> tuple[Array, Array, Conditional]:
    """One child before the step: its moments, and its conditional given its parent."""
    (parent, origin, believed), ties = edge
    weights, places = rule.weights, parent.places(rule)
    crossings = cross(rule, parent, child, ties)
    mean = average_nodes(weights, [one.mean for one in crossings])
    around = [place - origin.mean for place in origin.means]
    moved = [one.mean - mean for one in crossings]
    outside = parent.variance - places.scale**2
    inverse = reciprocal(jnp.where(places.scale > 0, places.scale, 1.0)) ** 2
    tilted = inverse * average_nodes(
        weights, [step * gap for step, gap in zip(places.steps(), moved, strict=True)]
    )
    variance = average_nodes(
        weights, [c.variance + gap**2 for c, gap in zip(crossings, moved, strict=True)]
    )
    joint = [c.covariance + a * gap for c, a, gap in zip(crossings, around, moved, strict=True)]
    variance = variance + tilted**2 * outside
    covariance = average_nodes(weights, joint) + tilted * parent.around.kept * outside
    share = reciprocal(jnp.where(origin.variance > 0, origin.variance, 1.0))
    slope = covariance * share
    rests = [
        c.variance
        - c.covariance**2 * reciprocal(jnp.where(c.parent_variance > 0, c.parent_variance, 1.0))
        for c in crossings
    ]
    left = jnp.maximum(variance - slope * covariance, 0.5 * average_nodes(weights, rests))
    limit = jnp.abs(ties[1].strength)
    lean = share * lean_of([weight + jnp.zeros_like(mean) for weight in weights], around, rests)
    steepness = jnp.clip(lean, -limit, limit)
    wide = Places(scale=root(reach_of(believed.variance, parent.around.strength)), rule=rule)
    ahead = average_nodes(weights, wide.powers(steepness))
    return (
        mean + slope * (believed.mean - origin.mean),
        left + slope**2 * believed.variance,
        Conditional(slope=slope, steepness=steepness, variance=left * reciprocal(ahead)),
    )
