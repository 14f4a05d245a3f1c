"""Draws that the tests of samples share: from the Gaussian posteriors of a fit of small data."""

from __future__ import annotations

from functools import cache

import numpy as np

from pynodes.fit import Trials, fit_map
from pynodes.fit.samples import Samples
from pynodes.fit.sampling._drawn import Drawn
from tests.fit import cases

CHAINS, DRAWS = 4, 250


def gaussian_draws(fit, seed=0, chains=CHAINS, draws=DRAWS, population=False):
    """Samples as a perfect sampler of the Gaussians at the modes would have drawn them."""
    random = np.random.default_rng(seed)
    place, factor = fit.posterior.position, np.linalg.cholesky(fit.posterior.covariance)
    noise = random.normal(size=(chains, draws, *place.shape))
    positions = place + np.einsum("uij,cduj->cdui", factor, noise)
    common = {}
    if population:
        for index, name in enumerate(fit.names):
            common[f"{name}:Intercept"] = positions[..., index].mean(axis=-1)
            common[f"{name}:scale(age / 10)"] = random.normal(size=(chains, draws))
            common[f"{name}:deviation"] = np.exp(0.1 * random.normal(size=(chains, draws)))
    drawn = Drawn(
        positions=positions.astype(place.dtype),
        population=common,
        stats=statistics(random, chains, draws),
        method="nuts",
        settings={"seed": seed, "chains": chains, "draws": draws, "tune": 100},
    )
    return Samples(agent=fit.agent, trials=fit.trials, drawn=drawn)


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
    return gaussian_draws(fit_map(cases.chooser(), study(), starts=4, polished=1))


@cache
def samples_of_population():
    """Draws for three subjects and what they have in common."""
    fit = fit_map(cases.chooser(), study(), starts=4, polished=1)
    return gaussian_draws(fit, population=True)


@cache
def samples_of_one():
    """Draws for a single subject."""
    trials = study().only(subject="s1")
    return gaussian_draws(fit_map(cases.chooser(), trials, starts=4, polished=1))
