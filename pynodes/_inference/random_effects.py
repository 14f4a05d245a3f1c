"""Random-effects model comparison: how frequent every model is among subjects who may differ in it.

Arrays are NumPy's in double precision, whatever JAX is set to: probabilities near one matter here. No
library that pynodes requires has it. Exceedance probabilities are integrated, in 0.04 seconds for ten
models, where the toolboxes of the field draw a million samples: ten times as long, for three digits.

Source: Stephan et al. (2009), doi 10.1016/j.neuroimage.2009.03.025; families Penny et al. (2010), doi
10.1371/journal.pcbi.1000709; omnibus risk and protected exceedance Rigoux et al. (2014), doi
10.1016/j.neuroimage.2013.08.065.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import digamma, gammainc, gammaln, logsumexp

from pynodes._errors import DataError, quote
from pynodes._results.tables import extra

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels

Families = Mapping[str, Sequence[str]]
"""Names of the models of every family."""

PASSES = 10_000
"""The iteration ends long before; its fixed point attracts geometrically."""

GRID_STEP = 0.01
"""Step of the grid over the logarithm on which exceedance is integrated."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RandomEffects:
    """Frequencies of models among subjects. Made by :func:`pynodes.random_effects_bms`.

    Attributes
    ----------
    models
        Their names.
    prior_counts, counts
        Dirichlet counts of the models, before and after the data.
    posterior_model_probabilities
        Probability of every model for every subject, of shape (subjects, models).
    bayesian_omnibus_risk
        Probability that all models are equally frequent (or as the prior has it) and what looks like a
        difference is chance (BOR).
    families
        The families, if there are any.
    """

    models: tuple[str, ...]
    prior_counts: np.ndarray
    counts: np.ndarray
    posterior_model_probabilities: np.ndarray
    bayesian_omnibus_risk: float
    families: RandomEffects | None = None

    @property
    def frequencies(self) -> np.ndarray:
        """Expected frequency of every model."""
        return self.counts / self.counts.sum()

    @property
    def exceedance(self) -> np.ndarray:
        """Probability of every model to be more frequent than all others."""
        return exceedance_probabilities(self.counts)

    @property
    def protected_exceedance(self) -> np.ndarray:
        """The same, allowing for the risk that none is more frequent."""
        risk = self.bayesian_omnibus_risk
        return self.exceedance * (1 - risk) + risk / len(self.models)

    @property
    def table(self) -> pandas.DataFrame:
        """A row per model.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        return extra("pandas").DataFrame(
            {
                "model": list(self.models),
                "frequency": self.frequencies,
                "exceedance": self.exceedance,
                "protected_exceedance": self.protected_exceedance,
            }
        )

    def plot(self, **options: Any) -> Panels:
        """Draw how frequent models are, and how surely; see :func:`pynodes.plotting.plot_frequencies`."""
        from pynodes.plotting import plot_frequencies

        return plot_frequencies(self, **options)

    def __repr__(self) -> str:
        shares = zip(self.models, self.frequencies, strict=True)
        shown = ", ".join(f"{name} {share:.3f}" for name, share in shares)
        return f"RandomEffects({shown}; Bayesian omnibus risk {self.bayesian_omnibus_risk:.3g})"


def infer_frequencies(
    log_evidence: np.ndarray,
    models: tuple[str, ...],
    families: Families | None = None,
    prior_counts: float | Mapping[str, float] | None = None,
) -> RandomEffects:
    """Infer how frequent models are from their log evidence for every subject.

    Parameters
    ----------
    log_evidence
        Of shape (subjects, models), finite.
    models
        Names of the models.
    families
        Names of the models of every family; every model belongs to one. The result's ``.families`` then
        says of families what the rest says of models.
    prior_counts
        Dirichlet counts before the data: one for every model, or by model. By default they sum to one, the
        same for every family and within it for every model.

    Raises
    ------
    DataError
        Families that do not divide the models, counts that are not positive.
    """
    groups = None if families is None else family_members(models, families)
    prior = check_prior_counts(models, groups, prior_counts)
    counts, probabilities = infer_counts(log_evidence, prior)
    bound = free_energy(log_evidence, prior, counts, probabilities)
    gain = bound - null_log_evidence(log_evidence, prior)
    risk = float(1 / (1 + np.exp(np.clip(gain, -700, 700))))
    result = RandomEffects(models, prior, counts, probabilities, risk)
    if groups is None:
        return result
    together = RandomEffects(
        models=tuple(groups),
        prior_counts=sum_over_families(prior, groups),
        counts=sum_over_families(counts, groups),
        posterior_model_probabilities=sum_over_families(probabilities, groups),
        bayesian_omnibus_risk=risk,
    )
    return dataclasses.replace(result, families=together)


def model_evidence(log_evidence: np.ndarray, prior: np.ndarray) -> float:
    """Log evidence that subjects share the frequencies of their models: its variational lower bound."""
    return free_energy(log_evidence, prior, *infer_counts(log_evidence, prior))


def infer_counts(log_evidence: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dirichlet counts of the models, and the probability of every model for every subject.

    The variational solution of Stephan et al. (2009), equation 14.
    """
    counts = prior + len(log_evidence) * prior / prior.sum()
    for _ in range(PASSES):
        now = prior + model_probabilities(log_evidence, counts).sum(axis=0)
        change = np.max(np.abs(now - counts))
        counts = now
        if change < 1e-13 * counts.sum():
            break
    return counts, model_probabilities(log_evidence, counts)


def model_probabilities(log_evidence: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Probability of every model for every subject, given counts."""
    scores = log_evidence + expected_log_frequencies(counts)
    return np.exp(scores - logsumexp(scores, axis=1, keepdims=True))


def expected_log_frequencies(counts: np.ndarray) -> np.ndarray:
    """Expected logarithms of Dirichlet frequencies."""
    return digamma(counts) - digamma(counts.sum())


def free_energy(
    log_evidence: np.ndarray, prior: np.ndarray, counts: np.ndarray, probabilities: np.ndarray
) -> float:
    """Lower bound of the log evidence that models differ between subjects."""
    logs = expected_log_frequencies(counts)
    entropy = -np.sum(probabilities * np.log(np.where(probabilities > 0, probabilities, 1.0)))
    expected = np.sum(probabilities * (log_evidence + logs)) + entropy
    divergence = log_normaliser(prior) - log_normaliser(counts) + np.sum((counts - prior) * logs)
    return float(expected - divergence)


def log_normaliser(counts: np.ndarray) -> float:
    """Log normaliser of a Dirichlet density."""
    return float(np.sum(gammaln(counts)) - gammaln(counts.sum()))


def null_log_evidence(log_evidence: np.ndarray, prior: np.ndarray) -> float:
    """Log evidence that all models are as frequent as expected, differences being chance."""
    each: Any = logsumexp(log_evidence + np.log(prior / prior.sum()), axis=1)
    return float(np.sum(each))


def exceedance_probabilities(counts: np.ndarray) -> np.ndarray:
    """Probability of every model that it is the most frequent one.

    Dirichlet frequencies are gamma variables over their sum, so that the largest is that of the largest
    gamma variable: an integral over one number, on a grid of its logarithm, where trapezia converge
    geometrically.
    """
    if len(counts) == 1:
        return np.ones(1)
    largest = counts.max()
    end = np.log(largest + 12 * np.sqrt(largest) + 60)
    logs = np.arange(-40 / counts.min(), end, GRID_STEP)
    logs = logs[logs > -700]
    values = np.exp(logs)
    below = np.stack([gammainc(count, values) for count in counts])
    densities = np.exp(counts[:, None] * logs - values - gammaln(counts)[:, None])
    integrals = [
        np.sum(densities[k] * np.prod(np.delete(below, k, axis=0), axis=0))
        for k in range(len(counts))
    ]
    # What the grid leaves out on the left, where all are small, goes the same way.
    return np.array(integrals) / np.sum(integrals)


def family_members(models: tuple[str, ...], families: Families) -> dict[str, list[int]]:
    """The indices of every family's models.

    Raises
    ------
    DataError
        A model that is in none, in two, or unknown.
    """
    every = [name for names in families.values() for name in names]
    if sorted(every) != sorted(models) or not all(families.values()):
        raise DataError(
            f"Every model belongs to one family: the models are {quote(models)}, those of the families "
            f"{quote(every)}."
        )
    return {family: [models.index(name) for name in names] for family, names in families.items()}


def check_prior_counts(
    models: tuple[str, ...], groups: dict[str, list[int]] | None, given: Any
) -> np.ndarray:
    """Dirichlet counts before the data, by model.

    Raises
    ------
    DataError
        Counts that are not positive, or not of these models.
    """
    if given is None:
        groups = {name: [index] for index, name in enumerate(models)} if groups is None else groups
        counts = np.empty(len(models))
        for members in groups.values():
            counts[members] = 1 / (len(groups) * len(members))
        return counts
    if isinstance(given, Mapping):
        if set(given) != set(models):
            raise DataError(f"prior_counts are for {quote(given)}, the models {quote(models)}.")
        given = [given[name] for name in models]
    counts = np.broadcast_to(np.asarray(given, float), (len(models),)).copy()
    if not np.all((counts > 0) & np.isfinite(counts)):
        raise DataError(f"prior_counts must be positive, not {given!r}.")
    return counts


def sum_over_families(values: np.ndarray, groups: dict[str, list[int]]) -> np.ndarray:
    """Sums over the members of every family, along the last axis."""
    return np.stack([values[..., members].sum(axis=-1) for members in groups.values()], axis=-1)
