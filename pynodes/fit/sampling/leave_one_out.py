"""LeaveOneOut: how well trials, sessions or subjects are predicted by a model that has not seen them.

A subject that is left out is any member of the population. Its parameters are integrated for every draw of
the population, by importance sampling at points that are shared by all draws (docs/theory/leaving_out.md).
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from scipy.special import logsumexp, ndtri
from scipy.stats import qmc

from pynodes._errors import DataError, quote
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._typing import Array
from pynodes.fit.agent.arrays import scored_rows, to_arrays
from pynodes.fit.agent.draws import map_chunks, pointwise_log_likelihoods, spread_evenly
from pynodes.fit.agent.model import Model, plain_log_likelihoods
from pynodes.fit.data.layout import Sequences, key_label
from pynodes.fit.data.trials import Trials
from pynodes.fit.group.population import Population
from pynodes.fit.sampling.diagnostics import RELIABLE
from pynodes.fit.sampling.weights import leave_out

if TYPE_CHECKING:
    import pandas

    from pynodes.fit.sampling.samples import Samples
    from pynodes.plotting.panels import Panels

UNITS = ("trial", "session", "subject")
"""What can be left out at a time."""

POINTS, DRAWS = 1024, 1000
"""Points per subject at which its likelihood is looked at, and draws of the population, at most."""

WIDER = 1.5
"""By how much points are spread wider than a subject's posterior."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LeaveOneOut:
    """Leave-one-out cross-validation of items. Made by :meth:`pynodes.fit.Samples.loo`.

    Attributes
    ----------
    unit
        What was left out at a time: ``"trial"``, ``"session"`` or ``"subject"``.
    keys
        The columns that say which item is meant, and its values in them.
    owners
        The subject that every item belongs to.
    pointwise
        Log predictive density of every item given all others, in nats.
    effective
        By how much it was fitted better than that; together the effective number of parameters.
    pareto_k
        Shape of the tail of the weights. Above 0.7 (less with few draws) its item is too influential for the
        estimate to be relied on; minus infinity where no parameter bears on it.
    watanabe
        What ``pointwise`` would be by the widely applicable information criterion, which does not say where
        it fails: where ``pareto_k`` is large, or variances of log likelihoods exceed 0.4.
    draws
        How many draws it was computed from.
    """

    unit: str
    keys: dict[str, list[Any]]
    owners: tuple[Any, ...]
    pointwise: np.ndarray
    effective: np.ndarray
    pareto_k: np.ndarray
    watanabe: np.ndarray
    draws: int

    @property
    def elpd(self) -> float:
        """Expected log predictive density of all items together, in nats."""
        return float(self.pointwise.sum())

    @property
    def standard_error(self) -> float:
        """Of that, from how items differ."""
        return standard_error_of_sum(self.pointwise)

    @property
    def effective_parameters(self) -> float:
        """Effective number of parameters."""
        return float(self.effective.sum())

    @property
    def waic(self) -> float:
        """The widely applicable information criterion, -2 times the sum of ``watanabe``; less is better.

        Source: Watanabe (2010), JMLR 11, on the scale of AIC as in Gelman, Hwang and Vehtari (2014), doi
        10.1007/s11222-013-9416-2.
        """
        return -2 * float(self.watanabe.sum())

    @property
    def limit(self) -> float:
        """The shape of the tail above which an item's estimate is not to be relied on."""
        return min(RELIABLE, 1 - 1 / float(np.log10(max(self.draws, 11))))

    @property
    def reliable(self) -> np.ndarray:
        """Whether an item's estimate is to be relied on."""
        return self.pareto_k <= self.limit

    @property
    def table(self) -> pandas.DataFrame:
        """A row per item: its key, log predictive density, effective parameters, shape of the tail.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        found = {"elpd": self.pointwise, "effective": self.effective, "pareto_k": self.pareto_k}
        return extra("pandas").DataFrame(self.keys | found | {"reliable": self.reliable})

    def problems(self) -> list[str]:
        """Problems, a sentence each; empty if there are none."""
        wrong = np.flatnonzero(~self.reliable)
        if not len(wrong):
            return []
        worst = int(np.argmax(np.where(np.isnan(self.pareto_k), np.inf, self.pareto_k)))
        key = tuple(values[worst] for values in self.keys.values())
        advice = (
            "Draw more; leave out single trials (unit='trial'), which are less influential; or compare by "
            "evidence (fit_map and by='lme')."
            if self.unit != "trial"
            else "Draw more, and look at these trials: the model may not suit them."
        )
        return [
            f"{len(wrong)} of {len(self.pointwise)} {self.unit}s are so influential that leaving them out "
            f"cannot be estimated from these draws (Pareto k up to {self.pareto_k[worst]:.2f}, of "
            f"{key_label(tuple(self.keys), key).strip()}). {advice}"
        ]

    def plot(self, *, labels: Any = None, axes: Any = None) -> Panels:
        """Draw how influential items are; see :func:`pynodes.plotting.plot_influence`."""
        from pynodes.plotting import plot_influence

        return plot_influence(self, labels=labels, axes=axes)

    def __repr__(self) -> str:
        count = int((~self.reliable).sum())
        return (
            f"LeaveOneOut({len(self.pointwise)} {self.unit}s, elpd {self.elpd:.6g} "
            f"± {self.standard_error:.3g}, {self.effective_parameters:.3g} effective parameters"
            f"{f'; {count} not reliable, see .problems()' * bool(count)})"
        )


def leave_one_out(samples: Samples, unit: str, progress: bool | None) -> LeaveOneOut:
    """Leave out every item in turn."""
    trials, model = samples.trials, samples.agent.model
    kept = scored_rows(model, trials)
    keys, owners, groups = list_items(trials, kept, unit)
    with Progress(None, f"leaving out every {unit}", progress):
        likelihoods = member_log_likelihoods(samples, groups, trials.layout.index[0][kept], unit)
        if likelihoods is None:
            parts = list(pointwise_log_likelihoods(model, samples.flat, trials).values())
            rows = sum(parts[1:], start=parts[0])[:, kept]
            likelihoods = rows if unit == "trial" else sum_by_group(rows, groups)
        found = leave_out(likelihoods)
    return LeaveOneOut(
        unit=unit,
        keys=keys,
        owners=owners,
        pointwise=found.elpd,
        effective=found.effective,
        pareto_k=found.pareto_k,
        watanabe=found.watanabe,
        draws=len(likelihoods),
    )


def member_log_likelihoods(
    samples: Samples, groups: np.ndarray, subjects: np.ndarray, unit: str
) -> np.ndarray | None:
    """Log likelihood of items that are members of a population, their parameters integrated.

    None where an item shares its parameters with others, or where there is no population.
    """
    shared = dict(zip(subjects.tolist(), groups.tolist(), strict=True))
    if unit == "trial" or any(shared[u] != g for u, g in zip(subjects, groups, strict=True)):
        return None
    found = integrate_members(samples)
    if found is None:
        return None
    return sum_by_group(found[:, np.array(list(shared))], np.array(list(shared.values())))


def list_items(
    trials: Trials, kept: np.ndarray, unit: str
) -> tuple[dict[str, list[Any]], tuple[Any, ...], np.ndarray]:
    """Keys and subjects of what is left out at a time, and the number of the item of every trial kept.

    Raises
    ------
    DataError
        An unknown unit, or but one item.
    """
    if unit not in UNITS:
        raise DataError(f"unit must be one of {quote(UNITS)}, not {unit!r}.")
    if unit == "session" and len(trials.roles.by) < 2:
        raise DataError(
            "The trials name no sessions, only subjects: take unit='subject', or name both in by=."
        )
    columns = {name: column[kept].tolist() for name, column in trials.key_frame().items()}
    names = list(columns)
    if unit != "trial":
        names = list(trials.roles.by[:1] if unit == "subject" else trials.roles.by)
    rows = list(zip(*(columns[name] for name in names), strict=True)) if names else []
    whose = [trials.subjects[index] for index in trials.layout.index[0][kept]]
    if unit == "trial":
        return {name: columns[name] for name in names}, tuple(whose), np.arange(len(whose))
    number = {key: index for index, key in enumerate(dict.fromkeys(rows))}
    if len(number) < 2:
        raise DataError(
            f"There is but one {unit}, so that nothing is left when it is left out. Take unit='trial'."
        )
    groups = np.array([number[row] for row in rows])
    first = [int(np.argmax(groups == index)) for index in range(len(number))]
    keys = {name: [columns[name][row] for row in first] for name in names}
    return keys, tuple(whose[row] for row in first), groups


def sum_by_group(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Log likelihoods of trials, of shape (draws, trials), added up by group."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    return np.add.reduceat(np.asarray(rows[:, order], float), starts, axis=1)


def standard_error_of_sum(values: np.ndarray) -> float:
    """Standard error of a sum of independent numbers."""
    return float(np.sqrt(len(values) * np.var(values, ddof=1))) if len(values) > 1 else 0.0


def integrate_members(samples: Samples) -> np.ndarray | None:
    """Log likelihood of every subject given the population, of shape (draws, subjects).

    None where there is no population, or where draws do not say all of it: effects of levels are not kept.
    """
    group = samples.problem.group
    if not samples.population or group is None or group.population.grouped:
        return None
    flat = samples.flat
    chosen = spread_evenly(len(flat), DRAWS)
    common = {name: draws.reshape(-1)[chosen] for name, draws in samples.population.items()}
    means, factors = member_distributions(group.population, common)
    points, densities = propose_points(flat)
    likelihoods = evaluate_points(samples, points)
    members = [
        log_integral(points[:, i], likelihoods[:, i] - densities[:, i], means[:, i], factors)
        for i in range(points.shape[1])
    ]
    return np.stack(members, axis=1)


def member_distributions(
    population: Population, common: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """What is expected of every subject, (draws, subjects, values), and Cholesky factors of the scatter."""
    names = population.parameters
    means: list[np.ndarray] = []
    for name, design in zip(names, population.designs, strict=True):
        coefficients = np.stack([common[f"{name}:{term}"] for term in design.terms], axis=-1)
        means.append(coefficients @ np.asarray(design.fixed).T)
    sds = np.stack([common[f"{name}:sd"] for name in names], axis=-1)
    correlation = np.tile(np.eye(len(names)), (len(sds), 1, 1))
    for one, first in enumerate(names):
        for other, second in enumerate(names):
            for label in (f"correlation({first},{second})", f"correlation({second},{first})"):
                if one != other and label in common:
                    correlation[:, one, other] = common[label]
    factors = sds[:, :, None] * np.linalg.cholesky(correlation)
    return np.stack(means, axis=-1), factors


def propose_points(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points around every subject's draws, of shape (points, subjects, values), and their log density."""
    flat = np.asarray(flat, float)
    size = flat.shape[-1]
    away = flat - flat.mean(axis=0)
    covariance = np.einsum("dui,duj->uij", away, away) / len(flat)
    factors = WIDER * np.linalg.cholesky(covariance + 1e-12 * np.eye(size))
    normal = ndtri(qmc.Sobol(size, scramble=False).fast_forward(1).random(POINTS))
    points = flat.mean(axis=0) + np.einsum("uij,pj->pui", factors, normal)
    slopes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    kernel = -0.5 * (normal**2).sum(axis=1) - 0.5 * size * np.log(2 * np.pi)
    return points, kernel[:, None] - slopes


def evaluate_points(samples: Samples, points: np.ndarray) -> np.ndarray:
    """Log likelihood of every subject at its points, of shape (points, subjects)."""
    model = samples.agent.model
    compute = partial(likelihoods_at_points, model, to_arrays(model, samples.trials))
    return np.concatenate(list(map_chunks(compute, samples.trials.layout, points)))


@jax.jit
def likelihoods_at_points(model: Model, sequences: Sequences, points: Array) -> Array:
    """Log likelihood of every subject, of shape (points, subjects)."""
    return jax.vmap(lambda point: plain_log_likelihoods(point, model, sequences))(points)


def log_integral(
    points: np.ndarray, weights: np.ndarray, means: np.ndarray, factors: np.ndarray
) -> np.ndarray:
    """Log of a subject's likelihood, integrated over each draw's normal distribution of its parameters."""
    inverse = np.linalg.inv(factors)
    expected = np.einsum("sij,sj->si", inverse, means)
    scores = np.einsum("sij,pj->spi", inverse, points) - expected[:, None]
    slopes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    kernel = -0.5 * (scores**2).sum(axis=-1) - 0.5 * points.shape[1] * np.log(2 * np.pi)
    return logsumexp(kernel - slopes[:, None] + weights, axis=-1) - np.log(len(points))
