"""Random effects: how frequent every model is in a group, and whether groups differ in that.

Evidence comes from fits, or as a table from elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, nearest, quote
from pynodes._inference.random_effects import (
    Families,
    RandomEffects,
    check_prior_counts,
    family_members,
    infer_frequencies,
    model_evidence,
)
from pynodes._results.tables import extra
from pynodes.fit.comparing.comparison import AbstractComparison, Comparison
from pynodes.fit.data.frames import read_frame, read_numbers

if TYPE_CHECKING:
    import pandas

Evidence: TypeAlias = Any
"""A comparison, or a frame, or a mapping from models to log evidence by subject, or an array."""


@boundary
def random_effects_bms(
    comparison: AbstractComparison | Evidence,
    *,
    subject: str | None = None,
    families: Families | None = None,
    prior_counts: float | Mapping[str, float] | None = None,
) -> RandomEffects:
    """Random-effects Bayesian model selection: subjects may differ in their model.

    Bayesian model selection with random effects.

    Parameters
    ----------
    comparison
        Log evidence by subject and model: what :func:`compare` returns; or evidence from elsewhere, as a
        frame or a mapping with a column per model and a row per subject, or an array of shape (subjects,
        models). It is in nats, larger being better: of AIC and BIC give minus half.
    subject
        The column of a frame that names the subjects; by default its index does, or they are numbered.
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

    Examples
    --------
    >>> import pynodes as pn
    >>> evidence = {"hgf": [-60.2, -71.0, -66.1], "rw": [-63.0, -70.2, -69.9]}
    >>> pn.random_effects_bms(evidence).models
    ('hgf', 'rw')

    Source: Stephan et al. (2009), doi 10.1016/j.neuroimage.2009.03.025; families Penny et al. (2010), doi
    10.1371/journal.pcbi.1000709; omnibus risk and protected exceedance Rigoux et al. (2014), doi
    10.1016/j.neuroimage.2013.08.065. Exceedance is integrated, not sampled (docs/theory/evidence.md).
    """
    found = read_evidence(comparison, subject)
    return infer_frequencies(found.evidence, found.models, families, prior_counts)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class GroupComparison:
    """Whether groups of subjects differ in model frequencies. Made by :func:`compare_groups`.

    Attributes
    ----------
    groups
        Frequencies of the models in every group, by the group's name.
    together
        The same of all people, as if they were one group.
    log_evidence_apart, log_evidence_together
        Log evidence that every group has frequencies of its own, and that all have the same.
    """

    groups: dict[str, RandomEffects]
    together: RandomEffects
    log_evidence_apart: float
    log_evidence_together: float

    @property
    def log_bayes_factor(self) -> float:
        """Log evidence that groups differ, less that they do not."""
        return self.log_evidence_apart - self.log_evidence_together

    @property
    def probability(self) -> float:
        """Posterior probability that groups differ, from a prior of one half."""
        return float(1 / (1 + np.exp(np.clip(-self.log_bayes_factor, -700, 700))))

    @property
    def table(self) -> pandas.DataFrame:
        """A row per group and model.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        pd = extra("pandas")
        return pd.concat(
            {name: found.table for name, found in self.groups.items()}, names=["group"]
        )

    def __repr__(self) -> str:
        return (
            f"GroupComparison({quote(self.groups)}; they differ with probability "
            f"{self.probability:.3f})"
        )


@boundary
def compare_groups(
    comparison: AbstractComparison | Evidence,
    groups: Mapping[Any, Any] | Sequence[Any] | str,
    *,
    subject: str | None = None,
    families: Families | None = None,
    prior_counts: float | Mapping[str, float] | None = None,
) -> GroupComparison:
    """Compare groups of subjects, such as patients and controls, in their model frequencies.

    Two hypotheses are compared by their evidence: that models are as frequent in every group, and that
    each group has frequencies of its own.

    Parameters
    ----------
    comparison, subject, families, prior_counts
        As for :func:`random_effects_bms`.
    groups
        The group of every subject: by subject, or in their order; or the column of a frame that says it.

    Raises
    ------
    DataError
        A subject without group, fewer than two groups, or as for :func:`random_effects_bms`.

    Source: Rigoux et al. (2014), doi 10.1016/j.neuroimage.2013.08.065, section on comparison between groups.
    """
    column = groups if isinstance(groups, str) else None
    found = read_evidence(comparison, subject, column)
    labels = read_groups(comparison if column else groups, found, column)
    models = found.models
    prior = check_prior_counts(
        models, None if families is None else family_members(models, families), prior_counts
    )
    members = {
        name: np.array([label == name for label in labels]) for name in dict.fromkeys(labels)
    }
    parts = {name: found.evidence[rows] for name, rows in members.items()}
    if len(parts) < 2:
        raise DataError(f"Name two groups at least: all subjects are in {quote(parts)}.")

    def infer(evidence: np.ndarray) -> RandomEffects:
        return infer_frequencies(evidence, models, families, prior_counts)

    return GroupComparison(
        groups={str(name): infer(rows) for name, rows in parts.items()},
        together=infer(found.evidence),
        log_evidence_apart=sum(model_evidence(rows, prior) for rows in parts.values()),
        log_evidence_together=model_evidence(found.evidence, prior),
    )


def read_groups(given: Any, found: AbstractComparison, column: str | None) -> list[Any]:
    """The group of every subject of a comparison, in their order.

    Raises
    ------
    DataError
        One without group.
    """
    if column is not None:
        if isinstance(given, AbstractComparison):
            raise DataError(
                f"A comparison has no column {column!r}. Give groups by subject: {{'s1': 'patient', ...}}."
            )
        return read_frame(given)[column].tolist()
    if isinstance(given, Mapping):
        absent = [name for name in found.subjects if name not in given]
        if absent:
            raise DataError(f"groups has no group for {quote(absent)}.")
        return [given[name] for name in found.subjects]
    labels = np.asarray(given, object).tolist()
    if np.ndim(labels) != 1 or len(labels) != len(found.subjects):
        raise DataError(
            f"groups must say the group of each of {len(found.subjects)} subjects, not {len(labels)} of them."
        )
    return labels


def read_evidence(
    given: AbstractComparison | Evidence, subject: str | None = None, group: str | None = None
) -> AbstractComparison:
    """Log evidence by subject and model, all of it finite.

    Raises
    ------
    DataError
        Something else, or a number that is not finite.
    """
    found = (
        given
        if isinstance(given, AbstractComparison)
        else read_evidence_table(given, subject, group)
    )
    wrong = ~np.isfinite(found.evidence)
    if wrong.any():
        person, model = (int(index) for index in np.argwhere(wrong)[0])
        raise DataError(
            f"The evidence of {found.models[model]!r} for {found.by[0]} {found.subjects[person]!r} is "
            f"{found.evidence[person, model]:g}, and nothing can be said of its group. A fit that failed "
            "says why in .problems(); leave the subject out if it has no evidence."
        )
    return found


def read_evidence_table(given: Evidence, subject: str | None, group: str | None) -> Comparison:
    """A comparison made of a table from elsewhere.

    Raises
    ------
    DataError
        It has no row, no two models, or something that is no number.
    """
    if isinstance(given, np.ndarray | Sequence) and not isinstance(given, str):
        rows = np.asarray(given, float)
        if rows.ndim != 2:
            raise DataError(f"Log evidence has shape (subjects, models), not {rows.shape}.")
        given = {f"model {number}": rows[:, number] for number in range(rows.shape[1])}
    index = getattr(given, "index", None) if subject is None else None
    if getattr(index, "nlevels", 1) > 1:
        index = None
    name = subject or getattr(index, "name", None) or "subject"
    columns = read_frame(given)
    if subject is not None and subject not in columns:
        raise DataError(f"There is no column {subject!r}. {nearest(subject, columns)}")
    models = [column for column in columns if column not in (name, group)]
    if len(models) < 2:
        raise DataError(f"Give a column for each of two models at least, not {quote(models)}.")
    evidence = [read_numbers(columns, model, "a model's log evidence") for model in models]
    count = len(evidence[0])
    people = list(range(count) if index is None else index)
    if name in columns:
        people = columns[name].tolist()
    return Comparison(
        models=tuple(models),
        subjects=tuple(people),
        evidence=np.stack(evidence, axis=1),
        criterion="lme",
        by=(str(name),),
    )
