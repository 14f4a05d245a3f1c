"""bank: parameters that are learned while filtering, by filters side by side."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._engine import sweeps
from pynodes._engine.feed import Feed
from pynodes._engine.filter import filter_step, report_fields, surprises
from pynodes._engine.loop import Guard, Now, scan
from pynodes._errors import InputError, ParameterError
from pynodes._inference.priors import AbstractPrior
from pynodes._runtime.inputs import read_inputs, single_step
from pynodes._runtime.network import Network
from pynodes._runtime.parameters import replace_parameters
from pynodes._runtime.series import Series
from pynodes._typing import Array
from pynodes.structure.contexts import name_reports

FEWEST = 8.0
"""So many points of a grid must share the posterior of a parameter; with fewer it is laid anew, finer."""

ROUNDS = 4
"""How often a grid is laid anew at most."""

FIRST = 32
"""After so many steps forecasts are made by grids that were laid anew for the first time."""

REACH = 4.5
"""Standard deviations of the posterior that a new grid reaches on either side."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class BankTrajectories:
    """What a bank of filters made of a series. Made by :meth:`Bank.filter`.

    Attributes
    ----------
    parameters
        Their names.
    values
        Those of every filter, of shape (filters, parameters).
    weights
        Probability of every filter given the series so far, of shape (time, filters).
    surprise
        Of every step, averaged over filters; where the grid was laid anew after the whole series, no score of
        forecasts (:meth:`Bank.score_forecasts`).
    averages
        What nodes report of themselves, averaged over filters: fields by node, time first.
    """

    parameters: tuple[str, ...]
    values: np.ndarray
    weights: np.ndarray
    surprise: np.ndarray
    averages: Mapping[str, Mapping[str, np.ndarray]]
    final: Any
    grid: Any

    @property
    def log_evidence(self) -> float:
        """Of the whole series, parameters integrated over the grid."""
        return -float(self.surprise.sum())

    def mean(self, name: str) -> np.ndarray:
        """Expected value of a parameter, by step."""
        return self.weights @ self.column(name)

    def sd(self, name: str) -> np.ndarray:
        """Standard deviation of the belief about a parameter, by step."""
        values = self.column(name)
        return np.sqrt(np.maximum(self.weights @ values**2 - self.mean(name) ** 2, 0.0))

    @boundary
    def quantile(self, name: str, probability: float) -> np.ndarray:
        """A quantile of the belief about a parameter, by step, interpolated between points of the grid.

        Parameters
        ----------
        name
            The parameter.
        probability
            Of a smaller value.
        """
        points, place = np.unique(self.column(name), return_inverse=True)
        mass = np.stack(
            [self.weights[:, place == i].sum(axis=1) for i in range(len(points))], axis=1
        )
        edges = np.concatenate(
            [
                [1.5 * points[0] - 0.5 * points[1]],
                (points[1:] + points[:-1]) / 2,
                [1.5 * points[-1] - 0.5 * points[-2]],
            ]
        )
        below = np.concatenate([np.zeros((len(mass), 1)), np.cumsum(mass, axis=1)], axis=1)
        return np.array([np.interp(probability, row / row[-1], edges) for row in below])

    def column(self, name: str) -> np.ndarray:
        """The values of one parameter."""
        if name not in self.parameters:
            raise InputError(f"{name!r} is none of the bank's parameters.")
        return self.values[:, self.parameters.index(name)]

    def __repr__(self) -> str:
        ends = ", ".join(
            f"{name} {self.mean(name)[-1]:.3g} ± {self.sd(name)[-1]:.2g}"
            for name in self.parameters
        )
        return f"BankTrajectories({len(self.surprise)} steps, {len(self.values)} filters; {ends})"


@dataclasses.dataclass(frozen=True, eq=False)
class Bank:
    """Filters of one network, weighted by how well their parameters predict. Made by :func:`bank`.

    Attributes
    ----------
    network
        The network.
    grids
        Points of every parameter, by name.
    priors
        Log density at those points, up to a constant.
    refine
        Whether a grid on which too few points share the posterior is laid anew.
    """

    network: Network
    grids: Mapping[str, np.ndarray]
    priors: Mapping[str, Any]
    refine: bool

    @boundary
    def filter(
        self,
        inputs: Mapping[str, Series],
        *,
        dt: Series | float = 1.0,
        observed: Mapping[str, Series] | None = None,
    ) -> BankTrajectories:
        """Pass a series through all filters; parameters as for :meth:`pynodes.Network.filter`.

        Where the posterior at the end is narrower than the grid, the grid is laid anew around it and the
        series passed through again.
        """
        feed = read_inputs(self.network.labels, inputs, dt, observed)
        found = self.run(dict(self.grids), feed, None, None)
        for _ in range(ROUNDS if self.refine else 0):
            finer = lay_all_anew(found, -1)
            if finer is None:
                break
            found = self.run(finer, feed, None, None)
        return found

    @boundary
    def score_forecasts(
        self,
        inputs: Mapping[str, Series],
        *,
        dt: Series | float = 1.0,
        observed: Mapping[str, Series] | None = None,
    ) -> np.ndarray:
        """Surprise of every step given the past alone, which is all that lays grids anew; of shape (time,).

        That of :meth:`filter` is on a grid that the whole series has chosen. Parameters as there. Grids are
        looked at after 32 steps, after 64, and so on, and the past is filtered again on new ones.
        """
        feed = read_inputs(self.network.labels, inputs, dt, observed)
        found = self.run(dict(self.grids), feed, None, None)
        surprise, seen = np.array(found.surprise), FIRST
        while self.refine and seen < len(surprise):
            for _ in range(ROUNDS):
                finer = lay_all_anew(found, seen - 1)
                if finer is None:
                    break
                found = self.run(finer, feed, None, None)
            surprise[seen:] = found.surprise[seen:]
            seen *= 2
        return surprise

    @boundary
    def step(
        self, before: BankTrajectories | None, inputs: Mapping[str, Any], dt: float = 1.0
    ) -> BankTrajectories:
        """One step online, from what a call before returned; None begins."""
        feed = read_inputs(self.network.labels, single_step(self.network.labels, inputs), dt)
        if before is None:
            return self.run(dict(self.grids), feed, None, None)
        return self.run(before.grid, feed, before.final, before.weights[-1])

    def run(
        self, grids: Mapping[str, np.ndarray], feed: Feed, state: Any, weights: Any
    ) -> BankTrajectories:
        """Filter on some grids."""
        names = tuple(grids)
        mesh = np.meshgrid(*grids.values(), indexing="ij")
        values = np.stack([part.ravel() for part in mesh], axis=1)
        log = np.zeros(len(values))
        for number, name in enumerate(names):
            log += self.log_prior(name, values[:, number])
        prior = np.exp(log - float(np.asarray(logsumexp(log)))) if weights is None else weights
        labels = self.network.labels
        surprise, reports, final = trace_values(
            self.network.program, feed, state, values, labels=labels, names=names
        )
        weights, normalisers = reweigh(-np.asarray(surprise, float), prior)
        averaged = jax.tree.map(partial(average_filters, weights, prior), reports)
        return BankTrajectories(
            parameters=names,
            values=values,
            weights=weights,
            surprise=-normalisers,
            averages=name_reports(self.network, averaged),
            final=final,
            grid=grids,
        )

    def log_prior(self, name: str, values: np.ndarray) -> np.ndarray:
        """Log density of a parameter's points, even where nothing was said."""
        prior = self.priors.get(name)
        if prior is None:
            return np.zeros(len(values))
        return np.array([float(prior.log_density(value)) for value in values])


def lay_all_anew(found: BankTrajectories, step: int) -> dict[str, np.ndarray] | None:
    """Grids that are closer around the posterior after a step; None if all are close enough."""
    finer = {name: lay_anew(found, name, points, step) for name, points in found.grid.items()}
    return None if all(finer[name] is points for name, points in found.grid.items()) else finer


def lay_anew(found: BankTrajectories, name: str, points: np.ndarray, step: int) -> np.ndarray:
    """Points of a parameter, closer around the posterior if too few of them share it; else the same."""
    if len(points) < 3:
        return points
    column = found.column(name)
    mass = np.array([found.weights[step, column == point].sum() for point in points])
    if 1 / np.sum(mass**2) >= FEWEST * min(1.0, len(points) / (2 * FEWEST)):
        return points
    spacing = float(np.max(np.diff(points)))
    mean, sd = (
        float(mass @ points),
        float(np.sqrt(max(mass @ points**2 - (mass @ points) ** 2, 0.0))),
    )
    reach = REACH * max(sd, 0.3 * spacing)
    low, high = max(points[0], mean - reach), min(points[-1], mean + reach)
    return np.linspace(low, high, len(points))


def reweigh(log: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights after every step, and log predictive densities, from those of filters (filters, time)."""
    with np.errstate(divide="ignore"):
        joint = np.cumsum(log, axis=1).T + np.log(prior)
    whole = np.asarray(logsumexp(joint, axis=1))
    return np.exp(joint - whole[:, None]), np.diff(np.concatenate([[0.0], whole]))


def average_filters(weights: np.ndarray, prior: np.ndarray, values: Any) -> np.ndarray:
    """A field averaged over filters, by their weights before each step's end."""
    del prior
    array = np.moveaxis(np.asarray(values, float), 1, 0)
    shape = (*weights.shape, *(1,) * (array.ndim - 2))
    return np.sum(weights.reshape(shape) * np.where(np.isfinite(array), array, 0.0), axis=1)


@partial(jax.jit, static_argnames=("labels", "names"))
def trace_values(
    program: Program,
    feed: Feed,
    state: Any,
    values: Array,
    *,
    labels: Labels,
    names: tuple[str, ...],
) -> tuple[Array, Any, Any]:
    """Surprise and reports of every step under some values, and the states at the end."""

    def emit(now: Now, found: Any, guard: Guard) -> Any:
        parts = surprises(now.program, found.beliefs, found.seen).values()
        total = sum((jnp.sum(part) for part in parts), start=jnp.zeros(()))
        fields = {g: report_fields(now.program, g, found.beliefs, None) for g in found.beliefs}
        return guard.mask_surprise(total), fields

    def one(value: Array, state: Any) -> Any:
        changes = dict(zip(names, value, strict=True))
        revised = replace_parameters(program, labels, changes)
        start = sweeps.start(revised) if state is None else state
        ran = scan(revised, feed, start, partial(filter_step, feed), emit)
        return *ran.emitted, ran.final

    axes = (0, None if state is None else 0)
    return jax.vmap(one, in_axes=axes)(jnp.asarray(values, float), state)


@boundary
def bank(
    network: Network,
    grids: Mapping[str, Any],
    *,
    points: int = 31,
    refine: bool = True,
) -> Bank:
    """Learn parameters while filtering: a filter for every point of a grid, weighted by how well it predicts.

    Parameters
    ----------
    network
        The network.
    grids
        By parameter name: points, evenly probable before the data, or a prior, over four of whose standard
        deviations points are laid. Several parameters have all combinations of theirs.
    points
        How many points a prior gets.
    refine
        Whether a grid is laid anew, closer, where the posterior has become narrower than it.

    Returns
    -------
    What filters like a network, with a belief about the parameters at every step.

    Raises
    ------
    ParameterError
        An unknown parameter, or points that do not increase.

    Examples
    --------
    >>> import numpy as np
    >>> import pynodes as pn
    >>> network = pn.Graph().add(u=pn.KalmanFilter()).compile()
    >>> series = np.cumsum(np.random.default_rng(0).normal(size=200))
    >>> grid = {"u.tonic_volatility": np.linspace(-4, 4, 17)}
    >>> found = pn.structure.bank(network, grid).filter({"u": series})
    >>> bool(abs(found.mean("u.tonic_volatility")[-1]) < 1.0)
    True
    """
    if not isinstance(network, Network):
        raise InputError(f"bank takes a compiled network, not a {type(network).__name__}.")
    if not isinstance(grids, Mapping) or not grids:
        raise ParameterError(
            "Give points by parameter name, as in {'x.tonic_volatility': [-4, -2, 0]}."
        )
    laid: dict[str, np.ndarray] = {}
    priors: dict[str, Any] = {}
    for name, given in grids.items():
        network.labels.address(name)
        if isinstance(given, AbstractPrior):
            centre, sd = (
                float(np.asarray(part))
                for part in (given.unconstrained_mean, given.unconstrained_sd)
            )
            places = np.linspace(centre - 4 * sd, centre + 4 * sd, points)
            laid[name] = np.array([float(given.constrain(place)) for place in places])
            priors[name] = given
            continue
        array = np.asarray(given, float)
        if array.ndim != 1 or len(array) < 2 or not np.all(np.diff(array) > 0):
            raise ParameterError(f"Points of {name!r} must increase, two at least, not {given!r}.")
        laid[name] = array
    if math.prod(len(one) for one in laid.values()) > 100_000:
        raise ParameterError("These grids have more than 100,000 combinations. Take fewer points.")
    return Bank(network, laid, priors, refine)
