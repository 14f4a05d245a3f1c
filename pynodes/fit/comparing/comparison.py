"""compare: the evidence of several agents for every subject, side by side, and how frequent each is."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, listed
from pynodes._inference.random_effects import Families, RandomEffects, infer_frequencies
from pynodes._progress import Progress
from pynodes._results.tables import extra
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
    key
        What the trials call a subject.
    """

    models: tuple[str, ...]
    subjects: tuple[Any, ...]
    evidence: np.ndarray
    criterion: str
    key: str = dataclasses.field(default="subject", kw_only=True)

    @property
    @abc.abstractmethod
    def fixed_effects(self) -> pandas.DataFrame:
        """A row per model, the best first, if one model is right for all subjects."""

    @property
    def table(self) -> pandas.DataFrame:
        """A row per subject, a column per model.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        pd = extra("pandas")
        index = pd.Index(self.subjects, tupleize_cols=False, name=self.key)
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

    def plot(self, *, axes: Any = None) -> Panels:
        """Draw how far models are from the best; see :func:`pynodes.plotting.plot_comparison`."""
        from pynodes.plotting import plot_comparison

        return plot_comparison(self, axes=axes)

    def __repr__(self) -> str:
        best = self.models[int(np.argmax(self.group))]
        count = len(self.subjects)
        return (
            f"{type(self).__name__}({count} subjects, {listed(self.models)}; {best!r} has the most)"
        )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison(AbstractComparison):
    """Log evidence of several models, by subject. Made by :func:`compare`.

    Attributes
    ----------
    models, subjects, evidence, criterion
        As of every comparison: names, log evidence of shape (subjects, models), and which criterion it is.
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
    """How well several models predict what they have not seen. Made by :func:`compare` with ``by="loo"``.

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
        """What may mislead, a sentence each; empty if nothing was found."""
        return [f"{name}: {said}" for name, part in self.parts.items() for said in part.problems()]


@boundary
def compare(
    fits: Mapping[str, MapFit] | Mapping[str, Samples],
    *,
    by: str = "lme",
    unit: str = "trial",
    progress: bool | None = None,
) -> Comparison | PredictiveComparison:
    """How probable, or how good at predicting, several agents are for the same trials.

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
        raise DataError(f"Models are compared by {listed((*CRITERIA, 'loo'))}, not by {by!r}.")
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
                f"{other!r} was fitted to other subjects or trials than {name!r}. Predictions can be "
                "compared only if they are of the same responses."
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
        key=key_of_subjects(fits[name].trials, subjects),
    )


def compare_criterion(fits: Mapping[str, Any], by: str) -> Comparison:
    """A comparison by evidence, or what stands for it."""
    first = next(iter(fits.values()))
    for name, fit in fits.items():
        alike = fit.subjects == first.subjects and np.array_equal(fit._counts, first._counts)
        if not alike or not have_same_data(fit, first):
            raise DataError(
                f"{name!r} was fitted to other subjects or trials than {next(iter(fits))!r}. Evidence can be "
                "compared only if it is for the same responses."
            )
    columns = [CRITERIA[by] * np.atleast_1d(getattr(fit, by)) for fit in fits.values()]
    return Comparison(
        models=tuple(fits),
        subjects=first.subjects,
        evidence=np.stack(columns, axis=1).astype(float),
        criterion=by,
        key=key_of_subjects(first.trials, first.subjects),
    )


def key_of_subjects(trials: Any, subjects: tuple[Any, ...]) -> str:
    """The column that names subjects, where one does."""
    names = tuple(trials.roles.subject_keys)
    return names[0] if len(names) == 1 and subjects == tuple(trials.subjects) else "subject"


def have_same_data(one: Any, other: Any) -> bool:
    """Whether two fits are of the same responses, or without responses of the same inputs."""
    series = [scored_columns(one), scored_columns(other)]
    return set(series[0]) == set(series[1]) and all(
        np.array_equal(rows, series[1][name], equal_nan=True) for name, rows in series[0].items()
    )


def scored_columns(fit: Any) -> dict[str, np.ndarray]:
    """What a fit gives probabilities, by column."""
    trials = fit.trials
    named = trials.roles.inputs if fit.agent.response is None else trials.roles.actions
    return {name: trials.numbers(name) for names in named.values() for name in names}


@boundary
def random_effects_bms(
    comparison: AbstractComparison | Any,
    *,
    families: Families | None = None,
    prior_counts: float | Mapping[str, float] | None = None,
) -> RandomEffects:
    """Compare models of a group in which the right model may differ between subjects.

    Bayesian model selection with random effects.

    Parameters
    ----------
    comparison
        Log evidence by subject and model: a comparison, or a table of evidence from elsewhere, a frame of
        pandas with a row per subject and a column per model.
    families
        Names of the models of every family; every model belongs to one. The result's ``.families`` then
        says of families what the rest says of models.
    prior_counts
        Dirichlet counts before the data: one for every model, or by model. By default they sum to one, the
        same for every family and within it for every model, as in the VBA toolbox; SPM has 1 per model.

    Raises
    ------
    DataError
        Evidence that is not finite, families that do not divide the models, counts that are not positive.

    Source: Stephan et al. (2009), doi 10.1016/j.neuroimage.2009.03.025; families Penny et al. (2010), doi
    10.1371/journal.pcbi.1000709; omnibus risk and protected exceedance Rigoux et al. (2014), doi
    10.1016/j.neuroimage.2013.08.065. Exceedance is integrated, not sampled (docs/theory/evidence.md).
    """
    comparison = as_comparison(comparison)
    evidence, models = comparison.evidence, comparison.models
    wrong = ~np.isfinite(evidence)
    if wrong.any():
        subject, model = (int(index) for index in np.argwhere(wrong)[0])
        raise DataError(
            f"The evidence of {models[model]!r} for subject {comparison.subjects[subject]!r} is "
            f"{evidence[subject, model]:g}: its fit failed, and nothing can be said of its group. See "
            ".problems() of the fit."
        )
    return infer_frequencies(evidence, models, families, prior_counts)


def as_comparison(given: Any) -> AbstractComparison:
    """A comparison, or a table of evidence as one.

    Raises
    ------
    DataError
        Something else, or a table that does not hold numbers for two models at least.
    """
    if isinstance(given, AbstractComparison):
        return given
    if not (hasattr(given, "columns") and hasattr(given, "index") and hasattr(given, "to_numpy")):
        raise DataError(
            "Give a comparison, as compare() makes it, or a table of log evidence as a frame of pandas with "
            f"a row per subject and a column per model, not a {type(given).__name__}."
        )
    models = tuple(map(str, given.columns))
    try:
        evidence = given.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            "The table of evidence holds something else than numbers. Make the subjects its index, as in "
            "table.set_index('subject')."
        ) from error
    if len(models) < 2 or len(set(models)) < len(models) or not len(evidence):
        raise DataError(
            f"The table of evidence has the columns {listed(models)} and {len(evidence)} rows. Give a column "
            "per model, two at least, and a row per subject."
        )
    return Comparison(
        models=models,
        subjects=tuple(given.index),
        evidence=evidence,
        criterion="lme",
        key=str(given.index.name or "subject"),
    )
