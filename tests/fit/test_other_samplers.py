"""Sequential Monte Carlo and pathfinder: beside a grid, and beside exact evidence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import pynodes as pn
from pynodes.fit import Trials
from pynodes.fit.sampling.chains import permissive_promotion
from pynodes.fit.sampling.pathfinder import fit_pathfinder
from pynodes.fit.sampling.smc import fit_smc, temper, weighted_covariance
from pynodes.fit.sampling.target import AbstractDrawablePosterior
from tests.fit.cases import chooser
from tests.fit.test_nuts import exact_population, gridded, rated, rater, short_trials

pytestmark = [
    pytest.mark.versions,
    pytest.mark.filterwarnings("ignore::pynodes.SamplingWarning"),
]


class Bounded(AbstractDrawablePosterior):
    """A standard normal number that is below a limit, for sure."""

    limit: jax.Array

    def log_prior(self, place):
        return -0.5 * jnp.sum(place**2)

    def log_likelihood(self, place):
        return jnp.where(place[0] < self.limit, 0.0, -jnp.inf)

    def parameters(self, place):
        return place[None]

    def hyperparameters(self, place):
        return {}

    def draw_prior(self, key):
        return jax.random.normal(key, (1,))


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


def test_the_covariance_of_particles_is_that_of_what_they_weigh():
    """Of independent draws by their weights; a few are drawn to their diagonal."""
    random = np.random.default_rng(2)
    places = random.normal(size=(4000, 2)) @ [[1.0, 0.0], [3.0, 0.5]]
    weights = random.dirichlet(np.ones(4000))
    expected = np.cov(places.T, aweights=weights, bias=True)
    found = np.asarray(weighted_covariance(jnp.asarray(places), jnp.asarray(weights)))

    np.testing.assert_allclose(found, expected, rtol=5e-3)
    few = np.asarray(weighted_covariance(jnp.asarray(places[:4]), jnp.full(4, 0.25)))
    expected = np.cov(places[:4].T, bias=True)
    np.testing.assert_allclose(np.diag(few), np.diag(expected), rtol=1e-5)
    np.testing.assert_allclose(few[0, 1], expected[0, 1] * 4 / 14)


@pytest.mark.parametrize("possible", [0.4, 0.0], ids=["for some", "for none"])
def test_particles_leave_what_is_impossible(possible):
    """A likelihood of one for a share of the prior, and none for the others: its evidence is the share."""
    limit = stats.norm.ppf(possible)
    target = Bounded(limit=jnp.asarray(limit))
    with permissive_promotion():
        if not possible:
            with pytest.raises(pn.SamplingError, match="priors are impossible"):
                temper(target, jax.random.key(0), 1000)
            return
        found = temper(target, jax.random.key(0), 1000)
    places = np.asarray(found.places)

    assert places.max() < limit
    assert float(found.log_evidence) == pytest.approx(np.log(possible), abs=4 * 0.04)
    assert np.mean(places) == pytest.approx(-stats.norm.pdf(limit) / possible, abs=0.15)


def test_numbers_with_which_there_is_nothing_to_do_are_refused():
    for fit in (fit_smc, fit_pathfinder):
        with pytest.raises(pn.InputError, match="draws must be a positive"):
            fit(chooser(), short_trials(), draws=0)
