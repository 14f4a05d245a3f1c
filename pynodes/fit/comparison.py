"""compare: the evidence of several agents for every subject, side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import DataError, listed
from pynodes._results.tables import extra
from pynodes.fit.map_fit import MapFit

if TYPE_CHECKING:
    import pandas

CRITERIA = {"lme": 1.0, "aic": -0.5, "bic": -0.5}
"""What compares models, and what makes a log evidence of it."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Log evidence of several models, by subject. Made by :func:`compare`.

    Attributes
    ----------
    models, subjects
        Their names.
    evidence
        Log evidence, or what stands for it, of shape (subjects, models), in nats.
    criterion
        What it is: ``"lme"``, or minus half of ``"aic"`` or ``"bic"``.
    """

    models: tuple[str, ...]
    subjects: tuple[Any, ...]
    evidence: np.ndarray
    criterion: str

    @property
    def table(self) -> pandas.DataFrame:
        """A row per subject, a column per model.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        pd = extra("pandas")
        index = pd.Index(self.subjects, name="subject")
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

    def __repr__(self) -> str:
        best = self.models[int(np.argmax(self.group))]
        return f"Comparison({len(self.subjects)} subjects, {listed(self.models)}; {best!r} has the most)"


def compare(fits: Mapping[str, MapFit], *, by: str = "lme") -> Comparison:
    """The evidence of several agents for the same trials.

    Parameters
    ----------
    fits
        What :func:`~pynodes.fit.fit_map` made of several agents, by name.
    by
        ``"lme"``, Laplace's evidence; or ``"aic"`` or ``"bic"``, which look at the accuracy and the number
        of parameters alone.

    Raises
    ------
    DataError
        Fewer than two fits, an unknown criterion, or fits to different trials.
    """
    if by not in CRITERIA:
        raise DataError(f"Models are compared by {listed(CRITERIA)}, not by {by!r}.")
    if not isinstance(fits, Mapping) or len(fits) < 2:
        raise DataError("Give two fits at least, by name, as fit_map({...}, trials) returns them.")
    first = next(iter(fits.values()))
    for name, fit in fits.items():
        if fit.subjects != first.subjects or not np.array_equal(fit._counts, first._counts):
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
    )
