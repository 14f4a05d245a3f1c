"""Train: find the values of each batch by a scheme, and move the weights down their slopes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._boundary import boundary
from pynodes._errors import InputError, PynodesError
from pynodes._runtime.network import Network
from pynodes._typing import Array, Scalar
from pynodes.deep.batches import (
    is_table,
    iterate,
    order_samples,
    put_on_device,
    read_table,
    split_rows,
)
from pynodes.deep.callbacks import (
    BATCH_HOOKS,
    Callback,
    Event,
    check_callbacks,
    overridden,
)
from pynodes.deep.configuration import Training
from pynodes.deep.energy import predicted_means, total_energy
from pynodes.deep.history import History
from pynodes.deep.layout import FREE, GIVEN, Layout
from pynodes.deep.learning import Learner, require_optax
from pynodes.deep.numbers import (
    Numbers,
    Weights,
    as_floats,
    insert_weights,
    read_numbers,
    select_weights,
    write_weights,
)
from pynodes.deep.problem import Found, Problem, Record, sample_means
from pynodes.deep.reading import Data, make_problem
from pynodes.deep.scheme import AbstractPointScheme
from pynodes.deep.settled import check_network, lay_out_for, read_record
from pynodes.deep.test import test_with
from pynodes.nodes import CategoricalLayer


class TrainingError(PynodesError, ArithmeticError):
    """Training whose values or weights are no longer numbers."""


@dataclasses.dataclass(frozen=True)
class TrainingRun:
    """What training made.

    Attributes
    ----------
    network
        The network with its weights as they are now.
    history
        What happened.
    training
        How it was trained.
    ended
        Why it ended: ``"finished"``, ``"stopped"`` by a callback, ``"interrupted"``, or ``"diverged"``.
    """

    network: Network
    history: History
    training: Training
    ended: str = "finished"

    def __repr__(self) -> str:
        return f"TrainingRun({self.ended}, {self.history!r})"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What of training is structure of the compiled program."""

    learner: Learner
    weights_per_batch: int
    record: Record | None
    outcome: str | None


@boundary
def train(
    network: Network,
    data: Mapping[str, Any] | Iterable[Any],
    training: Training | None = None,
    *,
    callbacks: Iterable[Callback] | Callback = (),
) -> TrainingRun:
    """Train a network.

    Parameters
    ----------
    network
        The network, with weights to begin with.
    data
        Arrays by node name, samples first: what is clamped. They are shuffled and taken in batches.
        Or an iterable of such mappings, or of pairs for nodes ``"x"`` and ``"y"``, each of which is a batch.
    training
        How.
    callbacks
        What is done beside.

    Raises
    ------
    InputError
        Data that do not fit the network.
    TrainingError
        Values or weights that are no longer numbers, unless ``throw=False``.
    """
    check_network(network)
    training = Training() if training is None else training
    if not isinstance(training, Training):
        raise InputError(f"training must be a pynodes.deep.Training, not {training!r}.")
    return Trainer(network, data, training, check_callbacks(callbacks)).run()


class Trainer:
    """One run of training: its weights and its history, epoch by epoch."""

    def __init__(
        self, network: Network, data: Any, training: Training, callbacks: list[Callback]
    ) -> None:
        self.network, self.training, self.callbacks = network, training, callbacks
        self.data, self.table = data, is_table(data)
        optimiser = training.optimiser
        if optimiser is None:
            optimiser = require_optax().adam(1e-3)
        self.learner = Learner(optimiser)
        self.history = History()
        self.epoch, self.ended = 0, "finished"
        self.layout: Layout | None = None
        self.arrays: dict[str, Any] = {}
        self.masks: dict[str, Any] = {}
        if self.table:
            table = read_table(network.labels, data, training.batch)
            self.count = table.count
            self.arrays, self.masks = put_on_device(table)
            self.begin(table)

    def begin(self, first: Data) -> None:
        """Lay out the network for what is given, once that is known."""
        self.layout = lay_out_for(self.network, first, self.training.scheme)
        self.numbers = as_floats(read_numbers(self.network, self.layout))
        self.weights = jax.tree.map(jnp.copy, select_weights(self.numbers))
        check_weights(self.layout, self.weights)
        self.state = self.learner.init(self.weights)
        traced_steps = overridden(self.callbacks, "on_inference_step")
        record = "steps" if self.training.record == "steps" or traced_steps else None
        self.plan = Plan(
            learner=self.learner,
            weights_per_batch=self.training.weights_per_batch,
            record=read_record(record, self.training.scheme),
            outcome=predictable_outcome(self.network, self.layout),
        )

    def run(self) -> TrainingRun:
        """All epochs."""
        stop = self.tell("on_train_start", Event(self.epoch))
        rate = None
        while self.epoch < self.training.epochs and not stop:
            now = self.training.rate_at(self.epoch)
            if rate is not None and now != rate:
                stop |= self.tell("on_rate_changed", Event(self.epoch, measures={"rate": now}))
            rate = now
            stop |= self.tell("on_epoch_start", Event(self.epoch))
            began = time.perf_counter()
            records, asked = self.go_through(now)
            if not records:
                raise InputError("There are no batches: the iterable of data is empty.")
            stop |= asked
            measures, by_layer = self.note(records, time.perf_counter() - began, now)
            self.epoch += 1
            if self.ended == "diverged":
                break
            event = Event(self.epoch - 1, measures=measures, by_layer=by_layer, run=self)
            stop |= self.tell("on_epoch_end", event)
        if stop and self.ended == "finished" and self.epoch < self.training.epochs:
            self.ended = "stopped"
        result = self.result()
        self.tell("on_train_end", Event(self.epoch, run=self))
        return result

    def result(self) -> TrainingRun:
        """The run as it is now."""
        network = self.network
        if self.layout is not None:
            network = write_weights(network, self.layout, jax.device_get(self.weights))
        return TrainingRun(network, self.history, self.training, self.ended)

    def tell(self, hook: str, event: Event) -> bool:
        """Tell all callbacks; whether one asks for the end."""
        asked = [bool(getattr(callback, hook)(event)) for callback in self.callbacks]
        return any(asked)

    def go_through(self, rate: float) -> tuple[list[dict[str, Any]], bool]:
        """One epoch; its records, and whether a callback asked for the end."""
        one_by_one = overridden(self.callbacks, *BATCH_HOOKS)
        records: list[dict[str, Any]] = []
        key = jax.random.fold_in(jax.random.key(self.training.key), self.epoch)
        number, stop = 0, False
        for arrays, masks, rows in self.pieces(one_by_one):
            if one_by_one:
                stop |= self.tell("on_batch_start", Event(self.epoch, number))
            keys = jax.random.split(jax.random.fold_in(key, number), len(rows))
            self.weights, self.state, record = learn_batches(
                self.layout, self.plan, self.numbers, self.weights, self.state,
                self.training.scheme, arrays, masks, rows, keys, rate,
            )  # fmt: skip
            records.append(jax.device_get(record))
            if one_by_one:
                stop |= self.tell_of_batch(number, records[-1])
            number += len(rows)
            if stop and one_by_one:
                break
        return records, stop

    def pieces(self, one_by_one: bool) -> Any:
        """What is learned from in one compiled call each: arrays, masks, and rows of them by batch."""
        if self.table:
            t = self.training
            order = order_samples(t.key, self.epoch, self.count, t.batch, t.shuffle)
            full, rest = split_rows(order, t.batch, t.drop_last)
            for rows in [full[i : i + 1] for i in range(len(full))] if one_by_one else [full]:
                yield self.arrays, self.masks, rows
            if rest is not None:
                yield self.arrays, self.masks, rest
            return
        for found in iterate(self.network.labels, self.data):
            if self.layout is None:
                self.begin(found)
            arrays, masks = put_on_device(found)
            yield arrays, masks, np.arange(found.count, dtype=np.int32)[None]

    def tell_of_batch(self, number: int, record: dict[str, Any]) -> bool:
        """Tell callbacks what happened in a batch."""
        assert self.layout is not None
        stop = False
        if record["trace"] is not None and overridden(self.callbacks, "on_inference_step"):
            trace = name_blocks(self.layout, record["trace"], 2)
            for step in range(len(next(iter(trace.values()))[0])):
                layers = {name: float(energy[0, step]) for name, energy in trace.items()}
                measures = {"energy": sum(layers.values())}
                event = Event(self.epoch, number, step, measures, layers)
                stop |= self.tell("on_inference_step", event)
        layers = {
            n: float(e[0]) for n, e in name_blocks(self.layout, record["by_layer"], 1).items()
        }
        measures = {name: float(record[name][0]) for name in measured(record)}
        event = Event(self.epoch, number, None, measures, layers)
        stop |= self.tell("on_learning_step", event)
        return self.tell("on_batch_end", event) or stop

    def note(
        self, records: list[dict[str, Any]], seconds: float, rate: float
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Add an epoch to the history."""
        assert self.layout is not None
        whole = jax.tree.map(lambda *parts: np.concatenate(parts), *records)
        measures = {name: float(np.mean(whole[name])) for name in measured(whole)}
        measures |= {"seconds": seconds, "rate": rate}
        layers = name_blocks(self.layout, whole["by_layer"], 1)
        by_layer = {name: float(np.mean(energy)) for name, energy in layers.items()}
        self.check_numbers(whole)
        measures |= self.validate()
        keep = self.training.record != "epochs"
        self.history = self.history.extend(
            measures,
            by_layer,
            {name: whole[name] for name in measured(whole)} if keep else {},
            name_blocks(self.layout, whole["trace"], 2)
            if self.training.record == "steps" and whole["trace"] is not None
            else {},
        )
        return measures, by_layer

    def check_numbers(self, whole: Mapping[str, Any]) -> None:
        """Energies are numbers still."""
        wrong = ~np.isfinite(whole["energy"])
        if not wrong.any():
            return
        self.ended = "diverged"
        if self.training.throw:
            first, scheme = int(np.argmax(wrong)), self.training.scheme
            steps_of = whole["status"][first]
            what = (
                f"States grew without bounds: take a smaller step than {scheme!r} has"
                if not np.isfinite(steps_of) or steps_of > 1
                else "Weights grew without bounds: take a smaller rate of learning"
            )
            raise TrainingError(
                f"The energy of batch {first} of epoch {self.epoch} is {whole['energy'][first]}. {what}."
            )

    def validate(self) -> dict[str, float]:
        """Measures of what is held back, in epochs that look at it."""
        t = self.training
        if t.validate_with is None or (self.epoch + 1) % t.validate_every:
            return {}
        values, targets = t.validate_with
        report = test_with(
            self.result().network, values, targets, t.test_with, 1024, jax.random.key(t.key)
        )
        found = {"validation_energy": report.energy}
        if len(report.accuracies) == 1:
            found["validation_accuracy"] = report.accuracy
        return found


@partial(jax.jit, static_argnames=("layout", "plan"), donate_argnames=("weights", "state"))
def learn_batches(
    layout: Layout,
    plan: Plan,
    numbers: Numbers,
    weights: Weights,
    state: Any,
    scheme: AbstractPointScheme,
    arrays: dict[str, Any],
    masks: dict[str, Any],
    rows: Array,
    keys: Array,
    rate: Scalar,
) -> tuple[Weights, Any, dict[str, Any]]:
    """Learn from batches, one after the other; what there is to say of each."""

    def learn(carry: tuple[Weights, Any], now: tuple[Array, Array]) -> tuple[Any, dict[str, Any]]:
        weights, state = carry
        own, key = now
        problem = make_problem(
            layout,
            insert_weights(numbers, weights),
            {name: array[own] for name, array in arrays.items()},
            {name: mask[own] for name, mask in masks.items()},
            own.shape[0],
        )

        def update(slopes: Weights, state: Any, weights: Weights) -> tuple[Weights, Any]:
            return plan.learner.update(slopes, state, weights, rate)

        found, weights, state = scheme.learn(
            problem, key, plan.record, update, weights, state, plan.weights_per_batch
        )
        after = dataclasses.replace(problem, numbers=insert_weights(numbers, weights))
        return (weights, state), describe_batch(problem, after, found, plan)

    (weights, state), record = lax.scan(learn, (weights, state), (rows, keys))
    return weights, state, record


def describe_batch(problem: Problem, after: Problem, found: Found, plan: Plan) -> dict[str, Any]:
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


def how_steep(found: Found) -> Array:
    """The steepest slope at the end, relative to that at the start."""
    if not found.last:
        return jnp.zeros(())
    first = jnp.stack([jnp.max(size) for size in found.first.values()]).max()
    last = jnp.stack([jnp.max(size) for size in found.last.values()]).max()
    return jnp.where(first > 0, last / jnp.where(first > 0, first, 1.0), 0.0)


def forward_accuracy(problem: Problem, name: str) -> Array:
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


def measured(record: Mapping[str, Any]) -> list[str]:
    """Names of the measures of a batch."""
    return [n for n in ("energy", "energy_after", "accuracy", "status") if n in record]


def name_blocks(layout: Layout, blocks: Mapping[int, Any], axis: int) -> dict[str, Any]:
    """What is there by block, by name, the nodes of a block along an axis; that of steps comes before."""
    found = {}
    for name, (index, position) in layout.places.items():
        if index in blocks:
            whole = np.asarray(blocks[index])
            found[name] = whole if layout.blocks[index].size == 1 else whole.take(position, axis)
    return found


def check_weights(layout: Layout, weights: Weights) -> None:
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
