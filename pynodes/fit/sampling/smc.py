"""fit_smc: draw from the posterior, and estimate the evidence, by sequential Monte Carlo."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._errors import SamplingError
from pynodes._progress import Progress
from pynodes._runtime.series import positive
from pynodes._typing import Array
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling._particles import Particles, released, stepped
from pynodes.fit.sampling.running import thread_pool_map
from pynodes.fit.sampling.samples import Samples
from pynodes.fit.sampling.start import choose_centred
from pynodes.fit.sampling.target import AbstractPosterior, make_problem

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
    posterior is normal: a check of that of :func:`fit_map`. It is ``samples.log_evidence``, with
    ``samples.log_evidence_standard_error`` from independent chains.

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
        "seed": check_seed(seed),
        "chains": positive("chains", chains),
        "draws": positive("draws", draws),
    }
    problem = make_problem(agent, trials, formulas, covariance, parameterisation)
    centred = choose_centred(problem)
    target = problem.target(centred)
    keys = list(jax.random.split(jax.random.key(settings["seed"]), chains))
    with Progress(chains, "chains", progress) as bar, thread_pool_map(chains) as each:

        def run(key: Array) -> Particles:
            found = temper(target, key, draws)
            bar.advance(1)
            return found

        found = each(run, keys)
    places = jnp.stack([one.places for one in found])
    likelihoods = np.stack([np.asarray(one.likelihoods) for one in found])
    parameters, hyperparameters, priors = describe_particles(target, places)
    evidence, error = average_evidence(np.array([float(one.log_evidence) for one in found]))
    samples = Samples(
        problem=dataclasses.replace(problem, centred=centred),
        method="smc",
        unconstrained=np.asarray(parameters),
        population={name: np.asarray(values) for name, values in hyperparameters.items()},
        stats={"lp": np.asarray(priors) + likelihoods, "log_likelihood": likelihoods},
        settings=settings,
        log_evidence=evidence,
        log_evidence_standard_error=error,
    )
    samples.check()
    return samples


def temper(target: AbstractPosterior, key: Array, count: int) -> Particles:
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


def average_evidence(evidence: np.ndarray) -> tuple[float, float]:
    """Log evidence from that of independent chains, with its standard error."""
    count = len(evidence)
    together = float(logsumexp(evidence) - np.log(count))
    relative = np.exp(evidence - together)
    error = float(relative.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    return together, error


@jax.jit
def describe_particles(
    target: AbstractPosterior, places: Array
) -> tuple[Array, dict[str, Array], Array]:
    """Parameters, hyperparameters and log prior densities of places, of shape (chains, draws, places)."""

    def one(place: Array) -> tuple[Array, dict[str, Array], Array]:
        return target.parameters(place), target.hyperparameters(place), target.log_prior(place)

    return jax.vmap(jax.vmap(one))(places)
