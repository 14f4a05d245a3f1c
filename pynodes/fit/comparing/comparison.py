"""compare: the evidence of several agents for every subject, side by side."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, quote
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes.fit.agent.arrays import uncovered_rows
from pynodes.fit.data.trials import Trials
from pynodes.fit.mode.map_fit import MapFit
from pynodes.fit.sampling.leave_one_out import LeaveOneOut, standard_error_of_sum
from pynodes.fit.sampling.samples import Samples

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


CRITERIA = {"lme": 1.0, "aic": -0.5, "bic": -0.5}
"""What compares models, and what makes a log evidence of it."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AbstractComparison(abc.ABC):
    """How well several models do for every subject, in nats.

    Attributes
    ----------
    models, subjects
        Their names.
    evidence
        Log evidence, or what stands for it, of shape (subjects, models).
    criterion
        What it is: ``"lme"``, minus half of ``"aic"`` or ``"bic"``, or of ``"loo"`` the expected log
        predictive density.
    by
        The columns whose values name subjects, as ``by=`` of the trials said.
    """

    models: tuple[str, ...]
    subjects: tuple[Any, ...]
    evidence: np.ndarray
    criterion: str
    by: tuple[str, ...] = dataclasses.field(default=("subject",), kw_only=True)

    @property
    @abc.abstractmethod
    def fixed_effects(self) -> pandas.DataFrame:
        """A row per model, the best first, if one model is right for all subjects."""

    @property
    def table(self) -> pandas.DataFrame:
        """A row per subject, a column per model; the index has the names that ``by=`` of the trials gave.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        pd = extra("pandas")
        if len(self.by) > 1:
            index = pd.MultiIndex.from_tuples(self.subjects, names=self.by)
        else:
            index = pd.Index(self.subjects, tupleize_cols=False, name=next(iter(self.by)))
        return pd.DataFrame(self.evidence, columns=list(self.models), index=index)

    @property
    def group(self) -> np.ndarray:
        """Log evidence of every model, all subjects together, if one model is right for all of them."""
        return self.evidence.sum(axis=0)

    @property
    def probability(self) -> np.ndarray:
        """Probability of every model, if one is right for all subjects and all are as probable before."""
        away = self.group - self.group.max()
        return np.exp(away) / np.exp(away).sum()

    def plot(self, **options: Any) -> Panels:
        """Draw how far models are from the best; see :func:`pynodes.plotting.plot_comparison`."""
        from pynodes.plotting import plot_comparison

        return plot_comparison(self, **options)

    def __repr__(self) -> str:
        best = self.models[int(np.argmax(self.group))]
        count = len(self.subjects)
        return (
            f"{type(self).__name__}({count} subjects, {quote(self.models)}; {best!r} has the most)"
        )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison(AbstractComparison):
    """Log evidence of several models, by subject. Made by :func:`compare`.

    Attributes
    ----------
    models, subjects, evidence, criterion, by
        As of every comparison: names, log evidence of shape (subjects, models), which criterion it is, and
        what names subjects.
    """

    @property
    def fixed_effects(self) -> pandas.DataFrame:
        """A row per model, the best first: evidence, how far from the best, probability.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        frame = extra("pandas").DataFrame(
            {
                "model": list(self.models),
                "log_evidence": self.group,
                "difference": self.group - self.group.max(),
                "probability": self.probability,
            }
        )
        return frame.sort_values("log_evidence", ascending=False, ignore_index=True)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PredictiveComparison(AbstractComparison):
    """Model comparison by leave-one-out cross-validation. Made by :func:`compare` with ``by="loo"``.

    It can stand wherever a comparison by evidence can; ``probability`` are then weights.

    Attributes
    ----------
    parts
        By model, what every item was expected to be when it was left out.
    """

    parts: dict[str, LeaveOneOut]

    @property
    def fixed_effects(self) -> pandas.DataFrame:
        """A row per model, the best first.

        ``elpd``, the expected log predictive density, with its standard error; its ``difference`` from the
        best with the standard error of that, from how the items differ; the effective number of
        parameters; and how many items' estimates are not ``reliable``.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        best = self.parts[self.models[int(np.argmax(self.group))]]
        rows = [
            {
                "model": name,
                "elpd": part.elpd,
                "standard_error": part.standard_error,
                "difference": part.elpd - best.elpd,
                "difference_error": standard_error_of_sum(part.pointwise - best.pointwise),
                "effective_parameters": part.effective_parameters,
                "unreliable": int((~part.reliable).sum()),
            }
            for name, part in self.parts.items()
        ]
        frame = extra("pandas").DataFrame(rows)
        return frame.sort_values("elpd", ascending=False, ignore_index=True)

    def problems(self) -> list[str]:
        """Problems, a sentence each; empty if there are none."""
        return [f"{name}: {said}" for name, part in self.parts.items() for said in part.problems()]


@boundary
def compare(
    fits: Mapping[str, MapFit] | Mapping[str, Samples],
    *,
    by: str = "lme",
    unit: str = "trial",
    progress: bool | None = None,
) -> Comparison | PredictiveComparison:
    """Model comparison of several agents for the same trials: evidence, AIC, BIC or LOO.

    Parameters
    ----------
    fits
        What :func:`~pynodes.fit.fit_map` made of several agents, by name; for ``"loo"`` what a sampler did.
    by
        ``"lme"``, Laplace's evidence; ``"aic"`` or ``"bic"``, which look at the accuracy and the number
        of parameters alone; or ``"loo"``, how well each predicts what is left out.
    unit
        For ``"loo"``, what is left out at a time, as for :meth:`Samples.loo`.
    progress
        Whether to show progress of that; by default in a terminal or a notebook, once it takes a second.

    Raises
    ------
    DataError
        Fewer than two fits, an unknown criterion, fits of another kind, or to different trials.
    """
    if by not in (*CRITERIA, "loo"):
        raise DataError(f"Models are compared by {quote((*CRITERIA, 'loo'))}, not by {by!r}.")
    if not isinstance(fits, Mapping) or len(fits) < 2:
        raise DataError("Give two fits at least, by name, as fit_map({...}, trials) returns them.")
    check_kinds(fits, by)
    return compare_predictions(fits, unit, progress) if by == "loo" else compare_criterion(fits, by)


def check_kinds(fits: Mapping[str, Any], by: str) -> None:
    """Fits are of the kind that a criterion is for.

    Raises
    ------
    DataError
        One is of another.
    """
    kind, source = (Samples, "fit_nuts") if by == "loo" else (MapFit, "fit_map")
    for name, fit in fits.items():
        if not isinstance(fit, kind):
            raise DataError(
                f"by={by!r} compares what {source} makes, but {name!r} is a {type(fit).__name__}. Samples "
                "are compared by='loo', MAP fits by 'lme', 'aic' or 'bic', and neither with the other."
            )


def compare_predictions(
    fits: Mapping[str, Any], unit: str, progress: bool | None
) -> PredictiveComparison:
    """A comparison by how well is predicted what is left out."""
    parts: dict[str, LeaveOneOut] = {}
    with Progress(len(fits), "models", progress) as bar:
        for each, fit in fits.items():
            parts[each] = fit.loo(unit)
            bar.advance()
    name, first = next(iter(parts.items()))
    for other, part in parts.items():
        if part.keys != first.keys or not have_same_data(fits[other], fits[name]):
            raise DataError(
                f"{explain_difference(fits, other, name)} Predictions can be compared only if they are of "
                "the same responses."
            )
    subjects = tuple(dict.fromkeys(first.owners))
    indices = np.array([subjects.index(owner) for owner in first.owners])
    columns = [np.bincount(indices, part.pointwise) for part in parts.values()]
    return PredictiveComparison(
        models=tuple(fits),
        subjects=subjects,
        evidence=np.stack(columns, axis=1),
        criterion="loo",
        parts=parts,
        by=key_names(fits[name].trials),
    )


def compare_criterion(fits: Mapping[str, Any], by: str) -> Comparison:
    """A comparison by evidence, or what stands for it."""
    first = next(iter(fits.values()))
    for name, fit in fits.items():
        alike = fit.subjects == first.subjects and np.array_equal(fit._counts, first._counts)
        if not alike or not have_same_data(fit, first):
            raise DataError(
                f"{explain_difference(fits, name, next(iter(fits)))} Evidence can be compared only if it is "
                "for the same responses."
            )
    columns = [CRITERIA[by] * np.atleast_1d(getattr(fit, by)) for fit in fits.values()]
    return Comparison(
        models=tuple(fits),
        subjects=first.subjects,
        evidence=np.stack(columns, axis=1).astype(float),
        criterion=by,
        by=key_names(first.trials),
    )


def key_names(trials: Trials) -> tuple[str, ...]:
    """The columns that name subjects; ``"subject"`` where all is one series."""
    return trials.roles.subject_keys or ("subject",)


def have_same_data(one: Any, other: Any) -> bool:
    """Whether two fits are of the same responses, or without responses of the same inputs."""
    series = [scored_columns(one), scored_columns(other)]
    return set(series[0]) == set(series[1]) and all(
        np.array_equal(rows, series[1][name], equal_nan=True) for name, rows in series[0].items()
    )


def scored_columns(fit: Any) -> dict[str, np.ndarray]:
    """What a fit gives probabilities, by column; NaN where a covariate is missing, so that it gives none."""
    trials, model = fit.trials, fit.agent.model
    if model.response is None:
        return {c: trials.numbers(c) for names in trials.roles.inputs.values() for c in names}
    lacking = uncovered_rows(model, trials)
    return {
        column: np.where(trials.frozen | lacking[stream], np.nan, trials.numbers(column))
        for stream, (column, *_) in trials.roles.actions.items()
    }


def explain_difference(fits: Mapping[str, Any], other: str, name: str) -> str:
    """Why two fits are not of the same data, in words."""
    counts = [
        {
            column: int(np.sum(~np.isnan(rows)))
            for column, rows in scored_columns(fits[each]).items()
        }
        for each in (other, name)
    ]
    lacking = [
        fits[each].agent.model.response is not None
        and any(map(np.any, uncovered_rows(fits[each].agent.model, fits[each].trials).values()))
        for each in (other, name)
    ]
    if any(lacking) and len(fits[other].trials) == len(fits[name].trials):
        return (
            f"{other!r} and {name!r} give probabilities to different trials, {sum(counts[0].values())} and "
            f"{sum(counts[1].values())} responses, since covariates are missing in some. Leave the response "
            "out (NaN) of every trial in which a covariate of any model is missing."
        )
    return f"{other!r} was fitted to other subjects or trials than {name!r}."
