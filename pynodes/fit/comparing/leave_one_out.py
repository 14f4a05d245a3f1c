"""LeaveOneOut: how well trials, sessions or subjects are predicted by a model that has not seen them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import DataError, listed
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes.fit.agent._binding import counted
from pynodes.fit.comparing._psis import left_out
from pynodes.fit.data._layout import described
from pynodes.fit.data.trials import Trials
from pynodes.fit.group._integrated import integrated
from pynodes.fit.sampling._diagnostics import RELIABLE
from pynodes.fit.sampling._draws import pointwise

if TYPE_CHECKING:
    import pandas

    from pynodes.fit.sampling.samples import Samples
    from pynodes.plotting.panels import Panels

UNITS = ("trial", "session", "subject")
"""What can be left out at a time."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LeaveOneOut:
    """Log predictive density of items, each left out in turn. Made by :meth:`pynodes.fit.Samples.loo`.

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
        return spread_of_sum(self.pointwise)

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
        """What may mislead, a sentence each; empty if nothing was found."""
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
            f"{described(tuple(self.keys), key).strip()}). {advice}"
        ]

    def plot(self, *, axes: Any = None) -> Panels:
        """Draw how influential items are; see :func:`pynodes.plotting.plot_influence`."""
        from pynodes.plotting import plot_influence

        return plot_influence(self, axes=axes)

    def __repr__(self) -> str:
        said = f"LeaveOneOut({len(self.pointwise)} {self.unit}s, elpd {self.elpd:.6g} "
        said += f"± {self.standard_error:.3g}, {self.effective_parameters:.3g} effective parameters"
        count = int((~self.reliable).sum())
        return said + (f"; {count} not reliable, see .problems())" if count else ")")


def leave_one_out(samples: Samples, unit: str, progress: bool | None) -> LeaveOneOut:
    """What every item would have been expected to be, had it been left out."""
    trials, model = samples.trials, samples.agent.model
    kept = counted(model, trials)
    keys, owners, groups = items(trials, kept, unit)
    with Progress(None, f"leaving out every {unit}", progress):
        likelihoods = of_members(samples, groups, trials.layout.place[0][kept], unit)
        if likelihoods is None:
            parts = list(pointwise(model, samples._flat, trials).values())
            rows = sum(parts[1:], start=parts[0])[:, kept]
            likelihoods = rows if unit == "trial" else summed(rows, groups)
        found = left_out(likelihoods)
    return LeaveOneOut(
        unit=unit,
        keys=keys,
        owners=owners,
        pointwise=found.elpd,
        effective=found.effective,
        pareto_k=found.shape,
        watanabe=found.watanabe,
        draws=len(likelihoods),
    )


def of_members(
    samples: Samples, groups: np.ndarray, units: np.ndarray, unit: str
) -> np.ndarray | None:
    """Log likelihood of items that are members of a population, their parameters integrated.

    None where an item shares its parameters with others, or where there is no population.
    """
    shared = dict(zip(units.tolist(), groups.tolist(), strict=True))
    if unit == "trial" or any(shared[u] != g for u, g in zip(units, groups, strict=True)):
        return None
    found = integrated(samples)
    if found is None:
        return None
    places = np.array(list(shared))
    return summed(found[:, places], np.array(list(shared.values())))


def items(
    trials: Trials, kept: np.ndarray, unit: str
) -> tuple[dict[str, list[Any]], tuple[Any, ...], np.ndarray]:
    """Keys and subjects of what is left out at a time, and the number of the item of every trial kept.

    Raises
    ------
    DataError
        An unknown unit, or but one item.
    """
    if unit not in UNITS:
        raise DataError(f"unit must be one of {listed(UNITS)}, not {unit!r}.")
    if unit == "session" and len(trials.roles.by) < 2:
        raise DataError(
            "The trials name no sessions, only subjects: take unit='subject', or name both in by=."
        )
    columns = {name: column[kept].tolist() for name, column in trials.key_frame().items()}
    names = list(columns)
    if unit != "trial":
        names = list(trials.roles.by[:1] if unit == "subject" else trials.roles.by)
    rows = list(zip(*(columns[name] for name in names), strict=True)) if names else []
    whose = [trials.subjects[place] for place in trials.layout.place[0][kept]]
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


def summed(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Log likelihoods of trials, of shape (draws, trials), added up by group."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    return np.add.reduceat(np.asarray(rows[:, order], float), starts, axis=1)


def spread_of_sum(values: np.ndarray) -> float:
    """Standard error of a sum of independent numbers."""
    return float(np.sqrt(len(values) * np.var(values, ddof=1))) if len(values) > 1 else 0.0
