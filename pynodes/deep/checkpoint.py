"""Checkpoint: a run of training in a file, written whole, from which it goes on bit for bit."""

from __future__ import annotations

import os
import zlib
from typing import Any

import jax
import numpy as np

from pynodes._errors import CheckpointError, FormatError, ParameterError
from pynodes._keeping.container import pack, read_file, replace_file, unpack
from pynodes.deep.callbacks import Callback, Event
from pynodes.deep.configuration import Training
from pynodes.deep.history import History

KIND = "training of a deep network"
MAY_DIFFER = ("epochs", "throw", "validate_with", "validate_every")
"""Options of training that may be others when it goes on."""

TABLES = ("per_epoch", "by_layer", "per_batch", "per_step")


class Checkpoint(Callback):
    """Keep a run in a file: weights, the optimiser's state, beliefs, history, and the place in the epoch.

    ``pynodes.deep.train(..., resume=path)`` goes on from there, to the same bits as a run that was not
    interrupted.

    Parameters
    ----------
    path
        The file; each checkpoint takes the place of the one before, whole or not at all.
    every
        Epochs between two checkpoints.
    batches
        Batches between two more within an epoch; training then goes batch by batch.

    Raises
    ------
    ParameterError
        Numbers that are not positive.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, every: int = 1, batches: int | None = None
    ) -> None:
        for name, value in (("every", every), ("batches", batches)):
            fine = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            if not fine and not (name == "batches" and value is None):
                raise ParameterError(
                    f"Checkpoint: {name} must be a whole number of at least 1, not {value!r}."
                )
        self.path, self.every, self.batches = os.fspath(path), every, batches
        if batches is not None:
            self.on_batch_end = self.keep_batch  # type: ignore[method-assign]

    def keep_batch(self, event: Event) -> bool | None:
        """Keep the run after so many batches."""
        assert self.batches is not None
        if event.batch is not None and (event.batch + 1) % self.batches == 0:
            write_checkpoint(self.path, event.run)
        return None

    def on_epoch_end(self, event: Event) -> bool | None:
        if (event.epoch + 1) % self.every == 0:
            write_checkpoint(self.path, event.run)
        return None

    def on_train_end(self, event: Event) -> bool | None:
        write_checkpoint(self.path, event.run)
        return None


def write_checkpoint(path: str, trainer: Any) -> None:
    """Write all that a run needs to go on."""
    if trainer.learning is None:
        return
    parts = trainer.parts
    under_way = jax.tree.map(lambda *rows: np.concatenate(rows), *parts) if parts else None
    trees: dict[str, Any] = {
        "learning": jax.device_get(trainer.learning.tree),
        "under_way": under_way,
        **{name: getattr(trainer.history, name) for name in TABLES},
    }
    arrays: list[np.ndarray] = []
    counts: dict[str, Any] = {}
    for name, tree in trees.items():
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
        counts[name] = {"leaves": len(leaves), "structure": str(jax.tree.structure(tree))}
        arrays += leaves
    header = {
        "kind": KIND,
        "epoch": trainer.epoch,
        "batch": trainer.batch,
        "training": describe_training(trainer.training),
        "data": describe_data(trainer),
        "trees": counts,
        "names": {name: sorted(trees[name]) for name in TABLES},
    }
    replace_file(path, pack(header, arrays))


def resume_from(path: str | os.PathLike[str], trainer: Any) -> None:
    """Put a run back to where a file says it was.

    Raises
    ------
    CheckpointError
        No such file, another kind of file, or one of another training, network or data.
    """
    name = os.fspath(path)
    try:
        header, arrays = unpack(read_file(name), repr(name))
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint {name!r} to go on from.") from error
    except FormatError as error:
        raise CheckpointError(f"{name!r} is no checkpoint of training: {error}") from error
    if header.get("kind") != KIND:
        raise CheckpointError(f"{name!r} is no checkpoint of training.")
    check_same(name, header["training"], describe_training(trainer.training))
    if trainer.table and header["data"] != describe_data(trainer):
        raise CheckpointError(f"{name!r} is of other data. Give those that the run was trained on.")
    trainer.epoch, trainer.batch = header["epoch"], header["batch"]
    taken = iter(arrays)
    leaves = {
        part: [next(taken) for _ in range(said["leaves"])] for part, said in header["trees"].items()
    }
    tables = {
        part: dict(zip(names, leaves[part], strict=True)) for part, names in header["names"].items()
    }
    trainer.history = History(**tables)
    restore_when_ready(name, trainer, header["trees"], leaves)


def restore_when_ready(
    name: str, trainer: Any, trees: dict[str, Any], leaves: dict[str, list[np.ndarray]]
) -> None:
    """Put weights and states back, at once or once the first batch has said what is given."""

    def restore() -> None:
        tree = trainer.learning.tree
        said = trees["learning"]
        if str(jax.tree.structure(jax.device_get(tree))) != said["structure"]:
            raise CheckpointError(f"{name!r} is of another network or optimiser.")
        old, new = jax.tree.leaves(tree), leaves["learning"]
        if any(np.shape(a) != np.shape(b) for a, b in zip(old, new, strict=True)):
            raise CheckpointError(f"{name!r} is of a network with other shapes.")
        trainer.learning.put_back(jax.tree.unflatten(jax.tree.structure(tree), new))
        if leaves["under_way"]:
            empty = trainer.learning.empty_record()
            structure = jax.tree.structure(empty)
            trainer.parts = [jax.tree.unflatten(structure, leaves["under_way"])]

    if trainer.learning is None:
        trainer.restore = restore
    else:
        restore()


def check_same(name: str, kept: dict[str, str], now: dict[str, str]) -> None:
    """Training goes on as it began."""
    changed = [option for option in now if kept.get(option) != now[option]]
    if changed:
        said = "; ".join(f"{o} was {kept.get(o)} and is {now[o]}" for o in changed)
        raise CheckpointError(
            f"{name!r} was made by another training: {said}. Go on with the same options, or begin anew."
        )


def describe_training(training: Training) -> dict[str, str]:
    """Every option that must not change, in words that mean the same in another process."""
    names = [name for name in vars(training) if name not in MAY_DIFFER]
    return {name: describe_value(getattr(training, name)) for name in names}


def describe_value(value: Any, depth: int = 6) -> str:
    """A value in words: functions by name and what they close over."""
    if callable(value) and hasattr(value, "__qualname__") and depth:
        cells: Any = getattr(value, "__closure__", None) or ()
        inside = ", ".join(describe_value(read_cell(cell), depth - 1) for cell in cells)
        return f"{value.__module__}.{value.__qualname__}({inside})"
    if isinstance(value, tuple | list) and depth:
        return f"({', '.join(describe_value(part, depth - 1) for part in value)})"
    if isinstance(value, int | float | str | bool | None | dict):
        return repr(value)
    optimiser = getattr(value, "optimiser", None)
    return repr(value) if optimiser is None else describe_value(optimiser, depth - 1)


def read_cell(cell: Any) -> Any:
    """What a function closes over; None for nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def describe_data(trainer: Any) -> dict[str, Any]:
    """Shapes and checksums of the data; nothing of what is iterated."""
    if not trainer.table:
        return {}
    found = {}
    for name, array in trainer.arrays.items():
        host = np.ascontiguousarray(jax.device_get(array))
        found[name] = [list(host.shape), str(host.dtype), zlib.crc32(host.tobytes())]
    return found
