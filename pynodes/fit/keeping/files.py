"""Files of fits: netCDF, in the groups that ArviZ knows, with the agent and the trials."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import FormatError, nearest
from pynodes._results.tables import extra
from pynodes.fit.data.trials import Trials
from pynodes.fit.group._em import Found, View
from pynodes.fit.group._likeness import Likeness
from pynodes.fit.group._populated import populated
from pynodes.fit.group.group_fit import GroupFit
from pynodes.fit.keeping._document import Reviver, agent_document
from pynodes.fit.keeping._trials_document import columns_dataset, roles_document, trials_of
from pynodes.fit.mode._laplace import Posterior
from pynodes.fit.mode.map_fit import MapFit
from pynodes.fit.sampling._drawn import Drawn
from pynodes.fit.sampling._tree import SAMPLED, number, safe
from pynodes.fit.sampling.samples import Samples

if TYPE_CHECKING:
    from pynodes.fit._fitted import Fitted

ENGINE = "h5netcdf"
"""What reads and writes netCDF."""


def written(fit: Fitted, path: str | os.PathLike[str]) -> None:
    """Write a fit to a file, beside the old one, whose place it takes when it is whole."""
    extra(ENGINE)
    if not isinstance(path, str | os.PathLike):
        raise FormatError(f"Give the name of a file, such as 'fit.nc', not {path!r}.")
    tree = fit.tree if isinstance(fit, Samples) else tree_of_estimates(fit)
    target = os.path.realpath(path)
    beside = f"{target}.{secrets.token_hex(4)}.part"
    try:
        tree.to_netcdf(beside, engine=ENGINE)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)
        raise


@boundary
def load_fit(
    path: str | os.PathLike[str],
    *,
    kinds: Iterable[Any] = (),
    functions: Mapping[str, Any] | None = None,
) -> Samples | MapFit | GroupFit:
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


def tree_of_estimates(fit: Any) -> Any:
    """A fit by MAP or EM as a tree: estimates by name, all numbers, and the data."""
    xr = extra("xarray")
    alone = fit.individuals if isinstance(fit, GroupFit) else fit
    numbers = numbers_of_group(fit) if isinstance(fit, GroupFit) else numbers_in(fit.posterior)
    estimates = {safe(name): ("subject", values) for name, values in alone._values.items()}
    if isinstance(fit, GroupFit):
        estimates |= {safe(name): ((), value) for name, value in fit.estimates.items()}
    groups = {
        "estimates": xr.Dataset(estimates),
        "numbers": xr.Dataset(
            {n: (tuple(f"{n}_{axis}" for axis in range(a.ndim)), a) for n, a in numbers.items()}
        ),
        "constant_data": columns_dataset(fit.trials),
    }
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {
        "creation_library": "pynodes",
        "creation_library_version": fit.versions["pynodes"],
        "kind": "group" if isinstance(fit, GroupFit) else "map",
        "formulas": json.dumps(fit.formulas if isinstance(fit, GroupFit) else {}),
        "settings": json.dumps(fit.settings, default=number),
        "versions": json.dumps(fit.versions),
        "agent": json.dumps(agent_document(fit.agent)),
        "roles": json.dumps(roles_document(fit.trials)),
    }
    return tree


def numbers_in(module: Any, before: str = "") -> dict[str, np.ndarray]:
    """The arrays of a module by name."""
    names = [field.name for field in dataclasses.fields(module) if field.name != "_class"]
    return {f"{before}{name}": np.asarray(getattr(module, name)) for name in names}


def revived(kind: Any, numbers: Any, before: str = "") -> Any:
    """A module of arrays by name."""
    names = [field.name for field in dataclasses.fields(kind) if field.name != "_class"]
    return kind(**{name: numbers[f"{before}{name}"].values for name in names})


def numbers_of_group(fit: GroupFit) -> dict[str, np.ndarray]:
    """All numbers of a group's fit."""
    found = fit.found
    plain = {name: np.asarray(getattr(found, name)) for name in PLAIN}
    return plain | numbers_in(found.view, "view.") | numbers_in(found.likeness, "likeness.")


PLAIN = ("scatter", "turns", "moved", "converged")
"""What is known of a group besides its view and its units."""


def group_of(tree: Any, reviver: Reviver) -> GroupFit:
    """The group's fit of a file."""
    agent, trials = reviver.agent(json.loads(tree.attrs["agent"])), trials_in(tree)
    settings = json.loads(tree.attrs["settings"])
    formulas, covariance = json.loads(tree.attrs["formulas"]), settings["covariance"]
    numbers = tree["numbers"].to_dataset()
    return GroupFit(
        agent=agent,
        trials=trials,
        populated=populated(agent, trials, formulas, covariance=covariance),
        found=Found(
            scatter=numbers["scatter"].values,
            view=revived(View, numbers, "view."),
            likeness=revived(Likeness, numbers, "likeness."),
            turns=int(numbers["turns"]),
            moved=float(numbers["moved"]),
            converged=bool(numbers["converged"]),
        ),
        settings=settings,
        versions=json.loads(tree.attrs["versions"]),
    )


def trials_in(tree: Any) -> Trials:
    """The trials of a file."""
    return trials_of(tree["constant_data"].to_dataset(), json.loads(tree.attrs["roles"]))


def map_of(tree: Any, reviver: Reviver) -> MapFit:
    """The MAP fit of a file."""
    numbers = tree["numbers"].to_dataset()
    return MapFit(
        agent=reviver.agent(json.loads(tree.attrs["agent"])),
        trials=trials_in(tree),
        posterior=revived(Posterior, numbers),
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


READERS = {"samples": samples_of, "map": map_of, "group": group_of}
"""What reads a file, by what it says it holds."""
