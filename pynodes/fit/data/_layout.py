"""Layout: where every row of the data goes in arrays over subjects, blocks and steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import Any

import numpy as np

from pynodes._errors import DataError

SHORTEST = 32
"""Fewest steps that a block is given, so that short ones share one compiled program."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """Where the rows are: a block is a run of rows over which beliefs are carried.

    Attributes
    ----------
    subjects
        Name of every unit, in the order of the data: the subject's, or the tuple of a session's keys.
    place
        For every row its subject, block and step; of shape (3, rows).
    shape
        Number of subjects, of blocks each, and of steps each, padding included.
    """

    subjects: tuple[Hashable, ...]
    place: np.ndarray
    shape: tuple[int, int, int]

    def spread(self, rows: np.ndarray, blank: float | bool) -> np.ndarray:
        """Values of the rows in their places, of shape (subjects, blocks, steps, ...)."""
        whole = np.full((*self.shape, *rows.shape[1:]), blank, dtype=rows.dtype)
        whole[tuple(self.place)] = rows
        return whole

    def gathered(self, whole: Any) -> Any:
        """Values in places back as rows."""
        return whole[tuple(self.place)]


def laid_out(
    keys: list[tuple[Any, ...]], resets: np.ndarray | None, *, carry_over: bool, keyed: int = 1
) -> Layout:
    """The layout of rows with some keys, of which the first few say whose parameters a row is of.

    A block begins with every unit, with every session unless beliefs are carried over, and with
    every row at which they are reset.
    """
    subjects = {key[:keyed]: None for key in keys}
    number = {key: index for index, key in enumerate(subjects)}
    blocks: dict[tuple[Any, ...], int] = {}
    counts: dict[tuple[Any, ...], int] = {}
    latest: dict[tuple[Any, ...], tuple[int, int]] = {}
    place = np.empty((3, len(keys)), dtype=int)
    for row, key in enumerate(keys):
        subject, session = key[:keyed], key[:keyed] if carry_over else key
        fresh = session not in latest or (resets is not None and bool(resets[row]))
        if fresh:
            block = blocks.get(subject, 0)
            blocks[subject] = block + 1
        else:
            block, _ = latest[session]
        step = 0 if fresh else latest[session][1] + 1
        latest[session] = block, step
        counts[(*subject, block)] = step + 1
        place[:, row] = number[subject], block, step
    steps = padded(max(counts.values()))
    names = tuple(key if len(key) > 1 else key[0] if key else 0 for key in subjects)
    return Layout(subjects=names, place=place, shape=(len(names), max(blocks.values()), steps))


def padded(steps: int) -> int:
    """The length that a block is given: at most a quarter more than it needs.

    So that blocks of nearly the same length run the same compiled program.
    """
    if steps <= SHORTEST:
        return SHORTEST
    unit = 2 ** ((steps - 1).bit_length() - 1) // 4
    return -(-steps // unit) * unit


def check_order(
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
            said = "again" if number == last else f"after {trial} {last:g}"
            raise DataError(
                f"{described(names, key)}has {trial} {number:g} {said} in rows {where} and {row}. Every "
                "trial is there once, and in the order in which they happened: sort the data first, or name "
                "the column that tells sessions apart in by=."
            )
        before[key] = number, row


def described(names: tuple[str, ...], key: tuple[Any, ...]) -> str:
    """Whose trial it is, in words that begin a sentence."""
    said = ", ".join(f"{name} {value!r}" for name, value in zip(names, key, strict=True))
    return f"{said} " if said else "The series "
