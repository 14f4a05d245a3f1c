"""Files of fits: netCDF, in the groups that ArviZ knows, with the agent and the trials."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import FormatError, nearest
from pynodes._results.tables import extra
from pynodes.fit._document import Reviver, agent_document
from pynodes.fit._laplace import Posterior
from pynodes.fit._tree import SAMPLED, number, safe
from pynodes.fit._trials_document import columns_dataset, roles_document, trials_of
from pynodes.fit.map_fit import MapFit
from pynodes.fit.samples import Samples
from pynodes.fit.sampling._drawn import Drawn
from pynodes.fit.trials import Trials

if TYPE_CHECKING:
    from pynodes.fit._fitted import Fitted

ENGINE = "h5netcdf"
"""What reads and writes netCDF."""

AXES = ("subject", "parameter", "other_parameter")
"""Dimensions of the numbers of a MAP fit, in their order."""


def written(fit: Fitted, path: str | os.PathLike[str]) -> None:
    """Write a fit to a file, beside the old one, whose place it takes when it is whole."""
    extra(ENGINE)
    if not isinstance(path, str | os.PathLike):
        raise FormatError(f"Give the name of a file, such as 'fit.nc', not {path!r}.")
    tree = fit.tree if isinstance(fit, Samples) else tree_of_map(fit)
    target = os.path.realpath(path)
    beside = f"{target}.{secrets.token_hex(4)}.part"
    try:
        tree.to_netcdf(beside, engine=ENGINE)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)
        raise


def load_fit(
    path: str | os.PathLike[str],
    *,
    kinds: Iterable[Any] = (),
    functions: Mapping[str, Any] | None = None,
) -> Samples | MapFit:
    """A fit from the file that its ``to_netcdf``, or that of its tree, wrote.

    A file holds numbers and names, and nothing in it is run.

    Parameters
    ----------
    path
        Name of the file.
    kinds
        Classes of one's own that it names: of nodes, couplings, families, responses and priors, and
        expansions.
    functions
        Functions of one's own that it names, by name: of couplings and responses.

    Raises
    ------
    FormatError
        Another file, a damaged one, or one that names classes or functions that were not given.
    MissingExtraError
        xarray or h5netcdf is not installed.
    OSError
        There is no such file, or it cannot be read.
    """
    xr, _ = extra("xarray"), extra(ENGINE)
    with open(path, "rb"):
        pass
    try:
        with xr.open_datatree(path, engine=ENGINE) as file:
            tree = file.load()
    except Exception as error:  # whatever a reader trips over, the file is to blame
        raise FormatError(
            f"{os.fspath(path)!r} is no netCDF file, or it is damaged or cut off: {error!r}."
        ) from error
    kind = tree.attrs.get("kind")
    if kind not in READERS:
        raise FormatError(
            f"{os.fspath(path)!r} holds no fit that pynodes wrote: its 'kind' is {kind!r}. "
            f"{nearest(kind, READERS)}"
        )
    try:
        return READERS[kind](tree, Reviver(tuple(kinds), dict(functions or {})))
    except FormatError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{os.fspath(path)!r} does not say what a file of a fit says: {error!r}. It was changed after it "
            "was written, or another version of pynodes wrote it."
        ) from error


def tree_of_map(fit: Any) -> Any:
    """A MAP fit as a tree."""
    if not isinstance(fit, MapFit):
        raise FormatError(f"Fits by fit_map and samples can be written to files, not {fit!r}.")
    xr = extra("xarray")
    found = {name: np.asarray(getattr(fit.posterior, name)) for name in PARTS}
    groups = {
        "estimates": xr.Dataset(
            {safe(name): ("subject", values) for name, values in fit._values.items()}
        ),
        "laplace": xr.Dataset({name: (AXES[: array.ndim], array) for name, array in found.items()}),
        "constant_data": columns_dataset(fit.trials),
    }
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {
        "creation_library": "pynodes",
        "creation_library_version": fit.versions["pynodes"],
        "kind": "map",
        "settings": json.dumps(fit.settings, default=number),
        "versions": json.dumps(fit.versions),
        "agent": json.dumps(agent_document(fit.agent)),
        "roles": json.dumps(roles_document(fit.trials)),
    }
    return tree


PARTS = tuple(name for name in Posterior.__annotations__ if not name.startswith("_"))
"""The numbers of a MAP fit."""


def trials_in(tree: Any) -> Trials:
    """The trials of a file."""
    return trials_of(tree["constant_data"].to_dataset(), json.loads(tree.attrs["roles"]))


def map_of(tree: Any, reviver: Reviver) -> MapFit:
    """The MAP fit of a file."""
    numbers = tree["laplace"].to_dataset()
    return MapFit(
        agent=reviver.agent(json.loads(tree.attrs["agent"])),
        trials=trials_in(tree),
        posterior=Posterior(**{name: numbers[name].values for name in PARTS}),
        settings=json.loads(tree.attrs["settings"]),
        versions=json.loads(tree.attrs["versions"]),
    )


def samples_of(tree: Any, reviver: Reviver) -> Samples:
    """The samples of a file."""
    agent = reviver.agent(json.loads(tree.attrs["agent"]))
    places, found = tree["unconstrained_posterior"].to_dataset(), tree["posterior"].to_dataset()
    columns = [places[safe(name)].values for name in agent.names]
    several = columns[0].ndim > len(SAMPLED)
    positions = np.stack([c if several else c[..., None] for c in columns], axis=-1)
    stats = tree["sample_stats"].to_dataset()
    return Samples(
        agent=agent,
        trials=trials_in(tree),
        drawn=Drawn(
            positions=positions,
            population={n: found[safe(n)].values for n in json.loads(tree.attrs["population"])},
            stats={str(name): stats[name].values for name in stats.data_vars},
            method=str(tree.attrs["method"]),
            settings=json.loads(tree.attrs["settings"]),
        ),
        versions=json.loads(tree.attrs["versions"]),
    )


READERS = {"samples": samples_of, "map": map_of}
"""What reads a file, by what it says it holds."""
