"""follow: which graph is responsible at every step, when that may change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._engine import sweeps
from pynodes._engine.feed import Feed
from pynodes._engine.filter import filter_step, surprises
from pynodes._engine.loop import Guard, Now, scan
from pynodes._errors import InputError, ParameterError
from pynodes._runtime.inputs import read_inputs
from pynodes._runtime.runs import name_inputs
from pynodes._runtime.series import Series
from pynodes._typing import Array
from pynodes.structure.algorithms import local_log_prior
from pynodes.structure.joint import FreeLayout, JointScore, revise
from pynodes.structure.lagged import find_lagged_source
from pynodes.structure.local import LISTED, is_local, to_bits
from pynodes.structure.search import MOST_LISTED, prepare
from pynodes.structure.space import Space


@dataclasses.dataclass(frozen=True, eq=False)
class Branch:
    """Sets of edges that take turns: of one child, or of the whole graph.

    Attributes
    ----------
    edges
        Places of the edges among the candidates.
    masks
        The sets.
    log_prior
        Of each.
    inputs
        Names of the inputs whose surprise tells them apart; all if there are none.
    """

    edges: np.ndarray
    masks: np.ndarray
    log_prior: np.ndarray
    inputs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Followed:
    """Probability of every edge at every step. Made by :func:`follow`.

    Attributes
    ----------
    space
        The graphs.
    stay
        Probability that the structure stays from one step to the next.
    edge_probability
        Given the series so far, of shape (time, edges).
    log_predictive
        Log predictive density of every step, averaged over structures.
    """

    space: Space
    stay: float
    edge_probability: np.ndarray
    log_predictive: np.ndarray
    branches: tuple[Branch, ...]
    weights: tuple[np.ndarray, ...]
    final: Any
    tail: Mapping[str, np.ndarray]

    @property
    def log_evidence(self) -> float:
        """Of the whole series."""
        return float(self.log_predictive.sum())

    def __getitem__(self, edge: str) -> np.ndarray:
        """Probability of one edge, by name, at every step."""
        if edge not in self.space.edges:
            raise InputError(f"{edge!r} is none of the edges that may be absent.")
        return self.edge_probability[:, self.space.edges.index(edge)]

    @boundary
    def step(self, inputs: Mapping[str, Any], dt: float = 1.0) -> Followed:
        """Go on by one step, online.

        Parameters
        ----------
        inputs
            One number per series; NaN if it was not observed.
        dt
            Time since the previous step.
        """
        series = {name: [float(value)] for name, value in inputs.items()}
        return go_on(self.space, series, self.stay, dt, None, self)

    def __repr__(self) -> str:
        return f"Followed({len(self.log_predictive)} steps of {self.space!r}, stay={self.stay})"


@boundary
def follow(
    space: Space,
    inputs: Mapping[str, Series],
    *,
    stay: float = 0.99,
    dt: Series | float = 1.0,
    observed: Mapping[str, Series] | None = None,
    start: Followed | None = None,
) -> Followed:
    """Follow a structure that may change: which graph is responsible at every step.

    The filters of all structures run side by side and learn from every step; what changes is which of them is
    believed. Where children are scored apart each has a structure of its own that changes. Strengths
    with a prior are not integrated here: let them be beliefs of a :class:`RegressionInput`, or fix them.

    Parameters
    ----------
    space
        The graphs.
    inputs, dt, observed
        As for :func:`search`.
    stay
        Probability that the structure stays from one step to the next; else it is drawn from the prior,
        the same one included.
    start
        What was followed before: goes on from its end.

    Returns
    -------
    Edge probabilities at every step; ``.step`` goes on online.

    Raises
    ------
    InputError
        More graphs than can run side by side, or series that do not fit.
    ParameterError
        A stay that is no probability, or priors of strengths or parameters.

    Source: Raftery, Karny and Ettler (2010), doi 10.1198/TECH.2009.08104.
    """
    if isinstance(stay, bool) or not isinstance(stay, int | float) or not 0 <= stay <= 1:
        raise ParameterError(f"stay must be a probability, not {stay!r}.")
    if space.strength or space.free:
        raise ParameterError(
            "follow does not integrate parameters: leave out strength= and free=, or couple into a "
            "RegressionInput, whose strengths are beliefs."
        )
    return go_on(space, inputs, float(stay), dt, observed, start)


def go_on(
    space: Space,
    inputs: Mapping[str, Any],
    stay: float,
    dt: Any,
    observed: Any,
    before: Followed | None,
) -> Followed:
    """Follow more of a series, from the beginning or from where another call ended."""
    if before is not None:
        inputs = {
            name: np.concatenate([before.tail.get(name, np.zeros(0)), np.asarray(values, float)])
            for name, values in inputs.items()
        }
        past = max(map(len, before.tail.values()), default=0)
        if np.ndim(dt):
            dt = np.concatenate([np.ones(past), np.asarray(dt, float)])
        observed = {
            name: np.concatenate([np.ones(past, bool), np.asarray(mask, bool)])
            for name, mask in (observed or {}).items()
        }
    lags = max((find_lagged_source(name)[1] for name in space.graph.nodes), default=0)
    tail = {
        name: np.asarray(values, float)[len(values) - lags :] for name, values in inputs.items()
    }
    series, dt, masks, _ = prepare(space, inputs, dt, observed, None)
    labels = space.network.labels
    feed = read_inputs(labels, series, dt, masks or None)
    branches = split_by_child(space) if before is None else before.branches
    whole = widen(space, branches)
    layout = JointScore(space=space, feed=feed).layout
    state = None if before is None else before.final
    program = JointScore(space=space, feed=feed).program
    surprise, final = trace_masks(program, feed, state, whole, labels=labels, layout=layout)
    weights = None if before is None else before.weights
    return mix(
        space, stay, branches, np.asarray(surprise, float), final, weights, tail, (labels, feed)
    )


def split_by_child(space: Space) -> tuple[Branch, ...]:
    """Structures that take turns: child by child where that is possible."""
    apart = is_local(space) and not space.rules
    if apart:
        found = []
        for name in dict.fromkeys(space.child_of(edge) for edge in range(len(space.edges))):
            edges = np.array([i for i, key in enumerate(space.keys) if key[1] == name])
            if len(edges) > LISTED:
                raise InputError(
                    f"{name!r} has {len(edges)} candidate parents, too many to be followed."
                )
            bits = to_bits(np.arange(2 ** len(edges)), len(edges))
            found.append(Branch(edges, bits, local_log_prior(space, edges, bits), (name,)))
        return tuple(found)
    if space.count > MOST_LISTED:
        raise InputError(f"There are {space.count} graphs, more than can be followed side by side.")
    masks = space.masks()
    log = space.log_prior(masks)
    return (Branch(np.arange(len(space.edges)), masks, log - float(np.asarray(logsumexp(log)))),)


def widen(space: Space, branches: tuple[Branch, ...]) -> np.ndarray:
    """Sets of edges of whole graphs that have every set of every branch in them."""
    most = max(len(branch.masks) for branch in branches)
    whole = np.zeros((most, len(space.edges)), bool)
    for branch in branches:
        whole[:, branch.edges] = branch.masks[np.arange(most) % len(branch.masks)]
    return whole


@partial(jax.jit, static_argnames=("labels", "layout"))
def trace_masks(
    program: Program, feed: Feed, state: Any, masks: Array, *, labels: Labels, layout: FreeLayout
) -> tuple[Array, Any]:
    """Surprise of every input at every step under some sets of edges, and the states at the end."""

    def emit(now: Now, found: Any, guard: Guard) -> Array:
        parts = surprises(now.program, found.beliefs, found.seen).values()
        return guard.mask_surprise(jnp.concatenate([jnp.atleast_1d(part) for part in parts]))

    def one(mask: Array, state: Any) -> tuple[Array, Any]:
        revised = revise(program, labels, layout, (), mask)
        begin = sweeps.start(revised) if state is None else state
        ran = scan(revised, feed, begin, partial(filter_step, feed), emit)
        return ran.emitted, ran.final

    return jax.vmap(one, in_axes=(0, None if state is None else 0))(masks.astype(float), state)


def mix(
    space: Space,
    stay: float,
    branches: tuple[Branch, ...],
    surprise: np.ndarray,
    final: Any,
    weights: tuple[np.ndarray, ...] | None,
    tail: Mapping[str, np.ndarray],
    named: tuple[Labels, Feed],
) -> Followed:
    """Probabilities from surprises, by a Markov chain over structures."""
    by_input = name_inputs(*named, np.moveaxis(surprise, -1, 0))  # type: ignore[arg-type]
    steps = surprise.shape[1]
    probability = np.zeros((steps, len(space.edges)))
    predictive = np.zeros(steps)
    judged = {name for branch in branches for name in branch.inputs}
    ends = []
    for number, branch in enumerate(branches):
        names = branch.inputs or tuple(by_input)
        log = -np.sum([np.asarray(by_input[n])[: len(branch.masks)] for n in names], axis=0)
        start = None if weights is None else weights[number]
        found, normalisers = filter_chain(log, branch.log_prior, stay, start)
        probability[:, branch.edges] = found @ branch.masks
        predictive += normalisers
        ends.append(found[-1])
    if judged:
        rest = [np.asarray(values)[0] for name, values in by_input.items() if name not in judged]
        predictive -= np.sum(rest, axis=0) if rest else 0.0
    return Followed(
        space=space,
        stay=stay,
        edge_probability=probability,
        log_predictive=predictive,
        branches=branches,
        weights=tuple(ends),
        final=final,
        tail=tail,
    )


def filter_chain(
    log: np.ndarray, log_prior: np.ndarray, stay: float, start: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Filtered probabilities of a chain that stays or is drawn anew, and log normalisers, by step.

    Parameters
    ----------
    log
        Log predictive densities, of shape (structures, time).
    log_prior
        What structures are drawn from.
    stay
        Probability to stay.
    start
        Probabilities after the step before the first; None if there was none.
    """
    prior = np.exp(log_prior)
    now = prior if start is None else stay * start + (1 - stay) * prior
    found, normalisers = np.zeros(log.T.shape), np.zeros(log.shape[1])
    for step in range(log.shape[1]):
        most = log[:, step].max()
        if not np.isfinite(most):
            most = 0.0
        joint = now * np.exp(log[:, step] - most)
        total = joint.sum()
        normalisers[step] = most + np.log(total) if total > 0 else -np.inf
        found[step] = joint / total if total > 0 else now
        now = stay * found[step] + (1 - stay) * prior
    return found, normalisers
