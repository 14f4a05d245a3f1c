"""Tree: draws and data as an xarray.DataTree, in the groups and dimensions that ArviZ knows."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from pynodes._keeping.records import Catalogue, FileWriter
from pynodes._results.tables import extra
from pynodes.fit.agent.arrays import scored_rows
from pynodes.fit.agent.draws import pointwise_log_likelihoods
from pynodes.fit.agent.model import Model
from pynodes.fit.agent.regressors import regressors_of_draws
from pynodes.fit.data.roles import ONLY
from pynodes.fit.data.trials import Trials, coordinates, file_array
from pynodes.fit.keeping.agents import write_agent
from pynodes.fit.sampling.target import draw_from_prior

if TYPE_CHECKING:
    import xarray

    from pynodes.fit.sampling.samples import Samples

SAMPLED = ("chain", "draw")

FOUND = ("log_evidence", "log_evidence_standard_error", "elbo", "pareto_k")
"""What some samplers find besides draws."""

SLASH = "\N{DIVISION SLASH}"
"""What stands for a slash, which no name in a tree or a file may have."""

ALL_STREAMS = "all streams"
"""The log likelihood of a trial's responses together."""

SAME, RIPPLE = 64, 1024
"""Rounding errors by which a log likelihood varies at most that does not depend on the parameters, and those
by which it is then made to vary."""


def make_tree(
    samples: Samples, *, prior: int, predictive: int, fields: list[str] | None
) -> xarray.DataTree:
    """The tree of some draws."""
    trials = samples.trials
    groups: dict[str, Any] = {
        "posterior": parameters_dataset(trials, samples.values, samples.population),
        "unconstrained_posterior": parameters_dataset(trials, unconstrained_by_name(samples), {}),
        "sample_stats": make_dataset({name: (SAMPLED, a) for name, a in samples.stats.items()}),
    }
    groups |= log_likelihood_groups(samples)
    if predictive:
        groups["posterior_predictive"] = predictive_dataset(samples, predictive)
    if fields is not None:
        groups["trajectories"] = trajectories_dataset(samples, fields)
    if prior:
        groups["prior"] = prior_dataset(samples, prior)
    groups = {name: number_draws(group) for name, group in groups.items()}
    groups |= {
        "observed_data": observed_dataset(samples.agent.model, trials),
        "constant_data": columns_dataset(trials),
    }
    tree = extra("xarray").DataTree.from_dict(groups)
    tree.attrs = make_attributes(samples)
    return tree


def make_attributes(samples: Samples) -> dict[str, str]:
    """What was fitted, how and with what, as texts that a file can hold."""
    return {
        "creation_library": "pynodes",
        "creation_library_version": samples.versions["pynodes"],
        "kind": "samples",
        "method": samples.method,
        "settings": json.dumps(samples.settings, default=to_plain_number),
        "problem": json.dumps(samples.problem.settings | {"centred": samples.problem.centred}),
        "found": json.dumps({name: getattr(samples, name) for name in FOUND}),
        "versions": json.dumps(samples.versions),
        "population": json.dumps(list(samples.population)),
        "agent": json.dumps(write_agent(samples.agent, FileWriter(Catalogue({})))),
        "roles": json.dumps(dataclasses.asdict(samples.trials.roles)),
    }


def columns_dataset(trials: Trials) -> Any:
    """The columns of the data, each a variable over their rows: numbers and times, all others as texts."""
    found = {
        name: ("row", column if column.dtype.kind in "biufmM" else column.astype(str))
        for name, column in trials.columns.items()
    }
    return make_dataset(found)


def to_plain_number(value: Any) -> Any:
    """A number of NumPy's or JAX's as one that can be written down."""
    return np.asarray(value).tolist()


def make_dataset(variables: dict[str, Any], coordinates: dict[str, Any] | None = None) -> Any:
    """A dataset, whose names are as files can have them."""
    found = {escape_slashes(name): value for name, value in variables.items()}
    return extra("xarray").Dataset(found, coords=coordinates)


def escape_slashes(name: str) -> str:
    """A name as a tree and a file can have it."""
    return name.replace("/", SLASH)


def number_draws(group: Any) -> Any:
    """A group whose chains and draws are numbered from zero."""
    return group.assign_coords({dim: np.arange(group.sizes[dim]) for dim in SAMPLED})


def parameters_dataset(
    trials: Trials, values: dict[str, np.ndarray], population: dict[str, np.ndarray]
) -> Any:
    """Parameters by name: of one subject as they are, of several along their dimension."""
    common = {name: (SAMPLED, draws) for name, draws in population.items()}
    if len(trials.subjects) == 1:
        return make_dataset(common | {n: (SAMPLED, draws[..., 0]) for n, draws in values.items()})
    dim, names = coordinates(trials)
    own = {name: ((*SAMPLED, dim), draws) for name, draws in values.items()}
    return make_dataset(common | own, names)


def unconstrained_by_name(samples: Samples) -> dict[str, np.ndarray]:
    """Unconstrained draws by the name of the parameter."""
    return {name: samples.unconstrained[..., i] for i, name in enumerate(samples.names)}


def log_likelihood_groups(samples: Samples) -> dict[str, Any]:
    """Log likelihood of every trial that counts; of several streams together, and each in another group.

    Where a stream has no response it is zero. What leaves trials out takes one array, of whole trials.
    """
    trials, names = samples.trials, stream_columns(samples.agent.model, samples.trials)
    kept = scored_rows(samples.agent.model, trials)
    found = pointwise_log_likelihoods(samples.agent.model, samples.flat, trials)
    streams = {names[stream]: rows[:, kept] for stream, rows in found.items()}
    if len(streams) == 1:
        return {"log_likelihood": trials_dataset(samples, streams, kept)}
    whole = {ALL_STREAMS: np.sum(list(streams.values()), axis=0)}
    return {
        "log_likelihood": trials_dataset(samples, whole, kept),
        "log_likelihood_by_stream": trials_dataset(samples, streams, kept),
    }


def trials_dataset(samples: Samples, found: dict[str, np.ndarray], kept: np.ndarray) -> Any:
    """Numbers by draw and trial that counts, by chain."""
    arrays = {name: split_chains(samples, add_ripple(rows)) for name, rows in found.items()}
    variables = {name: ((*SAMPLED, "trial"), rows) for name, rows in arrays.items()}
    return make_dataset(variables, trial_coordinates(samples.trials, kept))


def add_ripple(rows: np.ndarray) -> np.ndarray:
    """Log likelihoods, of shape (draws, trials), none of which is the same under all draws.

    Pareto smoothing refuses weights that are all the same, as those of a first trial are, whose prediction
    no parameter changes. They are made to vary by less than would ever matter.
    """
    size = np.finfo(rows.dtype).eps * np.maximum(1, np.abs(rows).max(axis=0))
    ripple = RIPPLE * np.linspace(-1, 1, len(rows), dtype=rows.dtype)[:, None]
    return np.where(np.ptp(rows, axis=0) < SAME * size, rows + ripple * size, rows)


def split_chains(samples: Samples, rows: np.ndarray) -> np.ndarray:
    """What was found for all draws in a row, by chain and draw."""
    return rows.reshape(samples.chains, -1, *rows.shape[1:])


def trial_coordinates(trials: Trials, kept: np.ndarray) -> dict[str, Any]:
    """What names the trials along their dimension: their number, and the columns that key them."""
    *keys, (_, count) = trials.key_frame().items()
    named = {name: ("trial", file_array(column[kept].tolist())) for name, column in keys}
    return named | {"trial": file_array(count[kept].tolist())}


def stream_columns(model: Model, trials: Trials) -> dict[str, str]:
    """The column of every stream; without responses those of the inputs, together."""
    if model.response is None:
        return {ONLY: " ".join(c for names in trials.roles.inputs.values() for c in names)}
    return {stream: names[0] for stream, names in (trials.roles.actions or {}).items()}


def observed_dataset(model: Model, trials: Trials) -> Any:
    """What was done, or without responses seen, in the trials that count."""
    kept = scored_rows(model, trials)
    given = trials.roles.inputs if model.response is None else trials.roles.actions or {}
    columns = [column for names in given.values() for column in names]
    found = {column: ("trial", trials.numbers(column)[kept]) for column in columns}
    return make_dataset(found, trial_coordinates(trials, kept))


def predictive_dataset(samples: Samples, count: int) -> Any:
    """Responses simulated under draws that are spread evenly over all."""
    predicted = samples.predict(draws=count)
    kept = scored_rows(samples.agent.model, samples.trials)
    found = {
        name: ((*SAMPLED, "trial"), rows[None, :, kept])
        for name, rows in predicted.responses.items()
    }
    return make_dataset(found, trial_coordinates(samples.trials, kept))


def trajectories_dataset(samples: Samples, fields: list[str]) -> Any:
    """What was believed in every trial under every draw."""
    found = regressors_of_draws(samples.agent.model, samples.flat, samples.trials, fields)
    every = np.ones(len(samples.trials), bool)
    variables = {n: ((*SAMPLED, "trial"), split_chains(samples, rows)) for n, rows in found.items()}
    return make_dataset(variables, trial_coordinates(samples.trials, every))


def prior_dataset(samples: Samples, count: int) -> Any:
    """Draws from the prior, of the population too if there is one."""
    problem, seed = samples.problem, int(samples.settings.get("seed", 0))
    population, drawn = draw_from_prior(problem.agent, problem.trials, count, seed, problem.group)
    values = problem.agent.model.constrain(jnp.asarray(drawn))
    own = {name: np.asarray(found)[None] for name, found in values.items()}
    common = {name: np.asarray(found)[None] for name, found in population.items()}
    return parameters_dataset(samples.trials, own, common)
