"""Draws: what follows from thousands of them, a few at a time, so that it fits in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from pynodes._errors import DataError, listed
from pynodes._runtime.series import positive
from pynodes._typing import Array
from pynodes.fit._seeds import seeded
from pynodes.fit.agent._binding import bound
from pynodes.fit.agent._model import Model
from pynodes.fit.data._layout import Layout
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.data.trials import Trials

AT_ONCE = 2**19
"""Trials that are filtered at once; what is believed of them is held in memory for a moment."""


def in_chunks(compute: Callable[..., Any], layout: Layout, *draws: Any) -> Iterator[Any]:
    """What is computed of some draws at a time.

    Parameters
    ----------
    compute
        From arrays that begin with the draws to others that do. It is always given as many draws, so that
        one program does: the last are repeated where it takes.
    layout
        Of the trials, which says how many are filtered per draw.
    draws
        Positions of all draws, and whatever else is theirs.
    """
    count = len(draws[0])
    size = min(count, max(1, AT_ONCE // int(np.prod(layout.shape))))
    for start in range(0, count, size):
        chosen = np.minimum(np.arange(start, start + size), count - 1)
        found = compute(*(array[chosen] for array in draws))
        kept = min(size, count - start)
        yield jax.tree.map(lambda leaf, kept=kept: np.asarray(leaf)[:kept], found)


def rows_of_draws(
    compute: Callable[..., dict[str, Array]], trials: Trials, *draws: Any
) -> dict[str, np.ndarray]:
    """What is computed of all draws, by name, each of shape (draws, rows, ...)."""
    found: dict[str, list[np.ndarray]] = {}
    for chunk in in_chunks(compute, trials.layout, *draws):
        for name, whole in chunk.items():
            found.setdefault(name, []).append(by_row(whole, trials.layout))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def by_row(whole: np.ndarray, layout: Layout) -> np.ndarray:
    """Values of shape (draws, units, blocks, steps, ...) as (draws, rows, ...)."""
    return whole[(slice(None), *layout.place)]


def pointwise(model: Model, positions: np.ndarray, trials: Trials) -> dict[str, np.ndarray]:
    """Log likelihood of every trial under every draw, by stream, each of shape (draws, rows)."""
    compute = partial(streams_of_draws, model, bound(model, trials))
    return rows_of_draws(compute, trials, positions)


@jax.jit
def streams_of_draws(model: Model, sequences: Sequences, positions: Array) -> dict[str, Array]:
    """Log likelihood of every trial of every subject under every draw, by stream."""

    def of_subject(position: Array, blocks: Sequences) -> dict[str, Array]:
        values = model.constrained(position)
        return jax.vmap(lambda block: model.by_stream(values, block))(blocks)

    return jax.vmap(lambda draw: jax.vmap(of_subject)(draw, sequences))(positions)


def placed_for(positions: np.ndarray, fitted: Trials, trials: Trials) -> np.ndarray:
    """Positions of the units of other trials, found among those that were fitted.

    Raises
    ------
    DataError
        A unit that was not fitted.
    """
    if trials is fitted or trials.subjects == fitted.subjects:
        return positions
    places = [place_of(subject, fitted) for subject in trials.subjects]
    return positions[..., places, :]


def place_of(subject: Any, fitted: Trials) -> int:
    """Where a unit is among those that were fitted."""
    if subject not in fitted.subjects:
        raise DataError(f"No subject {subject!r} was fitted. There are {listed(fitted.subjects)}.")
    return fitted.subjects.index(subject)


def gaussian(mean: Any, covariance: Any, draws: int, seed: int) -> np.ndarray:
    """Draws from Gaussians, of shape (draws, units, values).

    Raises
    ------
    InputError
        No number of draws, or no seed.
    """
    random = np.random.default_rng(seeded(seed))
    noise = random.normal(size=(positive("draws", draws), *mean.shape))
    return mean + np.einsum("uij,duj->dui", np.linalg.cholesky(covariance), noise)


def spread_evenly(count: int, draws: int) -> np.ndarray:
    """The places of so many draws among all, as far apart as can be.

    Raises
    ------
    InputError
        No number of draws.
    """
    wanted = min(positive("draws", draws), count)
    return np.linspace(0, count - 1, wanted).round().astype(int)
