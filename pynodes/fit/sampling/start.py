"""Start: where a sampler begins, and in which units, from what is found of a posterior without sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from pynodes._errors import FilterError
from pynodes.fit.group.em import estimate_group
from pynodes.fit.group.group_fit import GroupFit
from pynodes.fit.mode.map import fit_map
from pynodes.fit.mode.map_fit import MapFit
from pynodes.fit.sampling.target import AbstractTarget, Problem, Whitened

Frame = dict[str, np.ndarray]
"""Mode and scales of a :class:`Whitened` target, by name."""

STARTS = 4
"""From so many starts a single subject's mode is looked for. All are refined: to look at more first would
take longer, since that is a program of its own to be compiled."""

LEAST = 1e-4
"""Smallest standard deviation, and smallest variance in a direction beside those of single numbers, that is
used."""


def whiten_target(target: AbstractTarget, frame: Frame) -> Whitened:
    """A target seen in a frame."""
    mode, shared, own = (jnp.asarray(frame[name]) for name in ("mode", "shared", "own"))
    return Whitened(target=target, mode=mode, shared=shared, own=own)


def find_frame(problem: Problem) -> tuple[dict[str, bool], Frame]:
    """Which parameters are centred, and the frame.

    Raises
    ------
    FilterError
        Filtering fails wherever one looks.
    """
    if problem.group is None:
        fit = fit_map(problem.agent, problem.trials, starts=STARTS, refine=STARTS)
        check_found(fit.subjects, fit.posterior.log_joint)
        return {}, frame_of_subject(fit)
    group = estimate_group(problem.agent, problem.trials, problem.group)
    check_found(group.subjects, group.result.sites.log_likelihood)
    return frame_of_group(group, problem.centred)


def choose_centring(problem: Problem) -> dict[str, bool]:
    """Which parameters are centred, looked for only where it was not said."""
    if problem.group is None:
        return {}
    if len(problem.centred) == len(problem.agent.names):
        return problem.centred
    return find_frame(problem)[0]


def check_found(subjects: Sequence[object], densities: Any) -> None:
    """Every subject has a density somewhere.

    Raises
    ------
    FilterError
        Filtering failed wherever one looked.
    """
    lost = [who for who, known in zip(subjects, np.isfinite(densities), strict=True) if not known]
    if lost:
        who = f" of {lost[0]!r}" if len(subjects) > 1 else ""
        raise FilterError(
            f"Filtering failed at every start{who}, so there is nothing to sample from. Choose priors of "
            "smaller volatilities, or another expansion than 'standard'."
        )


def frame_of_subject(fit: MapFit) -> Frame:
    """Mode and covariance of a single subject's posterior, by Laplace's method."""
    mode = np.asarray(fit.posterior.unconstrained)[0]
    own = np.linalg.cholesky(fit.posterior.covariance)
    return {"mode": mode, "shared": np.zeros((0, 0), mode.dtype), "own": own}


def frame_of_group(fit: GroupFit, wanted: dict[str, bool]) -> tuple[dict[str, bool], Frame]:
    """The same of subjects and their population, as Laplace-EM finds them."""
    centred = fit.centred | wanted
    coordinates = fit.coordinates(centred)
    mode = np.asarray(ravel_pytree(coordinates)[0])
    # Standardised differences are parameters in units of the population's standard deviation.
    scales = [1.0 if centred[name] else 1 / fit.population_sds[name] for name in fit.names]
    inverse = np.linalg.inv(np.asarray(fit.result.state.scale, float))
    hessians = np.asarray(fit.result.sites.curvature, float) + inverse.T @ inverse
    own = factorise(np.linalg.inv(hessians)) * np.array(scales)[None, :, None]
    frame = {"mode": mode, "shared": factorise(fit.population_covariance), "own": own}
    return centred, {name: array.astype(mode.dtype) for name, array in frame.items()}


def factorise(covariances: np.ndarray) -> np.ndarray:
    """Triangular factors of some covariances, each made positive definite where it is not."""
    covariances = np.asarray(covariances, float)
    sds = np.sqrt(np.maximum(np.diagonal(covariances, axis1=-2, axis2=-1), LEAST**2))
    outer = sds[..., :, None] * sds[..., None, :]
    sizes, axes = np.linalg.eigh(covariances / outer)
    repaired = np.einsum("...ik,...k,...jk->...ij", axes, np.maximum(sizes, LEAST), axes)
    return np.linalg.cholesky(repaired * outer)
