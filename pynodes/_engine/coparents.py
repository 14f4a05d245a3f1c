"""What the parents of one child know of one another: if it was not this one, it was the other.

Of the structured expansion. A child hears of its volatility parents only how large the sum of what they say
is, and of its value parents where their sum is. Their posteriors therefore covary, and the child keeps by how
much. Given where one parent is, the others are expected elsewhere: that changes the strength of its edge.
Derived in docs/theory/structured.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._compiler.program import Group, Program, active_places, places
from pynodes._core.arithmetic import reciprocal, root
from pynodes._core.beliefs import Gaussian, alongside
from pynodes._core.modules import Module
from pynodes._core.structured import (
    OtherParents,
    Places,
    QuadratureRule,
    average_nodes,
)
from pynodes._core.tilts import silence, weigh_tilts
from pynodes._engine.bundles import gather_parents, know, node_gain, over_edges
from pynodes._typing import Array, Scalar

REST = 6.25
"""At most this much variance of log growth is averaged over for several volatility parents."""

LEAST = 1e-30
"""The weight of a volatility parent of strength zero: all that counts where there are no others."""

CLOSEST = 0.99
"""Parents are never believed to be more correlated than that."""


class Coparents(Module):
    """The parents of every node of a group beside one another, along an axis of their own.

    Attributes
    ----------
    covariance
        Of the parents as predicted, nothing on the diagonal.
    pull
        How much each moves what the child hears: its mean, or the log of its growth.
    lean
        How much the others move it, per unit of each, by what they are expected to be given where it is.
    total
        The variance of the sum of what all volatility parents say.
    added
        What covariances of value parents add to the child's variance.
    variance
        Of each parent as predicted.
    alone
        The group's nodes averaged over their volatility parents as these were predicted, edge by edge.
    """

    covariance: Array
    pull: Array
    lean: Array
    total: Array
    added: Array
    variance: Array
    alone: Any = None


def is_averaged(group: Group) -> bool:
    """Whether its nodes have several volatility parents, so that each speaks with the others averaged."""
    return sum(bundle.fan for bundle in group.down if bundle.conditional == "volatility") > 1


def stack_slots(group: Group, values: Sequence[Any]) -> Array:
    """What is said edge by edge, for every bundle, along one axis after that of the group's nodes."""
    lead = int(group.size > 1)
    parts = [
        jnp.expand_dims(value, lead) if bundle.fan == 1 else value
        for bundle, value in zip(group.down, values, strict=True)
        if bundle.conditional
    ]
    return jnp.concatenate(parts, lead)


def split_slots(group: Group, stacked: Array) -> list[Any]:
    """The same for every bundle again; None for those on which no belief is conditional."""
    lead, first, found = int(group.size > 1), 0, list[Any]()
    for bundle in group.down:
        if not bundle.conditional:
            found.append(None)
            continue
        part = jnp.take(stacked, np.arange(first, first + bundle.fan), lead)
        found.append(jnp.squeeze(part, lead) if bundle.fan == 1 else part)
        first += bundle.fan
    return found


def is_line(group: Group, values: Array) -> Array:
    """Which parents are value parents, to stand beside values along the axis of parents."""
    flags = [
        bundle.conditional == "value"
        for bundle in group.down
        if bundle.conditional
        for _ in range(bundle.fan)
    ]
    lead = int(group.size > 1)
    after = jnp.ndim(values) - 1 - lead
    return jnp.reshape(np.array(flags), (*(1,) * lead, -1, *(1,) * after))


def multiply_outer(group: Group, one: Array) -> Array:
    """The products of what is said of every two parents."""
    lead = int(group.size > 1)
    return jnp.expand_dims(one, lead + 1) * jnp.expand_dims(one, lead)


def look_across(
    program: Program,
    index: int,
    before: Gaussian,
    belief: Gaussian,
    beliefs: Mapping[int, Any],
    dt: Scalar,
) -> Coparents | None:
    """The parents of a group beside one another, as they are predicted; None where no node has several."""
    if before.structured is None or before.structured.covariance is None:
        return None
    group = program.schedule.groups[index]
    laid = [
        lay_parents(program, index, number, belief, beliefs, dt) if bundle.conditional else None
        for number, bundle in enumerate(group.down)
    ]
    pull, variance, gain = (
        stack_slots(group, [one if one is None else one[part] for one in laid]) for part in range(3)
    )
    lead = int(group.size > 1)
    covariance = before.structured.covariance * multiply_outer(group, gain)
    shared = jnp.sum(covariance * jnp.expand_dims(pull, lead), lead + 1)
    line = is_line(group, pull)
    said = pull * (pull * variance + shared)
    return Coparents(
        covariance=covariance,
        pull=pull,
        lean=shared * reciprocal(variance),
        total=jnp.sum(jnp.where(line, 0.0, said), lead),
        added=jnp.sum(jnp.where(line, pull * shared, 0.0), lead),
        variance=variance,
    )


def lay_parents(
    program: Program,
    index: int,
    number: int,
    belief: Gaussian,
    beliefs: Mapping[int, Any],
    dt: Scalar,
) -> tuple[Array, Array, Array]:
    """Of the parents in one bundle, edge by edge: pull, predicted variance, and how much each keeps."""
    group, wiring = program.schedule.groups[index], program.down[index][number]
    bundle = group.down[number]
    kept = {}
    for end in bundle.ends.sources:
        gain = jnp.asarray(node_gain(program, end, program.nodes[end], dt)[0])
        shape = jnp.shape(beliefs[end].predicted_mean)
        kept[end] = beliefs[end], jnp.broadcast_to(alongside(gain, jnp.empty(shape)), shape)
    parents = gather_parents(
        program, index, number, lambda one: (one[0].parent_view(), one[1]), kept
    )
    edge = (active_places(program, wiring), program.couplings[bundle.couplings.sources[0]], parents)
    rule = pull_of_line if bundle.conditional == "value" else pull_of_growth
    return over_edges(rule, group.size, bundle.fan)(edge, (belief, dt))


def pull_of_growth(edge: Any, node: Any) -> tuple[Array, Array, Array]:
    """The same of one volatility edge: it moves the log of the child's growth."""
    return lay_edge(edge, node, edge[1].elasticity(edge[2][0]))


def pull_of_line(edge: Any, node: Any) -> tuple[Array, Array, Array]:
    """The same of one value edge: it moves the child's mean."""
    return lay_edge(edge, node, edge[1].sensitivity(edge[2][0], *node))


def lay_edge(edge: Any, node: Any, pull: Any) -> tuple[Array, Array, Array]:
    """One edge, in the shape of the child; one that is off does not pull."""
    present, _, (parent, gain) = edge
    pull = jnp.asarray(pull) if present is None else jnp.where(present, pull, 0.0)
    shape = jnp.shape(node[0].predicted_mean)
    return (
        jnp.broadcast_to(pull, shape),
        jnp.broadcast_to(parent.predicted_variance, shape),
        jnp.broadcast_to(gain, shape),
    )


def learn_covariance(
    program: Program, index: int, belief: Any, beliefs: Mapping[int, Any]
) -> Array:
    """How the parents of a group covary once their child was heard.

    What the child hears of their sum makes the variance of each less, by ``covariance with the sum`` squared
    times some ``share``, and the covariance of every two by the product. What a parent learned elsewhere
    makes its covariances less as it does its variance.
    """
    group, together = program.schedule.groups[index], belief.structured.coparents
    lead = int(group.size > 1)
    after = stack_slots(
        group,
        [
            gather_variances(program, index, number, belief, beliefs)
            if bundle.conditional
            else None
            for number, bundle in enumerate(group.down)
        ],
    )
    before = together.variance
    line = is_line(group, before)
    slopes = stack_slots(
        group,
        [
            None if one is None else (one.slope if bundle.conditional == "value" else one.strength)
            for one, bundle in zip(belief.structured.predictions, group.down, strict=True)
        ],
    )
    sums = slopes * before
    there = sums != 0
    share = (before - after) * reciprocal(jnp.where(there, sums * sums, 1.0))
    least = jnp.min(jnp.where(there & ~line, share, jnp.inf), lead, keepdims=True)
    most = jnp.max(jnp.where(there & ~line, share, -jnp.inf), lead, keepdims=True)
    agreed = jnp.maximum(least, 0.0) + jnp.minimum(most, 0.0)
    agreed = jnp.where(jnp.isfinite(agreed), agreed, 0.0)
    own = belief.predicted_variance
    heard = jnp.expand_dims((own - belief.variance) * reciprocal(own * own), lead)
    share = jnp.where(line, heard, agreed)
    left = before - sums * sums * share
    elsewhere = jnp.clip(after * reciprocal(jnp.where(left > 0, left, 1.0)), 0.0, 1.0)
    elsewhere = jnp.where(left > 0, elsewhere, 0.0)
    same = jnp.expand_dims(line, lead + 1) == jnp.expand_dims(line, lead)
    told = jnp.where(same, multiply_outer(group, sums) * jnp.expand_dims(share, lead), 0.0)
    slots = line.shape[lead]
    others = ~jnp.eye(slots, dtype=bool)
    after_slots = jnp.ndim(told) - lead - 2
    others = jnp.reshape(others, (*(1,) * lead, slots, slots, *(1,) * after_slots))
    limit = CLOSEST * multiply_outer(group, root(after))
    found = (together.covariance - told) * multiply_outer(group, elsewhere)
    return jnp.where(others, jnp.clip(found, -limit, limit), 0.0)


def gather_variances(
    program: Program, index: int, number: int, belief: Any, beliefs: Mapping[int, Any]
) -> Array:
    """Variances of the parents in one bundle once they heard, in their children's shape."""
    group = program.schedule.groups[index]
    parents = gather_parents(program, index, number, lambda one: one.variance, beliefs)
    rule = over_edges(
        lambda edge, node: jnp.broadcast_to(edge, jnp.shape(node)),
        group.size,
        group.down[number].fan,
    )
    return rule(parents, belief.mean)


class SlotAverage(Module):
    """What one volatility parent alone says of its child, averaged over where it may be.

    Attributes
    ----------
    variance, grown
        Of the child: predicted, and the part of it that grew.
    leaning
        The part of it that is there because the child's mean leans on the parent.
    weight
        How much this parent counts beside others; None if it is the only one.
    """

    variance: Array
    grown: Array
    leaning: Array
    weight: Array | None


def over_slots(
    size: int, found: Sequence[tuple[Any, Any, int]], name: str, otherwise: Array
) -> Array:
    """The mean over a child's volatility parents of what each alone says; something else without any.

    Each counts as much as it makes growth uncertain: one of strength zero counts nothing beside others.
    """
    if len(found) == 1 and found[0][2] == 1 and found[0][1] is None:
        return getattr(found[0][0], name)
    total: Any = 0.0
    count: Any = 0.0
    for average, present, fan in found:
        value = getattr(average, name)
        weight = jnp.ones_like(value) if average.weight is None else average.weight
        if present is not None:
            weight = jnp.where(alongside(present, value), weight, 0.0)
        last = len(places(size, fan)) - 1
        value = weight * jnp.where(weight > 0, value, 0.0)
        if fan > 1:
            value, weight = jnp.sum(value, last), jnp.sum(weight, last)
        total, count = total + value, count + weight
    return jnp.where(count > 0, total / jnp.where(count > 0, count, 1.0), otherwise)


def know_others(group: Group, together: Coparents, predictions: Sequence[Any]) -> list[Any]:
    """Conditional predictions that know of the child's other volatility parents.

    Where the parent of an edge is known, what the others say is uncertain, and the child leans on it by the
    part of its covariance with all that is said which is not the parent's own.
    """
    lead = int(group.size > 1)
    line = is_line(group, together.pull)

    none = split_slots(group, jnp.zeros_like(together.pull))

    def stack(name: str) -> Array:
        parts = [
            getattr(one, name) if bundle.conditional == "volatility" else still
            for one, still, bundle in zip(predictions, none, group.down, strict=True)
        ]
        return stack_slots(group, parts)

    pull = jnp.where(line, 0.0, together.pull)
    strength, variance = stack("strength"), together.variance
    left = jnp.expand_dims(together.total, lead) - strength**2 * variance
    spread = root(jnp.clip(left, 0.0, REST))
    inverse = jnp.where(spread > 0, reciprocal(jnp.where(spread > 0, spread, 1.0)), 0.0)

    def lean(name: str) -> Array:
        leaning = stack(name) * variance
        return inverse * (jnp.sum(pull * leaning, lead, keepdims=True) - strength * leaning)

    fields = [split_slots(group, one) for one in (spread, lean("slope"), lean("steepness"))]
    return [
        dataclasses.replace(
            one, others=OtherParents(spread=spread, slope=slope, steepness=steepness)
        )
        if bundle.conditional == "volatility"
        else one
        for one, bundle, spread, slope, steepness in zip(
            predictions, group.down, *fields, strict=True
        )
    ]


class Alone(Module):
    """A child averaged over all its volatility parents, by the places of one of them.

    Attributes
    ----------
    mean, variance
        Of its posterior, had its parents learned nothing but from it.
    log_evidence
        Relative to that of its prediction.
    weight
        How much this parent counts beside others.
    """

    mean: Array
    variance: Array
    log_evidence: Array
    weight: Array


def hear_alone(
    program: Program, index: int, belief: Any, beliefs: Mapping[int, Any], node: tuple[Any, Any]
) -> tuple[Alone | None, ...]:
    """Nodes with several volatility parents, averaged over them: edge by edge, for every bundle.

    ``node`` is what is below them, and which of them heard anything.
    """
    group, rule = program.schedule.groups[index], program.structured.rule()
    found = list[Alone | None]()
    for number, bundle in enumerate(group.down):
        if bundle.conditional != "volatility":
            found.append(None)
            continue
        scales = gather_parents(program, index, number, scale_view, beliefs)
        edge = (scales, belief.structured.predictions[number])
        found.append(over_edges(partial(average_edge, rule), group.size, bundle.fan)(edge, node))
    return tuple(found)


def scale_view(belief: Any) -> tuple[Array, Array]:
    """How far apart a volatility parent is looked at, and its predicted variance."""
    around = None if belief.structured is None else belief.structured.neighbourhood
    scale = root(belief.predicted_variance) if around is None else around.scale
    return scale, belief.predicted_variance


def average_edge(rule: QuadratureRule, edge: Any, node: Any) -> Alone:
    """One child averaged over where one parent may be, as this child alone tells."""
    (scale, variance), prediction = edge
    below, heard = node
    asked = prediction.ask(below, Places(scale=scale, rule=rule))
    tilts = [silence(heard, tilt) for tilt, _, _ in asked]
    weights, told = weigh_tilts(rule.weights, [(one.log_evidence, one.factor) for one in tilts])
    after = [tilt.moments(*moments) for tilt, (_, *moments) in zip(tilts, asked, strict=True)]
    mean = average_nodes(weights, [one for one, _ in after])
    return Alone(
        mean=mean,
        variance=average_nodes(weights, [v + (m - mean) ** 2 for m, v in after]),
        log_evidence=told,
        weight=prediction.strength**2 * variance + LEAST,
    )


def average_slots(
    program: Program, index: int, alone: Sequence[Alone | None], belief: Any
) -> tuple[Array, Array, Array]:
    """Mean, variance and log evidence of a group averaged over its volatility parents."""
    group = program.schedule.groups[index]
    found = [
        (one, active_places(program, wiring), bundle.fan)
        for one, wiring, bundle in zip(alone, program.down[index], group.down, strict=True)
        if one is not None
    ]
    otherwise = {
        "mean": belief.mean,
        "variance": belief.variance,
        "log_evidence": jnp.zeros_like(belief.mean),
    }
    mean, variance, told = (
        over_slots(group.size, found, name, value) for name, value in otherwise.items()
    )
    return mean, variance, told


def count_once(group: Group, belief: Any, alone: tuple[Alone | None, ...]) -> Any:
    """Nodes that say to each volatility parent only what it learns besides: their evidence counts once."""

    def tell(edge: Any, _: Any) -> Any:
        prediction, alone = edge
        others = dataclasses.replace(prediction.others, told=alone.log_evidence)
        return dataclasses.replace(prediction, others=others)

    predictions = tuple(
        one if told is None else over_edges(tell, group.size, bundle.fan)((one, told), None)
        for one, told, bundle in zip(belief.structured.predictions, alone, group.down, strict=True)
    )
    together = dataclasses.replace(belief.structured.coparents, alone=alone)
    return know(belief, predictions=predictions, coparents=together)
