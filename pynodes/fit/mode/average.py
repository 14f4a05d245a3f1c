"""Parameter average: one posterior for a whole group whose members share their parameters."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np

from pynodes._errors import DataError
from pynodes.fit.agent.agent import Agent
from pynodes.fit.mode.map_fit import MapFit
from pynodes.fit.mode.problems import check_own_prior


@dataclasses.dataclass(frozen=True, eq=False)
class ParameterAverage:
    """The posterior of parameters that all subjects share, in unconstrained space.

    Attributes
    ----------
    agent
        Whose parameters.
    mean, covariance
        In the order of the agent's free values.
    """

    agent: Agent
    mean: np.ndarray
    covariance: np.ndarray

    @property
    def estimates(self) -> dict[str, float]:
        """The value at the mean of every free parameter, by name."""
        found = self.agent.model.constrain(jnp.asarray(self.mean))
        return {name: float(value) for name, value in found.items()}


def parameter_average(fit: MapFit) -> ParameterAverage:
    """Bayesian parameter average: the product of the subjects' posteriors, the prior counted once.

    Precisions add, and means are weighted by them. It is the posterior of parameters that are the same for
    all subjects, as far as the posteriors are Gaussian; for subjects who differ it says too little about
    how much they do.

    Parameters
    ----------
    fit
        A fit to several subjects.

    Raises
    ------
    DataError
        A subject whose search failed, whose posterior therefore is none; or precisions that, less those of
        the priors that are counted too often, are none.
    """
    check_own_prior(fit)
    posterior, agent = fit.posterior, fit.agent
    fine = posterior.converged & posterior.definite
    if not fine.all():
        raise DataError(
            f"The fit of subject {fit.subjects[int(np.argmin(fine))]!r} is not sound. See .problems() of the "
            "fit, and take the others with trials.only(...)."
        )
    priors = list(agent.priors.values())
    centre = np.array([float(prior.unconstrained_mean) for prior in priors])
    prior = np.diag([1 / float(prior.unconstrained_sd) ** 2 for prior in priors])
    surplus = len(fit) - 1
    precision = posterior.hessian.sum(axis=0) - surplus * prior
    if np.min(np.linalg.eigvalsh(precision)) <= 0:
        raise DataError(
            "The subjects' posteriors together are less informative than their common prior, so that their "
            "average is not defined: in some direction their Hessians are smaller than its precision."
        )
    weighted = np.einsum("sij,sj->i", posterior.hessian, posterior.unconstrained)
    mean = np.linalg.solve(precision, weighted - surplus * prior @ centre)
    return ParameterAverage(agent=agent, mean=mean, covariance=np.linalg.inv(precision))
