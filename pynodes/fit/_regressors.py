"""Regressors: what was believed in every trial, under values of one's choice."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from pynodes._errors import FieldError, nearest
from pynodes._typing import Array
from pynodes.fit.agent._binding import blank_beliefs, bound
from pynodes.fit.agent._model import Model, Values
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling._draws import in_chunks, rows_of_draws

USUAL = ("predicted_mean", "mean")
"""Fields that are shown of every node unless others are asked for."""

WHOLE = ("surprise", "log_likelihood")
"""What is asked for by itself, not of a node."""


def regressors(
    model: Model, values: Values, trials: Trials, fields: list[str] | None
) -> dict[str, np.ndarray]:
    """Fields by row; the components of an array have a column each."""
    asked = asked_for(model, fields)
    whole = believed(model, values, bound(model, trials), asked)
    rows = {name: trials.layout.gathered(np.asarray(array)) for name, array in whole.items()}
    return in_columns(rows, asked, before=1)


def under_draws(
    model: Model, positions: np.ndarray, trials: Trials, fields: list[str] | None
) -> dict[str, np.ndarray]:
    """The same under every draw, each of shape (draws, rows), for positions (draws, units, values)."""
    asked = asked_for(model, fields)
    compute = partial(believed_under_draws, model, bound(model, trials), asked)
    return in_columns(rows_of_draws(compute, trials, positions), asked, before=2)


def on_average(
    model: Model, positions: np.ndarray, trials: Trials, fields: list[str] | None
) -> dict[str, np.ndarray]:
    """The mean of the same over all draws, by row."""
    asked = asked_for(model, fields)
    compute = partial(believed_under_draws, model, bound(model, trials), asked)
    totals: dict[str, np.ndarray] = {}
    for chunk in in_chunks(compute, trials.layout, positions):
        for name, whole in chunk.items():
            totals[name] = totals.get(name, 0.0) + np.sum(whole, axis=0, dtype=float)
    rows = {n: trials.layout.gathered(total) / len(positions) for n, total in totals.items()}
    return in_columns(rows, asked, before=1)


def asked_for(model: Model, fields: list[str] | None) -> tuple[str, ...]:
    """The fields that are asked for; without, the usual ones."""
    if isinstance(fields, str):
        raise FieldError(f"fields must be a list, as in [{fields!r}].")
    return usual(model) if fields is None else tuple(fields)


def in_columns(
    rows: dict[str, np.ndarray], asked: tuple[str, ...], before: int
) -> dict[str, np.ndarray]:
    """Fields in the order in which they were asked for, every component of an array by itself."""
    found: dict[str, np.ndarray] = {}
    for name in asked:
        for place in np.ndindex(rows[name].shape[before:]):
            where = f"[{','.join(map(str, place))}]" if place else ""
            found[f"{name}{where}"] = rows[name][(..., *place)]
    return found


def usual(model: Model) -> tuple[str, ...]:
    """The usual fields of every node that reports them."""
    beliefs = blank_beliefs(model, None)
    fields = {name: beliefs[name].fields for name in beliefs}
    return tuple(f"{name}.{field}" for name in fields for field in USUAL if field in fields[name])


@partial(jax.jit, static_argnames="fields")
def believed(
    model: Model, values: Values, sequences: Sequences, fields: tuple[str, ...]
) -> dict[str, Array]:
    """Fields of every trial of every subject, each of shape (subjects, blocks, steps, ...)."""

    def of_block(values: Values, block: Sequences) -> dict[str, Array]:
        network, _ = model.placed(values)
        beliefs = model.beliefs(network, block, None)
        return {field: read(model, values, block, beliefs, field) for field in fields}

    def of_subject(values: Values, blocks: Sequences) -> dict[str, Array]:
        return jax.vmap(lambda block: of_block(values, block))(blocks)

    return jax.vmap(of_subject)(values, sequences)


@partial(jax.jit, static_argnums=2)
def believed_under_draws(
    model: Model, sequences: Sequences, fields: tuple[str, ...], positions: Array
) -> dict[str, Array]:
    """Fields under every draw, of shape (draws, subjects, blocks, steps, ...)."""

    def under(position: Array) -> dict[str, Array]:
        return believed(model, model.constrained(position), sequences, fields)

    return jax.vmap(under)(positions)


def read(model: Model, values: Values, block: Sequences, beliefs: Any, field: str) -> Array:
    """One field of one block."""
    if field == "surprise":
        return beliefs.surprise
    if field == "log_likelihood":
        return model.trialwise(values, block)
    owner, dot, of_it = field.rpartition(".")
    if not dot:
        raise FieldError(
            f"A field is 'node.field', 'parent->child.field', 'surprise' or 'log_likelihood', not {field!r}."
        )
    if "->" not in owner:
        found = getattr(beliefs[owner], of_it)
        if not isinstance(found, jax.Array):
            raise FieldError(f"{field!r} is nothing that changes from trial to trial.")
        return found
    edge = beliefs.edge(owner)
    known = [name for name, kind in vars(type(edge)).items() if isinstance(kind, property)]
    if of_it not in known:
        raise FieldError(f"The edge {owner!r} has no field {of_it!r}. {nearest(of_it, known)}")
    return getattr(edge, of_it)
