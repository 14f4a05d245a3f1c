"""Tables: trajectories as pandas and xarray objects. The only importer of either."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import FieldError, MissingExtraError

if TYPE_CHECKING:
    import pandas
    import xarray

    from pynodes._results.trajectories import Trajectories


def columns(beliefs: Trajectories) -> dict[str, np.ndarray]:
    """Every field of every kept node as ``"node.field"``, and the total ``"surprise"``.

    An array's components have a column each: ``"node.field[0]"``, ``"node.field[1]"``, ...
    """
    shape = np.shape(beliefs.found.alive)
    found: dict[str, np.ndarray] = {}
    for name in beliefs:
        for field in beliefs[name].fields:
            values = np.asarray(getattr(beliefs[name], field))
            for place in np.ndindex(values.shape[len(shape) :]):
                where = f"[{','.join(map(str, place))}]" if place else ""
                found[f"{name}.{field}{where}"] = values[(..., *place)]
    return found | {"surprise": np.asarray(beliefs.surprise)}


def to_pandas(beliefs: Trajectories) -> pandas.DataFrame:
    """A row per step, a column per node and field."""
    pd = extra("pandas")
    if np.ndim(beliefs.found.alive) > 1:
        raise FieldError(
            "A table holds one run. For a batch use to_xarray(dims=...), or index the batch."
        )
    table = pd.DataFrame({name: np.atleast_1d(values) for name, values in columns(beliefs).items()})
    table.index.name = "step"
    return table


def to_xarray(beliefs: Trajectories, dims: tuple[str, ...]) -> xarray.Dataset:
    """A variable per field, over (..., time, node); one per node and field for arrays."""
    xr = extra("xarray")
    dims = (dims,) if isinstance(dims, str) else tuple(dims)
    batch = max(np.ndim(beliefs.found.alive) - 1, 0)
    if len(dims) != batch:
        raise FieldError(
            f"The runs have {batch} batch dimensions, but dims names {len(dims)}: {dims}."
        )
    fields: dict[str, dict[str, Any]] = {}
    wide: dict[str, Any] = {}
    for name in beliefs:
        for field in beliefs[name].fields:
            values = np.asarray(getattr(beliefs[name], field))
            rank = values.ndim - np.ndim(beliefs.found.alive)
            values = values if np.ndim(beliefs.found.alive) else values[None]
            if rank:
                own = [f"{name}.{field}.{axis}" for axis in axes(rank)]
                wide[f"{name}.{field}"] = xr.DataArray(values, dims=(*dims, "time", *own))
            else:
                fields.setdefault(field, {})[name] = values
    arrays = {
        field: xr.DataArray(
            np.stack(list(series.values()), axis=-1),
            dims=(*dims, "time", "node"),
            coords={"node": list(series)},
        )
        for field, series in fields.items()
    }
    total = xr.DataArray(np.atleast_1d(beliefs.surprise), dims=(*dims, "time"))
    return xr.Dataset(arrays | wide).assign(total_surprise=total)


def axes(rank: int) -> list[str]:
    """Names of the dimensions of one value."""
    return ["component"] if rank == 1 else ["row", "column", *(f"axis_{n}" for n in range(2, rank))]


BRIDGED = ("numpyro", "pymc", "pytensor")
"""Packages that users bring along, and no extra of ours installs."""


def extra(package: str) -> Any:
    """An optional package.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        whole = package.partition(".")[0]
        name = "tables" if whole in ("pandas", "xarray") else "fit"
        ours = f"in a copy of the repository of pynodes: pip install '.[{name}]'"
        remedy = f"with: pip install {whole}" if whole in BRIDGED else ours
        raise MissingExtraError(
            f"This needs {whole}, which is not installed. Install it {remedy}"
        ) from error
