"""Checkpoint: a run of training in a file, written whole, from which it goes on bit for bit."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import multihost_utils

from pynodes._errors import CheckpointError, FormatError
from pynodes._graph.edges import name_edges
from pynodes._keeping.container import pack, read_file, replace_file, unpack
from pynodes.couplings import AbstractCoupling
from pynodes.deep.callbacks import Callback, Event, read_path
from pynodes.deep.configuration import Training
from pynodes.deep.history import History
from pynodes.deep.reading import read_whole_number
from pynodes.nodes import AbstractNode

KIND = "training of a deep network"
MAY_DIFFER = ("epochs", "throw", "validate_with", "validate_every", "measures")
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
    InputError
        No name of a file, or one in a folder that is not there.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, every: int = 1, batches: int | None = None
    ) -> None:
        self.path, self.batches = read_path("Checkpoint", path), batches
        self.every = read_whole_number("Checkpoint", "every", every)
        if batches is not None:
            self.batches = read_whole_number("Checkpoint", "batches", batches)
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
    """Write all that a run needs to go on; of one that several processes share, by the first of them."""
    if trainer.learning is None:
        return
    data = describe_data(trainer)  # every process has a part in it
    shared = any(is_shared(leaf) for leaf in jax.tree.leaves(trainer.learning.tree))
    if not shared or jax.process_index() == 0:
        replace_file(path, pack_run(trainer, data))
    if shared:
        multihost_utils.sync_global_devices(f"checkpoint {trainer.epoch} {trainer.batch}")


def is_shared(leaf: Any) -> bool:
    """Whether an array lies on devices of other processes too."""
    return isinstance(leaf, jax.Array) and not leaf.is_fully_addressable


def pack_run(trainer: Any, data: dict[str, Any]) -> bytes:
    """The bytes of the file."""
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
        "network": describe_network(trainer),
        "data": data,
        "trees": counts,
        "names": {name: sorted(trees[name]) for name in TABLES},
    }
    return pack(header, arrays)


def resume_from(path: str | os.PathLike[str], trainer: Any) -> None:
    """Put a run back to where a file says it was.

    Raises
    ------
    CheckpointError
        No such file, another kind of file, or one of another training, network or data.
    """
    name = read_path("resume", path)
    try:
        header, arrays = unpack(read_file(name), repr(name))
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint {name!r} to go on from.") from error
    except FormatError as error:
        raise CheckpointError(f"{name!r} is no checkpoint of training: {error}") from error
    if header.get("kind") != KIND:
        raise CheckpointError(f"{name!r} is no checkpoint of training.")
    check_same(name, "training", header["training"], describe_training(trainer.training))
    check_same(name, "network", header["network"], describe_network(trainer))
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


def check_same(name: str, what: str, kept: dict[str, str], now: dict[str, str]) -> None:
    """A run goes on as it began."""
    changed = [each for each in {**kept, **now} if kept.get(each) != now.get(each)]
    if changed:
        absent = "not there"
        said = [f"{o} was {kept.get(o, absent)} and is {now.get(o, absent)}" for o in changed[:5]]
        raise CheckpointError(
            f"{name!r} was made by another {what}: {'; '.join(said)}. Go on with the same {what}, or begin "
            "anew."
        )


def describe_network(trainer: Any) -> dict[str, str]:
    """Every node and edge by its choices, and all numbers that training does not change."""
    network, training = trainer.network, trainer.training
    edges = network.labels.graph.edges
    parts = dict(network.labels.graph.nodes) | dict(
        zip(name_edges(edges), (coupling for *_, coupling in edges), strict=True)
    )
    learned = {
        f"{name}.{field}"
        for name, part in parts.items()
        for field in getattr(part, "learnable", ())
    }
    if training.precisions == "learned":
        learned |= {f"{name}.precision" for name in network.labels.nodes}
    numbers = {
        name: f"{np.ravel(value)[0]:.9g}" if np.size(value) == 1 else f"{checksum(value):08x}"
        for name, value in network.parameters().items()
        if name not in learned
    }
    return {name: describe_value(part) for name, part in parts.items()} | numbers


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
    if isinstance(value, AbstractNode | AbstractCoupling) and depth:
        own = [f for f in dataclasses.fields(value) if "parameter" not in f.metadata]
        chosen = {f.name: getattr(value, f.name) for f in own if f.name != "_class"}
        usual = {f.name: f.default for f in own}
        inside = [
            f"{name}={describe_value(choice, depth - 1)}"
            for name, choice in chosen.items()
            if choice != usual[name]
        ]
        return f"{type(value).__name__}({', '.join(inside)})"
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
        host = array if is_shared(array) else np.ascontiguousarray(jax.device_get(array))
        found[name] = [list(host.shape), str(host.dtype), int(checksum(host))]
    return found


def checksum(array: Any) -> Any:
    """A sum of all bits, each word of them by its place; the same of an array that processes share."""
    if is_shared(array):
        return sum_words(jnp, lax.bitcast_convert_type(array, jnp.uint32))
    words = np.ascontiguousarray(array)
    return sum_words(np, words.view(np.uint32) if words.itemsize > 1 else words.astype(np.uint32))


def sum_words(xp: Any, words: Any) -> Any:
    """Words times odd numbers that follow from their places, summed as far as 32 bits hold."""
    places = xp.arange(words.size, dtype=xp.uint32).reshape(words.shape)
    mixed = (places * xp.uint32(0x9E3779B1)) | xp.uint32(1)
    return xp.sum(words * mixed, dtype=xp.uint32)
