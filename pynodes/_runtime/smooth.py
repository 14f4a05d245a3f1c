"""Smoothing: the loop over time forward, then back, and every belief given the whole series.

What the future says about a node is one more likelihood of its value, and it comes from the node
itself one step later: it *is* its own child, through its memory. So a step is taken again with the two
sweeps that took it. Downward every node predicts as before and then takes in its future, so that its
children predict from a better known parent. Upward it hears its children from there, and its
parents hear of all that it learned, future included (docs/theory/smoothing.md).
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._compiler.labels import Kept, Labels
from pynodes._compiler.program import Program
from pynodes._compiler.structured import keeps
from pynodes._core.arithmetic import reciprocal
from pynodes._core.beliefs import Gaussian, alongside
from pynodes._core.modules import Module
from pynodes._core.structured import Structured
from pynodes._engine import sweeps
from pynodes._engine.conditionals import average_outcomes
from pynodes._engine.edges import Beliefs, Evident, apply_to_group, combine_or, sum_inlets
from pynodes._engine.feed import Feed
from pynodes._engine.filter import (
    Records,
    Run,
    filter_step,
    flag_nodes,
    is_invalid,
    report_groups,
    rest,
    run_and_keep,
)
from pynodes._engine.loop import Now, scan, select_tree
from pynodes._engine.sweeps import State, Step
from pynodes._errors import SmoothingError, quote
from pynodes._runtime.smooth_structured import step_back
from pynodes._typing import Array, Scalar
from pynodes.couplings import AbstractVolatilityCoupling
from pynodes.nodes import AbstractNode


class Future(Module):
    """What the steps after this one say about a node, to second order.

    Attributes
    ----------
    point
        The value at which the gradient is taken.
    gradient, curvature
        First derivative of the log likelihood of the future there, and minus the second.
    evident
        Whether anything was learned after this step.
    """

    point: Array
    gradient: Array
    curvature: Array
    evident: Array

    def join(self, belief: Gaussian) -> Gaussian:
        """A prediction that has taken the future in, as a prediction."""
        gradient = self.gradient - self.curvature * (belief.predicted_mean - self.point)
        before = belief.predicted_variance
        variance = before * reciprocal(1 + before * self.curvature)
        return belief.updated(belief.predicted_mean + variance * gradient, variance).as_prior()


Futures = tuple[Future | None, ...]
"""The future of every group; None for those that remember nothing."""


@partial(jax.jit, static_argnames="kept")
def smooth_series(program: Program, feed: Feed, state: State | None, kept: Kept) -> Run:
    """A filter's run, its records given the whole series.

    Where some of a step's revised beliefs are not valid, it keeps the filter's and hears nothing of what
    came after; the run then says that it failed there.
    """

    def emit_passed(found: Step) -> tuple[State, Beliefs]:
        return found.before, found.beliefs

    begin = sweeps.start(program) if state is None else state
    run, forward = run_and_keep(program, feed, begin, partial(filter_step, feed), emit=emit_passed)
    counts = run.alive if feed.series.frozen is None else run.alive & ~feed.series.frozen
    structured = program.structured is not None
    backward = scan(
        program,
        feed,
        run.final if structured else no_future(begin),
        retake_structured_step if structured else retake_step,
        lambda now, found, _: report_smoothing(now, found, kept),
        beside=(*forward.emitted, counts),
        hold=False,
        reverse=True,
    )
    records, still, invalid = backward.emitted
    if structured:
        resting = rest(program, backward.final)
    else:
        resting = rest_given_future(program, begin, backward.final)
    first = report_groups(program, resting, kept)
    records = repeat_last(counts, records, still, first)
    alive = run.alive & ~jnp.any(invalid, axis=-1)
    where = jnp.argmin(alive)
    failed = jnp.where(run.alive[where], invalid[where], run.failed)
    return dataclasses.replace(run, records=records, alive=alive, failed=failed)


def retake_step(now: Now, futures: Futures) -> tuple[Futures, bool, Any]:
    """A step taken again: what it says about the one before, and beliefs given the whole series."""
    before, filtered, counts = now.beside
    known, evident, inlets = sweep_again(now, before, futures)
    invalid = counts & flag_nodes(now.program, known, is_invalid)
    known = select_tree(jnp.any(invalid), filtered, known)
    earlier = send_back(now, before, known, evident, inlets)
    shown = merge_smoothing(now, filtered, known)
    return select_tree(counts, earlier, futures), True, (shown, invalid)


def retake_structured_step(now: Now, after: State) -> tuple[State, bool, Any]:
    """Under Structured: beliefs before a step, given the whole series, from those after it."""
    before, filtered, counts = now.beside
    known = dict(filtered)
    for index, belief in enumerate(after):
        if belief is not None:
            known[index] = dataclasses.replace(
                filtered[index].updated(belief.mean, belief.variance), structured=belief.structured
            )
    earlier = step_back(now, before, after)
    valid = jnp.all(
        jnp.array([jnp.all(belief.is_valid()) for belief in earlier if belief is not None])
    )
    earlier = select_tree(valid, earlier, before)
    shown = merge_smoothing(now, filtered, known)
    invalid = counts & flag_nodes(now.program, known, is_invalid)
    return select_tree(counts, earlier, after), True, (shown, invalid)


def report_smoothing(
    now: Now, found: tuple[Beliefs, Array], kept: Kept
) -> tuple[Records, Records, Array]:
    """Records of a step that was taken again, and of one that would follow it in no time."""
    beliefs, invalid = found
    still = rest(now.program, sweeps.carry(now.program, beliefs))
    records = report_groups(now.program, beliefs, kept)
    return records, report_groups(now.program, still, kept), invalid


def repeat_last(counts: Array, records: Records, still: Records, first: Records) -> Records:
    """Records in which steps that do not count rest where the last that counts left everything."""
    last = lax.cummax(jnp.where(counts, jnp.arange(counts.shape[0]), -1))

    def repeat(moving: Array, resting: Array, begin: Array) -> Array:
        held = jnp.take(resting, jnp.maximum(last, 0), axis=0)
        held = jnp.where(alongside(last < 0, held), begin, held)
        return jnp.where(alongside(counts, moving), moving, held)

    return jax.tree.map(repeat, records, still, first)


def sweep_again(
    now: Now, before: State, futures: Futures
) -> tuple[Beliefs, Evident, dict[int, dict[str, Any]]]:
    """The two sweeps of a step, with what came after it taken in.

    Returns
    -------
    Beliefs given what was seen in the step and later, whose predictions hold what came before and the
    parents' futures; which nodes learned anything; and what their parents contributed.
    """
    predicted: Beliefs = {}

    def view(index: int, belief: Any) -> Any:
        predicted[index], future = belief, futures[index]
        return belief if future is None else future.join(belief)

    prior = sweeps.predict(now.program, before, now.dt, view)
    evident = {g: future.evident for g, future in enumerate(futures) if future is not None}
    known, evident = sweeps.update(
        now.program, predicted, now.moment.seen, now.dt, prior=prior, evident=evident
    )
    inlets = {g: sum_inlets(now.program, g, prior, now.dt) for g in now.program.schedule.upward}
    return known, evident, inlets


def send_back(
    now: Now, before: State, known: Beliefs, evident: Evident, inlets: dict[int, dict[str, Any]]
) -> Futures:
    """What a step that was taken again says about the one before it."""

    def send(index: int, node: Any) -> Future:
        rule = apply_to_group(now.program, index, remember_past)
        sent = rule(node, before[index], known[index], inlets[index], now.dt)
        return dataclasses.replace(sent, evident=combine_or(sent.evident, evident[index]))

    nodes = enumerate(now.program.nodes)
    return tuple(send(index, node) if node.has_memory else None for index, node in nodes)


def remember_past(node: Any, before: Gaussian, after: Gaussian, inlet: Any, dt: Scalar) -> Future:
    """What a node, better known after a step, says about where it was before.

    It says it as a child does to a value parent: what it learned is a likelihood of its value, which
    is widened by all that moved it but its past, and seen through the slope of its memory. Certainty
    is never taken away: a belief that grew less certain than its prediction, as expansions of
    volatility evidence may make it, pulls but has no curvature.
    """
    slope, surplus = node.memory_gain(dt)
    past = Gaussian(mean=before.mean, variance=surplus * before.variance)
    moved = node.predict(past, inlet, dt).predicted_variance
    learned = 1 - after.variance * reciprocal(after.predicted_variance)
    gain = slope * reciprocal(after.variance + moved * learned)
    curvature = slope * gain * learned
    return Future(
        point=before.mean,
        gradient=gain * (after.mean - after.predicted_mean),
        curvature=jnp.where(curvature > 0, curvature, 0.0),
        evident=jnp.zeros(jnp.shape(before.mean), dtype=bool),
    )


def no_future(state: State) -> Futures:
    """What is known of the time after the last step: nothing."""

    def nothing(belief: Any) -> Future:
        still = jnp.zeros_like(belief.mean)
        return Future(point=still, gradient=still, curvature=still, evident=still.astype(bool))

    return tuple(None if belief is None else nothing(belief) for belief in state)


def merge_smoothing(now: Now, filtered: Beliefs, known: Beliefs) -> Beliefs:
    """Beliefs given the whole series, beside the predictions that the filter made."""
    priors = {number: belief.as_prior() for number, belief in known.items()}

    def show(index: int) -> Any:
        node, belief = now.program.nodes[index], known[index]
        value, observed = now.moment.seen.get(index, (None, True))
        if observed is not True and not node.has_memory:
            inlet = sum_inlets(now.program, index, priors, now.dt)
            expected = apply_to_group(now.program, index, type(node).predict)(
                node, sweeps.initial(now.program, index), inlet, now.dt
            )
            if now.program.structured is not None:
                expected = average_outcomes(now.program, index, expected, priors, inlet, now.dt)
            observe = apply_to_group(now.program, index, type(node).observe)
            belief = observe(node, expected, value, observed)
        if isinstance(belief, Gaussian):
            belief = filtered[index].updated(belief.mean, belief.variance)
        return belief

    return {index: show(index) for index in known}


def rest_given_future(program: Program, state: State, futures: Futures) -> Beliefs:
    """The beliefs of a step at which nothing moves, given what came after it."""

    def know(belief: Any, future: Future | None) -> Any:
        if future is None:
            return belief
        known = future.join(belief)
        return belief.updated(known.mean, known.variance)

    return {index: know(belief, futures[index]) for index, belief in rest(program, state).items()}


def check_tree(labels: Labels) -> None:
    """Under Structured: edges between states keep conditionals, and a state has one such parent at most.

    Raises
    ------
    SmoothingError
        Names the edge, or the state and its parents.
    """
    nodes, parents = labels.graph.nodes, dict[str, list[str]]()
    structured = labels.settings.expansion
    instead = "Compile the graph with expansion='enhanced' to smooth it."
    for parent, child, coupling in labels.graph.edges:
        if not nodes[child].has_memory:
            continue
        value = (
            isinstance(structured, Structured)
            and keeps(structured, coupling, [nodes[parent]], nodes[child]) == "value"
        )
        if not value and not isinstance(coupling, AbstractVolatilityCoupling):
            if nodes[parent].has_memory:
                raise SmoothingError(
                    "Under Structured, smoothing follows volatility edges between states, with edges='all' "
                    f"drifts too, and {parent}->{child} is a {type(coupling).__name__}. {instead}"
                )
            continue
        parents.setdefault(child, []).append(parent)
        several = len(parents[child]) > 1
        if several or not nodes[parent].has_memory or type(nodes[child].init()) is not Gaussian:
            raise SmoothingError(
                "Under Structured, smoothing needs one parent at most of a state, itself a state, "
                f"and {child!r} has {quote(parents[child])}. {instead}"
            )


def check_smoothable(labels: Labels) -> None:
    """Refuse a graph with nodes that do not say what they keep over a step, or hold no Gaussian belief.

    Raises
    ------
    SmoothingError
        Names them and their kind.
    """
    if isinstance(labels.settings.expansion, Structured):
        check_tree(labels)
    for parent, child, coupling in labels.graph.edges:
        if getattr(coupling, "lag", 0):
            raise SmoothingError(
                f"The edge {parent}->{child} leads from a value of the step before, through which smoothing "
                "does not go. Use network.filter."
            )
    for names in labels.groups:
        node = labels.graph.nodes[names[0]]
        if not node.has_memory:
            continue
        silent = type(node).memory_gain is AbstractNode.memory_gain
        if silent or not isinstance(node.init(), Gaussian):
            raise SmoothingError(
                f"{quote(names)} cannot be smoothed: a {type(node).__name__} does not define the "
                "memory_gain(dt) of a Gaussian belief. Use network.filter, or define it."
            )
