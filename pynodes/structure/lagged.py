"""Lagged: observed series as regressions on what all of them were before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import GraphError, InputError, ParameterError, quote
from pynodes._graph.graph import Graph
from pynodes._runtime.series import count_steps, to_numbers
from pynodes.nodes import ConstantState, RegressionInput, Regressor

NAME = re.compile(r"lag(\d+)_(.+)", re.DOTALL)
"""Names of regressors that hold an input's earlier values."""

CONSTANT = "one"
"""Name of the regressor that is always one."""


@boundary
def lagged(
    names: Iterable[str],
    lags: int = 1,
    *,
    own: bool = True,
    intercept: bool = False,
    initial_variance: float = 0.1,
    **settings: Any,
) -> Graph:
    """A graph in which every series is a regression on the earlier values of all of them.

    An arrow from ``lag2_a`` to ``b`` says that what ``a`` was two steps before predicts ``b``, given the
    rest; it does not say that ``b`` would change if ``a`` were set. What drives both unseen, a process
    that is faster than its samples, and noise in what is observed all make arrows that stand for nothing.

    Parameters
    ----------
    names
        Names of the series.
    lags
        How many steps back.
    own
        Whether a series may depend on its own earlier values.
    intercept
        Whether each series has a constant of its own; else they are taken to be centred.
    initial_variance
        Prior variance of every strength, in units of the noise variance where that is learned.
    settings
        Of every :class:`RegressionInput`: ``noise``, ``noise_shape``, ``noise_scale``, ...

    Returns
    -------
    The graph. Series of ``lag1_a`` and so on need not be given to :func:`search`: they are those of ``a``,
    later by as many steps.

    Examples
    --------
    >>> import pynodes as pn
    >>> pn.structure.lagged(["a", "b"], lags=2)
    Graph(6 nodes, 8 edges)
    """
    names = [names] if isinstance(names, str) else list(names)
    if isinstance(lags, bool) or not isinstance(lags, int) or lags < 1:
        raise ParameterError(f"lags must be a positive whole number, not {lags!r}.")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice or not names:
        raise GraphError(
            f"{quote(twice)} is named twice." if twice else "Name one series at least."
        )
    parents = [f"lag{lag}_{name}" for lag in range(1, lags + 1) for name in names]
    edges: list[tuple[str, str, str]] = []
    for child in names:
        mine = [one for one in parents if own or find_lagged_source(one)[0] != child]
        edges += [(one, child, "value") for one in [*mine, *([CONSTANT] if intercept else [])]]
    counts = {child: sum(edge[1] == child for edge in edges) for child in names}
    variances = {
        child: [initial_variance] * (counts[child] - intercept) + [1e4] * intercept
        for child in names
    }
    nodes: dict[str, Any] = {
        child: RegressionInput(
            terms=max(counts[child], 1),
            initial_variance=variances[child] or initial_variance,
            **settings,
        )
        for child in names
    }
    nodes |= {name: Regressor() for name in parents}
    if intercept:
        nodes[CONSTANT] = ConstantState(value=1.0)
    return Graph().extend(nodes, edges)


def find_lagged_source(name: str) -> tuple[str, int]:
    """The series that a lagged regressor is named for, and by how many steps it is later."""
    found = NAME.fullmatch(name)
    return (found[2], int(found[1])) if found else ("", 0)


def fill_in_lags(
    graph: Graph, inputs: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], int]:
    """Series of a graph with those of its lagged regressors, which need not have been given.

    The first steps, of which no earlier value is known, are left out. Where an earlier value is missing, all
    that may depend on it is taken as not observed, so that all graphs explain the same observations.

    Returns
    -------
    The series, which observations are left out, and how many steps.

    Raises
    ------
    InputError
        Series of different lengths, or as short as the lags.
    """
    series = {name: in_double(str(name), values) for name, values in inputs.items()}
    absent = {
        name: find_lagged_source(name)
        for name, node in graph.nodes.items()
        if isinstance(node, Regressor)
        and name not in series
        and find_lagged_source(name)[0] in series
    }
    first = max((lag for _, lag in absent.values()), default=0)
    steps = count_steps(series, 1.0) if series else 0
    if series and steps <= first:
        raise InputError(
            f"The series have {steps} steps, and the graph looks {first} steps back. Give longer series."
        )
    filled = {name: values[first:] for name, values in series.items()}
    silenced: dict[str, np.ndarray] = {}
    for name, (source, lag) in absent.items():
        values = series[source][first - lag : len(series[source]) - lag]
        missing = ~np.isfinite(values)
        filled[name] = np.where(missing, 0.0, values)
        if missing.any():
            for child in graph.children(name):
                silenced[child] = silenced.get(child, False) | missing
    return filled, silenced, first


def in_double(name: str, values: Any) -> np.ndarray:
    """A series in double precision, whatever JAX is set to."""
    if type(values) is np.ndarray and values.dtype == float and values.ndim == 1 and len(values):
        return values
    to_numbers(name, values)
    return np.array(np.ma.filled(np.ma.asarray(values, float), np.nan), float)


def standardise(inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Series with mean zero and standard deviation one, by name.

    Parameters
    ----------
    inputs
        The series.

    Raises
    ------
    InputError
        A series that is constant.
    """
    series = {str(name): in_double(str(name), inputs[name]) for name in inputs}
    seen = {name: values[np.isfinite(values)] for name, values in series.items()}
    still = [name for name, values in seen.items() if not len(values) or np.ptp(values) == 0]
    if still:
        raise InputError(f"{quote(still)} never change: there is nothing to scale. Leave them out.")
    return {name: (one - np.nanmean(one)) / np.nanstd(one) for name, one in series.items()}
