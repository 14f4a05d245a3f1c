"""Draws: what follows from thousands of them, a few at a time, so that it fits in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from pynodes._errors import DataError, quote
from pynodes._runtime.series import positive
from pynodes._typing import Array
from pynodes.fit.agent.arrays import to_arrays
from pynodes.fit.agent.model import Model
from pynodes.fit.data.layout import Sequences, TrialLayout
from pynodes.fit.data.trials import Trials

TRIALS_AT_ONCE = 2**19
"""Trials that are filtered at once; what is believed of them is held in memory for a moment."""


def map_chunks(compute: Callable[..., Any], layout: TrialLayout, *draws: Any) -> Iterator[Any]:
    """Compute something of a few draws at a time.

    Parameters
    ----------
    compute
        From arrays that begin with the draws to others that do. It is always given as many draws, so that
        one program does: the last are repeated where it takes.
    layout
        Of the trials, which says how many are filtered per draw.
    draws
        Free values of all draws, and whatever else is theirs.
    """
    count = len(draws[0])
    size = min(count, max(1, TRIALS_AT_ONCE // int(np.prod(layout.shape))))
    for start in range(0, count, size):
        chosen = np.minimum(np.arange(start, start + size), count - 1)
        chunk = compute(*(array[chosen] for array in draws))
        kept = min(size, count - start)
        yield jax.tree.map(lambda leaf, kept=kept: np.asarray(leaf)[:kept], chunk)


def map_rows(
    compute: Callable[..., dict[str, Array]], trials: Trials, *draws: Any
) -> dict[str, np.ndarray]:
    """Compute something of all draws, by name, each of shape (draws, rows, ...)."""
    found: dict[str, list[np.ndarray]] = {}
    for chunk in map_chunks(compute, trials.layout, *draws):
        for name, whole in chunk.items():
            found.setdefault(name, []).append(rows_of_draws(whole, trials.layout))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def rows_of_draws(whole: np.ndarray, layout: TrialLayout) -> np.ndarray:
    """Values of shape (draws, subjects, blocks, steps, ...) as (draws, rows, ...)."""
    return whole[(slice(None), *layout.index)]


def pointwise_log_likelihoods(
    model: Model, unconstrained: np.ndarray, trials: Trials
) -> dict[str, np.ndarray]:
    """Log likelihood of every trial under every draw, by stream, each of shape (draws, rows)."""
    compute = partial(draw_log_likelihoods, model, to_arrays(model, trials))
    return map_rows(compute, trials, unconstrained)


@jax.jit
def draw_log_likelihoods(
    model: Model, sequences: Sequences, unconstrained: Array
) -> dict[str, Array]:
    """Log likelihood of every trial of every subject under every draw, by stream."""

    def of_subject(unconstrained: Array, blocks: Sequences) -> dict[str, Array]:
        values = model.constrain(unconstrained)
        return jax.vmap(lambda block: model.stream_log_likelihoods(values, block))(blocks)

    return jax.vmap(lambda draw: jax.vmap(of_subject)(draw, sequences))(unconstrained)


def select_subjects(unconstrained: np.ndarray, fitted: Trials, trials: Trials) -> np.ndarray:
    """Free values of the subjects of other trials, found among those that were fitted.

    Raises
    ------
    DataError
        A subject that was not fitted.
    """
    if trials is fitted or trials.subjects == fitted.subjects:
        return unconstrained
    indices = [subject_index(subject, fitted) for subject in trials.subjects]
    return unconstrained[..., indices, :]


def subject_index(subject: Any, fitted: Trials) -> int:
    """Where a subject is among those that were fitted."""
    if subject not in fitted.subjects:
        raise DataError(f"No subject {subject!r} was fitted. There are {quote(fitted.subjects)}.")
    return fitted.subjects.index(subject)


def spread_evenly(count: int, draws: int) -> np.ndarray:
    """The indices of so many draws among all, as far apart as can be.

    Raises
    ------
    InputError
        No number of draws.
    """
    wanted = min(positive("draws", draws), count)
    return np.linspace(0, count - 1, wanted).round().astype(int)
