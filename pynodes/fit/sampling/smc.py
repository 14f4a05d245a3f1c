"""fit_smc: draws from the posterior, and the evidence, by sequential Monte Carlo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._errors import SamplingError
from pynodes._progress import Progress
from pynodes._runtime.series import positive
from pynodes._typing import Array
from pynodes.fit._seeds import seeded
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling._crew import crew
from pynodes.fit.sampling._drawn import Drawn
from pynodes.fit.sampling._particles import Particles, released, stepped
from pynodes.fit.sampling._problem import posed
from pynodes.fit.sampling._start import centred_where_known
from pynodes.fit.sampling._target import AbstractPosterior
from pynodes.fit.sampling.samples import Samples

MOST = 500
"""Steps after which particles are given up that have not reached the posterior."""


@boundary
def fit_smc(
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
    """Draws from the posterior by particles that come from the prior, with the log evidence on the way.

    Slower than :func:`fit_nuts`, but it finds several modes, and its evidence does not suppose that the
    posterior is normal: a check of that of :func:`fit_map`. It is in ``samples.drawn.settings``:
    ``log_evidence``, with ``log_evidence_error``, its standard error, from independent chains.

    Parameters
    ----------
    agent, trials, formulas, covariance, parameterisation
        As for :func:`fit_nuts`.
    chains, draws
        Number of independent runs, and of particles in each.
    seed
        Of everything random.
    progress
        Whether to show progress; by default in a terminal or a notebook, once it takes a second.

    Returns
    -------
    The draws: particles, none of which came before another.

    Raises
    ------
    DataError, ParameterError, InputError
        As for :func:`fit_nuts`.
    SamplingError
        Particles that did not reach the posterior, since there hardly is a likelihood.
    """
    settings = {
        "seed": seeded(seed),
        "chains": positive("chains", chains),
        "draws": positive("draws", draws),
    }
    problem = posed(agent, trials, formulas, covariance, parameterisation)
    centred = centred_where_known(problem)
    target = problem.target(centred)
    keys = list(jax.random.split(jax.random.key(settings["seed"]), chains))
    with Progress(chains, "chains", progress) as bar, crew(chains) as each:

        def run(key: Array) -> Particles:
            found = through(target, key, draws)
            bar.advance(1)
            return found

        found = each(run, keys)
    evidence = np.array([float(one.log_evidence) for one in found])
    settings |= problem.settings | {"centred": centred} | combined(evidence)
    samples = Samples(agent, trials, drawn_from(target, found, settings))
    samples.check()
    return samples


def through(target: AbstractPosterior, key: Array, count: int) -> Particles:
    """Particles that have gone from the prior to the posterior.

    Raises
    ------
    SamplingError
        They did not arrive.
    """
    first, later = jax.random.split(key)
    particles = released(target, first, count=count)
    for number in range(MOST):
        if float(particles.share) == 1.0:
            return particles
        particles = stepped(target, particles, jax.random.fold_in(later, number))
    raise SamplingError(
        f"After {MOST} steps the particles are still far from the posterior (its likelihood counts to the "
        f"power {float(particles.share):.2g}). Nearly all draws from the priors are impossible: give priors "
        "of smaller volatilities, and see fit_map(...).problems()."
    )


def combined(evidence: np.ndarray) -> dict[str, Any]:
    """Log evidence from that of independent chains, with its standard error."""
    count = len(evidence)
    together = float(logsumexp(evidence) - np.log(count))
    relative = np.exp(evidence - together)
    error = float(relative.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    return {"log_evidence": together, "log_evidence_error": error}


def drawn_from(
    target: AbstractPosterior, chains: list[Particles], settings: dict[str, Any]
) -> Drawn:
    """Particles as draws."""
    places = jnp.stack([one.places for one in chains])
    likelihoods = np.stack([np.asarray(one.likelihoods) for one in chains])
    positions, common, priors = described(target, places)
    return Drawn(
        positions=np.asarray(positions),
        population={name: np.asarray(values) for name, values in common.items()},
        stats={"lp": np.asarray(priors) + likelihoods, "log_likelihood": likelihoods},
        method="smc",
        settings=settings,
    )


@jax.jit
def described(target: AbstractPosterior, places: Array) -> tuple[Array, dict[str, Array], Array]:
    """Positions, what is common, and log prior densities of places, of shape (chains, draws, places)."""

    def one(place: Array) -> tuple[Array, dict[str, Array], Array]:
        return target.positions(place), target.common(place), target.log_prior(place)

    return jax.vmap(jax.vmap(one))(places)
