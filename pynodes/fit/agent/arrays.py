"""Arrays: the trials of a data frame as what an agent sees and does, once they are found to fit."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import DataError, InputError, nearest, quote
from pynodes._runtime.inputs import check_given, check_input_names, shape_of, specify_given
from pynodes._runtime.network import Network
from pynodes._runtime.parameters import check_new_value
from pynodes._typing import AnyArray
from pynodes.fit.agent.conditions import condition_rows
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.model import Model
from pynodes.fit.data.layout import Sequences, key_label
from pynodes.fit.data.roles import ONLY
from pynodes.fit.data.trials import Trials
from pynodes.responses._fields import Reader


def to_arrays(model: Model, trials: Trials) -> Sequences:
    """What was seen and done in some trials, as arrays.

    Raises
    ------
    DataError
        Inputs, responses or covariates that the agent lacks or needs; a value that cannot be, with its
        column, subject and row.
    """
    design = design_arrays(model, trials)
    if model.response is None:
        return design
    actions = {
        stream: trials.layout.pad(rows, np.nan)
        for stream, rows in response_rows(model, trials).items()
    }
    return dataclasses.replace(design, actions=actions.get(ONLY, actions))


def design_arrays(model: Model, trials: Trials) -> Sequences:
    """The same without responses: what is needed to simulate some."""
    layout = trials.layout
    inputs: dict[str, AnyArray] = {
        name: layout.pad(rows, blank) for name, rows, blank in input_rows(model, trials)
    }
    covariates: dict[str, AnyArray] = {
        name: layout.pad(rows, np.nan) for name, rows in covariate_rows(model, trials).items()
    }
    rows = np.where(trials.frozen, 1.0, trials.intervals)
    return Sequences(
        inputs=inputs,
        actions=None,
        covariates=covariates,
        frozen=layout.pad(trials.frozen, True),
        dt=None if (rows == 1.0).all() else layout.pad(rows, 1.0),
        conditions={c: layout.pad(r, 0) for c, r in condition_rows(model.splits, trials).items()},
    )


def input_rows(model: Model, trials: Trials) -> list[tuple[str, np.ndarray, float]]:
    """Every series by name, as values by row and what fills gaps in blocks up."""
    labels, given = model.network.labels, trials.roles.inputs
    if ONLY in given:
        wanted = [*labels.graph.inputs, *labels.required]
        if len(wanted) != 1:
            raise DataError(
                f"inputs is one column, but the network takes {quote(wanted)}. Give a mapping from these to "
                "columns."
            )
        given = {wanted[0]: given[ONLY]}
    try:
        check_input_names(labels, given)
    except InputError as error:
        raise DataError(f"The inputs do not fit the agent: {error}") from error
    return [read_input(model, trials, name, columns) for name, columns in given.items()]


def read_input(
    model: Model, trials: Trials, name: str, columns: tuple[str, ...]
) -> tuple[str, np.ndarray, float]:
    """One series by row."""
    labels = model.network.labels
    event = shape_of(labels, name)
    count = int(np.prod(event, dtype=int))
    if len(columns) != count:
        raise DataError(
            f"{name!r} takes {count} column{'s' * (count > 1)} per trial, not {quote(columns)}."
        )
    rows = np.stack([trials.numbers(column, "inputs") for column in columns], axis=-1)
    node = labels.graph.nodes.get(name)
    if node is None or node.given:
        return name, *read_known_input(model, trials, name, columns[0], rows[:, 0])
    rows = rows.reshape(-1, *event)
    parts = tuple(range(1, rows.ndim))
    fit = (np.isfinite(rows) & node.accepts(rows)) | trials.frozen.reshape(-1, *(1,) * len(parts))
    fine = np.asarray(fit.all(parts) | np.isnan(rows).all(parts))
    expected = f"a {type(node).__name__} takes {node.expects}, and NaN where nothing was seen"
    check_rows(trials, columns, rows, fine, expected)
    blank = trials.frozen.reshape(-1, *(1,) * len(parts))
    return name, np.where(blank, np.nan, rows), np.nan


def read_known_input(
    model: Model, trials: Trials, name: str, column: str, rows: np.ndarray
) -> tuple[np.ndarray, float]:
    """A series that must be known in every trial that counts; some known value elsewhere.

    What matters only where its node is observed counts there alone.
    """
    labels = model.network.labels
    address, spec = specify_given(labels, name)
    owner = name if name in labels.nodes else name.removesuffix(f".{address.field}")
    counts = ~trials.frozen & is_seen(model, trials, owner)
    check_rows(
        trials,
        (column,),
        rows,
        np.isfinite(rows) | ~counts,
        f"{name!r} is known in every trial in which something is learned: where nothing was, leave the "
        "input missing too, or name a column in frozen= that marks these trials",
    )
    first = float(rows[counts][0]) if counts.any() else 0.0  # what is not seen is not learned from
    rows = np.where(counts, rows, first)
    try:
        check_given(name, rows, spec)
        if address.section == "nodes":
            check_new_value(labels.graph, owner, address.field, rows.min())
    except InputError as error:
        raise DataError(f"Column {column!r} (steps are rows): {error}") from error
    return rows, first


def is_seen(model: Model, trials: Trials, name: str) -> np.ndarray:
    """Whether an input was seen, by row; always of what is none, whose parameters matter all the time."""
    columns = trials.roles.inputs.get(name, ())
    if not columns or not model.network.graph.nodes[name].observable:
        return np.ones(len(trials), bool)
    return ~np.isnan([trials.numbers(column, "inputs") for column in columns]).all(axis=0)


def response_rows(model: Model, trials: Trials) -> dict[str, np.ndarray]:
    """Responses by stream and row."""
    given = trials.roles.actions
    if model.response is None:
        return {}
    streams = streams_of(model.response)
    if given is None or set(given) != set(streams):
        wanted = "one column" if ONLY in streams else f"columns for {quote(streams)}"
        had = "none was named" if given is None else f"{quote(given)} were named"
        if given is not None and ONLY in given:
            had = f"one column was named, {given[ONLY][0]!r}"
        raise DataError(f"The agent's responses need actions= to name {wanted}, but {had}.")
    found: dict[str, np.ndarray] = {}
    for stream, (column, *others) in given.items():
        if others:
            raise DataError(f"actions: one column per stream, not {quote((column, *others))}.")
        rows = trials.numbers(column, "actions")
        response = streams[stream]
        reader: Any = Reader(example_beliefs(model, model.reads), None)
        fit = np.isnan(rows) | np.asarray(response.accepts(rows, reader)) | trials.frozen
        check_rows(
            trials, (column,), rows, fit, f"{type(response).__name__} takes {response.expects}"
        )
        found[stream] = np.where(trials.frozen, np.nan, rows)
    return found


def example_beliefs(model: Model, record: Any) -> Any:
    """Beliefs of one step with all their fields, for those who ask which there are, and of what shape."""
    network = model.network
    series: dict[str, np.ndarray] = {
        name: np.full((1, *shape_of(network.labels, name)), np.nan)
        for name in [*network.graph.inputs, *network.labels.required]
        if network.graph.nodes.get(name) is None or not network.graph.nodes[name].given
    }
    for name in network.graph.inputs:
        series.setdefault(name, np.zeros(1))
    for name in network.labels.required:
        series[name] = np.ones(1)

    times = np.ones(1)  # since there may be no series
    shapes = run_filter.eval_shape(network, series, times, record=record)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


@partial(jax.jit, static_argnames="record")  # so that networks alike are traced once
def run_filter(network: Network, series: dict[str, Any], dt: Any, record: Any) -> Any:
    """What a run records."""
    return network.filter(series, dt=dt, record=record, throw=False)


def covariates_of(agent: Any) -> set[str]:
    """Names of what the responses of an agent must know besides beliefs."""
    if agent.model.response is None:
        return set()
    return {name for part in streams_of(agent.model.response).values() for name in part.covariates}


def covariate_rows(model: Model, trials: Trials) -> dict[str, np.ndarray]:
    """Covariates by name and row."""
    if model.response is None:
        return {}
    declared = {
        name: covariate
        for response in streams_of(model.response).values()
        for name, covariate in response.covariates.items()
    }
    given = trials.roles.covariates
    absent = [name for name, c in declared.items() if c.default is None and name not in given]
    if absent:
        raise DataError(
            f"The responses need {quote(absent)} of every trial. Name the column in covariates=, as in "
            f"covariates={{{absent[0]!r}: 'column'}}."
        )
    found: dict[str, np.ndarray] = {}
    for name, (column, *others) in given.items():
        if name not in declared:
            hint = nearest(name, declared) if declared else "They take none."
            raise DataError(f"The responses have no covariate {name!r}. {hint}")
        if others:
            raise DataError(f"covariates: one column for {name!r}, not {quote((column, *others))}.")
        rows = trials.numbers(column, "covariates")
        low, high = declared[name].bounds
        fit = np.asarray(declared[name].accepts(rows)) | trials.frozen
        check_rows(trials, (column,), rows, fit, f"{name!r} lies between {low:g} and {high:g}")
        found[name] = rows
    return found


def check_rows(
    trials: Trials, columns: tuple[str, ...], rows: np.ndarray, fit: np.ndarray, expected: str
) -> None:
    """Refuse values that cannot be, naming the first.

    Raises
    ------
    DataError
        Some value does not fit.
    """
    if fit.all():
        return
    row = int(np.argmin(fit))
    whose = key_label(trials.roles.by, trials.keys[row]).strip()
    where = f"column{'s' * (len(columns) > 1)} {quote(columns)}"
    raise DataError(
        f"{whose} has {np.asarray(rows[row]).tolist()} in {where}, row {row}, but {expected}."
    )


def scored_rows(model: Model, trials: Trials) -> np.ndarray:
    """Whether a trial bears on the likelihood, by row: something was done, or else seen, in it."""
    counts = ~trials.frozen
    if model.response is None:
        seen = [np.isfinite(rows) for _, rows, blank in input_rows(model, trials) if blank != blank]
        return counts & np.any([s.reshape(len(s), -1).any(axis=1) for s in seen], axis=0)
    lacking, done = uncovered_rows(model, trials), np.zeros(len(trials), bool)
    for stream, rows in response_rows(model, trials).items():
        done |= ~np.isnan(rows) & ~lacking[stream]
    return counts & done


def uncovered_rows(model: Model, trials: Trials) -> dict[str, np.ndarray]:
    """In which rows a response has no likelihood for want of a covariate, by stream."""
    known = covariate_rows(model, trials)
    found: dict[str, np.ndarray] = {}
    for stream, part in streams_of(model.response).items():
        needed = [n for n, c in part.covariates.items() if n in known and not c.optional]
        none = np.zeros(len(trials), bool)
        found[stream] = np.any([none, *(np.isnan(known[name]) for name in needed)], axis=0)
    return found
