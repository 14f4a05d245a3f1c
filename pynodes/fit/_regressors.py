"""Regressors: what was believed in every trial, under values of one's choice."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from pynodes._errors import FieldError
from pynodes._typing import Array
from pynodes.fit._binding import blank_beliefs, bound
from pynodes.fit._model import Model, Values
from pynodes.fit._sequences import Sequences
from pynodes.fit.trials import Trials

USUAL = ("predicted_mean", "mean")
"""Fields that are shown of every node unless others are asked for."""

WHOLE = ("surprise", "log_likelihood")
"""What is asked for by itself, not of a node."""


def regressors(
    model: Model, values: Values, trials: Trials, fields: list[str] | None
) -> dict[str, np.ndarray]:
    """Fields by row; the components of an array have a column each."""
    sequences = bound(model, trials)
    if isinstance(fields, str):
        raise FieldError(f"fields must be a list, as in [{fields!r}].")
    asked = usual(model) if fields is None else tuple(fields)
    whole = believed(model, values, sequences, asked)
    found: dict[str, np.ndarray] = {}
    for name, array in whole.items():
        rows = trials.layout.gathered(np.asarray(array))
        for place in np.ndindex(rows.shape[1:]):
            where = f"[{','.join(map(str, place))}]" if place else ""
            found[f"{name}{where}"] = rows[(slice(None), *place)]
    return {name: found[name] for name in sorted(found, key=lambda n: order(asked, n))}


def order(asked: tuple[str, ...], name: str) -> int:
    """Where a column comes: as it was asked for."""
    return asked.index(name.partition("[")[0])


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
    return getattr(beliefs.edge(owner) if "->" in owner else beliefs[owner], of_it)
