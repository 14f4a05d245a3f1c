"""Batches: data as the arrays that training goes through, from arrays or from what can be iterated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._errors import InputError, format_value, quote
from pynodes.deep.reading import Data, check_seen, read_data

PAIR = ("x", "y")
"""Nodes that the parts of a pair are for."""


def is_named_arrays(data: object) -> bool:
    """Whether data are arrays by name, rather than batches one after the other."""
    return isinstance(data, Mapping)


def read_table(labels: Labels, data: Any, batch: int) -> Data:
    """Arrays by name, as many samples as fill a batch at least.

    Raises
    ------
    InputError
        Fewer samples than that, or what does not fit its nodes.
    """
    if not data:
        raise InputError(
            "There are no data. Give arrays by node name, as in {'x': images, 'y': labels}."
        )
    found = read_data(labels, data, "data")
    check_seen(data, found)
    if found.single:
        raise InputError(
            "Training needs samples along the first axis. Of a single one, give value[None]."
        )
    if batch > found.count:
        raise InputError(
            f"A batch of {batch} is larger than the data, which have {found.count} samples. Give "
            f"batch={found.count} or less."
        )
    return found


def check_iterable(data: Any, epochs: int) -> None:
    """Data that are no arrays by name can be iterated, as often as there are epochs.

    Raises
    ------
    InputError
        They cannot, or are a pair of arrays, which would be taken for two batches.
    """
    many = str | bytes | np.ndarray | jax.Array
    if isinstance(data, many) or not isinstance(data, Iterable):
        raise InputError(
            "data must be arrays by node name, as in {'x': images, 'y': labels}, or an iterable of batches "
            f"of that form, not {format_value(data, 80)}."
        )
    if isinstance(data, tuple) and any(isinstance(part, np.ndarray | jax.Array) for part in data):
        raise InputError(
            "data are a tuple of arrays. Give them by node name, as in {'x': images, 'y': labels}; one batch "
            "that is a pair goes into a list, as in [(images, labels)]."
        )
    if isinstance(data, Iterator) and epochs > 1:
        raise InputError(
            f"data are a {type(data).__name__}, which can be gone through once, and there are {epochs} "
            "epochs. Give a list of batches, or an object that begins anew whenever it is iterated, as a "
            "DataLoader does."
        )


def iterate(labels: Labels, data: Iterable[Any], first: Data | None = None) -> Iterator[Data]:
    """Batches of an epoch, checked; all give what the first one of training gave.

    Raises
    ------
    InputError
        A batch that is neither arrays by name nor a pair.
    """
    for number, batch in enumerate(data):
        if isinstance(batch, tuple | list) and len(batch) == 2:
            missing = [name for name in PAIR if name not in labels.nodes]
            if missing:
                raise InputError(
                    "A batch that is a pair is for nodes named 'x' and 'y', and the network has no "
                    f"{missing[0]!r}. Give batches as arrays by node name."
                )
            batch = dict(zip(PAIR, batch, strict=True))
        if not isinstance(batch, Mapping):
            raise InputError(
                f"Batch {number} is {format_value(batch, 80)}; each must be arrays by node name, or a pair "
                "(x, y)."
            )
        found = read_data(labels, batch, "data")
        if found.single:
            raise InputError(f"Batch {number} has no axis for samples.")
        first = found if first is None else first
        yield match_first(number, found, first)


def match_first(number: int, found: Data, first: Data) -> Data:
    """A batch that gives the nodes that the first one gave, as the program for it was made.

    Raises
    ------
    InputError
        Other nodes, or missing elements of one that was whole in the first batch.
    """
    if set(found.arrays) != set(first.arrays):
        raise InputError(
            f"Batch {number} gives {quote(found.arrays)}, and batch 0 gave {quote(first.arrays)}; a node "
            "that is NaN in a whole batch is not given by it. Give the same nodes in every batch."
        )
    gaps = [name for name in found.masks if name not in first.masks]
    if gaps:
        raise InputError(
            f"{quote(gaps)} {'has' if len(gaps) == 1 else 'have'} missing elements in batch {number} and "
            "had none in batch 0. Give the data as arrays, or a batch with missing elements first."
        )
    whole = {
        name: np.ones((found.count, *np.shape(mask)[1:]), bool)
        for name, mask in first.masks.items()
    }
    return Data(found.arrays, whole | found.masks, found.count, found.single)


def order_samples(seed: int, epoch: int, count: int, shuffle: bool) -> np.ndarray:
    """Numbers of the samples in the order in which an epoch sees them.

    It follows from the seed and the epoch alone, so that a run that is taken up again goes on as it was.
    """
    if not shuffle:
        return np.arange(count)
    rng = np.random.default_rng([seed, epoch])
    return rng.permutation(count)


def split_rows(
    order: np.ndarray, batch: int, drop_last: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """The samples of all full batches, and of the last one if it is not full."""
    full = len(order) // batch
    rows = order[: full * batch].reshape(full, batch).astype(np.int32)
    rest = order[full * batch :].astype(np.int32)
    return rows, None if drop_last or not len(rest) else rest[None]


def put_on_device(data: Data) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays and masks where the computation is, in the user's precision; codes as whole numbers."""

    def place(array: Any) -> Any:
        kind = (
            np.asarray(array).dtype.kind if not isinstance(array, jax.Array) else array.dtype.kind
        )
        if kind in "iub" and array.ndim == 1:
            return jnp.asarray(array, jnp.int32)
        return jnp.asarray(array, jnp.result_type(float))

    arrays = {name: place(array) for name, array in data.arrays.items()}
    return arrays, {name: jnp.asarray(mask) for name, mask in data.masks.items()}
