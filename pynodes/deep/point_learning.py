"""Point learning: weights that learn from the values a scheme finds, batch by batch on the device."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._core.arithmetic import bound_log_growth
from pynodes._errors import InputError
from pynodes._runtime.network import Network
from pynodes._typing import Array, Scalar
from pynodes.deep.configuration import Training
from pynodes.deep.energy import predicted_means, total_energy
from pynodes.deep.layout import FREE, GIVEN, Layout
from pynodes.deep.learning import Learner
from pynodes.deep.numbers import (
    Numbers,
    Weights,
    as_floats,
    insert_weights,
    lay_out_numbers,
    name_weights,
    select_weights,
    write_weights,
)
from pynodes.deep.problem import PointProblem, PointResult, Record, sample_means
from pynodes.deep.reading import Data, make_point_problem
from pynodes.deep.scheme import AbstractPointScheme
from pynodes.deep.settled import lay_out_for, read_record
from pynodes.deep.weight_beliefs import (
    Learning,
    WeightBelief,
    begin_precisions,
    bend_weights,
    check_point_beliefs,
    report_beliefs,
    update_beliefs,
    weight_curvatures,
)
from pynodes.nodes import CategoricalLayer, Layer


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """What of training is structure of the compiled program."""

    learner: Learner
    beliefs: bool
    weights_per_batch: int
    record: Record | None
    outcome: str | None


class PointLearning:
    """The weights of a network while it is trained by a scheme on points."""

    def __init__(
        self, network: Network, first: Data, training: Training, learner: Learner, steps: bool
    ) -> None:
        self.network, self.scheme = network, training.scheme
        self.layout = lay_out_for(network, first, training.scheme)
        self.numbers = as_floats(lay_out_numbers(network, self.layout))
        self.weights = jax.tree.map(jnp.copy, select_weights(self.numbers))
        check_initial_weights(self.layout, self.weights)
        logs = read_logs(self.layout, self.numbers) if training.precisions == "learned" else {}
        own = jax.tree.map(jnp.copy, self.scheme.own_weights())
        self.learning = training.learning
        if self.learning.beliefs:
            check_point_beliefs(network, self.layout, self.scheme)
        self.state = (
            begin_precisions(self.learning, self.weights)
            if self.learning.beliefs
            else learner.init(self.weights),
            (logs, learner.init(logs) if logs else None),
            (own, learner.init(own) if own else None),
        )
        self.plan = TrainingPlan(
            learner=learner,
            beliefs=self.learning.beliefs,
            weights_per_batch=training.weights_per_batch,
            record=read_record("steps" if steps else None, training.scheme),
            outcome=predictable_outcome(network, self.layout),
        )

    def learn(
        self, arrays: Any, masks: Any, rows: np.ndarray, keys: Array, rate: float
    ) -> dict[str, Any]:
        """Learn from batches; what there is to say of each, by name."""
        self.weights, self.state, record = learn_batches(
            self.layout, self.plan, self.numbers, self.weights, self.state, self.scheme,
            self.learning, arrays, masks, rows, keys, rate,
        )  # fmt: skip
        found = jax.device_get(record)
        found["by_layer"] = name_blocks(self.layout, found["by_layer"], 1)
        if found["trace"] is not None:
            found["trace"] = name_blocks(self.layout, found["trace"], 2)
        return found

    @property
    def tree(self) -> Any:
        """Everything that changes."""
        return self.weights, self.state

    def empty_record(self) -> dict[str, Any]:
        """A record in the form of those that :meth:`learn` returns."""
        names = [n for n, (i, _) in self.layout.places.items() if i in self.layout.terms]
        by_layer = dict.fromkeys(names, 0.0)
        record: dict[str, Any] = {"energy": 0.0, "energy_after": 0.0, "by_layer": by_layer}
        record["status"] = 0.0
        record["trace"] = None if self.plan.record is None else by_layer
        return record if self.plan.outcome is None else {**record, "accuracy": 0.0}

    def put_back(self, tree: Any) -> None:
        """Go on from what was kept."""
        self.weights, self.state = jax.tree.map(jnp.asarray, tree)

    def current(self) -> Network:
        """The network with its weights, and precisions that learn, as they are now."""
        network = write_weights(self.network, self.layout, jax.device_get(self.weights))
        logs = jax.device_get(self.state[1][0])
        names = {
            f"{name}.precision": np.exp(np.ravel(log)[position])
            for index, log in logs.items()
            for position, name in enumerate(self.layout.blocks[index].names)
        }
        return network.replace(names) if names else network

    def weight_beliefs(self) -> dict[str, WeightBelief]:
        """Beliefs about weights by name; none unless they have any."""
        if not self.plan.beliefs:
            return {}
        means, precisions = jax.device_get((self.weights, self.state[0]))
        named = name_weights(self.layout, precisions)
        return report_beliefs(name_weights(self.layout, means), named)

    def node_beliefs(self) -> dict[str, Any]:
        """None: values are points, found anew for every sample."""
        return {}

    def current_scheme(self) -> AbstractPointScheme:
        """The scheme with what it learned itself."""
        own = jax.device_get(self.state[2][0])
        return self.scheme.with_own_weights(own) if own else self.scheme


@partial(jax.jit, static_argnames=("layout", "plan"), donate_argnames=("weights", "state"))
def learn_batches(
    layout: Layout,
    plan: TrainingPlan,
    numbers: Numbers,
    weights: Weights,
    state: Any,
    scheme: AbstractPointScheme,
    learning: Learning,
    arrays: dict[str, Any],
    masks: dict[str, Any],
    rows: Array,
    keys: Array,
    rate: Scalar,
) -> tuple[Weights, Any, dict[str, Any]]:
    """Learn from batches, one after the other; what there is to say of each."""

    def learn(carry: tuple[Weights, Any], now: tuple[Array, Array]) -> tuple[Any, dict[str, Any]]:
        weights, (state, (logs, state_of_logs), (own, state_of_own)) = carry
        acting = scheme.with_own_weights(own) if own else scheme
        chosen, key = now
        known = insert_logs(numbers, logs)
        problem = make_point_problem(
            layout,
            insert_weights(known, weights),
            {name: array[chosen] for name, array in arrays.items()},
            {name: mask[chosen] for name, mask in masks.items()},
            chosen.shape[0],
        )

        def update(slopes: Weights, state: Any, weights: Weights) -> tuple[Weights, Any]:
            return plan.learner.update(slopes, state, weights, rate)

        if plan.beliefs:
            found = acting.find_free(problem, key, plan.record)
            slopes = acting.gradients(problem, found)
            slopes = jax.tree.map(lambda slope: problem.count * slope, slopes)
            values = problem.complete(found.variables)
            bends = weight_curvatures(problem, values)
            along = partial(bend_weights, problem, values)
            weights, state = update_beliefs(learning, weights, state, slopes, bends, rate, along)
        else:
            found, weights, state = acting.learn(
                problem, key, plan.record, update, weights, state, plan.weights_per_batch
            )
        after = dataclasses.replace(problem, numbers=insert_weights(known, weights))
        record = describe_batch(problem, after, found, plan)
        if logs:
            slopes = jax.grad(partial(energy_of_logs, problem, found))(logs)
            logs, state_of_logs = plan.learner.update(slopes, state_of_logs, logs, rate)
        if own:
            slopes = acting.own_slopes(problem, found)
            own, state_of_own = plan.learner.update(slopes, state_of_own, own, rate)
        return (weights, (state, (logs, state_of_logs), (own, state_of_own))), record

    (weights, state), record = lax.scan(learn, (weights, state), (rows, keys))
    return weights, state, record


def read_logs(layout: Layout, numbers: Numbers) -> dict[int, Array]:
    """Logs of the precisions of layers with parents, by block."""
    return {
        index: jnp.log(jnp.asarray(numbers.nodes[index].precision))
        for index, block in enumerate(layout.blocks)
        if block.slots and isinstance(numbers.nodes[index], Layer)
    }


def insert_logs(numbers: Numbers, logs: Mapping[int, Array]) -> Numbers:
    """The same numbers with other precisions; their logs are bounded as those of variances are."""
    nodes = list(numbers.nodes)
    for index, log in logs.items():
        nodes[index] = dataclasses.replace(nodes[index], precision=jnp.exp(bound_log_growth(log)))
    return dataclasses.replace(numbers, nodes=tuple(nodes))


def energy_of_logs(problem: PointProblem, found: PointResult, logs: Mapping[int, Array]) -> Array:
    """Mean energy at what was found, by the logs of precisions."""
    moved = dataclasses.replace(problem, numbers=insert_logs(problem.numbers, logs))
    return total_energy(moved.energies(found.variables)) / problem.count


def describe_batch(
    problem: PointProblem, after: PointProblem, found: PointResult, plan: TrainingPlan
) -> dict[str, Any]:
    """Energies before and after the weights moved, and how settled the values were."""
    terms = problem.energies(found.variables)
    record: dict[str, Any] = {
        "energy": total_energy(terms) / problem.count,
        "energy_after": total_energy(after.energies(found.variables)) / problem.count,
        "by_layer": sample_means(terms),
        "status": how_steep(found),
        "trace": found.trace,
    }
    if plan.outcome is not None:
        record["accuracy"] = forward_accuracy(problem, plan.outcome)
    return record


def how_steep(found: PointResult) -> Array:
    """The steepest slope at the end, relative to that at the start."""
    if not found.last:
        return jnp.zeros(())
    first = jnp.stack([jnp.max(size) for size in found.first.values()]).max()
    last = jnp.stack([jnp.max(size) for size in found.last.values()]).max()
    return jnp.where(first > 0, last / jnp.where(first > 0, first, 1.0), 0.0)


def forward_accuracy(problem: PointProblem, name: str) -> Array:
    """How often the forward pass, which has not seen the outcome, makes it the most probable."""
    index, _ = problem.layout.places[name]
    means = predicted_means(problem.layout, problem.numbers, problem.predict(), index)
    right = means.argmax(-1) == problem.given[index].argmax(-1)
    return jnp.mean(right.astype(means.dtype))


def predictable_outcome(network: Network, layout: Layout) -> str | None:
    """The categorical leaf whose prediction by the forward pass knows all that it needs; None if none."""
    graph = network.labels.graph
    if any(
        block.role == FREE and not graph.parents(name)
        for block in layout.blocks
        for name in block.names
    ):
        return None
    leaves = [
        name
        for block in layout.blocks
        for name in block.names
        if block.role == GIVEN
        and block.size == 1
        and isinstance(graph.nodes[name], CategoricalLayer)
        and graph.parents(name)
    ]
    return leaves[0] if len(leaves) == 1 else None


def name_blocks(layout: Layout, blocks: Mapping[int, Any], axis: int) -> dict[str, Any]:
    """What is there by block, by name, the nodes of a block along an axis; that of steps comes before."""
    found = {}
    for name, (index, position) in layout.places.items():
        if index in blocks:
            whole = np.asarray(blocks[index])
            found[name] = whole if layout.blocks[index].size == 1 else whole.take(position, axis)
    return found


def check_initial_weights(layout: Layout, weights: Weights) -> None:
    """Weights to begin with are numbers.

    Raises
    ------
    InputError
        NaN among them, or all of them zero.
    """
    for block, slots in zip(layout.blocks, weights, strict=True):
        for slot, fields in zip(block.slots, slots, strict=True):
            for field, value in fields.items():
                if not bool(jnp.isfinite(value).all()):
                    raise InputError(
                        f"{field} of {', '.join(slot.names)} hold NaN or infinite numbers before training."
                    )
