"""fit_smc: draw from the posterior, and estimate the evidence, by sequential Monte Carlo."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._core.modules import Module
from pynodes._errors import SamplingError
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes._typing import Array
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling.running import thread_pool_map
from pynodes.fit.sampling.samples import Samples
from pynodes.fit.sampling.start import choose_centring
from pynodes.fit.sampling.target import AbstractDrawablePosterior, make_problem

EFFECTIVE = 0.5
"""Share of the particles that a step toward the posterior leaves effective."""

MOVES, LEAPS = 4, 6
"""Hamiltonian moves of every particle between steps, and leaps of each."""

ACCEPTANCE = 0.8
"""Acceptance rate for which the size of leaps is adapted."""

IMPOSSIBLE = -1e10
"""What the log likelihood is at least, since blackjax finds no step among particles of none at all."""

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
    """Sample the posterior by sequential Monte Carlo (SMC), with the log evidence.

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
    centred = choose_centring(problem)
    target = problem.target(centred)
    keys = list(jax.random.split(jax.random.key(settings["seed"]), chains))
    with Progress(chains, "chains", progress) as bar, thread_pool_map(chains) as each:

        def run(key: Array) -> Particles:
            found = temper(target, key, draws)
            bar.advance(1)
            return found

        found = each(run, keys)
    places = jnp.stack([one.places for one in found])
    parameters, hyperparameters, stats = describe_particles(target, places)
    evidence, error = average_evidence(np.array([float(one.log_evidence) for one in found]))
    samples = Samples(
        problem=dataclasses.replace(problem, centred=centred),
        method="smc",
        unconstrained=np.asarray(parameters),
        population={name: np.asarray(values) for name, values in hyperparameters.items()},
        stats={name: np.asarray(values) for name, values in stats.items()},
        settings=settings,
        log_evidence=evidence,
        log_evidence_standard_error=error,
    )
    samples.check()
    return samples


class Particles(Module):
    """Places on their way from the prior to the posterior, of equal weights.

    Attributes
    ----------
    places
        Of shape (particles, places).
    power
        To which the likelihood counts: 0 under the prior, 1 under the posterior.
    step_size
        Of Hamiltonian moves, in standard deviations of the particles.
    log_evidence
        Of the steps so far.
    """

    places: Array
    power: Array
    step_size: Array
    log_evidence: Array


def temper(target: AbstractDrawablePosterior, key: Array, count: int) -> Particles:
    """So many particles that have gone from the prior to the posterior.

    Raises
    ------
    SamplingError
        They did not arrive, or nowhere is a likelihood.
    """
    first, later = jax.random.split(key)
    particles = draw_particles(target, first, count=count)
    steps = 0
    while float(particles.power) < 1.0 and steps < MOST:
        particles = temper_once(target, particles, jax.random.fold_in(later, steps))
        steps += 1
    if float(particles.power) < 1.0 or float(particles.log_evidence) < IMPOSSIBLE / 2:
        raise SamplingError(
            f"Nearly all draws from the priors are impossible, so that particles do not reach the posterior "
            f"(after {steps} steps the likelihood counts to the power {float(particles.power):.2g}). "
            "Give priors of smaller volatilities, and see fit_map(...).problems()."
        )
    return particles


@partial(jax.jit, static_argnames="count")
def draw_particles(target: AbstractDrawablePosterior, key: Array, *, count: int) -> Particles:
    """So many particles from the prior."""
    places = jax.vmap(target.draw_prior)(jax.random.split(key, count))
    zero = jnp.zeros((), places.dtype)
    return Particles(places=places, power=zero, step_size=zero + 0.5, log_evidence=zero)


@jax.jit
def temper_once(target: AbstractDrawablePosterior, particles: Particles, key: Array) -> Particles:
    """Particles under more of the likelihood: weighted, resampled and moved.

    Source: P. Del Moral, A. Doucet and A. Jasra (2006), doi 10.1111/j.1467-9868.2006.00553.x, with steps
    whose length follows from the effective number of particles. The parts are blackjax's. Its own order of
    them finds the length of a step before the particles are moved, and takes half as many steps again.
    """
    jittering, moving = jax.random.split(key)
    places, left = particles.places, 1 - particles.power
    likelihoods = jax.vmap(partial(floored_log_likelihood, target))(places)
    length = jnp.clip(
        extra("blackjax.smc.ess").ess_solver(
            lambda _: likelihoods, places, EFFECTIVE, left, extra("blackjax.smc.solver").dichotomy
        ),
        0,
        left,
    )
    power = jnp.where(length < left, particles.power + length, 1)
    log_weights = length * likelihoods
    weights = jax.nn.softmax(log_weights)
    # Particles that all went as far would return together where the posterior is nearly normal.
    jitter = jax.random.uniform(jittering, weights.shape, weights.dtype, 0.5, 1.5)
    metric = weighted_covariance(places, weights)
    moved, info = move_kernel()(
        moving,
        extra("blackjax.smc.base").SMCState(places, weights, {}),
        MOVES,
        {"step_size": particles.step_size * jitter, "inverse_mass_matrix": metric[None]},
        lambda place: target.log_prior(place) + power * floored_log_likelihood(target, place),
        lambda place: jnp.zeros((), place.dtype),
    )
    acceptance = jnp.mean(info.update_info.acceptance_rate)
    return Particles(
        places=moved.particles,
        power=power,
        step_size=particles.step_size * jnp.exp(acceptance - ACCEPTANCE),
        log_evidence=particles.log_evidence + jax.nn.logsumexp(log_weights) - jnp.log(weights.size),
    )


def floored_log_likelihood(target: AbstractDrawablePosterior, place: Array) -> Array:
    """The log likelihood at a place, finite where there is none."""
    return jnp.maximum(target.log_likelihood(place), IMPOSSIBLE)


def move_kernel() -> Any:
    """Blackjax's kernel that resamples particles and moves them by Hamiltonian dynamics."""
    hmc = extra("blackjax.mcmc.hmc")
    return extra("blackjax.smc.from_mcmc").build_kernel(
        partial(hmc.build_kernel(), num_integration_steps=LEAPS),
        hmc.init,
        extra("blackjax.smc.resampling").systematic,
    )


def weighted_covariance(places: Array, weights: Array) -> Array:
    """The covariance of weighted places, drawn a little to its diagonal."""
    covariance = jnp.atleast_2d(jnp.cov(places, rowvar=False, bias=True, aweights=weights))
    variances = jnp.diag(jnp.diagonal(covariance) + jnp.finfo(places.dtype).tiny)
    trust = places.shape[0] / (places.shape[0] + 5.0 * places.shape[1])
    return trust * covariance + (1 - trust + 1e-6) * variances


def average_evidence(evidence: np.ndarray) -> tuple[float, float]:
    """Log evidence from that of independent chains, with its standard error."""
    count = len(evidence)
    together = float(logsumexp(evidence) - np.log(count))
    relative = np.exp(evidence - together)
    error = float(relative.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    return together, error


@jax.jit
def describe_particles(
    target: AbstractDrawablePosterior, places: Array
) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    """Parameters, hyperparameters and log densities of places, of shape (chains, draws, places)."""

    def describe(place: Array) -> tuple[Array, dict[str, Array], dict[str, Array]]:
        likelihood = target.log_likelihood(place)
        stats = {"lp": target.log_prior(place) + likelihood, "log_likelihood": likelihood}
        return target.parameters(place), target.hyperparameters(place), stats

    return jax.vmap(jax.vmap(describe))(places)
