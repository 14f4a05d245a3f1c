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
    """Every field of every kept node as ``"node.field"``, and the total ``"surprise"``."""
    found = {
        f"{name}.{field}": np.asarray(getattr(beliefs[name], field))
        for name in beliefs
        for field in beliefs[name].fields
    }
    return found | {"surprise": np.asarray(beliefs.surprise)}


def to_pandas(beliefs: Trajectories) -> pandas.DataFrame:
    """A row per step, a column per node and field."""
    pd = extra("pandas")
    if np.ndim(beliefs.status.alive) > 1:
        raise FieldError(
            "A table holds one run. For a batch use to_xarray(dims=...), or index the batch."
        )
    table = pd.DataFrame({name: np.atleast_1d(values) for name, values in columns(beliefs).items()})
    table.index.name = "step"
    return table


def to_xarray(beliefs: Trajectories, dims: tuple[str, ...]) -> xarray.Dataset:
    """A variable per field, over (..., time, node)."""
    xr = extra("xarray")
    dims = (dims,) if isinstance(dims, str) else tuple(dims)
    batch = max(np.ndim(beliefs.status.alive) - 1, 0)
    if len(dims) != batch:
        raise FieldError(
            f"The runs have {batch} batch dimensions, but dims names {len(dims)}: {dims}."
        )
    fields: dict[str, dict[str, Any]] = {}
    for name in beliefs:
        for field in beliefs[name].fields:
            fields.setdefault(field, {})[name] = np.atleast_1d(getattr(beliefs[name], field))
    arrays = {
        field: xr.DataArray(
            np.stack(list(series.values()), axis=-1),
            dims=(*dims, "time", "node"),
            coords={"node": list(series)},
        )
        for field, series in fields.items()
    }
    total = xr.DataArray(np.atleast_1d(beliefs.surprise), dims=(*dims, "time"))
    return xr.Dataset(arrays).assign(total_surprise=total)


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
        raise MissingExtraError(
            f"This needs {package}, which is not installed. Install it with: pip install 'pynodes[tables]'"
        ) from error
