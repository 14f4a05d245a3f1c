"""Laplace's method: modes of many posteriors, and the Gaussians that touch them there.

A *problem* is a posterior of its own: a subject with its data, say. All problems share their priors and the
function that is their log joint density. Searches go in units of the prior: its unconstrained standard
deviation around its unconstrained mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._core.modules import Module
from pynodes._inference.newton import Blocks, minimise_in_turn
from pynodes._inference.priors import AbstractPrior
from pynodes._inference.sharding import map_over_devices
from pynodes._typing import Array

LogJoint = Callable[[Array, Any], Array]
"""Log joint density of unconstrained numbers, of shape (numbers,), and of one problem's data."""

LIMIT = 100
"""Newton steps after which a search is given up; most take fewer than twenty."""

REGISTER = 32 if jax.__version_info__ >= (0, 12) else 256
"""Bytes that a processor computes with at once: loops over more are no longer one kernel. Before JAX 0.12
none are, and more at once share what it costs to begin a kernel."""

SAME = 1e-3
"""Searches that end so close, in nats, have found the same mode."""


class Modes(Module):
    """Where searches ended.

    Attributes
    ----------
    unconstrained
        The mode of every problem, of shape (problems, numbers).
    log_joint, log_likelihood
        Log density of data and mode together, and of the data at the mode.
    curvature
        Minus the second derivative of the log joint density, in units of the prior.
    converged
        Whether the search ended at a mode.
    agreeing
        How many of the refined searches found this mode.
    """

    unconstrained: Array
    log_joint: Array
    log_likelihood: Array
    curvature: Array
    converged: Array
    agreeing: Array


class LaplacePosterior(Module):
    """Gaussian approximations of some posteriors, in unconstrained space.

    Attributes
    ----------
    unconstrained
        The mode of every problem, of shape (problems, numbers).
    log_joint, log_likelihood
        Log density of data and mode together, and of the data at the mode.
    hessian
        Minus the second derivative of the log joint density.
    covariance
        Inverse of the Hessian.
    log_evidence
        Log marginal likelihood by Laplace's method.
    converged, definite
        Whether the search ended at a mode, and whether the Hessian is positive definite.
    agreeing
        How many of the refined searches found this mode.
    """

    unconstrained: Array
    log_joint: Array
    log_likelihood: Array
    hessian: Array
    covariance: Array
    log_evidence: Array
    converged: Array
    definite: Array
    agreeing: Array


class AbstractPosterior(Protocol):
    """A model of which posteriors are wanted: priors, a log joint density, and what values mean.

    Methods
    -------
    log_joint
        Log joint density of unconstrained numbers and of one problem's data.
    constrain
        What is reported of unconstrained numbers.
    """

    @property
    def priors(self) -> Sequence[AbstractPrior]: ...

    def log_joint(self, unconstrained: Array, data: Any, /) -> Array: ...

    def constrain(self, unconstrained: Array, /) -> Any: ...


def find_posteriors(
    model: AbstractPosterior, data: Any, key: Array, *, starts: int, refine: int
) -> tuple[LaplacePosterior, Any]:
    """Search for the posteriors of some problems, over all devices; also what is reported at their modes."""
    modes, values = map_over_devices(
        find_share_of_modes, (model, key), data, starts=starts, refine=min(refine, starts)
    )
    sd = np.array([float(np.asarray(prior.unconstrained_sd)) for prior in model.priors])
    return approximate_posteriors(modes, sd), values


def find_share_of_modes(common: tuple[Any, Array], data: Any, **settings: int) -> tuple[Modes, Any]:
    """The modes of the problems that one device has."""
    model, key = common
    return find_subject_modes(model, data, key, **settings)


@partial(jax.jit, static_argnames=("starts", "refine"))
def find_subject_modes(
    model: AbstractPosterior, data: Any, key: Array, *, starts: int, refine: int
) -> tuple[Modes, Any]:
    """The modes of some problems, each its own, and what is reported there."""
    modes = find_modes(model.log_joint, data, model.priors, key, starts=starts, refine=refine)
    return modes, model.constrain(modes.unconstrained)


def find_modes(
    log_joint: LogJoint,
    data: Any,
    priors: Sequence[AbstractPrior],
    key: Array,
    *,
    starts: int,
    refine: int,
    blocks: Blocks = (),
    by_differences: bool = False,
) -> Modes:
    """Search for the mode of every problem.

    Many starts are drawn from the prior and only looked at; the best are refined. All problems have the
    same starts, so that whoever is fitted beside one changes nothing.

    Parameters
    ----------
    log_joint
        Of one problem.
    data
        A tree of arrays whose first axis are the problems.
    priors
        Of every number.
    key
        Of the starts.
    starts, refine
        How many starts are looked at, and how many of these are followed to a mode.
    blocks
        Where the log joint density is a sum of parts that share no number: the numbers of each. It is then
        an array of the parts.
    by_differences
        Whether curvatures are differences of gradients; see :func:`minimise_in_turn`.
    """
    mean = jnp.stack([prior.unconstrained_mean for prior in priors])
    sd = jnp.stack([prior.unconstrained_sd for prior in priors])

    def objective(places: Array, problems: Array) -> Array:
        """Minus the log joint density of places in units of the prior, (..., workers, numbers)."""
        unconstrained = expand_dims_like(mean, places) + expand_dims_like(sd, places) * places
        own = jax.tree.map(lambda leaf: jnp.asarray(leaf)[problems], data)
        over = jax.vmap(log_joint)
        for _ in range(places.ndim - 2):
            over = jax.vmap(over, in_axes=(0, None))
        return -over(unconstrained, own)

    problems = jnp.arange(jax.tree.leaves(data)[0].shape[0])
    drawn = draw_starts(priors, key, starts, mean, sd)
    best = jnp.broadcast_to(jnp.arange(starts), (len(problems), starts))
    if refine < starts:
        every = jnp.broadcast_to(drawn[:, None], (starts, len(problems), drawn.shape[-1]))
        values = objective(every, problems)
        _, best = lax.top_k(-(jnp.sum(values, axis=-1) if blocks else values).T, refine)
    minima = minimise_in_turn(
        lambda places, lanes: objective(places, lanes // refine),
        drawn[best].reshape(-1, drawn.shape[-1]),
        LIMIT,
        workers=count_workers(drawn),
        blocks=blocks,
        by_differences=by_differences,
    )
    minima = jax.tree.map(lambda part: part.reshape(-1, refine, *part.shape[1:]), minima)
    lowest = jnp.argmin(minima.value, axis=1)

    def of_lowest(array: Array) -> Array:
        index = jnp.reshape(lowest, (-1, *(1,) * (array.ndim - 1)))
        return jnp.take_along_axis(array, index, axis=1)[:, 0]

    value, place = of_lowest(minima.value), of_lowest(minima.place)
    unconstrained = expand_dims_like(mean, place) + expand_dims_like(sd, place) * place
    return Modes(
        unconstrained=unconstrained,
        log_joint=-value,
        log_likelihood=-value - total_log_prior(priors, unconstrained),
        curvature=of_lowest(minima.hessian),
        converged=of_lowest(minima.converged),
        agreeing=jnp.sum(minima.value < value[:, None] + SAME, axis=1),
    )


def total_log_prior(priors: Sequence[AbstractPrior], unconstrained: Array) -> Array:
    """Log density of unconstrained numbers, which are the last axis, under their priors together."""
    parts = [p.unconstrained_log_density(unconstrained[..., i]) for i, p in enumerate(priors)]
    return sum(parts[1:], start=parts[0]) if parts else jnp.zeros(unconstrained.shape[:-1])


def draw_starts(
    priors: Sequence[AbstractPrior], key: Array, starts: int, mean: Array, sd: Array
) -> Array:
    """Starts in units of the prior, of shape (starts, numbers): its mean, and draws from it."""
    columns = [
        jax.vmap(prior.draw_unconstrained)(jax.random.split(own, starts - 1))
        for prior, own in zip(priors, jax.random.split(key, len(priors)), strict=True)
    ]
    drawn = jnp.stack(columns, axis=-1)
    drawn = (drawn - expand_dims_like(mean, drawn)) / expand_dims_like(sd, drawn)
    return jnp.concatenate([jnp.zeros((1, len(priors)), drawn.dtype), drawn])


def count_workers(places: Array) -> int:
    """How many searches go on at once: as many as fill a vector register, or on a GPU all."""
    return REGISTER // places.dtype.itemsize if jax.default_backend() == "cpu" else 10**9


def expand_dims_like(array: Array, batch: Array) -> Array:
    """An array with further axes before its own, to stand beside a batch of its kind."""
    return jnp.reshape(array, (*(1,) * (batch.ndim - array.ndim), *array.shape))


def approximate_posteriors(modes: Modes, sd: np.ndarray) -> LaplacePosterior:
    """Approximate posteriors by the Gaussians that touch them at their modes, as NumPy arrays.

    Parameters
    ----------
    modes
        Where the searches ended.
    sd
        Unconstrained standard deviations of the priors: the units of the curvatures.
    """
    curvature, log_joint = np.asarray(modes.curvature), np.asarray(modes.log_joint)
    sizes, axes, definite = repair_curvature(curvature, np.isfinite(log_joint))
    units = np.outer(sd, sd)
    half_log_det = 0.5 * np.sum(np.log(sizes), axis=-1) - np.sum(np.log(sd))
    exact = {
        "hessian": curvature / units,
        "covariance": np.einsum("...ik,...k,...jk->...ij", axes, 1 / sizes, axes) * units,
        "log_evidence": log_joint + 0.5 * len(sd) * np.log(2 * np.pi) - half_log_det,
    }
    arrays: dict[str, Any] = {
        "unconstrained": modes.unconstrained,
        "log_joint": log_joint,
        "log_likelihood": modes.log_likelihood,
        "converged": modes.converged,
        "definite": definite,
        "agreeing": modes.agreeing,
        **{name: array.astype(log_joint.dtype) for name, array in exact.items()},
    }
    return LaplacePosterior(**arrays)


def repair_curvature(
    curvature: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positive eigenvalues of curvatures in units of the prior, their axes, and whether none was repaired.

    In directions in which a curvature is not positive, it is taken to be that of the prior: one.
    """
    safe = np.where(known[:, None, None], curvature.astype(float), np.eye(curvature.shape[-1]))
    sizes, axes = np.linalg.eigh(safe)
    rounding = 10 * np.finfo(curvature.dtype).eps
    least = rounding * np.max(np.abs(sizes), axis=-1, keepdims=True)
    fine = sizes > least
    return np.where(fine, sizes, 1.0), axes, np.all(fine, axis=-1) & known
