"""Failures: where filtering breaks down under some values, in words that name subject, trial and node."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import quote
from pynodes._typing import Array
from pynodes.fit.agent.model import Model, Values
from pynodes.fit.data.layout import Sequences, key_label
from pynodes.fit.data.trials import Trials


@jax.jit
def find_failures(model: Model, values: Values, sequences: Sequences) -> tuple[Array, Array]:
    """Whether filtering fails, and whether it grows at its bound: each of shape (subjects, draws)."""

    def of_block(values: Values, block: Sequences) -> tuple[Array, Array]:
        network, _, block = model.prepare(values, block)
        status = model.filter(network, block, ()).status
        return ~jnp.all(status.alive), jnp.any(status.bounded)

    def of_subject(blocks: Sequences, values: Values) -> tuple[Array, Array]:
        failing, bounded = jax.vmap(of_block, in_axes=(None, 0))(values, blocks)
        return jnp.any(failing), jnp.any(bounded)

    over_draws = jax.vmap(of_subject, in_axes=(None, 0))
    return jax.vmap(over_draws, in_axes=(0, None))(sequences, values)


def failure_message(
    model: Model, values: Values, trials: Trials, sequences: Sequences, subject: int
) -> str | None:
    """In which trial of a subject filtering fails first, and why; None if in none."""
    blocks = jax.tree.map(lambda leaf: leaf[subject], sequences)
    for block in range(blocks.frozen.shape[0]):
        one = jax.tree.map(lambda leaf, at=block: leaf[at], blocks)
        network, _, one = model.prepare(values, one)
        status = model.filter(network, one, ()).status
        if not np.all(status.alive):
            here = np.array([subject, block, status.step])
            rows = np.flatnonzero(np.abs(trials.layout.index.T - here).sum(axis=1) == 0)
            return f"{trial_label(trials, rows)}, {failure_reason(status)}"
    return None


def trial_label(trials: Trials, rows: np.ndarray) -> str:
    """A trial by its number and session, and by its row."""
    if not rows.size:
        return "after the last trial"
    row = int(rows[0])
    keys = trials.key_frame()
    own = {name: keys[name][row] for name in list(keys)[1 if trials.roles.by else 0 :]}
    name, number = own.popitem()
    session = key_label(tuple(own), tuple(own.values())) if own else ""
    return f"in {session}{name} {format_number(number)} (row {row})"


def format_number(number: Any) -> str:
    """A trial's number as people write it."""
    return f"{number:g}" if isinstance(number, int | float | np.number) else repr(number)


def failure_reason(status: Any) -> str:
    """What broke down, shortly."""
    if len(status.nodes) == 1:
        return f"where the belief of {status.nodes[0]!r} breaks down"
    return f"where beliefs{' of ' * bool(status.nodes)}{quote(status.nodes)} break down"
