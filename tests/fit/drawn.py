"""Draws that the tests of samples share: from Gaussians, as if these were the posteriors of small data."""

from __future__ import annotations

from functools import cache

import numpy as np

from pynodes._inference.laplace import LaplacePosterior
from pynodes.fit import MapFit, Samples, Trials
from pynodes.fit.sampling.target import Problem
from tests.fit import cases

CHAINS, DRAWS = 4, 250


def gaussian_draws(agent, trials, seed=0, chains=CHAINS, draws=DRAWS, population=False):
    """Samples as if posteriors were Gaussians around the priors' centres, and the sampler perfect."""
    random = np.random.default_rng(seed)
    mean = np.array([float(prior.unconstrained_mean) for prior in agent.priors.values()])
    sd = np.array([float(prior.unconstrained_sd) for prior in agent.priors.values()])
    shape = chains, draws, len(trials.subjects), len(mean)
    unconstrained = mean + 0.4 * sd * random.normal(size=shape)
    common = {}
    if population:
        for index, name in enumerate(agent.names):
            common[f"{name}:Intercept"] = unconstrained[..., index].mean(axis=-1)
            common[f"{name}:scale(age / 10)"] = random.normal(size=(chains, draws))
            common[f"{name}:sd"] = np.exp(0.1 * random.normal(size=(chains, draws)))
    return Samples(
        problem=Problem(agent=agent, trials=trials),
        method="nuts",
        unconstrained=unconstrained,
        population=common,
        stats=statistics(random, chains, draws),
        settings={"seed": seed, "chains": chains, "draws": draws, "tune": 100},
    )


def gaussian_modes(agent, trials, seed=0):
    """A fit that nobody computed: modes near the priors' centres, with the priors' covariance."""
    random = np.random.default_rng(seed)
    mean = np.array([float(prior.unconstrained_mean) for prior in agent.priors.values()])
    sd = np.array([float(prior.unconstrained_sd) for prior in agent.priors.values()])
    subjects, free = len(trials.subjects), len(mean)
    modes = mean + 0.4 * sd * random.normal(size=(subjects, free))
    fitted = np.ones(subjects, bool)
    return MapFit(
        agent=agent,
        trials=trials,
        posterior=LaplacePosterior(
            unconstrained=modes,
            log_joint=-10.0 - random.random(subjects),
            log_likelihood=-8.0 - random.random(subjects),
            hessian=np.tile(np.diag(sd**-2), (subjects, 1, 1)),
            covariance=np.tile(np.diag(sd**2), (subjects, 1, 1)),
            log_evidence=-12.0 - random.random(subjects),
            converged=fitted,
            definite=fitted,
            agreeing=fitted.astype(int),
        ),
        values={
            name: np.asarray(prior.constrain(modes[:, number]))
            for number, (name, prior) in enumerate(agent.priors.items())
        },
        settings={"seed": seed, "starts": 1, "refine": 1},
    )


def statistics(random, chains, draws):
    """What a sampler notes that has no trouble."""
    shape = chains, draws
    return {
        "lp": random.normal(size=shape),
        "acceptance_rate": np.full(shape, 0.9),
        "diverging": np.zeros(shape, bool),
        "energy": random.normal(size=shape),
        "tree_depth": np.full(shape, 3),
        "n_steps": np.full(shape, 7),
        "step_size": np.full(shape, 0.5),
    }


def study(**roles):
    """The trials of a small study: three subjects with two sessions each, of unequal lengths."""
    data = cases.table()
    data["y"][3] = np.nan
    return Trials(data, inputs="u", actions="y", by=["subject", "session"], **roles)


@cache
def samples_of_study():
    """Draws for three subjects."""
    return gaussian_draws(cases.chooser(), study())


@cache
def samples_of_population():
    """Draws for three subjects and what they have in common."""
    return gaussian_draws(cases.chooser(), study(), population=True)


@cache
def samples_of_one():
    """Draws for a single subject."""
    return gaussian_draws(cases.chooser(), study().only(subject="s1"))
