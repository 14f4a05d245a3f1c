"""Value edges in the structured expansion: what is predicted, asked and remembered along them.

Downward, a child is predicted as a linear function of where its value parent is; its past leans on the
parent's. Upward, whatever is below the child is asked through that function (``ConditionalTerm``). Downward
once more, what the child is given its parent is kept as its conditional belief.
Derived in docs/theory/structured.md; what is computed for one edge is in ``_core/value_conditionals.py``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.program import Bundle, Group, Program, Wiring, active_places, places
from pynodes._core.arithmetic import reciprocal, root
from pynodes._core.beliefs import Gaussian, alongside
from pynodes._core.structured import Conditional, QuadratureRule
from pynodes._core.tilts import silence
from pynodes._core.value_conditionals import (
    AT_THE_MEAN,
    BackwardKernel,
    LinearPrediction,
    LinearStep,
    step_with_parent,
)
from pynodes._engine.bundles import (
    gather_parents,
    know,
    lay_of_children,
    node_gain,
    over_edges,
)
from pynodes._engine.children import ConditionalTerm
from pynodes._engine.coparents import split_slots
from pynodes._typing import Array, Scalar


def look_down_lines(
    program: Program,
    index: int,
    before: Gaussian,
    belief: Gaussian,
    beliefs: Mapping[int, Any],
    dt: Scalar,
) -> Gaussian:
    """A group's prediction given each of its value parents, and where its nodes were given where they are."""
    group, node = program.schedule.groups[index], program.nodes[index]
    lines = [number for number, bundle in enumerate(group.down) if bundle.conditional == "value"]
    asked = any(bundle.conditional == "value" for bundle in group.up)
    if not lines and not asked:
        return belief
    gain, share = node_gain(program, index, node, dt)
    lagged: Any = 0.0
    if lines:
        steps = {n: take_steps(program, index, n, before, belief, beliefs, dt) for n in lines}
        lagged = sum_slots(group, {n: step.lagged for n, step in steps.items()})
        crossed = sum_slots(group, {n: step.crossed for n, step in steps.items()})
        together = None if belief.structured is None else belief.structured.coparents
        if together is not None:
            leans = split_slots(group, together.lean)
            steps = {
                n: dataclasses.replace(step, slope=step.slope + leans[n])
                for n, step in steps.items()
            }
            crossed = crossed + together.added
        belief = widen_prediction(group, belief, crossed)
        kept = alongside(jnp.asarray(share), before.variance) * before.variance
        belief = predict_lines(program, index, kept, belief, beliefs, steps)
    covariance = alongside(jnp.asarray(gain), before.variance) * before.variance + lagged
    return know(
        belief, kernel=BackwardKernel.of(before.variance, belief.predicted_variance, covariance)
    )


def take_steps(
    program: Program,
    index: int,
    number: int,
    before: Gaussian,
    belief: Gaussian,
    beliefs: Mapping[int, Any],
    dt: Scalar,
) -> LinearStep:
    """The part of the value parents in one bundle in their children's steps, edge by edge."""
    group, node = program.schedule.groups[index], program.nodes[index]
    bundle = group.down[number]
    present = active_places(program, program.down[index][number])
    coupling = program.couplings[bundle.couplings.sources[0]]
    parents = gather_parents(program, index, number, kernel_view, beliefs)
    edge = (present, coupling, parents, before.structured.conditionals[number])
    child = (belief, before.variance, *node_gain(program, index, node, dt), dt)
    return over_edges(step_on_edge, group.size, bundle.fan)(edge, child)


def kernel_view(belief: Any) -> tuple[Gaussian, BackwardKernel]:
    """What a child must know of a value parent."""
    kernel = None if belief.structured is None else belief.structured.kernel
    if kernel is None:
        kernel = BackwardKernel.unknown(belief.predicted_variance)
    return belief.parent_view(), kernel


def step_on_edge(edge: Any, node: Any) -> LinearStep:
    """The part of one value parent in its child's step."""
    present, coupling, (parent, kernel), conditional = edge
    child, before, gain, share, dt = node
    pull = jnp.broadcast_to(coupling.sensitivity(parent, child, dt), jnp.shape(conditional.slope))
    if present is not None:
        alone = Conditional.start(jnp.broadcast_to(before, jnp.shape(pull)))
        pull = jnp.where(present, pull, 0.0)
        conditional = Conditional(
            slope=jnp.where(present, conditional.slope, alone.slope),
            steepness=alone.steepness,
            variance=jnp.where(present, conditional.variance, alone.variance),
        )
    return step_with_parent(conditional, parent.predicted_variance, kernel, pull, gain, share)


def sum_slots(group: Group, values: Mapping[int, Array]) -> Array:
    """What is said edge by edge, for every bundle of value parents, summed for every child."""
    total: Any = 0.0
    for number, value in values.items():
        fan = group.down[number].fan
        last = len(places(group.size, fan)) - 1
        total = total + (jnp.sum(value, last) if fan > 1 else value)
    return total


def widen_prediction(group: Group, belief: Gaussian, by: Array) -> Gaussian:
    """A prediction that is by so much more uncertain of its value parents."""
    parts = belief.variance_parts
    variance = jnp.maximum(belief.predicted_variance + by, parts.added_variance)
    belief = dataclasses.replace(
        belief,
        variance=variance,
        predicted_variance=variance,
        variance_parts=dataclasses.replace(parts, variance=parts.variance + by),
    )
    if belief.structured is None or belief.structured.predictions is None:
        return belief
    wider = [
        None
        if one is None
        else over_edges(lambda edge, node: edge.widen(node), group.size, bundle.fan)(one, by)
        for one, bundle in zip(belief.structured.predictions, group.down, strict=True)
    ]
    return know(belief, predictions=tuple(wider))


def predict_lines(
    program: Program,
    index: int,
    kept: Array,
    belief: Gaussian,
    beliefs: Mapping[int, Any],
    steps: Mapping[int, LinearStep],
) -> Gaussian:
    """A prediction that knows what it is given each value parent, the others averaged over.

    ``kept`` is the variance that was carried over.
    """
    group, least = program.schedule.groups[index], belief.variance_parts.added_variance
    grown = least
    if any(bundle.conditional == "volatility" for bundle in group.down):
        grown = belief.conditional_variance - kept
    parents_variance = belief.predicted_variance - belief.conditional_variance
    known = None if belief.structured is None else belief.structured.predictions
    together = belief.structured is not None and belief.structured.coparents is not None
    predictions = list(known or [None] * len(group.down))
    whole = (belief.predicted_variance, None) if together else (None, (grown, parents_variance))
    child = (belief.predicted_mean, least, *whole)
    for number, step in steps.items():
        point = gather_parents(program, index, number, prediction_view, beliefs)
        rule = over_edges(predict_line, group.size, group.down[number].fan)
        predictions[number] = rule((step, point), child)
    return know(belief, predictions=tuple(predictions))


def predict_line(edge: Any, node: Any) -> LinearPrediction:
    """The prediction of one child given one of its value parents.

    Where several covary, its variance is what the edge leaves of the whole; else the sum of its parts.
    """
    step, (point, spread) = edge
    mean, least, whole, parts = node
    if parts is None:
        variance = whole - step.slope**2 * spread
    else:
        grown, parents_variance = parts
        variance = step.kept + grown + jnp.maximum(parents_variance - step.added, 0.0)
    variance = jnp.maximum(variance, least)
    return LinearPrediction(
        point=point,
        mean=jnp.broadcast_to(mean, jnp.shape(variance)),
        slope=step.slope,
        variance=variance,
    )


def prediction_view(belief: Any) -> tuple[Array, Array]:
    """What a child must know of a value parent before the step."""
    return belief.predicted_mean, belief.predicted_variance


def make_conditional_term(
    program: Program, index: int, bundle: Bundle, wiring: Wiring, beliefs: Any, children: Any
) -> ConditionalTerm:
    """The children in a bundle that are known given their value parents."""
    (child,) = bundle.ends.sources
    predictions = beliefs[child].structured.predictions
    return ConditionalTerm(
        switches=children.switches,
        active=None if children.flags is True else children.flags,
        prediction=lay_of_children(program, index, bundle, wiring, predictions),
        below=children.children.structured.below,
        fan=children.fan,
    )


def moments_view(belief: Any) -> tuple[Array, Array]:
    """What a child must know of a value parent after the step."""
    return belief.mean, belief.variance


def remember_line(rule: QuadratureRule, edge: Any, node: Any) -> tuple[Conditional, Array, Array]:
    """One child on one value edge: its conditional belief, and its moments averaged over the parent."""
    (mean, variance), prediction = edge
    below, heard = node

    def update(mean: Array, variance: Array) -> tuple[Array, Array]:
        if below is None:
            return mean, variance
        return silence(heard, below.tilt(mean, variance)).moments(mean, variance)

    if below is None or below.quadratic:
        rule = AT_THE_MEAN
    return prediction.condition(rule, mean, variance, update)


def reconcile_lines(
    program: Program,
    index: int,
    conditionals: list[Any],
    beliefs: Mapping[int, Any],
    variance: Array,
) -> list[Any]:
    """Conditionals on value parents that agree with the variance that is left after all parents.

    Each was found with the others averaged over. Together parents explain no more than there is.
    """
    group, explained = program.schedule.groups[index], dict[int, Array]()
    together = beliefs[index].structured.coparents is not None
    edges = {
        number: (
            conditionals[number],
            gather_parents(program, index, number, moments_view, beliefs),
        )
        for number, bundle in enumerate(group.down)
        if bundle.conditional == "value"
    }
    for number, edge in edges.items():
        rule = over_edges(lambda edge, _: explain(*edge), group.size, group.down[number].fan)
        explained[number] = rule(edge, None)
    whole = (variance, None if together else sum_slots(group, explained))
    found = list(conditionals)
    for number, edge in edges.items():
        rule = over_edges(reconcile_line, group.size, group.down[number].fan)
        found[number] = rule(edge, whole)
    return found


def explain(conditional: Conditional, parent: tuple[Array, Array]) -> Array:
    """How much of a child's variance its parent explains."""
    return conditional.slope**2 * parent[1]


def reconcile_line(edge: Any, node: Any) -> Conditional:
    """One conditional that agrees with the child's variance and with what all its parents explain of it."""
    conditional, parent = edge
    variance, explained = node
    if explained is None:
        explained = explain(conditional, parent)
    much = explained > variance
    share = root(jnp.where(much, variance * reciprocal(jnp.where(much, explained, 1.0)), 1.0))
    slope = share * conditional.slope
    left = jnp.maximum(variance - share**2 * explain(conditional, parent), 0.0)
    return Conditional(slope=slope, steepness=conditional.steepness, variance=left)
