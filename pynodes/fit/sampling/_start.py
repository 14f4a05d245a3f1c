"""Start: where a sampler begins, and in which units, from what is found of a posterior without sampling."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from pynodes._errors import FilterError
from pynodes.fit._population import Population
from pynodes.fit.map import fit_map
from pynodes.fit.map_fit import MapFit
from pynodes.fit.sampling._problem import Problem
from pynodes.fit.sampling._target import AbstractTarget, Whitened

Frame = dict[str, np.ndarray]
"""Centre and scales of a :class:`Whitened` target, by name."""


def whitened(target: AbstractTarget, frame: Frame) -> Whitened:
    """A target seen in a frame."""
    centre, first, own = (jnp.asarray(frame[name]) for name in ("centre", "first", "own"))
    return Whitened(target=target, centre=centre, first=first, own=own)


def started(problem: Problem) -> tuple[dict[str, bool], Frame]:
    """Which parameters are centred, and the frame.

    Raises
    ------
    FilterError
        Filtering fails wherever one looks.
    """
    fit = fit_map(problem.agent, problem.trials)
    check_found(fit)
    if problem.group is None:
        return {}, frame_of_one(fit)
    return frame_of_many(fit, problem.group.population, problem.centred)


def centred_where_known(problem: Problem) -> dict[str, bool]:
    """Which parameters are centred, looked for only where it was not said."""
    if problem.group is None:
        return {}
    if len(problem.centred) == len(problem.agent.names):
        return problem.centred
    return started(problem)[0]


def check_found(fit: MapFit) -> None:
    """Every unit has a mode.

    Raises
    ------
    FilterError
        Filtering failed at every start of a unit.
    """
    lost = [
        subject
        for subject, density in zip(fit.subjects, fit.posterior.log_joint, strict=True)
        if not np.isfinite(density)
    ]
    if lost:
        who = f" of {lost[0]!r}" if len(fit) > 1 else ""
        raise FilterError(
            f"Filtering failed at every start{who}, so there is nothing to sample from. Choose priors of "
            "smaller volatilities, or another expansion than 'standard'."
        )


def frame_of_one(fit: MapFit) -> Frame:
    """Mode and covariance of a single unit's posterior, by Laplace's method."""
    centre = np.asarray(fit.posterior.position)[0]
    own = np.linalg.cholesky(fit.posterior.covariance)
    return {"centre": centre, "first": np.zeros((0, 0), centre.dtype), "own": own}


def frame_of_many(
    fit: MapFit, population: Population, wanted: dict[str, bool]
) -> tuple[dict[str, bool], Frame]:
    """The same of units and their population, by moments."""
    modes, covariances = np.asarray(fit.posterior.position), np.asarray(fit.posterior.covariance)
    designs = [np.asarray(design.fixed, float) for design in population.designs]
    coefficients, deviations, errors = [], [], []
    for index, design in enumerate(designs):
        weights = np.linalg.lstsq(design, modes[:, index], rcond=None)[0]
        rest = modes[:, index] - design @ weights
        deviation = max(rest.std(), 0.1 * float(population.spreads[index]))
        coefficients.append(weights)
        deviations.append(deviation)
        inverse = np.linalg.pinv(design.T @ design)
        errors.append(np.sqrt(np.diag(inverse)) * deviation)
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    auto = {
        name: bool(np.sqrt(np.median(variances[:, index])) < deviations[index])
        for index, name in enumerate(population.parameters)
    }
    centred = auto | wanted
    apart = population.recentred(centred)
    values: dict[str, Any] = apart.initial()
    dtype = values["log_deviations"].dtype
    values["coefficients"] = jnp.asarray(np.concatenate(coefficients), dtype)
    values["log_deviations"] = jnp.log(jnp.asarray(deviations, dtype))
    values["units"] = apart.unplaced(values, jnp.asarray(modes, dtype))
    scales: dict[str, Any] = {k: jax_like(v, 0.5) for k, v in values.items() if k != "units"}
    scales["coefficients"] = jnp.asarray(np.concatenate(errors), dtype)
    scales["log_deviations"] = jnp.full(len(deviations), 1 / np.sqrt(2 * fit.__len__()), dtype)
    units = np.array(
        [
            1.0 if centred[n] else 1 / d
            for n, d in zip(population.parameters, deviations, strict=True)
        ]
    )
    own = np.linalg.cholesky(covariances) * units[None, :, None]
    first = np.diag(np.asarray(ravel_pytree(scales)[0]))
    return centred, {"centre": np.asarray(ravel_pytree(values)[0]), "first": first, "own": own}


def jax_like(tree: Any, value: float) -> Any:
    """A tree of one value."""
    import jax

    return jax.tree.map(lambda leaf: jnp.full_like(leaf, value), tree)
