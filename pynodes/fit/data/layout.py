"""Layout: where every row of the data goes in arrays over subjects, blocks and steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import Any

import numpy as np

from pynodes._core.modules import Module
from pynodes._errors import DataError
from pynodes._typing import AnyArray

SHORTEST = 32
"""Fewest steps that a block is given, so that short ones share one compiled program."""


class Sequences(Module):
    """What was seen and done, of shape (subjects, blocks, steps, ...), or of a part of that.

    Attributes
    ----------
    inputs
        Series by name, as :meth:`pynodes.Network.filter` takes them.
    actions
        Responses, or responses by stream; None if there are none.
    covariates
        What responses must know besides, by name.
    frozen
        Trials that are frozen, and steps that only fill a block up.
    dt
        Time since the previous step; None where it is one.
    conditions
        The number of the level of every trial, by the column of which it is one.
    """

    inputs: dict[str, AnyArray]
    actions: Any
    covariates: dict[str, AnyArray]
    frozen: AnyArray
    dt: AnyArray | None = None
    conditions: dict[str, AnyArray] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TrialLayout:
    """Where the rows are: a block is a run of rows over which beliefs are carried.

    Attributes
    ----------
    subjects
        Name of every subject, in the order of the data; the tuple of a session's keys where every session has
        parameters of its own.
    index
        For every row its subject, block and step; of shape (3, rows).
    shape
        Number of subjects, of blocks each, and of steps each, padding included.
    """

    subjects: tuple[Hashable, ...]
    index: np.ndarray
    shape: tuple[int, int, int]

    def pad(self, rows: np.ndarray, blank: float | bool) -> np.ndarray:
        """Values by row as an array of shape (subjects, blocks, steps, ...), filled up with a blank."""
        whole = np.full((*self.shape, *rows.shape[1:]), blank, dtype=rows.dtype)
        whole[tuple(self.index)] = rows
        return whole

    def take_rows(self, whole: Any) -> Any:
        """An array over subjects, blocks and steps back as values by row."""
        return whole[tuple(self.index)]


def make_layout(
    keys: list[tuple[Any, ...]], resets: np.ndarray | None, *, carry_over: bool, key_count: int = 1
) -> TrialLayout:
    """The layout of rows with some keys, of which the first few say whose parameters a row is of.

    A block begins with every subject, with every session unless beliefs are carried over, and with
    every row at which they are reset.
    """
    subjects = {key[:key_count]: None for key in keys}
    number = {key: index for index, key in enumerate(subjects)}
    blocks: dict[tuple[Any, ...], int] = {}
    counts: dict[tuple[Any, ...], int] = {}
    latest: dict[tuple[Any, ...], tuple[int, int]] = {}
    index = np.empty((3, len(keys)), dtype=int)
    for row, key in enumerate(keys):
        subject, session = key[:key_count], key[:key_count] if carry_over else key
        fresh = session not in latest or (resets is not None and bool(resets[row]))
        if fresh:
            block = blocks.get(subject, 0)
            blocks[subject] = block + 1
        else:
            block, _ = latest[session]
        step = 0 if fresh else latest[session][1] + 1
        latest[session] = block, step
        counts[(*subject, block)] = step + 1
        index[:, row] = number[subject], block, step
    steps = round_up(max(counts.values()))
    names = tuple(key if len(key) > 1 else key[0] if key else 0 for key in subjects)
    return TrialLayout(subjects=names, index=index, shape=(len(names), max(blocks.values()), steps))


def round_up(steps: int) -> int:
    """The length that a block is given: at most a quarter more than it needs.

    So that blocks of nearly the same length run the same compiled program.
    """
    if steps <= SHORTEST:
        return SHORTEST
    quantum = 2 ** ((steps - 1).bit_length() - 1) // 4
    return -(-steps // quantum) * quantum


def check_trial_order(
    keys: list[tuple[Any, ...]], names: tuple[str, ...], trial: str, numbers: np.ndarray
) -> None:
    """Trials of a session come in order, each once.

    Raises
    ------
    DataError
        One that does not; names its key and both rows.
    """
    before: dict[tuple[Any, ...], tuple[float, int]] = {}
    for row, (key, number) in enumerate(zip(keys, numbers.tolist(), strict=True)):
        if number != number:
            raise DataError(f"Row {row} has no {trial!r}. Number every trial, or leave trial= out.")
        last, where = before.get(key, (-np.inf, -1))
        if number <= last:
            how = "again" if number == last else f"after {trial} {last:g}"
            raise DataError(
                f"{key_label(names, key)}has {trial} {number:g} {how} in rows {where} and {row}. Every "
                "trial is there once, in the order in which they happened. If the column does not number the "
                "trials of a session, name the one that does in trial=, or take it out of the data; else "
                "sort the data, or name the column that tells sessions apart in by=."
            )
        before[key] = number, row


def key_label(names: tuple[str, ...], key: tuple[Any, ...]) -> str:
    """Whose trial it is, in words that begin a sentence."""
    label = ", ".join(f"{name} {value!r}" for name, value in zip(names, key, strict=True))
    return f"{label} " if label else "The series "
