"""contexts: copies of a filter that are opened as data ask for them, only one of them learning at a time.

A step belongs to the context before with probability ``stay``; else to an open one in proportion to the steps
it has got, or to a new one in proportion to ``concentration``: a sticky Chinese restaurant. Every
history of contexts is a hypothesis with copies of its own; the most probable are kept. While all are
kept, beliefs are exact.

Where it is known before how probable every number of contexts is, contexts are as popular as one another, and
a change is to another one. Every number then has histories of its own, for those of few contexts look
better at first and would push out all others; and of improbable histories some stand for all, since giving
up each of them says that a number is less probable than it is.

Source: the restaurant of Gershman, Blei and Niv (2010), doi 10.1037/a0017808, that stays; pruned, and
resampled where the number is known before, as by Fearnhead (2004), doi 10.1023/B:STCO.0000009418.04621.cd.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._compiler.program import Program
from pynodes._core.beliefs import alongside
from pynodes._core.modules import Module, choice
from pynodes._engine import sweeps
from pynodes._engine.feed import Feed
from pynodes._engine.filter import all_valid, report_fields, surprises
from pynodes._engine.loop import Guard, Now, Ran, scan
from pynodes._errors import InputError, ParameterError
from pynodes._runtime.inputs import read_inputs, single_step
from pynodes._runtime.network import Network
from pynodes._runtime.series import Series
from pynodes._typing import Array

WHEN_FULL = ("forget", "merge", "keep")
"""What happens when all copies are in use and a new context is called for."""


class ContextRule(Module):
    """How contexts come and go: the numbers, and what is done when all copies are in use.

    ``total`` is how many contexts there are in all; None leaves that to the concentration.
    """

    stay: Any
    concentration: Any
    total: Any = None
    full: str = choice()


class Hypotheses(Module):
    """Histories of contexts, each with its copies.

    Attributes
    ----------
    groups
        States of the copies, of shape (hypotheses, capacity, ...).
    log_weight
        Of every hypothesis, with those that it stands for; minus infinity where there is none.
    log_joint
        Log density of every hypothesis by itself with the data so far.
    counts
        Steps that every copy has got.
    labels
        Which context every copy holds, numbered as they appear.
    slot
        The copy that had the last step; -1 before the first.
    opened
        How many contexts have been opened.
    """

    groups: Any
    log_weight: Array
    log_joint: Array
    counts: Array
    labels: Array
    slot: Array
    opened: Array


class NumberedHypotheses(Module):
    """Histories apart for one context in all, for two, and so on.

    Attributes
    ----------
    histories
        Those of every number, which is their first axis.
    log_number
        Log probability of every number.
    """

    histories: Hypotheses
    log_number: Array

    def flatten(self) -> Hypotheses:
        """All of them as one."""
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), self.histories)
        weight = self.log_number[:, None] + self.histories.log_weight
        likely = jnp.arange(len(self.log_number)) == jnp.argmax(self.log_number)
        joint = jnp.where(likely[:, None], self.histories.log_joint, -jnp.inf)
        return dataclasses.replace(flat, log_weight=weight.ravel(), log_joint=joint.ravel())


History = Hypotheses | NumberedHypotheses
"""Where contexts are after a step."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ContextTrajectories:
    """What contexts made of a series. Made by :meth:`Contexts.filter`.

    Attributes
    ----------
    surprise
        Of every step, averaged over histories.
    number
        Probability of every number of contexts opened so far, of shape (time, numbers from 0); with
        ``number=`` of the number in all.
    histories
        The context of every step in every history that is left, of shape (hypotheses, time).
    weights
        Probability of every history.
    averages
        What nodes report of themselves in the context that is responsible, averaged over histories: fields by
        node, time first.
    final
        Where a later call can go on.
    """

    surprise: np.ndarray
    number: np.ndarray
    histories: np.ndarray
    weights: np.ndarray
    averages: Mapping[str, Mapping[str, np.ndarray]]
    final: History
    network: Network

    @property
    def log_evidence(self) -> float:
        """Of the whole series."""
        return -float(self.surprise.sum())

    @property
    def context(self) -> np.ndarray:
        """The context of every step in the most probable history, numbered as they appear.

        With ``number=`` that of the most probable number of contexts.
        """
        every = flatten_histories(self.final)
        alive = ~np.isneginf(every.log_weight)
        return self.histories[int(np.argmax(np.asarray(every.log_joint)[alive]))]

    @cached_property
    def probability(self) -> np.ndarray:
        """Probability that a step belongs to the same context as another one, of shape (time, time)."""
        steps = self.histories.shape[1]
        same = np.zeros((steps, steps))
        for history, weight in zip(self.histories, self.weights, strict=True):
            same += weight * (history[:, None] == history[None, :])
        return same

    def beliefs(self) -> list[dict[str, dict[str, np.ndarray]]]:
        """What every open context of the most probable history believes at the end, by node and field."""
        every = flatten_histories(self.final)
        best = int(np.argmax(every.log_joint))
        final = jax.tree.map(lambda leaf: np.asarray(leaf)[best], every)
        found = []
        for slot in np.argsort(final.labels):
            if final.counts[slot] > 0:
                state = jax.tree.map(lambda leaf, slot=slot: leaf[slot], final.groups)
                found.append(describe_state(self.network, state))
        return found

    def __repr__(self) -> str:
        likely = int(np.argmax(self.number[-1]))
        return f"ContextTrajectories({len(self.surprise)} steps, {likely} contexts most probably)"


@dataclasses.dataclass(frozen=True, eq=False)
class Contexts:
    """A network of which there is a copy for every context. Made by :func:`contexts`.

    Attributes
    ----------
    network
        The network.
    capacity
        How many contexts can be open at a time.
    hypotheses
        How many histories are kept.
    rule
        How contexts come and go.
    number
        Probability of every number of contexts in all, from one on; None where there may be any.
    """

    network: Network
    capacity: int
    hypotheses: int
    rule: ContextRule
    number: tuple[float, ...] | None = None

    def start(self) -> History:
        """The state before the first step: no context is open."""
        start = begin_history(self.network.program, self.hypotheses, self.capacity)
        if self.number is None:
            return start
        count = len(self.number)
        with np.errstate(divide="ignore"):
            log_number = jnp.asarray(np.log(self.number), start.log_weight.dtype)
        every = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), start)
        return NumberedHypotheses(histories=every, log_number=log_number)

    @boundary
    def filter(
        self,
        inputs: Mapping[str, Series],
        *,
        dt: Series | float = 1.0,
        observed: Mapping[str, Series] | None = None,
        frozen: Series | None = None,
        start: History | None = None,
    ) -> ContextTrajectories:
        """Pass a series through the contexts; parameters as for :meth:`pynodes.Network.filter`."""
        labels = self.network.labels
        feed = read_inputs(labels, inputs, dt, observed, frozen)
        state = self.start() if start is None else start
        if isinstance(state, NumberedHypotheses):
            ran = run_numbers(self.network.program, feed, state, self.rule)
            final, (surprise, known, ancestry, reports) = jax.tree.map(np.asarray, ran)
            number = np.concatenate([np.zeros((len(known), 1)), known], axis=1)
            histories = np.concatenate(
                [trace_contexts(*one) for one in zip(*ancestry, strict=True)]
            )
        else:
            one = run_contexts(self.network.program, feed, state, self.rule)
            final, emitted = jax.tree.map(np.asarray, (one.final, one.emitted))
            surprise, opened, weights, *ancestry, reports = emitted
            number, histories = count_probability(opened, weights), trace_contexts(*ancestry)
        log_weight = flatten_histories(final).log_weight
        weight = np.exp(log_weight - np.max(log_weight))
        alive = weight > 0
        return ContextTrajectories(
            surprise=surprise,
            number=number,
            histories=histories[alive],
            weights=weight[alive] / weight.sum(),
            averages=name_reports(self.network, reports),
            final=final,
            network=self.network,
        )

    @boundary
    def step(
        self, state: History, inputs: Mapping[str, Any], dt: float = 1.0
    ) -> tuple[History, ContextTrajectories]:
        """One step online, from :meth:`start` or from what the previous step returned."""
        found = self.filter(single_step(self.network.labels, inputs), dt=dt, start=state)
        return found.final, found

    @boundary
    def surprise(self, inputs: Mapping[str, Series], *, dt: Series | float = 1.0) -> Array:
        """Total surprise of a series, in nats; differentiable in the network's parameters."""
        feed, state = read_inputs(self.network.labels, inputs, dt), self.start()
        if isinstance(state, NumberedHypotheses):
            return jnp.sum(run_numbers(self.network.program, feed, state, self.rule)[1][0])
        return jnp.sum(run_contexts(self.network.program, feed, state, self.rule).emitted[0])


@boundary
def contexts(
    network: Network,
    *,
    capacity: int = 8,
    hypotheses: int = 16,
    stay: float = 0.95,
    concentration: float = 1.0,
    number: Sequence[float] | None = None,
    full: str = "forget",
) -> Contexts:
    """Let copies of a network take turns, as many as data ask for.

    Parameters
    ----------
    network
        What is inside of a context.
    capacity
        How many contexts can be open at a time.
    hypotheses
        How many histories of contexts are kept.
    stay
        Probability that the context stays from one step to the next.
    concentration
        How readily a new context is opened.
    number
        Probabilities, or odds, of one, two, ... contexts in all, ``[1, 1, 1, 1]`` for at most four. A change
        is then to another context, each as probable, and so many histories are kept of every number. It
        takes the place of ``capacity``, ``concentration`` and ``full``.
    full
        What happens when all copies are in use: ``"forget"`` gives up the one with the fewest steps,
        ``"merge"``
        joins that one with the nearest other in what its nodes believe; ``"keep"`` opens no more.

    Raises
    ------
    ParameterError
        Numbers out of range.

    Examples
    --------
    >>> import pynodes as pn
    >>> network = pn.Graph().add(u=pn.KalmanFilter(tonic_volatility=-3.0)).compile()
    >>> found = pn.structure.contexts(network, stay=0.9).filter({"u": [0.0, 0.1, 9.0, 9.1, 0.0]})
    >>> [int(context) for context in found.context]
    [0, 0, 1, 1, 0]
    """
    for name, value in (("capacity", capacity), ("hypotheses", hypotheses)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ParameterError(f"{name} must be a positive whole number, not {value!r}.")
    if isinstance(stay, bool) or not isinstance(stay, int | float) or not 0 <= stay <= 1:
        raise ParameterError(f"stay must be a probability, not {stay!r}.")
    if not isinstance(concentration, int | float) or not 0 < concentration < np.inf:
        raise ParameterError(f"concentration must be positive and finite, not {concentration!r}.")
    if full not in WHEN_FULL:
        raise ParameterError(f"full must be 'forget', 'merge' or 'keep', not {full!r}.")
    if not isinstance(network, Network):
        raise InputError(f"contexts takes a compiled network, not a {type(network).__name__}.")
    rule = ContextRule(stay=float(stay), concentration=float(concentration), full=full)
    if number is None:
        return Contexts(network, capacity, hypotheses, rule)
    odds = np.asarray(number, float)
    if (
        odds.ndim != 1
        or not odds.size
        or not np.all(np.isfinite(odds) & (odds >= 0))
        or not odds.any()
    ):
        raise ParameterError(
            f"number must be the probabilities of one, two, ... contexts, as in [1, 1, 1], not {number!r}."
        )
    return Contexts(network, len(odds), hypotheses, rule, tuple(map(float, odds / odds.sum())))


@partial(jax.jit, static_argnums=(1, 2))
def begin_history(program: Program, hypotheses: int, capacity: int) -> Hypotheses:
    """No history at all, of which there is one."""
    fresh = sweeps.start(program)
    kind = jnp.result_type(float)

    def spread(leaf: Array) -> Array:
        return jnp.broadcast_to(leaf, (hypotheses, capacity, *jnp.shape(leaf)))

    return Hypotheses(
        groups=jax.tree.map(spread, fresh),
        log_weight=jnp.where(jnp.arange(hypotheses) == 0, 0.0, -jnp.inf).astype(kind),
        log_joint=jnp.zeros(hypotheses, kind),
        counts=jnp.zeros((hypotheses, capacity), kind),
        labels=jnp.zeros((hypotheses, capacity), int),
        slot=jnp.full(hypotheses, -1),
        opened=jnp.zeros(hypotheses, int),
    )


@jax.jit
def run_contexts(program: Program, feed: Feed, state: Hypotheses, rule: ContextRule) -> Ran:
    """Take every step of a series; emit surprise, numbers, weights, ancestry and reports."""
    fresh = sweeps.start(program)

    def take(now: Now, before: Hypotheses) -> tuple[Hypotheses, Array, Any]:
        return step_all(now, before, fresh, rule)

    def emit(now: Now, found: Any, guard: Guard) -> Any:
        del now
        surprise, *rest = found
        return guard.mask_surprise(surprise), *rest

    return scan(program, feed, state, take, emit)


@jax.jit
def run_numbers(
    program: Program, feed: Feed, state: NumberedHypotheses, rule: ContextRule
) -> tuple[NumberedHypotheses, Any]:
    """Do the same for every number of contexts; give surprise, numbers' probabilities, ancestry, reports."""

    def one(histories: Hypotheses, total: Array) -> tuple[Hypotheses, Any]:
        ran = run_contexts(program, feed, histories, dataclasses.replace(rule, total=total))
        return ran.final, ran.emitted

    totals = jnp.arange(1, len(state.log_number) + 1)
    final, emitted = jax.vmap(one)(state.histories, totals)
    surprise, _, _, parents, contexts, reports = emitted
    log = state.log_number[:, None] - jnp.cumsum(surprise, axis=1)
    whole = logsumexp(log, axis=0)
    known = jnp.isfinite(whole)
    number = jnp.exp(log - jnp.where(known, whole, 0.0)[None])
    before = jnp.concatenate([logsumexp(state.log_number)[None], whole[:-1]])
    total = jnp.where(known, before - jnp.where(known, whole, 0.0), jnp.inf)

    def average(values: Array) -> Array:
        weight = alongside(number, values)
        return jnp.sum(jnp.where(weight > 0, weight * values, 0.0), axis=0)

    last = NumberedHypotheses(histories=final, log_number=log[:, -1] - whole[-1])
    return last, (total, number.T, (parents, contexts), jax.tree.map(average, reports))


def flatten_histories(final: History) -> Hypotheses:
    """All histories along one axis, weighted by how probable each is of all."""
    return final.flatten() if isinstance(final, NumberedHypotheses) else final


def step_all(
    now: Now, before: Hypotheses, fresh: Any, rule: ContextRule
) -> tuple[Hypotheses, Array, Any]:
    """One step of all histories, each going on in every context that it may."""

    def one(state: Any) -> tuple[Any, Any, Array, Array, Any]:
        found = sweeps.step(now.program, state, now.moment.seen, now.dt)
        parts = surprises(now.program, found.beliefs, found.seen).values()
        total = sum((jnp.sum(part) for part in parts), start=jnp.zeros(()))
        fields = {
            group: report_fields(now.program, group, found.beliefs, None) for group in found.beliefs
        }
        learned = sweeps.carry(now.program, found.beliefs)
        drifted = sweeps.carry(now.program, found.predicted)
        return learned, drifted, total, all_valid(found.beliefs), fields

    learned, drifted, surprise, valid, fields = jax.vmap(jax.vmap(one))(before.groups)
    new_learned, _, new_surprise, new_valid, new_fields = one(fresh)
    count, capacity = before.counts.shape
    prior, victim = log_prior(before, rule)
    lost = jnp.concatenate(
        [
            jnp.where(valid, surprise, jnp.inf),
            jnp.full((count, 1), jnp.where(new_valid, new_surprise, jnp.inf)),
        ],
        axis=1,
    )
    joint = before.log_weight[:, None] + prior - lost
    whole = logsumexp(joint)
    prune = lax.top_k if rule.total is None else resample_histories
    log_weight, best = prune(jnp.ravel(joint), count)
    best = best.astype(int)
    parent, chosen = best // (capacity + 1), best % (capacity + 1)
    new = chosen == capacity
    slot = jnp.where(new, victim[parent], chosen)

    def after(parent: Array, chosen: Array, new: Array, slot: Array) -> Any:
        def leaf(learned: Array, drifted: Array, first: Array, start: Array) -> Array:
            is_open = before.counts[parent] > 0
            here = jnp.where(alongside(is_open, drifted[parent]), drifted[parent], start)
            mine = learned[parent, jnp.minimum(chosen, capacity - 1)]
            return here.at[slot].set(jnp.where(new, first, mine))

        return jax.tree.map(leaf, learned, drifted, new_learned, fresh)

    groups = jax.vmap(after)(parent, chosen, new, slot)
    groups, counts = merge_forgotten(before, drifted, groups, parent, new, victim, rule)
    rows = jnp.arange(count)
    labels = before.labels[parent]
    label = jnp.where(new, before.opened[parent], labels[rows, slot])
    kept = jnp.isfinite(log_weight)
    after_all = Hypotheses(
        groups=groups,
        log_weight=jnp.where(kept, log_weight - logsumexp(log_weight), -jnp.inf),
        log_joint=jnp.ravel(before.log_joint[:, None] + prior - lost)[best],
        counts=counts.at[rows, slot].set(jnp.where(new, 1.0, counts[rows, slot] + 1)),
        labels=labels.at[rows, slot].set(label),
        slot=slot,
        opened=before.opened[parent] + new.astype(int),
    )
    weights = jnp.exp(joint - whole)
    averaged = jax.tree.map(partial(average_histories, weights), fields, new_fields)
    found = (-whole, after_all.opened, jnp.exp(after_all.log_weight), parent, label, averaged)
    return after_all, jnp.isfinite(whole), found


def resample_histories(log_weight: Array, count: int) -> tuple[Array, Array]:
    """So many of some hypotheses, with weights that stand for all.

    The probable ones stay as they are. The others, each below a threshold, go or get its weight: those at
    equal distances along the sum of their weights. Where all have room, all stay as they are.
    """
    logs, order = lax.top_k(log_weight, log_weight.shape[0])
    most = jnp.where(jnp.isfinite(logs[0]), logs[0], 0.0)
    weight = jnp.exp(logs - most)
    left = jnp.cumsum(weight[::-1])[::-1]
    room = (count - jnp.arange(count)).astype(weight.dtype)
    rounding = 1 + 64 * jnp.finfo(weight.dtype).eps
    heavy = weight[:count] * room * rounding >= left[:count]
    stay = jnp.sum(jnp.cumprod(heavy.astype(int)))
    last = jnp.minimum(stay, count - 1)
    threshold = left[last] / room[last]
    threshold = jnp.where(threshold > 0, threshold, 1.0)  # or else none goes
    drawn = jnp.sum(left[None] > threshold * (room[:, None] - 0.5), axis=1) - 1
    stays = jnp.arange(count) < stay
    chosen = jnp.where(stays, jnp.arange(count), drawn)
    return jnp.where(stays, logs[:count], most + jnp.log(threshold)), order[chosen]


def log_prior(before: Hypotheses, rule: ContextRule) -> tuple[Array, Array]:
    """Log probability of every copy, and last of a new context, by history; and where that would go."""
    counts, capacity = before.counts, before.counts.shape[1]
    is_open = counts > 0
    full = jnp.all(is_open, axis=1)
    here = jnp.arange(capacity)[None, :] == before.slot[:, None]
    least = jnp.argmin(jnp.where(here, jnp.inf, counts), axis=1)
    victim = jnp.where(full, least, jnp.argmin(is_open, axis=1))
    may_open = ~full if rule.full == "keep" or capacity == 1 else jnp.ones_like(full)
    may_open = may_open | (before.opened == 0)
    fresh = jnp.where(may_open, rule.concentration, 0.0)
    weight = jnp.concatenate([counts, fresh[:, None]], axis=1)
    weight = weight / jnp.sum(weight, axis=1, keepdims=True)
    stays = jnp.concatenate([here, jnp.zeros((len(counts), 1), bool)], axis=1)
    began = (before.opened > 0)[:, None]
    moves = 1 - rule.stay
    if rule.total is not None:
        unopened = jnp.maximum(rule.total - before.opened, 0)[:, None]
        left = [part.astype(weight.dtype) for part in (is_open & ~here, unopened)]
        left = jnp.concatenate(left, axis=1)
        others = jnp.maximum(rule.total - 1, 1).astype(weight.dtype)
        weight = jnp.where(began, left / others, jnp.minimum(left, 1.0))
        moves = jnp.where(rule.total > 1, moves, 0.0)
    probability = jnp.where(
        began, (1 - moves) * stays.astype(weight.dtype) + moves * weight, weight
    )
    possible = probability > 0
    return jnp.where(possible, jnp.log(jnp.where(possible, probability, 1.0)), -jnp.inf), victim


def merge_forgotten(
    before: Hypotheses,
    drifted: Any,
    groups: Any,
    parent: Array,
    new: Array,
    victim: Array,
    rule: ContextRule,
) -> tuple[Any, Array]:
    """Join the copy that made room for a new context with the nearest other one, where that is wanted."""
    counts = before.counts[parent]
    capacity = counts.shape[1]
    if rule.full != "merge" or capacity < 3:
        return groups, counts
    rows, slot = jnp.arange(len(parent)), victim[parent]
    gone = new & (counts[rows, slot] > 0)
    mine = jax.tree.map(lambda leaf: leaf[parent, slot], drifted)
    distance = distances(jax.tree.map(lambda leaf: leaf[parent], drifted), mine)
    others = (counts > 0) & (jnp.arange(capacity)[None, :] != slot[:, None])
    nearest = jnp.argmin(jnp.where(others, distance, jnp.inf), axis=1)
    own, theirs = counts[rows, slot], counts[rows, nearest]
    share = own / jnp.maximum(own + theirs, 1.0)
    joined = jax.tree.map(
        lambda all_, one: all_.at[rows, nearest].set(
            jnp.where(
                alongside(gone, one),
                alongside(share, one) * one + alongside(1 - share, one) * all_[rows, nearest],
                all_[rows, nearest],
            )
        ),
        groups,
        mine,
    )
    return joined, counts.at[rows, nearest].add(jnp.where(gone, own, 0.0))


def distances(states: Any, one: Any) -> Array:
    """Squared distance of every copy's numbers from one's."""
    total: Any = 0.0
    for leaf, other in zip(jax.tree.leaves(states), jax.tree.leaves(one), strict=True):
        gap = leaf - other[:, None]
        total = total + jnp.sum(gap**2, axis=tuple(range(2, gap.ndim)))
    return total


def average_histories(weights: Array, values: Array, new: Array) -> Array:
    """A field averaged over histories and contexts, those that are impossible left out."""
    old, fresh = weights[:, :-1], jnp.sum(weights[:, -1])
    total = jnp.where(alongside(old > 0, values), alongside(old, values) * values, 0.0)
    return jnp.sum(total, axis=(0, 1)) + jnp.where(fresh > 0, fresh * new, 0.0)


def count_probability(opened: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Probability of every number of opened contexts, by step."""
    numbers = np.arange(opened.max() + 1)
    return np.sum(weights[:, :, None] * (opened[:, :, None] == numbers), axis=1)


def trace_contexts(parents: np.ndarray, contexts: np.ndarray) -> np.ndarray:
    """The context of every step in every history that is left, from who came from whom."""
    steps, count = parents.shape
    found, row = np.zeros((count, steps), int), np.arange(count)
    for step in range(steps - 1, -1, -1):
        found[:, step] = contexts[step, row]
        row = parents[step, row]
    return found


def name_reports(network: Network, reports: Mapping[int, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Reported fields by node."""
    labels = network.labels
    return {
        name: {
            field: values if len(labels.groups[group]) == 1 else values[:, position]
            for field, values in reports[group].items()
        }
        for name, (group, position) in labels.nodes.items()
    }


def describe_state(network: Network, state: Any) -> dict[str, dict[str, np.ndarray]]:
    """Mean and variance of every node that remembers a Gaussian belief; what else it remembers, by field."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, (group, position) in network.labels.nodes.items():
        belief = state[group]
        if belief is None:
            continue
        memory = getattr(belief, "memory", None)
        fields = (
            {"mean": belief.mean, "variance": belief.variance} if memory is None else dict(memory)
        )
        single = len(network.labels.groups[group]) == 1
        found[name] = {f: np.asarray(v if single else v[position]) for f, v in fields.items()}
    return found
