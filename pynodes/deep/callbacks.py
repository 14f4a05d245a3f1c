"""Callbacks: what is done while a network trains, beside training it."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from pynodes._errors import InputError, ParameterError, format_value, nearest, quote
from pynodes.deep.reading import read_whole_number


@dataclasses.dataclass(frozen=True)
class Event:
    """What a callback is told.

    Attributes
    ----------
    epoch
        Epochs that are over, or the one that is under way, counted from 0.
    batch
        The batch that is under way, counted from 0; None between epochs.
    step
        The step of the scheme; None outside of one.
    measures
        Numbers by name, such as ``"energy"`` and ``"accuracy"``; those of the epoch at its end.
    by_layer
        Energy by node.
    run
        Everything so far: the run, with the network as it is now. None inside an epoch.
    """

    epoch: int
    batch: int | None = None
    step: int | None = None
    measures: dict[str, float] = dataclasses.field(default_factory=dict)
    by_layer: dict[str, float] = dataclasses.field(default_factory=dict)
    run: Any = None


class Callback:
    """Base of callbacks: override what is wanted. One that returns True asks for the end of training.

    Hooks of batches make training go batch by batch, and that of inference steps keeps the energy of every
    step; both cost nothing where they are not overridden.
    """

    def on_train_start(self, event: Event) -> bool | None:
        """Before the first epoch."""

    def on_epoch_start(self, event: Event) -> bool | None:
        """Before an epoch."""

    def on_batch_start(self, event: Event) -> bool | None:
        """Before a batch."""

    def on_inference_step(self, event: Event) -> bool | None:
        """For every step of the scheme, after its batch."""

    def on_learning_step(self, event: Event) -> bool | None:
        """After the weights have moved."""

    def on_batch_end(self, event: Event) -> bool | None:
        """After a batch."""

    def on_rate_changed(self, event: Event) -> bool | None:
        """Before an epoch whose rate is another."""

    def on_epoch_end(self, event: Event) -> bool | None:
        """After an epoch."""

    def on_train_end(self, event: Event) -> bool | None:
        """After the last epoch, also of a run that was ended."""

    def close(self) -> None:
        """Give back what it holds, in whatever way training ended."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
"""Hooks, in the order in which they are first heard."""

BATCH_HOOKS = ("on_batch_start", "on_inference_step", "on_learning_step", "on_batch_end")
"""Hooks for which training goes batch by batch."""


def overridden(callbacks: Iterable[Callback], *names: str) -> bool:
    """Whether any callback has a hook of its own among some."""
    return any(
        getattr(callback, name).__func__ is not getattr(Callback, name)
        for callback in callbacks
        for name in names
    )


def check_callbacks(callbacks: Any) -> list[Callback]:
    """Callbacks as a list.

    Raises
    ------
    InputError
        Something else among them.
    """
    found = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in found:
        if not isinstance(callback, Callback):
            hint = " Make one: write ()." if isinstance(callback, type) else ""
            raise InputError(
                f"callbacks must be instances of pynodes.deep.Callback, not {callback!r}.{hint}"
            )
        unknown = [n for n in dir(callback) if n.startswith("on_") and n not in HOOKS]
        if unknown:
            raise InputError(
                f"{type(callback).__name__} has {quote(unknown)}, and no hook of that name is ever called. "
                f"{nearest(unknown[0], HOOKS)}"
            )
    return found


def ask_for_end(callback: Callback, hook: str, event: Event) -> bool:
    """Whether a callback asks for the end of training at one of its hooks.

    Raises
    ------
    InputError
        It returns something other than a truth value or nothing.
    """
    answer = getattr(callback, hook)(event)
    if answer is None or isinstance(answer, bool | np.bool_):
        return bool(answer)
    raise InputError(
        f"{type(callback).__name__}.{hook} returned {format_value(answer, 60)}. A callback returns True to "
        "ask for the end of training, and None or False to go on."
    )


def read_path(kind: str, path: Any) -> str:
    """The name of a file in a folder that there is.

    Raises
    ------
    InputError
        No name of a file, that of a folder, or of a file in a folder that is not there.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"{kind} needs the name of a file, such as 'run.ckpt', not {path!r}.")
    name = os.fspath(path)
    folder = os.path.dirname(name) or "."
    if os.path.isdir(name) or not name:
        raise InputError(f"{kind}: {name!r} is a folder. Give the name of a file in it.")
    if not os.path.isdir(folder):
        raise InputError(f"{kind}: there is no folder {folder!r} for {name!r}. Make it first.")
    return name


class StopEarly(Callback):
    """End training once a measure has not become better for some epochs.

    Parameters
    ----------
    measure
        Name of a measure of epochs, such as ``"energy"`` or ``"validation_accuracy"``.
    patience
        Epochs without an improvement after which training ends.
    improvement
        By how much a measure must become better to count.
    """

    def __init__(
        self, measure: str = "energy", *, patience: int = 2, improvement: float = 0.0
    ) -> None:
        self.patience = read_whole_number("StopEarly", "patience", patience)
        self.measure, self.improvement = measure, improvement
        self.best, self.waited = math.inf, 0

    def on_train_start(self, event: Event) -> bool | None:
        self.best, self.waited = math.inf, 0
        return None

    def on_epoch_end(self, event: Event) -> bool | None:
        if self.measure not in event.measures:
            raise ParameterError(
                f"StopEarly watches {self.measure!r}, which is not among the measures of an epoch: "
                f"{', '.join(event.measures)}."
            )
        value = event.measures[self.measure]
        value = -value if self.measure.endswith("accuracy") else value
        if value < self.best - self.improvement:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        return self.waited >= self.patience


class Log(Callback):
    """Write the measures of every epoch to a file: CSV, or JSON lines if it is named so.

    Parameters
    ----------
    path
        The file; a name that ends in ``.jsonl`` is written as JSON lines.

    Raises
    ------
    InputError
        No name of a file, or one in a folder that is not there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = read_path("Log", path)

    def on_epoch_end(self, event: Event) -> bool | None:
        row: dict[str, Any] = {"epoch": event.epoch, **event.measures}
        row |= {f"energy.{name}": energy for name, energy in event.by_layer.items()}
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            if self.path.endswith(".jsonl"):
                file.write(json.dumps(row) + "\n")
                return None
            writer = csv.DictWriter(file, row)
            if not file.tell():
                writer.writeheader()
            writer.writerow(row)
        return None
