"""Tree: draws and data as an xarray.DataTree, in the groups and dimensions that ArviZ knows."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from pynodes._keeping.records import Catalogue, Writer
from pynodes._results.tables import extra
from pynodes.fit.agent._binding import counted
from pynodes.fit.agent._model import Model
from pynodes.fit.data import _units
from pynodes.fit.data._roles import ONLY
from pynodes.fit.data.trials import Trials
from pynodes.fit.keeping.agents import write_agent
from pynodes.fit.sampling._draws import pointwise
from pynodes.fit.sampling._prior_draws import drawn_from_prior

if TYPE_CHECKING:
    import xarray

    from pynodes.fit.sampling.samples import Samples

SAMPLED = ("chain", "draw")

SLASH = "\N{DIVISION SLASH}"
"""What stands for a slash, which no name in a tree or a file may have."""

SAME, RIPPLE = 64, 1024
"""Rounding errors by which a log likelihood varies at most that does not depend on the parameters, and those
by which it is then made to vary."""


def tree_of(
    samples: Samples, *, prior: int, predictive: int, fields: list[str] | None
) -> xarray.DataTree:
    """The tree of some draws."""
    trials = samples.trials
    groups: dict[str, Any] = {
        "posterior": parameters(trials, samples.values, samples.population),
        "unconstrained_posterior": parameters(trials, by_name(samples), {}),
        "sample_stats": dataset({name: (SAMPLED, a) for name, a in samples.drawn.stats.items()}),
        "log_likelihood": log_likelihood(samples),
    }
    if predictive:
        groups["posterior_predictive"] = responses(samples, predictive)
    if fields is not None:
        groups["trajectories"] = believed(samples, fields)
    if prior:
        groups["prior"] = prior_draws(samples, prior)
    groups = {name: numbered(group) for name, group in groups.items()}
    groups |= {
        "observed_data": observed(samples.agent.model, trials),
        "constant_data": columns_dataset(trials),
    }
    tree = extra("xarray").DataTree.from_dict(groups)
    tree.attrs = attributes(samples)
    return tree


def attributes(samples: Samples) -> dict[str, str]:
    """What was fitted, how and with what, as texts that a file can hold."""
    return {
        "creation_library": "pynodes",
        "creation_library_version": samples.versions["pynodes"],
        "kind": "samples",
        "method": samples.drawn.method,
        "settings": json.dumps(samples.drawn.settings, default=number),
        "versions": json.dumps(samples.versions),
        "population": json.dumps(list(samples.population)),
        "agent": json.dumps(write_agent(samples.agent, Writer(Catalogue({})))),
        "roles": json.dumps(dataclasses.asdict(samples.trials.roles)),
    }


def columns_dataset(trials: Trials) -> Any:
    """The columns of the data, each a variable over their rows: numbers and times, all others as texts."""
    found = {
        name: ("row", column if column.dtype.kind in "biufmM" else column.astype(str))
        for name, column in trials.columns.items()
    }
    return dataset(found)


def number(value: Any) -> Any:
    """A number of NumPy's or JAX's as one that can be written down."""
    return np.asarray(value).tolist()


def dataset(variables: dict[str, Any], coordinates: dict[str, Any] | None = None) -> Any:
    """A dataset, whose names are as files can have them."""
    found = {safe(name): value for name, value in variables.items()}
    return extra("xarray").Dataset(found, coords=coordinates)


def safe(name: str) -> str:
    """A name as a tree and a file can have it."""
    return name.replace("/", SLASH)


def numbered(group: Any) -> Any:
    """A group whose chains and draws are numbered from zero."""
    return group.assign_coords({dim: np.arange(group.sizes[dim]) for dim in SAMPLED})


def parameters(
    trials: Trials, values: dict[str, np.ndarray], population: dict[str, np.ndarray]
) -> Any:
    """Parameters by name: of one unit as they are, of several along their dimension."""
    common = {name: (SAMPLED, draws) for name, draws in population.items()}
    if len(trials.subjects) == 1:
        return dataset(common | {n: (SAMPLED, draws[..., 0]) for n, draws in values.items()})
    dim, coordinates = _units.coordinates(trials)
    own = {name: ((*SAMPLED, dim), draws) for name, draws in values.items()}
    return dataset(common | own, coordinates)


def by_name(samples: Samples) -> dict[str, np.ndarray]:
    """Positions by the name of the parameter."""
    return {name: samples.positions[..., place] for place, name in enumerate(samples.names)}


def log_likelihood(samples: Samples) -> Any:
    """Log likelihood of every trial that counts, by stream; zero where that stream has no response."""
    trials, names = samples.trials, columns_of_streams(samples.agent.model, samples.trials)
    kept = counted(samples.agent.model, trials)
    found = {
        names[stream]: ((*SAMPLED, "trial"), shaped(samples, rippled(rows[:, kept])))
        for stream, rows in pointwise(samples.agent.model, flat(samples), trials).items()
    }
    return dataset(found, along_trials(trials, kept))


def rippled(rows: np.ndarray) -> np.ndarray:
    """Log likelihoods, of shape (draws, trials), none of which is the same under all draws.

    Pareto smoothing refuses weights that are all the same, as those of a first trial are, whose prediction
    no parameter changes. They are made to vary by less than would ever matter.
    """
    size = np.finfo(rows.dtype).eps * np.maximum(1, np.abs(rows).max(axis=0))
    ripple = RIPPLE * np.linspace(-1, 1, len(rows), dtype=rows.dtype)[:, None]
    return np.where(np.ptp(rows, axis=0) < SAME * size, rows + ripple * size, rows)


def flat(samples: Samples) -> np.ndarray:
    """Positions of all chains, one after the other."""
    return samples.positions.reshape(-1, *samples.positions.shape[2:])


def shaped(samples: Samples, rows: np.ndarray) -> np.ndarray:
    """What was found for all draws in a row, by chain and draw."""
    return rows.reshape(samples.chains, -1, *rows.shape[1:])


def along_trials(trials: Trials, kept: np.ndarray) -> dict[str, Any]:
    """What names the trials along their dimension: their number, and the columns that key them."""
    *keys, (_, count) = trials.key_frame().items()
    named = {name: ("trial", _units.plain(column[kept].tolist())) for name, column in keys}
    return named | {"trial": _units.plain(count[kept].tolist())}


def columns_of_streams(model: Model, trials: Trials) -> dict[str, str]:
    """The column of every stream; without responses those of the inputs, together."""
    if model.response is None:
        return {ONLY: " ".join(c for names in trials.roles.inputs.values() for c in names)}
    return {stream: names[0] for stream, names in (trials.roles.actions or {}).items()}


def observed(model: Model, trials: Trials) -> Any:
    """What was done, or without responses seen, in the trials that count."""
    kept = counted(model, trials)
    given = trials.roles.inputs if model.response is None else trials.roles.actions or {}
    columns = [column for names in given.values() for column in names]
    found = {column: ("trial", trials.numbers(column)[kept]) for column in columns}
    return dataset(found, along_trials(trials, kept))


def responses(samples: Samples, count: int) -> Any:
    """Responses simulated under draws that are spread evenly over all."""
    predicted = samples.predict(draws=count)
    kept = counted(samples.agent.model, samples.trials)
    found = {
        name: ((*SAMPLED, "trial"), rows[None, :, kept])
        for name, rows in predicted.responses.items()
    }
    return dataset(found, along_trials(samples.trials, kept))


def believed(samples: Samples, fields: list[str]) -> Any:
    """What was believed in every trial under every draw."""
    from pynodes.fit._regressors import under_draws

    found = under_draws(samples.agent.model, flat(samples), samples.trials, fields)
    every = np.ones(len(samples.trials), bool)
    variables = {n: ((*SAMPLED, "trial"), shaped(samples, rows)) for n, rows in found.items()}
    return dataset(variables, along_trials(samples.trials, every))


def prior_draws(samples: Samples, count: int) -> Any:
    """Draws from the prior, of the population too if there is one."""
    settings = samples.drawn.settings
    seed = int(settings.get("seed", 0))
    population, places = drawn_from_prior(samples.agent, samples.trials, count, seed, settings)
    values = samples.agent.model.constrained(jnp.asarray(places))
    own = {name: np.asarray(found)[None] for name, found in values.items()}
    common = {name: np.asarray(found)[None] for name, found in population.items()}
    return parameters(samples.trials, own, common)
