"""One subject under its estimates: beliefs to look at, and events for the model of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import DataError, quote
from pynodes._results.tables import extra
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.arrays import design_arrays
from pynodes.fit.agent.draws import subject_index
from pynodes.fit.data.frames import find_column, read_stamps
from pynodes.fit.data.trials import Trials

if TYPE_CHECKING:
    import pandas

    from pynodes._results.trajectories import Trajectories


def subject_beliefs(
    agent: Agent, trials: Trials, unconstrained: np.ndarray, subject: Any, block: int
) -> Trajectories:
    """What one subject believed in one block, under values in unconstrained space by subject.

    Raises
    ------
    DataError
        No such subject or block; several subjects, of which none is named.
    """
    if subject is None and len(trials.subjects) > 1:
        raise DataError(
            f"There are {len(trials.subjects)} subjects: name one, as in beliefs({trials.subjects[0]!r})."
        )
    index = 0 if subject is None else subject_index(subject, trials)
    rows = rows_of_block(trials, index, block)
    values = agent.model.constrain(jnp.asarray(unconstrained[index]))
    own = jax.tree.map(
        lambda leaf: np.asarray(leaf)[index, block, : len(rows)], design_arrays(agent.model, trials)
    )
    network, _, own = agent.model.prepare({n: float(value) for n, value in values.items()}, own)
    frozen = own.frozen if own.frozen.any() else None
    times = trials.intervals[rows]
    dt = 1.0 if own.dt is None and own.inputs else np.where(own.frozen, 1.0, times)
    return network.filter(own.inputs, dt=dt, frozen=frozen, throw=False)


def rows_of_block(trials: Trials, index: int, block: int) -> np.ndarray:
    """The rows of one block of a subject, by its number.

    Raises
    ------
    DataError
        No such block.
    """
    layout = trials.layout
    mine = layout.index[0] == index
    rows = np.flatnonzero(mine & (layout.index[1] == block))
    if not rows.size:
        last = int(layout.index[1][mine].max())
        raise DataError(f"There is no block {block!r}: they are 0 to {last}.")
    return rows


def make_events(
    frame: pandas.DataFrame,
    trials: Trials,
    onset: str,
    duration: str | float,
    trial_type: str | None,
) -> pandas.DataFrame:
    """A table of fields by row as one of events: onset and duration first, the trials' keys last.

    Raises
    ------
    DataError
        A column that is not there; an onset that is missing or falls, or a duration below zero.
    """
    stamps = read_stamps(trials.columns, onset, "onset")
    lengths = (
        read_stamps(trials.columns, duration, "duration")
        if isinstance(duration, str)
        else np.full(len(trials), float(duration))
    )
    check_onsets(trials, onset, stamps)
    if np.any(lengths < 0):
        row = int(np.argmax(lengths < 0))
        raise DataError(
            f"The duration of row {row} is {lengths[row]:g}. Durations are 0 or more seconds."
        )
    found: dict[str, Any] = {"onset": stamps, "duration": lengths}
    if trial_type is not None:
        found["trial_type"] = find_column(trials.columns, trial_type, "trial_type")
    taken = [name for name in frame.columns if name in found]
    if taken:
        frame = frame.drop(columns=taken)
    keys = list(trials.key_frame())
    fields = [name for name in frame.columns if name not in keys]
    named = {name: frame[name].to_numpy() for name in [*fields, *keys] if name in frame.columns}
    return extra("pandas").DataFrame(found | named)


def check_onsets(trials: Trials, onset: str, stamps: np.ndarray) -> None:
    """Every event has an onset, and they rise within a block.

    Raises
    ------
    DataError
        One that does not.
    """
    if np.isnan(stamps).any():
        row = int(np.argmax(np.isnan(stamps)))
        raise DataError(
            f"The onset of row {row} is missing: an event without one has no place in an image."
        )
    steps = np.diff(trials.layout.pad(stamps, np.nan), axis=-1, prepend=-np.inf)
    rows = trials.layout.take_rows(steps)
    if np.any(rows <= 0):
        row = int(np.argmax(rows <= 0))
        raise DataError(
            f"The onset in {onset!r} does not rise to row {row} from the trial before. Onsets count from the "
            f"beginning of a run: name what tells runs apart in by=, which now is {quote(trials.roles.by)}."
        )
