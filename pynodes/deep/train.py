"""Train: find the values of each batch by a scheme, and move the weights down their slopes."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._engine.closed_form import ClosedForm
from pynodes._errors import InputError, PynodesError, format_value
from pynodes._runtime.network import Network
from pynodes.deep.batches import (
    check_iterable,
    is_named_arrays,
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
    ask_for_end,
    check_callbacks,
    overridden,
)
from pynodes.deep.checkpoint import resume_from
from pynodes.deep.closed_learning import ClosedLearning
from pynodes.deep.configuration import Training
from pynodes.deep.history import History
from pynodes.deep.learning import Learner, require_optax
from pynodes.deep.point_learning import PointLearning
from pynodes.deep.reading import Data, check_taught
from pynodes.deep.settled import check_network
from pynodes.deep.test import read_test, test_with
from pynodes.deep.weight_beliefs import WeightBelief

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class TrainingError(PynodesError, ArithmeticError):
    """Training that could not go on: values or weights are no longer numbers, or a callback failed.

    Attributes
    ----------
    run
        What was trained so far.
    """

    run: Any = None


@dataclasses.dataclass(frozen=True)
class TrainingRun:
    """What training made.

    Attributes
    ----------
    network
        The network with its weights as they are now; of a run that diverged, as they last were numbers.
    history
        What happened.
    training
        How it was trained.
    ended
        Why it ended: ``"finished"``, ``"stopped"`` by a callback, ``"interrupted"``, or ``"diverged"``.
    scheme
        By which values are found in the end: that of training, with what it learned itself.
    weight_beliefs
        Mean and standard deviation of every weight, by name, under ``Learning(beliefs=True)``.
    beliefs
        Under ``ClosedForm``: what is believed after the last batch of the nodes that remember, by name, such
        as the parent of a layer's noise; ``mean`` and ``variance``. Each batch counts as one step.
    """

    network: Network
    history: History
    training: Training
    ended: str = "finished"
    scheme: Any = None
    weight_beliefs: Mapping[str, WeightBelief] = dataclasses.field(default_factory=dict)
    beliefs: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the energy of every node over epochs, each above its lowest."""
        from pynodes.plotting.deep import plot_energies

        return plot_energies(self, ax=ax)

    def __repr__(self) -> str:
        return f"TrainingRun({self.ended}, {self.history!r})"


@boundary
def train(
    network: Network,
    data: Mapping[str, Any] | Iterable[Any],
    training: Training | None = None,
    *,
    callbacks: Iterable[Callback] | Callback = (),
    resume: str | os.PathLike[str] | None = None,
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
    resume
        A file of :class:`Checkpoint`, to go on from as if nothing had come between.

    Raises
    ------
    InputError
        Data that do not fit the network.
    TrainingError
        Values or weights that are no longer numbers, unless ``throw=False``; or a callback that failed. What
        was trained so far is its ``run``.
    CheckpointError
        A file to go on from that is not there, or of another training, network or data.
    """
    check_network(network)
    training = Training() if training is None else training
    if not isinstance(training, Training):
        pair = " Give data as {'x': ..., 'y': ...}." if isinstance(training, np.ndarray) else ""
        raise InputError(
            "training must be a pynodes.deep.Training, such as Training(epochs=5), not "
            f"{format_value(training)}.{pair}"
        )
    trainer = Trainer(network, data, training, check_callbacks(callbacks))
    if resume is not None:
        resume_from(resume, trainer)
    return trainer.run()


class Trainer:
    """One run of training: its weights and its history, epoch by epoch."""

    def __init__(
        self, network: Network, data: Any, training: Training, callbacks: list[Callback]
    ) -> None:
        self.network, self.training, self.callbacks = network, training, callbacks
        self.data, self.table = data, is_named_arrays(data)
        optimiser = training.optimiser
        self.learner = Learner(require_optax().adam(1e-3) if optimiser is None else optimiser)
        self.history = History()
        self.epoch, self.batch, self.ended = 0, 0, "finished"
        self.parts: list[dict[str, Any]] = []
        self.learning: Any = None
        self.restore: Callable[[], None] | None = None
        self.first: Data | None = None
        self.sound: Any = None
        if training.validate_with is not None:
            read_test(network, *training.validate_with)
        if not self.table:
            check_iterable(data, training.epochs)
        if self.table:
            table = read_table(network.labels, data, training.batch)
            self.count = table.count
            self.arrays, self.masks = put_on_device(table)
            self.begin(table)

    def begin(self, first: Data) -> None:
        """Make what learns, once it is known what is given."""
        steps = self.training.record == "steps" or overridden(self.callbacks, "on_inference_step")
        check_taught(self.network.labels, first)
        kind = ClosedLearning if isinstance(self.training.scheme, ClosedForm) else PointLearning
        self.learning = kind(self.network, first, self.training, self.learner, steps)
        if self.restore is not None:
            self.restore()
        self.sound = jax.tree.map(jnp.copy, self.learning.tree)

    def run(self) -> TrainingRun:
        """All epochs that are left."""
        try:
            with self.training.multiply():
                self.go()
        except KeyboardInterrupt:
            self.ended = "interrupted"
        except PynodesError as error:
            error.run = self.result()  # type: ignore[attr-defined]
            raise
        except Exception as error:
            raise make_training_error(error, self.result()) from error
        finally:
            for callback in self.callbacks:
                callback.close()
        self.tell("on_train_end", Event(self.epoch, run=self))
        return self.result()

    def go(self) -> None:
        """Epoch after epoch, until one asks for the end."""
        stop = self.tell("on_train_start", Event(self.epoch, run=self))
        rate = self.training.rate_at(max(self.epoch - 1, 0))
        while self.epoch < self.training.epochs and not stop:
            now = self.training.rate_at(self.epoch)
            if now != rate:
                stop |= self.tell("on_rate_changed", Event(self.epoch, measures={"rate": now}))
            rate = now
            stop |= self.tell("on_epoch_start", Event(self.epoch, run=self))
            began = time.perf_counter()
            stop |= self.go_through(now)
            if not self.parts:
                used = f" in epoch {self.epoch}" if self.epoch else ""
                raise InputError(f"There are no batches{used}: the iterable of data is empty.")
            measures, by_layer = self.note(time.perf_counter() - began, now)
            self.epoch, self.batch, self.parts = self.epoch + 1, 0, []
            if self.ended == "diverged":
                return
            event = Event(self.epoch - 1, measures=measures, by_layer=by_layer, run=self)
            stop |= self.tell("on_epoch_end", event)
        if stop and self.epoch < self.training.epochs:
            self.ended = "stopped"

    def result(self) -> TrainingRun:
        """The run as it is now."""
        run = TrainingRun(
            self.network, self.history, self.training, self.ended, self.training.scheme
        )
        if self.learning is None:
            return run
        return dataclasses.replace(
            run,
            network=self.learning.current(),
            scheme=self.learning.current_scheme(),
            weight_beliefs=self.learning.weight_beliefs(),
            beliefs=self.learning.node_beliefs(),
        )

    def tell(self, hook: str, event: Event) -> bool:
        """Tell all callbacks; whether one asks for the end."""
        asked = [ask_for_end(callback, hook, event) for callback in self.callbacks]
        return any(asked)

    def go_through(self, rate: float) -> bool:
        """What is left of an epoch; whether a callback asked for the end."""
        one_by_one = overridden(self.callbacks, *BATCH_HOOKS)
        key = jax.random.fold_in(jax.random.key(self.training.key), self.epoch)
        stop = False
        for arrays, masks, rows in self.pieces(one_by_one):
            if one_by_one:
                stop |= self.tell("on_batch_start", Event(self.epoch, self.batch))
            numbers = range(self.batch, self.batch + len(rows))
            keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.array(numbers, jnp.uint32))
            self.parts.append(self.learning.learn(arrays, masks, rows, keys, rate))
            self.batch += len(rows)
            if one_by_one:
                stop |= self.tell_of_batch(self.batch - 1, self.parts[-1])
            if stop and one_by_one:
                break
        return stop

    def pieces(self, one_by_one: bool) -> Any:
        """What is learned from in one compiled call each: arrays, masks, and rows of them by batch."""
        done = self.batch
        if self.table:
            t = self.training
            order = order_samples(t.key, self.epoch, self.count, t.shuffle)
            full, rest = split_rows(order, t.batch, t.drop_last)
            left = full[done:]
            for rows in [left[i : i + 1] for i in range(len(left))] if one_by_one else [left]:
                if len(rows):
                    yield self.arrays, self.masks, rows
            if rest is not None and done <= len(full):
                yield self.arrays, self.masks, rest
            return
        for number, found in enumerate(iterate(self.network.labels, self.data, self.first)):
            if number < done:
                continue
            if self.learning is None:
                self.first = found
                self.begin(found)
            arrays, masks = put_on_device(found)
            yield arrays, masks, np.arange(found.count, dtype=np.int32)[None]

    def tell_of_batch(self, number: int, record: dict[str, Any]) -> bool:
        """Tell callbacks what happened in a batch."""
        stop, trace = False, record["trace"]
        if trace is not None and overridden(self.callbacks, "on_inference_step"):
            for step in range(len(next(iter(trace.values()))[0])):
                layers = {name: float(energy[0, step]) for name, energy in trace.items()}
                event = Event(self.epoch, number, step, {"energy": sum(layers.values())}, layers)
                stop |= self.tell("on_inference_step", event)
        layers = {name: float(energy[0]) for name, energy in record["by_layer"].items()}
        measures = {name: float(record[name][0]) for name in name_measures(record)}
        event = Event(self.epoch, number, None, measures, layers, self)
        stop |= self.tell("on_learning_step", event)
        return self.tell("on_batch_end", event) or stop

    def note(self, seconds: float, rate: float) -> tuple[dict[str, float], dict[str, float]]:
        """Add an epoch to the history."""
        whole = jax.tree.map(lambda *parts: np.concatenate(parts), *self.parts)
        measures = {name: float(np.mean(whole[name])) for name in name_measures(whole)}
        measures |= {"seconds": seconds, "rate": rate}
        by_layer = {name: float(np.mean(energy)) for name, energy in whole["by_layer"].items()}
        self.check_numbers(whole)
        measures |= self.validate()
        keep = self.training.record
        self.history = self.history.extend(
            measures,
            by_layer,
            {name: whole[name] for name in name_measures(whole)} if keep != "epochs" else {},
            whole["trace"] if keep == "steps" and whole["trace"] is not None else {},
        )
        return measures, by_layer

    def check_numbers(self, whole: Mapping[str, Any]) -> None:
        """Energies are numbers still."""
        wrong = ~np.isfinite(whole["energy"])
        if not wrong.any():
            self.sound = jax.tree.map(jnp.copy, self.learning.tree)
            return
        self.ended = "diverged"
        if self.sound is not None:  # what is returned are the last weights that were numbers
            self.learning.put_back(self.sound)
        if self.training.throw:
            first, scheme = int(np.argmax(wrong)), self.training.scheme
            grew = not np.isfinite(whole["status"][first]) or whole["status"][first] > 1
            what = (
                f"States grew without bounds: take a smaller step than {scheme!r} has"
                if grew
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
        network = self.learning.current()
        own = t.test_scheme is None and not isinstance(t.scheme, ClosedForm)
        scheme = self.learning.current_scheme() if own else t.test_with
        report = test_with(network, values, targets, scheme, 1024, jax.random.key(t.key))
        found = {"validation_energy": report.energy}
        if len(report.accuracies) == 1:
            found["validation_accuracy"] = report.accuracy
        return found | {
            name: float(measure(report)) for name, measure in (t.measures or {}).items()
        }


def make_training_error(error: Exception, run: TrainingRun) -> TrainingError:
    """An error of a callback or of an optimiser, with everything so far in hand."""
    found = TrainingError(
        f"Training ended in epoch {run.history.epochs} by {type(error).__name__}: {error}. What was trained "
        "so far is in the run of this error."
    )
    found.run = run
    return found


def name_measures(record: Mapping[str, Any]) -> list[str]:
    """Names of the measures of a batch."""
    return [n for n in ("energy", "energy_after", "accuracy", "status") if n in record]
