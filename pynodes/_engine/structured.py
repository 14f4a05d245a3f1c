"""The structured expansion in the sweeps: what is predicted, heard and remembered along volatility edges.

Downward, a child is predicted as a function of where its volatility parent is (``conditionals.py``). Upward,
the parent is looked at from a few nodes: at each, its children say how probable what they saw was. Downward
once more, every child is averaged over its parent's nodes, and what it is at each of them is kept as its
conditional belief.
Derived in docs/theory/structured.md; what is computed for one edge is in ``_core/structured.py``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.program import Bundle, Program, Wiring, places, switches_of
from pynodes._core.arithmetic import stage
from pynodes._core.beliefs import Gaussian, alongside
from pynodes._core.expansions import ChildEvidence
from pynodes._core.many_children import MANY, weigh_about
from pynodes._core.messages import Evidence
from pynodes._core.structured import (
    Conditional,
    ConditionalPrediction,
    Heard,
    Nodes,
    Places,
    QuadratureRule,
    condition,
    reach_of,
    weigh_nodes,
)
from pynodes._core.tilts import (
    Site,
    Tilt,
    nothing_heard,
    silence,
    tilt_by_evidence,
    tilt_by_value,
)
from pynodes._engine.bundles import gather_parents, know, lay_of_children, over_edges
from pynodes._engine.children import ChildTerm, Seen, Term, ValueChildren
from pynodes._engine.coparents import (
    average_slots,
    count_once,
    hear_alone,
    is_averaged,
    learn_covariance,
)
from pynodes._engine.edges import (
    Beliefs,
    ChildMessages,
    Evident,
    active_edges,
    apply_to_group,
    combine_and,
    combine_or,
    lay_beside,
    mute_if_off,
)
from pynodes._engine.gates import Gates
from pynodes._engine.value_conditionals import (
    make_conditional_term,
    moments_view,
    reconcile_lines,
    remember_line,
)
from pynodes._typing import Array, Scalar
from pynodes.couplings import AbstractCoupling


def applies(program: Program, index: int) -> bool:
    """Whether a group hears its children by the structured expansion."""
    return program.structured is not None and hasattr(program.nodes[index], "expansion")


def hear(
    program: Program,
    index: int,
    beliefs: Mapping[int, Any],
    informed: Evident,
    dt: Scalar,
    gates: Gates,
) -> tuple[ChildEvidence, Any, Any]:
    """Evidence that a group has from its children, which of its nodes hear any, and what is below them."""
    group = program.schedule.groups[index]
    belief = beliefs[index]
    values: list[Evidence] = []
    terms: list[Term] = []
    apart: list[Array] = []
    volatile: list[tuple[ChildMessages, Any]] = []
    count = 0
    any_active: Any = False
    for bundle, wiring in zip(group.up, program.up[index], strict=True):
        flags = active_edges(program, index, bundle, wiring, informed)
        if flags is False:
            continue
        children = ChildMessages(program, index, bundle, wiring, beliefs, flags)
        any_active = combine_or(any_active, children.any_active())
        if bundle.volatile:
            volatile.append((children, lay_predictions(program, index, bundle, wiring, beliefs)))
            continue
        count += count_messages(children)
        if bundle.conditional == "value":
            terms.append(make_conditional_term(program, index, bundle, wiring, beliefs, children))
            continue
        if has_own_tilt(children.coupling, children.children):
            terms.append(make_term(children, belief, dt))
            continue
        sent = children.edge_evidence(dt)
        values.append(jax.tree.map(children.sum_edges, sent))
        apart.append(evidence_apart(children, sent, belief, dt))
    below = gather_below(program, index, belief, values, terms)
    gain = jnp.zeros_like(belief.predicted_mean)
    tilt: Tilt | None = None
    mean, variance = belief.predicted_mean, belief.predicted_variance
    if below is not None and count > 1:
        alone = apply_to_group(program, index, log_evidence_apart)(below, mean, variance)
        gain = below.base.total() - sum(apart, start=alone)
    if below is not None and (volatile or not is_averaged_later(program, index)):
        tilt = tilt_of(program, index, below, mean, variance)
        mean, variance = tilt.moments(mean, variance)
    nodes = None
    if volatile:
        nodes = look(program, belief, volatile, mean, variance, moved=below is not None)
        gain = gain + nodes.log_evidence
    heard = combine_and(any_active, gates.get(index, True))
    return ChildEvidence(tilt=tilt, nodes=nodes), heard, (below, gain, nodes)


def is_averaged_later(program: Program, index: int) -> bool:
    """Whether nobody asks what a group makes of its children until it is averaged over its only parents.

    It is dear, and what is not computed need not be differentiated.
    """
    down = program.schedule.groups[index].down
    if len(down) != 1 or down[0].fan > 1 or down[0].conditional != "volatility":
        return False
    wiring = program.down[index][0]
    always = wiring.present is None and switches_of(program, wiring) is None
    return always and program.nodes[index].has_memory


def has_own_tilt(coupling: Any, child: Any) -> bool:
    """Whether a coupling says itself what a child makes of a Gaussian, and the child lets it."""
    return type(coupling).tilt is not AbstractCoupling.tilt and coupling.can_tilt(child)


def make_term(children: ChildMessages, belief: Any, dt: Scalar) -> ChildTerm:
    """Value children that are no Gaussian factors."""
    shape = jnp.shape(belief.predicted_mean)[: children.nodes]
    return ChildTerm(
        switches=children.switches,
        active=None if children.active is True else children.active,
        coupling=children.coupling,
        parent=belief.parent_view(),
        child=children.children,
        dt=jnp.broadcast_to(jnp.asarray(dt, float), shape),
        fan=children.fan,
    )


def evidence_apart(children: ChildMessages, sent: Evidence, belief: Any, dt: Scalar) -> Array:
    """Log evidence of every child by itself, and of every element of an array, summed over a bundle."""
    mean, variance = belief.predicted_mean, belief.predicted_variance
    if children.fan > 1:
        mean, variance = (jnp.expand_dims(one, children.nodes) for one in (mean, variance))
    if count_messages(children) == children.fan:
        return children.sum_edges(tilt_by_evidence(sent, mean, mean, variance).total())
    sent = children.edge_evidence(dt, summed=False)
    elements = tuple(range(jnp.ndim(mean), jnp.ndim(sent.gradient)))
    mean, variance = (jnp.expand_dims(one, elements) for one in (mean, variance))
    return children.sum_edges(
        jnp.sum(tilt_by_evidence(sent, mean, mean, variance).total(), elements)
    )


def log_evidence_apart(below: ValueChildren, mean: Array, variance: Array) -> Array:
    """The same of the children that are no Gaussian factors."""
    total = jnp.zeros_like(mean)
    for term in below.terms:
        found = term.tilts(mean, variance).total()
        total = total + jnp.sum(found, tuple(range(jnp.ndim(found) - jnp.ndim(mean))))
    return total


def gather_below(
    program: Program,
    index: int,
    belief: Any,
    values: list[Evidence],
    terms: list[Term],
) -> ValueChildren | None:
    """A group's value children as one."""
    if not values and not terms:
        return None
    point, variance = belief.predicted_mean, belief.predicted_variance
    value = jax.tree.map(lambda *parts: sum(parts[1:], start=parts[0]), *values) if values else None
    below = ValueChildren(point=point, value=value, terms=tuple(terms), base=nothing_heard(point))
    if value is None and len(terms) == 1 and terms[0].single:
        return below  # A tilt of its own is relative to the prediction already.
    return dataclasses.replace(below, base=tilt_of(program, index, below, point, variance))


def tilt_of(program: Program, index: int, below: Any, mean: Array, variance: Array) -> Tilt:
    """What is below the nodes of a group makes of a Gaussian for each."""
    return apply_to_group(program, index, lambda b, m, v: b.tilt(m, v))(below, mean, variance)


def lay_predictions(
    program: Program, index: int, bundle: Bundle, wiring: Wiring, beliefs: Mapping[int, Any]
) -> ConditionalPrediction:
    """The conditional predictions of the children in a bundle, beside its edges."""
    (child,) = bundle.ends.sources
    return lay_of_children(program, index, bundle, wiring, beliefs[child].structured.predictions)


def look(
    program: Program,
    belief: Gaussian,
    volatile: list[tuple[ChildMessages, Any]],
    mean: Array,
    variance: Array,
    moved: bool,
) -> Nodes:
    """Look at a group's nodes where they may be, and weigh what their volatility children say there."""

    def log_evidence(offset: Array) -> Array:
        parts = [hear_at(rule, children, predictions, offset) for children, predictions in volatile]
        return sum(parts[1:], start=parts[0])

    def hear_all(places: Places) -> list[Heard]:
        parts = [hear_over(children, predictions, places) for children, predictions in volatile]
        return [multiply(heard) for heard in zip(*parts, strict=True)]

    around, rule = belief.structured.neighbourhood, program.structured.rule()
    if sum(count_messages(children) for children, _ in volatile) >= MANY:
        shift = mean - belief.predicted_mean
        return weigh_about(rule, mean, variance, around.strength, log_evidence, hear_all, shift)
    places = around.places(rule)
    if moved:
        spread = reach_of(variance, around.strength)
        places = Places.spread(rule, spread, mean - belief.predicted_mean)
    children, predictions = volatile[0]
    if len(volatile) == 1 and is_only_child(children, predictions):
        tilts, posteriors = hear_only_child(children, predictions, places)
        heard = [(tilt.log_evidence, tilt.factor) for tilt in tilts]
        nodes = weigh_nodes(places, mean, variance, lambda _: heard)
        return dataclasses.replace(nodes, posteriors=posteriors)
    return weigh_nodes(places, mean, variance, hear_all)


def is_only_child(children: ChildMessages, predictions: ConditionalPrediction) -> bool:
    """Whether one node is always joined to one child, and is its only volatility parent."""
    below = children.children.structured.below
    same = jnp.ndim(children.children.mean) == jnp.ndim(children.parent.mean)
    joined = children.size == children.fan == 1 and children.switches is None
    return joined and same and predictions.moments is not None and below is not None


def hear_only_child(
    children: ChildMessages, predictions: ConditionalPrediction, places: Places
) -> tuple[list[Tilt], list[tuple[Array, Array]]]:
    """What an only child says of its parent's places, and its own posterior at each of them."""
    active = None if children.flags is True else children.flags
    below, tilts, after = children.children.structured.below, [], []
    for mean, variance in predictions.over(places):
        tilt = below.tilt(mean, variance)
        if active is not None:
            tilt = silence(alongside(active, tilt.gradient), tilt)
        tilt = stage(tilt)
        tilts.append(tilt)
        after.append(tilt.moments(mean, variance))
    return tilts, stage(after)


def multiply(heard: Sequence[Heard]) -> Heard:
    """What several children say of one place, as one."""
    value, factor = heard[0]
    for one, other in heard[1:]:
        value, factor = value + one, factor * other
    return value, factor


def count_messages(children: ChildMessages) -> int:
    """How many children a parent has in a bundle, the elements of an array apart."""
    own = jnp.ndim(children.parent.mean) - children.nodes
    shape = jnp.shape(children.children.mean)[children.nodes + (children.fan > 1) :]
    return children.fan * math.prod(shape[: len(shape) - own])


def hear_at(
    rule: QuadratureRule,
    children: ChildMessages,
    predictions: ConditionalPrediction,
    offset: Array,
) -> Array:
    """Log evidence of the children in one bundle, with their parents so far above their predictions."""

    def send(prediction: ConditionalPrediction, below: Any, offset: Array) -> list[Tilt]:
        return [prediction.ask_at(rule, below, offset)]

    (found,) = hear_edges(children, predictions, send, offset)
    return found[0]


def hear_over(
    children: ChildMessages, predictions: ConditionalPrediction, places: Places
) -> list[Heard]:
    """What the children in one bundle say of their parents' places."""

    def send(prediction: ConditionalPrediction, below: Any, places: Places) -> list[Tilt]:
        return [tilt for tilt, _, _ in prediction.ask(below, places)]

    return hear_edges(children, predictions, send, places)


def hear_edges(
    children: ChildMessages,
    predictions: ConditionalPrediction,
    send: Callable[[ConditionalPrediction, Any, Any], list[Tilt]],
    where: Any,
) -> list[Heard]:
    """What the children of every parent in a bundle say of some places together."""
    own = jnp.ndim(children.parent.mean) - children.nodes
    alone = children.fan == 1

    def one(edge: Any, where: Any) -> list[Heard]:
        on, active, prediction, below = edge
        tilts = [silence(on, tilt) for tilt in mute_if_off(send)(on, prediction, below, where)]
        if active is not None:
            tilts = [silence(alongside(active, tilt.gradient), tilt) for tilt in tilts]
        if alone and all(jnp.ndim(tilt.gradient) == own for tilt in tilts):
            return [(tilt.log_evidence, tilt.factor) for tilt in tilts]
        extra = [tuple(range(own, jnp.ndim(tilt.gradient))) for tilt in tilts]
        return [(jnp.sum(tilt.total(), axes), 1.0) for tilt, axes in zip(tilts, extra, strict=True)]

    active = None if children.flags is True else children.flags
    edge = (children.switches, active, predictions, children.children.structured.below)
    found = over_edges(one, children.size, children.fan)(edge, where)
    if alone:
        return found
    return [(children.sum_edges(value), 1.0) for value, _ in found]


def settle_group(
    program: Program,
    index: int,
    beliefs: Mapping[int, Any],
    belief: Any,
    found: tuple[Any, Array, Nodes | None],
    heard: Any,
) -> Any:
    """A group's posterior, with what its parents may ask of it."""
    below, gain, nodes = found
    group = program.schedule.groups[index]
    if nodes is not None:
        below = Site.between(
            belief.predicted_mean, belief.predicted_variance, nodes.mean, nodes.variance
        )
    if below is not None and is_averaged(group):
        alone = hear_alone(program, index, belief, beliefs, (below, heard))
        mean, variance, told = average_slots(program, index, alone, belief)
        gain = gain + told
        belief = count_once(group, belief, alone)
        if nodes is None:
            belief = dataclasses.replace(belief, mean=mean, variance=variance)
    if heard is not True:
        gain = jnp.where(alongside(heard, gain), gain, 0.0)
    facts = {"below": below, "gain": gain}
    return know(belief, **(facts if nodes is None else facts | {"nodes": nodes}))


def witness(program: Program, index: int, belief: Any) -> Any:
    """A group that was observed, with what its volatility parents may ask of it."""
    if program.schedule.groups[index].conditional_shapes is None:
        return belief
    tilt = tilt_by_value(belief.mean, belief.predicted_mean, belief.predicted_variance)
    return know(belief, below=Seen(value=belief.mean, base=tilt))


def look_back(
    program: Program, beliefs: Mapping[int, Any], informed: Evident, gates: Gates
) -> Beliefs:
    """Downward once more: every child averaged over its parents, and conditional on each."""
    beliefs, moved = dict(beliefs), dict(informed)
    for index in program.schedule.downward:
        group, node = program.schedule.groups[index], program.nodes[index]
        if group.conditional_shapes is not None and node.has_memory:
            beliefs[index], now = remember(program, index, beliefs, moved, gates)
            if program.structured.edges == "all":
                moved[index] = now
    return beliefs


def remember(
    program: Program, index: int, beliefs: Mapping[int, Any], informed: Evident, gates: Gates
) -> tuple[Any, Any]:
    """A group's belief, conditional on each of its parents and averaged over all; and which nodes moved."""
    group, belief = program.schedule.groups[index], beliefs[index]
    below, predictions = belief.structured.below, belief.structured.predictions
    heard = informed[index]
    moved, kept = heard, list[Any]()
    mean, variance = belief.mean, belief.variance
    slots = sum(bundle.fan for bundle in group.down if bundle.conditional)
    for number, bundle in enumerate(group.down):
        if not bundle.conditional:
            kept.append(None)
            continue
        wiring = program.down[index][number]
        rule, view = remember_edge, posterior_view
        if bundle.conditional == "value":
            rule, view = partial(remember_line, program.structured.rule()), moments_view
        elif len(bundle.ends.sources) > 1:
            view = posterior_view_alike
        parents = gather_parents(program, index, number, view, know_nodes(program, bundle, beliefs))
        active = active_parents(program, index, number, informed)
        on = switches_of(program, wiring)
        present = wiring.present if on is None else on
        rule = over_edges(rule, group.size, bundle.fan)
        edge = (parents, predictions[number])
        node = (None if heard is False else below, heard)
        conditional, means, variances = rule(edge, node)
        kept.append(conditional)
        if slots == 1:
            mean, variance = means, variances
            if present is not None:
                mean = jnp.where(alongside(present, mean), mean, belief.mean)
                variance = jnp.where(alongside(present, variance), variance, belief.variance)
        else:
            apart = remember_apart(program, index, number, belief, node)
            found = (means, variances, present)
            mean, variance = add_slots(group.size, bundle.fan, apart, (mean, variance), found)
        moved = combine_or(moved, active)
    moved = combine_and(moved, gates.get(index, True))
    if moved is not True:
        # Where nothing moved the belief is the prediction; what that alone would have made of the children
        # need not be computed.
        where = alongside(moved, mean) if moved is not False else False
        mean = jnp.where(where, mean, belief.predicted_mean)
        variance = jnp.where(where, variance, belief.predicted_variance)
    if slots > 1 or gates.get(index, True) is not True:
        kept = reconcile_lines(program, index, kept, beliefs, variance)
    facts: dict[str, Any] = {"conditionals": tuple(kept)}
    if belief.structured.coparents is not None:
        facts["covariance"] = learn_covariance(program, index, belief, beliefs)
    return dataclasses.replace(know(belief, **facts), mean=mean, variance=variance), moved


def add_slots(
    size: int,
    fan: int,
    apart: tuple[Array, Array],
    moments: tuple[Array, Array],
    found: tuple[Array, Array, Any],
) -> tuple[Array, Array]:
    """Moments moved by what a bundle of parents makes of them, each for itself."""
    means, variances, present = found
    last = len(places(size, fan)) - 1
    step, ratio = means - apart[0], jnp.log(variances / apart[1])
    if present is not None:
        step = jnp.where(alongside(present, step), step, 0.0)
        ratio = jnp.where(alongside(present, ratio), ratio, 0.0)
    if fan > 1:
        step, ratio = jnp.sum(step, last), jnp.sum(ratio, last)
    return moments[0] + step, moments[1] * jnp.exp(ratio)


def remember_apart(
    program: Program, index: int, number: int, belief: Any, node: tuple[Any, Any]
) -> tuple[Array, Array]:
    """Moments of a group had the parents in one bundle learned nothing but from it, edge by edge."""
    bundle, size = program.schedule.groups[index].down[number], program.schedule.groups[index].size
    alone = belief.structured.coparents.alone
    if alone is not None and alone[number] is not None:
        return alone[number].mean, alone[number].variance
    mean, variance = belief.mean, belief.variance
    if alone is not None:
        mean, variance = belief.predicted_mean, belief.predicted_variance
        tilt = tilt_of(program, index, node[0], mean, variance)
        if node[1] is not True:
            tilt = silence(alongside(node[1], tilt.gradient), tilt)
        mean, variance = tilt.moments(mean, variance)
    if bundle.fan > 1:
        last = len(places(size, bundle.fan)) - 1
        mean, variance = jnp.expand_dims(mean, last), jnp.expand_dims(variance, last)
    return mean, variance


def know_nodes(program: Program, bundle: Bundle, beliefs: Mapping[int, Any]) -> dict[int, Any]:
    """The parents in a bundle with their nodes; those that heard no child are where they were predicted."""

    def know_own(belief: Any) -> Any:
        facts = belief.structured
        if facts is None or facts.neighbourhood is None or facts.nodes is not None:
            return belief
        at = facts.neighbourhood.places(program.structured.rule())
        return know(belief, nodes=weigh_nodes(at, belief.predicted_mean, belief.predicted_variance))

    return {end: know_own(beliefs[end]) for end in bundle.ends.sources}


def posterior_view(belief: Any) -> tuple[Array, Array, Array, Nodes | None]:
    """What a child must know of a volatility parent after the step."""
    nodes = None if belief.structured is None else belief.structured.nodes
    return belief.predicted_mean, belief.mean, belief.variance, nodes


def posterior_view_alike(belief: Any) -> tuple[Array, Array, Array, Nodes | None]:
    """The same in one form, whether or not a parent's nodes are about its prediction."""
    predicted, mean, variance, nodes = posterior_view(belief)
    if nodes is not None and nodes.places.shift is None:
        places = dataclasses.replace(nodes.places, shift=jnp.zeros_like(nodes.moved))
        nodes = dataclasses.replace(nodes, places=places)
    return predicted, mean, variance, nodes


def active_parents(program: Program, index: int, number: int, informed: Evident) -> Any:
    """Whether any parent in a bundle learned something."""
    bundle = program.schedule.groups[index].down[number]
    flags = [informed.get(end, False) for end in bundle.ends.sources]
    if all(flag is False for flag in flags):
        return False
    if all(flag is True for flag in flags):
        return True
    size = program.schedule.groups[index].size
    shapes = [places(program.schedule.groups[end].size, 1) for end in bundle.ends.sources]
    laid = lay_beside(
        [jnp.broadcast_to(flag, shape) for flag, shape in zip(flags, shapes, strict=True)],
        shapes,
        bundle.ends,
        program.down[index][number].ends,
        places(size, bundle.fan),
    )
    return jnp.any(laid, axis=-1) if bundle.fan > 1 else laid


def remember_edge(edge: Any, node: Any) -> tuple[Conditional, Array, Array]:
    """One child on one volatility edge: its conditional belief, and its moments averaged over the parent."""
    (predicted_mean, parent_mean, parent_variance, nodes), prediction = edge
    below, heard = node
    after = nodes.posteriors
    if after is None:
        after = []
        if below is None:
            after = prediction.over(nodes.places)
        else:
            for tilt, mean, variance in prediction.ask(below, nodes.places):
                after.append(stage(silence(heard, tilt)).moments(mean, variance))
        after = stage(after)
    means, variances = [mean for mean, _ in after], [variance for _, variance in after]
    return stage(
        condition(
            nodes,
            means,
            variances,
            prediction.strength,
            predicted_mean,
            parent_mean,
            parent_variance,
        )
    )


def joint_gain(program: Program, beliefs: Mapping[int, Any]) -> Array:
    """Log evidence of all inputs of a step together, less that of each by itself."""
    total = jnp.zeros(())
    for belief in beliefs.values():
        facts = getattr(belief, "structured", None)
        if facts is not None and facts.gain is not None:
            total = total + jnp.sum(facts.gain)
    return total
