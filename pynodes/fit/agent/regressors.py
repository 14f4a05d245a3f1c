"""Regressors: what was believed in every trial, under values of one's choice."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from pynodes._errors import FieldError, nearest
from pynodes._results.tables import extra
from pynodes._typing import Array
from pynodes.fit.agent.arrays import example_beliefs, to_arrays
from pynodes.fit.agent.draws import map_chunks, map_rows
from pynodes.fit.agent.model import Model, Values
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.trials import Trials

if TYPE_CHECKING:
    import pandas

DEFAULT_FIELDS = ("predicted_mean", "mean")
"""Fields that are shown of every node unless others are asked for."""


def regressors(
    model: Model, values: Values, trials: Trials, fields: list[str] | None
) -> dict[str, np.ndarray]:
    """Fields by row; the components of an array have a column each."""
    names = choose_fields(model, fields)
    whole = compute_fields(model, values, to_arrays(model, trials), names)
    rows = {name: trials.layout.take_rows(np.asarray(array)) for name, array in whole.items()}
    return split_components(rows, names, before=1)


def regressors_of_draws(
    model: Model, unconstrained: np.ndarray, trials: Trials, fields: list[str] | None
) -> dict[str, np.ndarray]:
    """The same under every draw, each of shape (draws, rows), for draws (draws, subjects, values)."""
    names = choose_fields(model, fields)
    compute = partial(compute_fields_of_draws, model, to_arrays(model, trials), names)
    return split_components(map_rows(compute, trials, unconstrained), names, before=2)


def mean_regressors(
    model: Model, unconstrained: np.ndarray, trials: Trials, fields: list[str] | None
) -> dict[str, np.ndarray]:
    """The mean of the same over all draws, by row."""
    names = choose_fields(model, fields)
    compute = partial(compute_fields_of_draws, model, to_arrays(model, trials), names)
    totals: dict[str, np.ndarray] = {}
    for chunk in map_chunks(compute, trials.layout, unconstrained):
        for name, whole in chunk.items():
            totals[name] = totals.get(name, 0.0) + np.sum(whole, axis=0, dtype=float)
    count = len(unconstrained)
    rows = {name: trials.layout.take_rows(total) / count for name, total in totals.items()}
    return split_components(rows, names, before=1)


def choose_fields(model: Model, fields: list[str] | None) -> tuple[str, ...]:
    """The fields that are asked for; without, the usual ones of every node that reports them."""
    if isinstance(fields, str):
        raise FieldError(f"fields must be a list, as in [{fields!r}].")
    if fields is not None:
        return tuple(fields)
    beliefs = example_beliefs(model, None)
    known = {name: beliefs[name].fields for name in beliefs}
    return tuple(f"{name}.{f}" for name in known for f in DEFAULT_FIELDS if f in known[name])


def split_components(
    rows: dict[str, np.ndarray], names: tuple[str, ...], before: int
) -> dict[str, np.ndarray]:
    """Fields in the order in which they were asked for, every component of an array by itself."""
    columns: dict[str, np.ndarray] = {}
    for name in names:
        for index in np.ndindex(rows[name].shape[before:]):
            which = f"[{','.join(map(str, index))}]" if index else ""
            columns[f"{name}{which}"] = rows[name][(..., *index)]
    return columns


@partial(jax.jit, static_argnames="fields")
def compute_fields(
    model: Model, values: Values, sequences: Sequences, fields: tuple[str, ...]
) -> dict[str, Array]:
    """Fields of every trial of every subject, each of shape (subjects, blocks, steps, ...)."""

    def of_block(values: Values, block: Sequences) -> dict[str, Array]:
        network, _, own = model.prepare(values, block)
        beliefs = model.filter(network, own, None)
        return {field: take_field(model, values, block, beliefs, field) for field in fields}

    def of_subject(values: Values, blocks: Sequences) -> dict[str, Array]:
        return jax.vmap(lambda block: of_block(values, block))(blocks)

    return jax.vmap(of_subject)(values, sequences)


@partial(jax.jit, static_argnums=2)
def compute_fields_of_draws(
    model: Model, sequences: Sequences, fields: tuple[str, ...], unconstrained: Array
) -> dict[str, Array]:
    """Fields under every draw, of shape (draws, subjects, blocks, steps, ...)."""

    def under(unconstrained: Array) -> dict[str, Array]:
        return compute_fields(model, model.constrain(unconstrained), sequences, fields)

    return jax.vmap(under)(unconstrained)


def take_field(model: Model, values: Values, block: Sequences, beliefs: Any, field: str) -> Array:
    """One field of one block."""
    if field == "surprise":
        return beliefs.surprise
    if field == "log_likelihood":
        return model.trial_log_likelihoods(values, block)
    owner, dot, own = field.rpartition(".")
    if not dot:
        raise FieldError(
            f"A field is 'node.field', 'parent->child.field', 'surprise' or 'log_likelihood', not {field!r}."
        )
    if "->" not in owner:
        found = getattr(beliefs[owner], own)
        if not isinstance(found, jax.Array):
            raise FieldError(f"{field!r} is nothing that changes from trial to trial.")
        return found
    edge = beliefs.edge(owner)
    known = [name for name, kind in vars(type(edge)).items() if isinstance(kind, property)]
    if own not in known:
        raise FieldError(f"The edge {owner!r} has no field {own!r}. {nearest(own, known)}")
    return getattr(edge, own)


def long_frame(trials: Trials, columns: dict[str, np.ndarray]) -> pandas.DataFrame:
    """A row per row of the data, with its key."""
    return extra("pandas").DataFrame(trials.key_frame() | columns)
