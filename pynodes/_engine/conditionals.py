"""Conditional predictions: what a node is predicted to be for every place of its volatility parents.

The downward half of the structured expansion (``structured.py``); value parents are in
``value_conditionals.py``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.program import Bundle, Group, Program, places, switches_of
from pynodes._core.arithmetic import log, reciprocal, root, stage
from pynodes._core.beliefs import Gaussian, alongside
from pynodes._core.structured import (
    ConditionalPrediction,
    Neighbourhood,
    Places,
    QuadratureRule,
    average_nodes,
    begin_conditional,
)
from pynodes._engine.bundles import gather_parents, know, lay_couplings, node_gain, over_edges
from pynodes._engine.coparents import (
    LEAST,
    REST,
    SlotAverage,
    is_averaged,
    know_others,
    look_across,
    over_slots,
    split_slots,
)
from pynodes._engine.edges import Beliefs, apply_to_group, contributions
from pynodes._engine.value_conditionals import look_down_lines
from pynodes._typing import Array, Scalar
from pynodes.nodes import AbstractNode


def begin_group(program: Program, index: int, belief: Any) -> Any:
    """The initial beliefs of a group, with room for what they will keep of their parents."""
    shapes = program.schedule.groups[index].conditional_shapes
    return apply_to_group(program, index, lambda one: begin_conditional(one, shapes))(belief)


def look_down(
    program: Program,
    index: int,
    before: Any,
    belief: Any,
    beliefs: Mapping[int, Any],
    inlet: Mapping[str, Any],
    dt: Scalar,
) -> Any:
    """A group's prediction, with what it is for every place of its parents, and where it may itself be."""
    node, group = program.nodes[index], program.schedule.groups[index]
    belief = average_outcomes(program, index, belief, beliefs, inlet, dt)
    together = look_across(program, index, before, belief, beliefs, dt)
    if together is not None:
        belief = know(belief, coparents=together)
    if any(bundle.conditional == "volatility" for bundle in group.down):
        belief = predict_conditionals(program, index, before, belief, beliefs, inlet, dt)
    belief = look_down_lines(program, index, before, belief, beliefs, dt)
    volatile = [number for number, bundle in enumerate(group.up) if bundle.volatile]
    if volatile and isinstance(belief, Gaussian):
        strength = mean_strength(program, index, volatile, belief)
        gain = node_gain(program, index, node, dt)[0]
        if belief.structured is not None and belief.structured.kernel is not None:
            gain = belief.structured.kernel.gain
        around = Neighbourhood.of(before.variance, belief.predicted_variance, gain, strength)
        belief = know(belief, neighbourhood=around)
    return belief


def given_parents(
    program: Program, index: int, belief: Gaussian, state: Sequence[Any], world: Mapping[int, Any]
) -> Gaussian:
    """What is believed of a group's nodes once it is known where their volatility parents are.

    Of several parents, each moves the mean and multiplies the variance by itself.
    """
    group, mean, ratio = program.schedule.groups[index], belief.mean, jnp.zeros_like(belief.mean)
    for number, bundle in enumerate(group.down):
        if not bundle.conditional or any(end not in world for end in bundle.ends.sources):
            continue
        offsets = {end: world[end].mean - state[end].mean for end in bundle.ends.sources}
        edge = (
            program.down[index][number].present,
            gather_parents(program, index, number, lambda offset: offset, offsets),
            belief.structured.conditionals[number],
        )
        moved, wider = over_edges(lean_on_parent, group.size, bundle.fan)(edge, belief.variance)
        last = len(places(group.size, bundle.fan)) - 1
        mean = mean + (jnp.sum(moved, last) if bundle.fan > 1 else moved)
        ratio = ratio + (jnp.sum(wider, last) if bundle.fan > 1 else wider)
    return dataclasses.replace(belief, mean=mean, variance=belief.variance * jnp.exp(ratio))


def lean_on_parent(edge: Any, variance: Array) -> tuple[Array, Array]:
    """What knowing a parent adds to a child's mean, and to the log of its variance."""
    present, offset, conditional = edge
    moved = conditional.slope * offset
    wider = jnp.log(conditional.variance) + conditional.steepness * offset - jnp.log(variance)
    if present is None:
        return moved, wider
    return jnp.where(present, moved, 0.0), jnp.where(present, wider, 0.0)


def average_outcomes(
    program: Program,
    index: int,
    belief: Any,
    beliefs: Mapping[int, Any],
    inlet: Mapping[str, Any],
    dt: Scalar,
) -> Any:
    """The prediction of nodes that are one of several outcomes, averaged over what their parents may be."""
    node, group = program.nodes[index], program.schedule.groups[index]
    if type(node).average is AbstractNode.average:
        return belief
    variance: dict[str, Any] = dict.fromkeys(inlet, 0.0)
    for number, bundle in enumerate(group.down):
        if any(program.nodes[end].support is not None for end in bundle.ends.sources):
            continue
        above, below = (
            contributions(program, index, number, moved_parents(bundle, beliefs, sign), dt)
            for sign in (1.0, -1.0)
        )
        last = len(places(group.size, bundle.fan)) - 1
        for name in above:
            half = (0.5 * (above[name] - below[name])) ** 2
            half = jnp.sum(half, last) if bundle.fan > 1 else half
            variance[name] = stage(variance[name] + half)
    return apply_to_group(program, index, type(node).average)(node, belief, dict(inlet), variance)


def moved_parents(bundle: Bundle, beliefs: Mapping[int, Any], sign: float) -> Beliefs:
    """The parents in a bundle, known to be a standard deviation off their predictions."""
    return {
        end: Gaussian.certain(
            beliefs[end].predicted_mean + sign * root(beliefs[end].predicted_variance)
        )
        for end in bundle.ends.sources
    }


def mean_strength(program: Program, index: int, volatile: list[int], parent: Any) -> Array:
    """Mean strength of the volatility edges below a group's nodes."""
    group = program.schedule.groups[index]
    total: Any = 0.0
    count: Any = 0.0
    for number in volatile:
        bundle, wiring = group.up[number], program.up[index][number]
        shape = places(group.size, bundle.fan)
        coupling = lay_couplings(program, bundle, wiring, shape)
        rule = over_edges(lambda edge, node: abs_strength(edge, node), group.size, bundle.fan)
        strength = rule(coupling, parent.parent_view())
        on = wiring.present if wiring.switches is None else wiring.switches
        last = len(shape) - 1
        there = (
            jnp.ones_like(strength)
            if on is None
            else jnp.where(alongside(on, strength), jnp.ones_like(strength), 0.0)
        )
        strength = strength * there
        if bundle.fan > 1:
            strength, there = jnp.sum(strength, last), jnp.sum(there, last)
        total, count = total + strength, count + there
    return total / jnp.maximum(count, 1.0)


def abs_strength(coupling: Any, parent: Any) -> Array:
    """How much a coupling moves a log variance, per unit of the parent."""
    return jnp.abs(jnp.asarray(coupling.elasticity(parent)))


def predict_conditionals(
    program: Program,
    index: int,
    before: Any,
    belief: Gaussian,
    beliefs: Mapping[int, Any],
    inlet: Mapping[str, Any],
    dt: Scalar,
) -> Gaussian:
    """The prediction of a group as a function of where its volatility parents are, and averaged over them."""
    group, node = program.schedule.groups[index], program.nodes[index]
    alone = sum(bundle.conditional == "volatility" for bundle in group.down) == 1
    gain, share = node_gain(program, index, node, dt)
    found: list[ConditionalPrediction | None] = []
    averages: list[tuple[SlotAverage, Any, int]] = []
    together = None if belief.structured is None else belief.structured.coparents
    leans = [None] * len(group.down) if together is None else split_slots(group, together.lean)
    rule = program.structured.rule()
    for number, bundle in enumerate(group.down):
        if bundle.conditional != "volatility":
            found.append(None)
            continue
        parents = gather_parents(program, index, number, neighbourhood_view, beliefs)
        conditional = None if before.structured is None else before.structured.conditionals[number]
        on = switches_of(program, program.down[index][number])
        present = program.down[index][number].present if on is None else on
        coupling = program.couplings[bundle.couplings.sources[0]]
        others = None if together is None or not is_averaged(group) else together.total
        predict = over_edges(partial(predict_edge, rule), group.size, bundle.fan)
        edge = (on, present, coupling, parents, conditional, leans[number])
        prediction, moments, average = predict(edge, (belief, gain, share, others))
        if alone and group.size == bundle.fan == 1:
            prediction = dataclasses.replace(prediction, moments=moments)
        found.append(prediction)
        averages.append((average, present, bundle.fan))
    variance = over_slots(group.size, averages, "variance", belief.predicted_variance)
    grown = over_slots(group.size, averages, "grown", belief.variance_parts.added_variance)
    if together is not None and is_averaged(group):
        found = align_slots(group, found, [one[0] for one in averages], variance)
        found = know_others(group, together, found)
    parts = belief.variance_parts
    wider = variance - belief.predicted_variance
    return dataclasses.replace(
        know(belief, predictions=tuple(found)),
        variance=variance,
        predicted_variance=variance,
        conditional_variance=belief.conditional_variance + wider,
        variance_parts=dataclasses.replace(
            parts, variance=parts.variance + wider, added_variance=grown
        ),
    )


def align_slots(
    group: Group, found: list[Any], averages: list[SlotAverage], variance: Array
) -> list[ConditionalPrediction | None]:
    """Predictions given each volatility parent that all come to the same variance when averaged over it."""
    several = iter(averages)
    return [
        None
        if one is None
        else over_edges(align_edge, group.size, bundle.fan)((one, next(several)), variance)
        for one, bundle in zip(found, group.down, strict=True)
    ]


def align_edge(
    edge: tuple[ConditionalPrediction, SlotAverage], variance: Array
) -> ConditionalPrediction:
    """A prediction given one parent, scaled to this variance when averaged over the parent."""
    prediction, average = edge
    own = average.variance - average.leaning
    left = jnp.maximum(variance - average.leaning, 0.5 * own)
    return prediction.scale(left * reciprocal(own))


def neighbourhood_view(belief: Any) -> tuple[Gaussian, Neighbourhood]:
    """What a child must know of a volatility parent; of one that learns nothing, that it is where it is."""
    around = None if belief.structured is None else belief.structured.neighbourhood
    if around is None:
        around = Neighbourhood.still(belief.predicted_variance)
    return belief.parent_view(), around


def predict_edge(
    rule: QuadratureRule, edge: Any, node: Any
) -> tuple[ConditionalPrediction, list[tuple[Array, Array]], SlotAverage]:
    """One child on one edge: its conditional prediction, its moments at the nodes, and their averages."""
    on, present, coupling, (parent, around), conditional, lean = edge
    belief, gain, share, others = node
    parts = belief.variance_parts
    strength = jnp.asarray(coupling.elasticity(parent))
    log_growth = parts.log_growth
    if lean is not None:
        strength = strength + lean
    if others is not None:
        left = others - strength**2 * parent.predicted_variance
        spread = root(jnp.clip(left, 0.0, REST))
        powers = Places(scale=spread, rule=rule).powers(jnp.ones_like(spread))
        log_growth = log_growth + log(average_nodes(rule.weights, powers))
    rest = belief.predicted_variance - belief.conditional_variance
    if conditional is None:
        still = jnp.zeros_like(strength)
        slope, steepness, carried = still, still, parts.carried_variance
    else:
        leaning = conditional.steepness**2 * around.blurred
        carried = share * conditional.variance * jnp.exp(jnp.minimum(0.5 * leaning, 1.0))
        slope = gain * conditional.slope * around.kept
        steepness = conditional.steepness * around.kept
        rest = rest + share * conditional.slope**2 * around.blurred
    there = on if on is not None else present
    if there is not None:
        strength, slope, steepness = (
            jnp.where(there, value, 0.0) for value in (strength, slope, steepness)
        )
    shape = jnp.shape(belief.predicted_mean)
    prediction = stage(
        ConditionalPrediction(
            mean=belief.predicted_mean,
            slope=jnp.broadcast_to(slope, shape),
            carried=jnp.broadcast_to(carried, shape),
            steepness=jnp.broadcast_to(steepness, shape),
            log_growth=jnp.broadcast_to(log_growth, shape),
            strength=jnp.broadcast_to(strength, shape),
            rest=jnp.broadcast_to(rest, shape),
        )
    )
    places = around.places(rule)
    growths = prediction.growths(places)
    moments = prediction.over_growths(places, growths)
    leaning = prediction.slope**2 * parent.predicted_variance
    variance = average_nodes(rule.weights, [one for _, one in moments]) + leaning
    variance, grown = stage((variance, average_nodes(rule.weights, growths)))
    weight = None
    if others is not None:
        weight = jnp.broadcast_to(strength**2 * parent.predicted_variance + LEAST, shape)
    return (
        prediction,
        moments,
        SlotAverage(variance=variance, grown=grown, leaning=leaning, weight=weight),
    )
