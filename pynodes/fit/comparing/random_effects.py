"""random_effects_bms: how frequent every model is among subjects who may differ in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, listed
from pynodes._results.tables import extra
from pynodes.fit.comparing._counts import attributed, chance_energy, exceeding, free_energy
from pynodes.fit.comparing.comparison import Comparison

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


Families = Mapping[str, Sequence[str]]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RandomEffects:
    """How frequent models are among subjects. Made by :func:`random_effects_bms`.

    Attributes
    ----------
    models
        Their names.
    prior_counts, counts
        Dirichlet counts of the models, before and after the data.
    attributions
        Probability of every model for every subject, of shape (subjects, models).
    omnibus_risk
        Probability that all models are equally frequent (or as the prior has it) and what looks like a
        difference is chance.
    families
        The families, if there are any.
    """

    models: tuple[str, ...]
    prior_counts: np.ndarray
    counts: np.ndarray
    attributions: np.ndarray
    omnibus_risk: float
    families: RandomEffects | None = None

    @property
    def frequencies(self) -> np.ndarray:
        """Expected frequency of every model."""
        return self.counts / self.counts.sum()

    @property
    def exceedance(self) -> np.ndarray:
        """Probability of every model to be more frequent than all others."""
        return exceeding(self.counts)

    @property
    def protected_exceedance(self) -> np.ndarray:
        """The same, allowing for the risk that none is more frequent."""
        risk = self.omnibus_risk
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

    def plot(self, *, credible: float = 0.9, axes: Any = None) -> Panels:
        """Draw how frequent models are, and how surely; see :func:`pynodes.plotting.plot_frequencies`."""
        from pynodes.plotting import plot_frequencies

        return plot_frequencies(self, credible=credible, axes=axes)

    def __repr__(self) -> str:
        shares = zip(self.models, self.frequencies, strict=True)
        said = ", ".join(f"{name} {share:.3f}" for name, share in shares)
        return f"RandomEffects({said}; omnibus risk {self.omnibus_risk:.3g})"


@boundary
def random_effects_bms(
    comparison: Comparison,
    *,
    families: Families | None = None,
    prior_counts: float | Mapping[str, float] | None = None,
) -> RandomEffects:
    """Bayesian model selection for groups in which the right model may differ between subjects.

    Parameters
    ----------
    comparison
        Log evidence by subject and model.
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
    if not isinstance(comparison, Comparison):
        raise DataError(f"Give a comparison, as compare() makes it, not {comparison!r}.")
    evidence, models = comparison.evidence, comparison.models
    wrong = ~np.isfinite(evidence)
    if wrong.any():
        subject, model = (int(place) for place in np.argwhere(wrong)[0])
        raise DataError(
            f"The evidence of {models[model]!r} for subject {comparison.subjects[subject]!r} is "
            f"{evidence[subject, model]:g}: its fit failed, and nothing can be said of its group. See "
            ".problems() of the fit."
        )
    groups = None if families is None else members(models, families)
    prior = counts_before(models, groups, prior_counts)
    counts, shares = attributed(evidence, prior)
    gain = free_energy(evidence, prior, counts, shares) - chance_energy(evidence, prior)
    risk = float(1 / (1 + np.exp(np.clip(gain, -700, 700))))
    found = RandomEffects(
        models=models,
        prior_counts=prior,
        counts=counts,
        attributions=shares,
        omnibus_risk=risk,
    )
    if groups is None:
        return found
    together = RandomEffects(
        models=tuple(groups),
        prior_counts=summed(prior, groups),
        counts=summed(counts, groups),
        attributions=summed(shares, groups),
        omnibus_risk=risk,
    )
    return dataclasses.replace(found, families=together)


def members(models: tuple[str, ...], families: Families) -> dict[str, list[int]]:
    """The places of every family's models.

    Raises
    ------
    DataError
        A model that is in none, in two, or unknown.
    """
    every = [name for names in families.values() for name in names]
    if sorted(every) != sorted(models) or not all(families.values()):
        raise DataError(
            f"Every model belongs to one family: the models are {listed(models)}, those of the families "
            f"{listed(every)}."
        )
    return {family: [models.index(name) for name in names] for family, names in families.items()}


def counts_before(
    models: tuple[str, ...], groups: dict[str, list[int]] | None, given: Any
) -> np.ndarray:
    """Dirichlet counts before the data.

    Raises
    ------
    DataError
        Counts that are not positive, or not of these models.
    """
    if given is None:
        groups = {name: [place] for place, name in enumerate(models)} if groups is None else groups
        found = np.empty(len(models))
        for places in groups.values():
            found[places] = 1 / (len(groups) * len(places))
        return found
    if isinstance(given, Mapping):
        if set(given) != set(models):
            raise DataError(f"prior_counts are for {listed(given)}, the models {listed(models)}.")
        given = [given[name] for name in models]
    found = np.broadcast_to(np.asarray(given, float), (len(models),)).copy()
    if not np.all((found > 0) & np.isfinite(found)):
        raise DataError(f"prior_counts must be positive, not {given!r}.")
    return found


def summed(values: np.ndarray, groups: dict[str, list[int]]) -> np.ndarray:
    """Sums over the members of every family, along the last axis."""
    return np.stack([values[..., places].sum(axis=-1) for places in groups.values()], axis=-1)
