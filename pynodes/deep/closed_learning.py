"""Closed learning: weights that learn from one sweep in closed form, whose beliefs are Gaussian.

A sample is one step of the engine that filters time series: predict down the levels, what is given
taken where it is; observe; update up the levels. Precisions and inner levels are beliefs, and are
carried from sample to sample, or from batch to batch with the mean change.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._core.messages import Evidence
from pynodes._engine import sweeps
from pynodes._engine.edges import apply_to_group
from pynodes._errors import InputError, quote
from pynodes._graph.edges import name_edges
from pynodes._runtime.network import Network
from pynodes._typing import Array, Scalar
from pynodes.couplings import AbstractArrayCoupling
from pynodes.couplings._array import evidence_at_inlet
from pynodes.deep.configuration import Training
from pynodes.deep.layout import lay_out
from pynodes.deep.learning import Learner
from pynodes.deep.numbers import lay_out_numbers, place_weights
from pynodes.deep.reading import Data, make_point_problem
from pynodes.deep.weight_beliefs import (
    Learning,
    WeightBelief,
    begin_precisions,
    bend_weights,
    pull_to_weights,
    report_beliefs,
    update_beliefs,
)
from pynodes.nodes import CategoricalLayer

Weights = dict[str, Array]
"""Learned arrays by the names of their parameters."""


@dataclasses.dataclass(frozen=True)
class LearningEdge:
    """An edge that learns: its ends by name, its parameters, and what it feeds."""

    parent: str
    child: str
    name: str
    fields: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class EdgeEnds:
    """An edge that learns, its coupling, the means of its parent, and what is believed of its child."""

    edge: LearningEdge
    coupling: Any
    parent: Array
    child: Any


@dataclasses.dataclass(frozen=True)
class ClosedPlan:
    """What of training in closed form is structure of the compiled program."""

    learner: Learner
    times: int
    weigh: bool
    beliefs: bool
    edges: tuple[LearningEdge, ...]
    given: tuple[str, ...]
    outcome: str | None


class ClosedLearning:
    """The weights and beliefs of a network while it is trained by one sweep per sample."""

    def __init__(
        self, network: Network, first: Data, training: Training, learner: Learner, steps: bool
    ) -> None:
        if steps:
            raise InputError(
                "One sweep in closed form has no steps to record. Leave record='steps' out."
            )
        if first.masks:
            raise InputError(
                f"One sweep in closed form learns from whole values, and {quote(first.masks)} hold NaN. "
                "Use a scheme on points."
            )
        self.network, self.scheme = network, training.scheme
        remedy = "Train by a scheme on points, such as pynodes.deep.Settle()."
        network.labels.refuse_feedback(training.scheme, remedy)
        given = tuple(first.arrays)
        check_roots(network, given)
        edges = learning_edges(network)
        self.plan = ClosedPlan(
            learner=learner,
            times=training.weights_per_batch,
            weigh=training.learning.weigh,
            beliefs=training.learning.beliefs,
            edges=edges,
            given=given,
            outcome=find_outcome(network, given),
        )
        numbers = network.parameters()
        names = [f"{edge.name}.{field}" for edge in edges for field in edge.fields]
        kind = jnp.result_type(float)
        self.weights = {name: jnp.array(numbers[name], kind) for name in names}
        wrong = [
            name for name, value in self.weights.items() if not bool(jnp.isfinite(value).all())
        ]
        if wrong:
            raise InputError(f"{quote(wrong)} hold NaN or infinite numbers before training.")
        self.learning = training.learning
        self.state = (
            begin_precisions(self.learning, self.weights)
            if self.learning.beliefs
            else learner.init(self.weights)
        )
        self.beliefs = jax.tree.map(
            lambda leaf: jnp.asarray(leaf, kind), sweeps.start(network.program)
        )

    def learn(
        self, arrays: Any, masks: Any, rows: np.ndarray, keys: Array, rate: float
    ) -> dict[str, Any]:
        """Learn from batches; what there is to say of each, by name."""
        del masks, keys
        self.weights, self.state, self.beliefs, record = learn_closed(
            self.plan, self.network, self.weights, self.state, self.beliefs, self.learning, arrays,
            rows, rate,
        )  # fmt: skip
        return jax.device_get(record)

    @property
    def tree(self) -> Any:
        """Everything that changes."""
        return self.weights, self.state, self.beliefs

    def empty_record(self) -> dict[str, Any]:
        """A record in the form of those that :meth:`learn` returns."""
        record = {
            "energy": 0.0,
            "by_layer": dict.fromkeys(self.network.labels.nodes, 0.0),
            "status": 0.0,
        }
        extra = {"trace": None} if self.plan.outcome is None else {"trace": None, "accuracy": 0.0}
        return record | extra

    def put_back(self, tree: Any) -> None:
        """Go on from what was kept."""
        self.weights, self.state, self.beliefs = jax.tree.map(jnp.asarray, tree)

    def current(self) -> Network:
        """The network with its weights as they are now."""
        return self.network.replace(jax.device_get(self.weights))

    def weight_beliefs(self) -> dict[str, WeightBelief]:
        """Beliefs about weights by name; none unless they have any."""
        if not self.plan.beliefs:
            return {}
        return report_beliefs(*jax.device_get((self.weights, self.state)))

    def node_beliefs(self) -> dict[str, Any]:
        """What is believed of the nodes that remember, by name, after the last batch."""
        labels, beliefs, found = self.network.labels, jax.device_get(self.beliefs), {}
        for name, (group, position) in labels.nodes.items():
            held = beliefs[group]
            if held is not None and len(labels.groups[group]) > 1:
                held = jax.tree.map(lambda leaf, place=position: leaf[place], held)
            found[name] = held
        return {name: held for name, held in found.items() if held is not None}

    def current_scheme(self) -> Any:
        """The scheme, which learns nothing itself."""
        return self.scheme


def learning_edges(network: Network) -> tuple[LearningEdge, ...]:
    """The edges of a network whose arrays learn."""
    edges = network.labels.graph.edges
    found = []
    for (parent, child, coupling), name in zip(edges, name_edges(edges), strict=True):
        if isinstance(coupling, AbstractArrayCoupling) and coupling.learnable:
            found.append(LearningEdge(parent, child, name, coupling.learnable))
    return tuple(found)


def check_roots(network: Network, given: tuple[str, ...]) -> None:
    """Roots without a prior are given: a belief needs a variance.

    Raises
    ------
    InputError
        One that is not.
    """
    graph = network.labels.graph
    flat = [
        name
        for name, node in graph.nodes.items()
        if name not in given
        and not graph.parents(name)
        and getattr(node, "prior_precision", 1.0) is None
    ]
    if flat:
        raise InputError(
            f"One sweep in closed form needs a prior for what is not given: {quote(flat)} has none. Give it "
            "prior_precision=1.0, or values."
        )


def find_outcome(network: Network, given: tuple[str, ...]) -> str | None:
    """The only categorical node with parents that is given."""
    graph = network.labels.graph
    found = [n for n in given if isinstance(graph.nodes[n], CategoricalLayer) and graph.parents(n)]
    return found[0] if len(found) == 1 else None


@partial(jax.jit, static_argnames=("plan",), donate_argnames=("weights", "state", "beliefs"))
def learn_closed(
    plan: ClosedPlan,
    network: Network,
    weights: Weights,
    state: Any,
    beliefs: Any,
    learning: Learning,
    arrays: dict[str, Any],
    rows: Array,
    rate: Scalar,
) -> tuple[Weights, Any, Any, dict[str, Any]]:
    """Learn from batches, one after the other; what there is to say of each."""

    def learn(held: Any, own: Array) -> tuple[Any, dict[str, Any]]:
        weights, state, beliefs = held
        known = network.replace(weights)
        values = group_given(known, {name: array[own] for name, array in arrays.items()})

        def one(values: dict[int, Array]) -> Any:
            return sweep_sample(known.program, beliefs, values)

        predicted, found = jax.vmap(one)(values)
        for _ in range(plan.times):
            now = network.replace(weights)
            slopes = closed_slopes(plan, now, found)
            if plan.beliefs:
                slopes = jax.tree.map(lambda slope: own.shape[0] * slope, slopes)
                bends = closed_curvatures(plan, now, found)
                along = closed_bend(plan, now, found, {n: a[own] for n, a in arrays.items()})
                weights, state = update_beliefs(
                    learning, weights, state, slopes, bends, rate, along
                )
            else:
                weights, state = plan.learner.update(slopes, state, weights, rate)
        after = sweeps.carry(known.program, found)
        beliefs = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), after)
        return (weights, state, beliefs), score_means(plan, known, predicted, found)

    (weights, state, beliefs), record = lax.scan(learn, (weights, state, beliefs), rows)
    return weights, state, beliefs, record


def group_given(network: Network, arrays: dict[str, Any]) -> dict[int, Array]:
    """Samples by group, as its nodes hold them."""
    labels, values = network.labels, {}
    for group, names in enumerate(labels.groups):
        there = [name for name in names if name in arrays]
        if not there:
            continue
        if len(there) < len(names):
            raise InputError(
                f"{quote(names)} are alike, and {quote(there)} are given alone. Give all of them, or none."
            )
        parts = [as_held(labels.graph.nodes[name], arrays[name]) for name in names]
        values[group] = parts[0] if len(parts) == 1 else jnp.stack(parts, axis=1)
    return values


def as_held(node: Any, array: Array) -> Array:
    """Samples as a node's belief holds them: codes as vectors."""
    if isinstance(node, CategoricalLayer) and array.ndim == 1:
        return jax.nn.one_hot(array, node.outcomes, dtype=jnp.result_type(float))
    return array


def sweep_sample(program: Program, state: Any, values: dict[int, Array]) -> tuple[Any, Any]:
    """One sample: what every group predicts, and what it believes."""
    predicted: dict[int, Any] = {}

    def view(index: int, belief: Any) -> Any:
        predicted[index] = belief
        if index not in values:
            return belief
        node = program.nodes[index]
        return apply_to_group(program, index, type(node).known_as)(node, belief, values[index])

    seen_below = sweeps.predict(program, state, jnp.ones(()), view)
    own = {index: predicted[index] for index in values}
    seen = {index: (value, True) for index, value in values.items()}
    beliefs, _ = sweeps.update(program, {**seen_below, **own}, seen, jnp.ones(()))
    return predicted, beliefs


def find_ends(plan: ClosedPlan, network: Network, beliefs: Any) -> list[EdgeEnds]:
    """Every edge that learns, with what is believed at its two ends."""
    labels, program = network.labels, network.program
    belief_of = partial(select_node, labels, beliefs)
    keys = dict(zip(name_edges(labels.graph.edges), labels.edges, strict=True))
    found = []
    for edge in plan.edges:
        stack, position = labels.edges[keys[edge.name]]
        coupling, shape = program.couplings[stack], program.schedule.stacks[stack]
        if shape:
            coupling = jax.tree.map(partial(take_edge, len(shape), position), coupling)
        found.append(EdgeEnds(edge, coupling, belief_of(edge.parent).mean, belief_of(edge.child)))
    return found


def select_node(labels: Labels, beliefs: Any, name: str) -> Any:
    """What is believed of one node, sample by sample."""
    group, position = labels.nodes[name]
    if len(labels.groups[group]) == 1:
        return beliefs[group]
    return jax.tree.map(lambda leaf: leaf[:, position], beliefs[group])


def closed_slopes(plan: ClosedPlan, network: Network, beliefs: Any) -> Weights:
    """Slopes of the weights at the posteriors of both ends, as means over samples."""
    slopes: Weights = {}
    for ends in find_ends(plan, network, beliefs):
        coupling, parent = ends.coupling, ends.parent
        force = closed_force(plan, ends)
        fields = {field: jnp.asarray(getattr(coupling, field)) for field in ends.edge.fields}

        def sent(fields: Any, coupling: Any = coupling, parent: Array = parent) -> Array:
            return jax.vmap(dataclasses.replace(coupling, **fields).contribution)(parent)

        found = jax.vjp(sent, fields)[1](force / force.shape[0])[0]
        slopes |= {f"{ends.edge.name}.{field}": slope for field, slope in found.items()}
    return slopes


def closed_force(plan: ClosedPlan, ends: EdgeEnds) -> Array:
    """What weights learn from at a child: its error, weighed or not; under beliefs, what its parents hear."""
    child, inlet = ends.child, ends.coupling.inlet
    if plan.beliefs:
        return -find_inlet_evidence(ends).gradient
    force = child.predicted_mean - child.mean
    if plan.weigh and inlet != "logit":
        # Of a free node it is what its children said; of a given one, its error by its precision.
        known = ends.edge.child in plan.given
        force = force / (child.predicted_variance if known else child.variance)
    return force * getattr(child, "steepness", jnp.ones_like(force))


def find_inlet_evidence(ends: EdgeEnds) -> Evidence:
    """What a child says of a shift of what comes in, sample by sample, its own value integrated out."""
    return jax.vmap(lambda child: evidence_at_inlet(child, ends.coupling.inlet, 1.0))(ends.child)


def closed_curvatures(plan: ClosedPlan, network: Network, beliefs: Any) -> Weights:
    """Curvatures of the energy along weights, summed over samples."""
    found: Weights = {}
    for ends in find_ends(plan, network, beliefs):
        own = pull_to_weights(ends.coupling, ends.parent, find_inlet_evidence(ends).curvature)
        found |= {f"{ends.edge.name}.{field}": bend for field, bend in own.items()}
    return found


def closed_bend(plan: ClosedPlan, network: Network, beliefs: Any, arrays: Any) -> Any:
    """Curvature along moves of all weights by name, at the means of all nodes."""
    layout, labels = lay_out(network.labels, plan.given), network.labels
    count = next(iter(arrays.values())).shape[0]
    problem = make_point_problem(layout, lay_out_numbers(network, layout), arrays, {}, count)
    values = dict(problem.given)
    for index in layout.variables:
        parts = [select_node(labels, beliefs, name).mean for name in layout.blocks[index].names]
        values[index] = parts[0] if len(parts) == 1 else jnp.stack(parts)

    def along(moves: Weights) -> Array:
        return bend_weights(problem, values, place_weights(layout, moves))

    return along


def take_edge(dimensions: int, position: int, leaf: Array) -> Array:
    """What belongs to one edge of a stack."""
    return leaf.reshape((-1, *leaf.shape[dimensions:]))[position]


def score_means(plan: ClosedPlan, network: Network, predicted: Any, beliefs: Any) -> dict[str, Any]:
    """Surprise of every node at its posterior mean, as a mean over samples."""
    labels, program = network.labels, network.program
    by_layer: dict[str, Array] = {}
    for name, (group, position) in labels.nodes.items():
        node = program.nodes[group]
        if len(labels.groups[group]) > 1:
            node, belief = (
                jax.tree.map(lambda leaf, p=position: leaf[p], node),
                jax.tree.map(lambda leaf, p=position: leaf[:, p], beliefs[group]),
            )
        else:
            belief = beliefs[group]
        terms = jax.vmap(lambda b, node=node: jnp.sum(type(node).surprise(node, b)))(belief)
        by_layer[name] = jnp.mean(terms)
    record: dict[str, Any] = {
        "energy": sum(by_layer.values(), start=jnp.zeros(())),
        "by_layer": by_layer,
        "status": jnp.zeros(()),
        "trace": None,
    }
    if plan.outcome is not None:
        group, _ = labels.nodes[plan.outcome]
        guess = predicted[group].predicted_mean.argmax(-1)
        right = guess == beliefs[group].mean.argmax(-1)
        record["accuracy"] = jnp.mean(right.astype(jnp.result_type(float)))
    return record
