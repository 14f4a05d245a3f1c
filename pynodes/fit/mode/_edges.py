"""Edges: estimates that lie where they should not be relied on, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from pynodes._errors import DataError
from pynodes.fit.agent._binding import bound, situated
from pynodes.fit.agent._failures import told
from pynodes.fit.agent._sharding import over_devices
from pynodes.fit.mode import _laplace
from pynodes.fit.prior._scales import Logit

if TYPE_CHECKING:
    from pynodes.fit.mode.map_fit import MapFit

REMOTE = 4.0
"""Prior standard deviations from the prior's centre beyond which an estimate is remote."""

NEAR = 7.0
"""Size of a logit from which a value is at its bound: within a thousandth of the range."""

ALIKE = 0.95
"""Posterior correlation from which two parameters can hardly be told apart."""


def at_bound(fit: MapFit) -> np.ndarray:
    """Which estimates lie within a thousandth of the range from a bound, of those between two."""
    bounded = [isinstance(prior.scale, Logit) for prior in fit.agent.priors.values()]
    return (np.abs(fit.posterior.position) > NEAR) & np.array(bounded)


def remote(fit: MapFit) -> np.ndarray:
    """Which estimates lie farther from the prior's centre than it supposes."""
    priors = fit.agent.priors.values()
    centre, spread = (
        np.array([getattr(prior, which) for prior in priors]) for which in ("centre", "spread")
    )
    return np.abs(fit.posterior.position - centre) > REMOTE * spread


def fragile(fit: MapFit) -> np.ndarray:
    """Beside which estimates filtering fails, a posterior standard deviation away."""
    model, found = fit.agent.model, fit.posterior
    deviations = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    return over_devices(
        _laplace.fragile, model, (bound(model, fit.trials), found.position, deviations)
    )


def problems(fit: MapFit) -> list[str]:
    """What went wrong or may mislead, a sentence each."""
    edges = at_bound(fit), remote(fit), fit._fragile
    return [
        said
        for index in range(len(fit))
        for said in of_one(fit, index, *(which[index] for which in edges))
    ]


def of_one(
    fit: MapFit, index: int, bounded: np.ndarray, far: np.ndarray, failing: np.ndarray
) -> Iterator[str]:
    """The problems of one subject, of whose estimates some lie at a bound, far out, or near a failure."""
    found = fit.posterior
    said = fit.trials.described(fit.subjects[index])
    who = f"{said[0].upper()}{said[1:]}: " if fit.trials.roles.by else ""
    if fit._counts[index] == 0:
        yield f"{who}no trial bears on the likelihood, so that estimates are the prior's modes."
    if not np.isfinite(found.log_joint[index]):
        centre = np.array([float(prior.centre) for prior in fit.agent.priors.values()])
        yield (
            f"{who}filtering failed at every start{failing_at(fit, index, centre)}. Choose priors of smaller "
            "volatilities, more starts, or another expansion than 'standard'; check_priors() counts failures."
        )
        return
    if not found.converged[index]:
        yield f"{who}the search did not end at a mode. Give more starts, or priors that say more."
    if not found.definite[index]:
        yield (
            f"{who}the Hessian is not positive definite: some direction is fixed neither by data nor by "
            "priors. The evidence takes the prior's curvature there and is not to be relied on."
        )
    for place, name in enumerate(fit.names):
        if bounded[place]:
            yield f"{who}{name!r} is at a bound of its prior; its posterior is not Gaussian there."
        if far[place]:
            yield (
                f"{who}{name!r} is more than {REMOTE:g} prior standard deviations from where the prior "
                "expects it. Look whether prior or model suits this subject."
            )
        if failing[place]:
            yield (
                f"{who}one posterior standard deviation from the estimate of {name!r} filtering fails"
                f"{beside(fit, index, place)}: the evidence counts a region that is not there."
            )
    yield from confounded(fit, index, who)


def beside(fit: MapFit, index: int, place: int) -> str:
    """Where filtering fails one posterior standard deviation from an estimate, in words."""
    for sign in (1.0, -1.0):
        position = np.array(fit.posterior.position[index])
        position[place] += sign * np.sqrt(fit.posterior.covariance[index, place, place])
        said = failing_at(fit, index, position)
        if said:
            return said
    return ""


def failing_at(fit: MapFit, index: int, position: Any) -> str:
    """In which trial of a subject filtering fails at a position, in words; empty if in none."""
    model = fit.agent.model
    values = model.constrained(jnp.asarray(position))
    where = told(model, values, fit.trials, situated(model, fit.trials), index)
    return "" if where is None else f" ({where})"


def confounded(fit: MapFit, index: int, who: str) -> Iterator[str]:
    """Pairs of parameters that the data do not tell apart."""
    covariance = fit.posterior.covariance[index]
    deviations = np.sqrt(np.diagonal(covariance))
    correlation = covariance / np.outer(deviations, deviations)
    for one in range(len(fit.names)):
        for other in range(one + 1, len(fit.names)):
            if abs(correlation[one, other]) > ALIKE:
                yield (
                    f"{who}{fit.names[one]!r} and {fit.names[other]!r} correlate by "
                    f"{correlation[one, other]:.2f} in the posterior: the data hardly tell them apart."
                )


def check_own_prior(fit: MapFit) -> None:
    """A fit is under the agent's own priors.

    Raises
    ------
    DataError
        Its prior is a population.
    """
    if fit.settings.get("prior") == "population":
        raise DataError(
            "These estimates have their population for a prior, which cannot be taken out of them again. Fit "
            "the same trials with fit_map, under the agent's own priors."
        )
