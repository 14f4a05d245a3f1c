"""fit_pathfinder: draws from a normal distribution that is near the posterior."""

from __future__ import annotations

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
from pynodes.fit._seeds import seeded
from pynodes.fit.agent.agent import Agent
from pynodes.fit.comparing._psis import smoothed
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling._chains import begun
from pynodes.fit.sampling._crew import crew
from pynodes.fit.sampling._diagnostics import RELIABLE
from pynodes.fit.sampling._drawn import Drawn
from pynodes.fit.sampling._problem import posed
from pynodes.fit.sampling._start import started, whitened
from pynodes.fit.sampling._target import Whitened
from pynodes.fit.sampling.samples import Samples

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
    """Draws from the posterior by variational inference: quick, and as good as a normal distribution can be.

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
    The draws. ``samples.drawn.settings`` has ``pareto_k``, the shape of the tail of the weights, and the
    evidence lower bound ``elbo`` of every way.

    Raises
    ------
    DataError, ParameterError, InputError, FilterError, MissingExtraError
        As for :func:`fit_nuts`.
    """
    settings: dict[str, Any] = {
        "seed": seeded(seed),
        "chains": positive("chains", chains),
        "draws": positive("draws", draws),
    }
    problem = posed(agent, trials, formulas, covariance, parameterisation)
    centred, frame = started(problem)
    target = whitened(problem.target(centred), frame)
    choosing, *keys = jax.random.split(jax.random.key(settings["seed"]), chains + 1)
    with Progress(None, "finding ways to the posterior", progress), crew(chains) as each:
        found = each(lambda key: followed(target, key, count=MORE * draws), keys)
    places, densities, weights, bounds = (np.stack(column) for column in zip(*found, strict=True))
    kept, shape = chosen(choosing, weights.ravel(), chains * draws)
    settings |= problem.settings | {"centred": centred, "pareto_k": shape}
    settings |= {"elbo": [float(bound) for bound in bounds]}
    if not shape <= RELIABLE:
        warnings.warn(unreliable(shape), SamplingWarning, stacklevel=3)
    return Samples(
        agent,
        trials,
        drawn_from(
            target,
            places.reshape(-1, places.shape[-1])[kept].reshape(chains, draws, -1),
            densities.ravel()[kept].reshape(chains, draws),
            settings,
        ),
    )


@partial(jax.jit, static_argnames="count")
def followed(target: Whitened, key: Array, *, count: int) -> tuple[Array, Array, Array, Array]:
    """Draws from the best normal distribution on a way down: places, densities, log weights and bound.

    Source: L. Zhang, B. Carpenter, A. Gelman and A. Vehtari (2022), JMLR 23(306).
    """
    pathfinder = extra("blackjax.vi.pathfinder")
    beginning, going, drawing = jax.random.split(key, 3)
    start = begun(target, beginning).place
    state, _ = pathfinder.approximate(going, target.log_density, start)
    places, proposed = pathfinder.sample(drawing, state, count)
    densities = jax.lax.map(target.log_density, places, batch_size=100)
    return places, densities, densities - proposed, state.elbo + target.log_volume()


def chosen(key: Array, weights: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Numbers of draws, chosen by their smoothed weights, and the shape of the tail of these."""
    possible = np.where(np.isfinite(weights), weights, -np.inf).astype(float)
    smooth, shape = smoothed(possible[None])
    # The largest of sums with Gumbel variables are draws by weight, none of them twice.
    chance = np.asarray(jax.random.gumbel(key, smooth[0].shape), float)
    best = np.argsort(-(smooth[0] + chance), kind="stable")[:count]
    return best, float(shape[0])


def drawn_from(
    target: Whitened, places: np.ndarray, densities: np.ndarray, settings: dict[str, Any]
) -> Drawn:
    """Places as draws."""

    def described(place: Array) -> tuple[Array, dict[str, Array]]:
        return target.positions(place), target.common(place)

    positions, common = jax.jit(jax.vmap(jax.vmap(described)))(jnp.asarray(places))
    return Drawn(
        positions=np.asarray(positions),
        population={name: np.asarray(values) for name, values in common.items()},
        stats={"lp": densities},
        method="pathfinder",
        settings=settings,
    )


def unreliable(shape: float) -> str:
    """What a long tail means."""
    return (
        f"No normal distribution is near the posterior: the weights of its draws have a tail of shape "
        f"{shape:.2f}, above {RELIABLE:g}, so that means and intervals are not to be relied on. Use fit_nuts."
    )
