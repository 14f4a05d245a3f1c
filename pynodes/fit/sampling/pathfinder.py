"""fit_pathfinder: draw from normal distributions that are near the posterior."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import SamplingWarning
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes._typing import Array
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling.chains import start_chain
from pynodes.fit.sampling.diagnostics import check_weights
from pynodes.fit.sampling.running import thread_pool_map
from pynodes.fit.sampling.samples import Samples
from pynodes.fit.sampling.start import find_frame, whiten_target
from pynodes.fit.sampling.target import Whitened, make_problem
from pynodes.fit.sampling.weights import smooth_weights

MORE = 4
"""So many times as many draws are made as are kept."""


@boundary
def fit_pathfinder(
    agent: Agent,
    trials: Trials,
    *,
    formulas: Mapping[str, str] | None = None,
    covariance: str = "diagonal",
    parameterisation: str | Mapping[str, str] = "auto",
    chains: int = 4,
    draws: int = 1000,
    seed: int = 0,
    progress: bool | None = None,
) -> Samples:
    """Sample the posterior by Pathfinder (variational inference): fast normal approximations.

    From every start one goes down to the mode; of the normal distributions that the way suggests the
    nearest to the posterior is drawn from, and draws are chosen by their weights. Where these cannot
    make up for the difference, a warning says so.

    Parameters
    ----------
    agent, trials, formulas, covariance, parameterisation
        As for :func:`fit_nuts`.
    chains, draws
        Number of ways, and of draws for each. Draws are of all ways together, in a random order.
    seed
        Of everything random.
    progress
        Whether to show that it goes on; by default in a terminal or a notebook, once it takes a second.

    Returns
    -------
    The draws. ``samples.pareto_k`` is the shape of the tail of the weights, ``samples.elbo`` the evidence
    lower bound of every path.

    Raises
    ------
    DataError, ParameterError, InputError, FilterError, MissingExtraError
        As for :func:`fit_nuts`.
    """
    settings: dict[str, Any] = {
        "seed": check_seed(seed),
        "chains": positive("chains", chains),
        "draws": positive("draws", draws),
    }
    problem = make_problem(agent, trials, formulas, covariance, parameterisation)
    centred, frame = find_frame(problem)
    target = whiten_target(problem.target(centred), frame)
    choosing, *keys = jax.random.split(jax.random.key(settings["seed"]), chains + 1)
    with (
        Progress(None, "finding paths to the posterior", progress),
        thread_pool_map(chains) as each,
    ):
        found = each(lambda key: follow_path(target, key, count=MORE * draws), keys)
    places, densities, weights, bounds = (np.stack(column) for column in zip(*found, strict=True))
    kept, shape = resample(choosing, weights.ravel(), chains * draws)
    chosen = places.reshape(-1, places.shape[-1])[kept].reshape(chains, draws, -1)
    parameters, hyperparameters = describe_places(target, jnp.asarray(chosen))
    samples = Samples(
        problem=dataclasses.replace(problem, centred=centred),
        method="pathfinder",
        unconstrained=np.asarray(parameters),
        population={name: np.asarray(values) for name, values in hyperparameters.items()},
        stats={"lp": densities.ravel()[kept].reshape(chains, draws)},
        settings=settings,
        elbo=tuple(float(bound) for bound in bounds),
        pareto_k=shape,
    )
    for sentence in check_weights(samples):
        warnings.warn(sentence, SamplingWarning, stacklevel=3)
    return samples


@partial(jax.jit, static_argnames="count")
def follow_path(target: Whitened, key: Array, *, count: int) -> tuple[Array, Array, Array, Array]:
    """Draws from the best normal distribution on a path: places, densities, log weights and bound.

    One path is blackjax's. Its function for several maps one program over them, which takes twice as long
    to compile and no less to run; here every path has a thread.

    Source: L. Zhang, B. Carpenter, A. Gelman and A. Vehtari (2022), JMLR 23(306).
    """
    pathfinder = extra("blackjax.vi.pathfinder")
    beginning, going, drawing = jax.random.split(key, 3)
    start = start_chain(target, beginning).state.position
    state, _ = pathfinder.approximate(going, target.log_density, start)
    places, proposed = pathfinder.sample(drawing, state, count)
    densities = jax.lax.map(target.log_density, places, batch_size=100)
    return places, densities, densities - proposed, state.elbo + target.log_volume()


def resample(key: Array, log_weights: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Numbers of draws, chosen by their smoothed weights and none twice, and the Pareto k of the weights."""
    possible = np.where(np.isfinite(log_weights), log_weights, -np.inf).astype(float)
    smooth, shape = smooth_weights(possible[None])
    weights = jnp.asarray(np.exp(smooth[0]))
    chosen = jax.random.choice(key, weights.size, (count,), replace=False, p=weights)
    return np.asarray(chosen), float(shape[0])


@jax.jit
def describe_places(target: Whitened, places: Array) -> tuple[Array, dict[str, Array]]:
    """Parameters and hyperparameters of places of shape (chains, draws, places)."""

    def describe(place: Array) -> tuple[Array, dict[str, Array]]:
        return target.parameters(place), target.hyperparameters(place)

    return jax.vmap(jax.vmap(describe))(places)
