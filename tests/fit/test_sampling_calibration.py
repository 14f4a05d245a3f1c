"""Calibration by simulation: where a truth from the prior lies among draws from its posterior is uniform.

Source: S. Talts et al. (2018), arXiv 1804.06788. Every test draws its own seeds, which are fixed, and raises
a false alarm with a probability of one in a thousand per quantity.
"""

import jax
import numpy as np
import pytest
from scipy import stats

import pynodes as pn
from pynodes.fit import Agent, LogNormal, Normal, Trials
from pynodes.fit.group.group_model import make_group_model
from pynodes.fit.sampling.nuts import fit_nuts
from tests.fit.test_nuts import rated, rater

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pynodes.SamplingWarning"),
]

FALSE_ALARM = 1e-3


def learner():
    return Agent(
        pn.models.binary_hgf(2),
        pn.responses.UnitSquareSigmoid(),
        free={"x2.tonic_volatility": Normal(-2.0, 1.5), "inverse_temperature": LogNormal(1, 0.7)},
    )


def design(subjects, trials):
    outcomes = np.random.default_rng(7).integers(0, 2, trials).astype(float)
    data = {"subject": np.repeat(np.arange(subjects), trials), "u": np.tile(outcomes, subjects)}
    return Trials(data, inputs="u", by="subject")


def place_among(truth, draws, every):
    """Where a truth lies among every so manieth draw, as a number between 0 and 1."""
    kept = np.ravel(draws)[::every]
    return (np.sum(kept < truth) + 0.5) / (len(kept) + 1)


def assert_uniform(places):
    """Of every quantity, by Kolmogorov and Smirnov; and in parts, which sees too wide or too narrow."""
    for name, values in places.items():
        assert stats.kstest(values, "uniform").pvalue > FALSE_ALARM / 2, name
        parts = min(len(values) // 8, 10)  # of as many as the approximation by chi squared needs
        counts = np.histogram(values, np.linspace(0, 1, parts + 1))[0]
        assert stats.chisquare(counts).pvalue > FALSE_ALARM / 2, name


def test_a_truth_of_one_subject_lies_anywhere_among_its_draws():
    agent, empty = learner(), design(1, 60)
    places = {name: [] for name in agent.names}
    for seed in range(120):
        truth = agent.draw(jax.random.key(seed))
        data = pn.simulate(agent, empty, truth, seed=seed).trials
        draws = fit_nuts(agent, data, chains=1, draws=500, tune=300, seed=seed).unconstrained
        for index, (name, prior) in enumerate(agent.priors.items()):
            at = float(prior.unconstrain(truth[name]))
            places[name].append(place_among(at, draws[..., 0, index], every=5))

    assert_uniform(places)


def test_a_truth_of_a_population_lies_anywhere_among_its_draws():
    """Of five members, whose deviation may be next to nothing."""
    agent = rater()
    population = make_group_model(agent, rated([0.0] * 5, trials=2)[0]).population
    places = {name: [] for name in (*population.names, "first", "last")}
    for seed in range(100):
        coordinates = population.draw(jax.random.key(seed))
        positions = np.asarray(population.evaluate(coordinates)[0])[:, 0]
        found = fit_nuts(
            agent,
            rated(positions, trials=2, seed=seed)[0],
            parameterisation="noncentred",
            chains=1,
            draws=600,
            tune=400,
            target_acceptance=0.9,
            seed=seed,
        )
        for name, truth in population.hyperparameters(coordinates).items():
            places[name].append(place_among(float(truth), found.population[name], every=6))
        for name, unit in (("first", 0), ("last", -1)):
            draws = found.unconstrained[..., unit, 0]
            places[name].append(place_among(positions[unit], draws, every=6))

    assert_uniform(places)


def test_a_truth_of_a_population_of_learners_lies_anywhere_among_its_draws():
    """Of eight who learn and choose: likelihoods are no parabolas, and some hardly say anything."""
    agent = Agent(
        pn.models.binary_hgf(2),
        pn.responses.UnitSquareSigmoid(inverse_temperature=4.0),
        free={"x2.tonic_volatility": Normal(-2.0, 1.0)},
    )
    empty = design(8, 60)
    population = make_group_model(agent, empty).population
    places = {name: [] for name in (*population.names, "first", "last")}
    for seed in range(40):
        coordinates = population.draw(jax.random.key(seed))
        positions = np.asarray(population.evaluate(coordinates)[0])[:, 0]
        data = pn.simulate(agent, empty, {"x2.tonic_volatility": positions}, seed=seed).trials
        found = fit_nuts(
            agent,
            data,
            parameterisation="noncentred",
            chains=1,
            draws=400,
            tune=200,
            target_acceptance=0.9,
            seed=seed,
        )
        for name, truth in population.hyperparameters(coordinates).items():
            places[name].append(place_among(float(truth), found.population[name], every=5))
        for name, unit in (("first", 0), ("last", -1)):
            draws = found.unconstrained[..., unit, 0]
            places[name].append(place_among(positions[unit], draws, every=5))

    assert_uniform(places)
