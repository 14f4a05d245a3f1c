"""Sequential Monte Carlo and pathfinder: beside a grid, and beside exact evidence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import pynodes as pn
from pynodes.fit import Trials
from pynodes.fit.sampling._particles import chosen_anew, factor_of, scaled, step_length
from pynodes.fit.sampling.pathfinder import fit_pathfinder
from pynodes.fit.sampling.smc import fit_smc
from tests.fit.cases import chooser
from tests.fit.test_nuts import exact_population, gridded, rated, rater, short_trials

pytestmark = [
    pytest.mark.versions,
    pytest.mark.filterwarnings("ignore::pynodes.SamplingWarning"),
]


def person():
    outcomes, choices = pn.data.association()
    return Trials({"u": outcomes, "y": choices}, inputs="u", actions="y")


def exact_evidence(data, agent):
    """Of one subject's ratings, which are jointly normal."""
    beliefs = agent.network.filter({"u": data.columns["u"]})
    errors = data.columns["y"] - np.asarray(beliefs["x1"].predicted_mean)
    count = len(errors)
    covariance = 0.4 * np.eye(count) + 1.2**2
    return stats.multivariate_normal(np.full(count, 0.3), covariance).logpdf(errors)


def exact_group_evidence(data, agent):
    """Of several subjects' ratings, which are jointly normal given how much subjects differ."""
    count, trials = len(data.subjects), len(data) // len(data.subjects)
    beliefs = agent.network.filter({"u": data.columns["u"][:trials]})["x1"].predicted_mean
    errors = data.columns["y"] - np.tile(np.asarray(beliefs), count)
    own = np.kron(np.eye(count), np.ones((trials, trials)))
    deviations = np.linspace(1e-3, 8, 800)
    logs = [
        stats.multivariate_normal(
            np.full(len(errors), 0.3), 0.4 * np.eye(len(errors)) + 1.2**2 + deviation**2 * own
        ).logpdf(errors)
        for deviation in deviations
    ]
    logs += stats.halfnorm(scale=1.2).logpdf(deviations)
    return logsumexp(logs) + np.log(deviations[1] - deviations[0])


@pytest.mark.slow
def test_evidence_of_particles_is_the_integral_on_real_data():
    found = fit_smc(chooser(), person(), seed=2)
    rough = found.unconstrained.reshape(-1, 2)
    density = chooser().log_density(person())
    means, deviations, evidence = gridded(density, rough.mean(0), rough.std(0))

    assert found.log_evidence_standard_error < 0.1
    assert abs(found.log_evidence - evidence) < 4 * found.log_evidence_standard_error
    # Chains are independent, so that their means say how far their mean may be off.
    apart = found.unconstrained[:, :, 0].mean(1)
    error = np.maximum(apart.std(0, ddof=1), deviations / np.sqrt(500)) / 2
    assert np.all(np.abs(apart.mean(0) - means) < 5 * error)
    np.testing.assert_allclose(rough.std(0), deviations, rtol=0.1)


@pytest.mark.slow
def test_evidence_of_particles_is_exact_where_all_is_gaussian():
    data, _ = rated([1.3])
    found = fit_smc(rater(), data, chains=8, draws=500, seed=1)

    exact = exact_evidence(data, rater())
    assert found.log_evidence_standard_error < 0.1
    assert abs(found.log_evidence - exact) < 4 * found.log_evidence_standard_error
    again = fit_smc(rater(), data, chains=8, draws=500, seed=1)
    np.testing.assert_array_equal(found.unconstrained, again.unconstrained)


@pytest.mark.slow
def test_particles_fill_a_population():
    data, averages = rated([-0.8, 0.1, 0.4, 1.9, 2.4])
    found = fit_smc(rater(), data, draws=2000)
    exact = exact_population(averages, 0.4 / 6)

    for name, draws in found.population.items():
        apart = draws.mean(1)
        error = max(apart.std(ddof=1), exact[name][1] / np.sqrt(500)) / 2
        assert abs(draws.mean() - exact[name][0]) < 5 * error
        assert draws.std() == pytest.approx(exact[name][1], rel=0.15)
    evidence = exact_group_evidence(data, rater())
    assert found.log_evidence_standard_error < 0.15
    assert abs(found.log_evidence - evidence) < 4 * found.log_evidence_standard_error


@pytest.mark.slow
def test_the_weights_of_pathfinder_are_all_the_evidence_where_all_is_gaussian():
    """Its normal distribution is the posterior then, and no draw weighs more than another."""
    data, _ = rated([1.3])
    found = fit_pathfinder(rater(), data, draws=400, seed=1)

    exact = exact_evidence(data, rater())
    np.testing.assert_allclose(found.elbo, exact, atol=0.02)
    average = np.mean(data.columns["y"])
    precision = 6 / 0.4 + 1 / 1.2**2
    draws = found.unconstrained.ravel()
    assert len(np.unique(draws)) == 1600
    beliefs = rater().network.filter({"u": data.columns["u"]})["x1"].predicted_mean
    mean = (6 / 0.4 * (average - np.mean(beliefs)) + 0.3 / 1.2**2) / precision
    assert abs(draws.mean() - mean) < 4 / np.sqrt(1600 * precision)
    assert draws.std() == pytest.approx(1 / np.sqrt(precision), rel=4 / np.sqrt(2 * 1600))


@pytest.mark.slow
def test_pathfinder_is_near_the_grid_on_real_data():
    found = fit_pathfinder(chooser(), person(), seed=2)
    rough = found.unconstrained.reshape(-1, 2)
    means, deviations, _ = gridded(
        chooser().log_density(person()), rough.mean(0), rough.std(0), count=121
    )

    assert found.pareto_k < 0.7
    np.testing.assert_allclose(rough.mean(0), means, atol=0.1 * deviations.min())
    np.testing.assert_allclose(rough.std(0), deviations, rtol=0.1)


@pytest.mark.slow
def test_pathfinder_says_where_no_normal_distribution_is_near():
    """A narrow peak on wide shoulders: a Cauchy likelihood under a wide prior."""

    def cauchy(beliefs, response, shift):
        return -jnp.log1p((response - shift) ** 2 / 0.01)

    agent = pn.Agent(
        pn.models.continuous_hgf(2),
        pn.responses.OwnResponse.of(cauchy, shift=0.0),
        free={"shift": pn.Normal(0.0, 30.0)},
    )
    data = Trials({"u": np.zeros(1), "y": np.full(1, 2.0)}, inputs="u", actions="y")
    with pytest.warns(pn.SamplingWarning, match="Use fit_nuts"):
        fit_pathfinder(agent, data, chains=1, draws=500)


def test_a_step_leaves_half_of_the_particles_effective():
    likelihoods = jnp.asarray(np.random.default_rng(1).normal(0, 40, 1000))
    length = step_length(likelihoods, jnp.asarray(1.0))

    weights = np.exp(np.asarray(scaled(likelihoods, length)) - float(length * likelihoods.max()))
    assert weights.sum() ** 2 / (weights**2).sum() == pytest.approx(500, rel=1e-6)
    assert float(step_length(1e-3 * likelihoods, jnp.asarray(0.3))) == pytest.approx(0.3)
    halves = jnp.where(jnp.arange(1000) < 700, -jnp.inf, likelihoods)
    assert 0 < float(step_length(halves, jnp.asarray(1.0))) < 1e-5


def test_particles_are_chosen_as_often_as_they_weigh():
    weights = np.array([0.5, 0.25, 0.25 - 1e-3, 1e-3, 0.0] * 40)
    numbers = np.asarray(chosen_anew(jax.random.key(0), jnp.log(jnp.asarray(weights))))

    counts = np.bincount(numbers, minlength=200)
    expected = 200 * weights / weights.sum()
    assert len(numbers) == 200
    assert np.all((counts >= np.floor(expected - 1e-9)) & (counts <= np.ceil(expected + 1e-9)))


def test_the_factor_of_particles_is_of_their_covariance():
    places = np.random.default_rng(2).normal(size=(4000, 2)) @ [[1.0, 0.0], [3.0, 0.5]]
    factor = np.asarray(factor_of(jnp.asarray(places)))

    np.testing.assert_allclose(factor @ factor.T, np.cov(places.T), rtol=5e-3)


def test_numbers_with_which_there_is_nothing_to_do_are_refused():
    for fit in (fit_smc, fit_pathfinder):
        with pytest.raises(pn.InputError, match="draws must be a positive"):
            fit(chooser(), short_trials(), draws=0)
