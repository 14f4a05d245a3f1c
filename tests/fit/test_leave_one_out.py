"""Leaving out: against exact answers, and against ArviZ's Pareto smoothing."""

import dataclasses
import warnings

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import pynodes as pn
from pynodes.fit import Normal, Samples, Trials, compare, random_effects_bms
from pynodes.fit.agent.draws import pointwise_log_likelihoods
from pynodes.fit.group.group_model import make_group_model
from pynodes.fit.sampling.leave_one_out import integrate_members, member_distributions, sum_by_group
from pynodes.fit.sampling.target import Problem
from pynodes.fit.sampling.weights import leave_out, smooth_weights
from tests.fit.drawn import (
    samples_of_one,
    samples_of_population,
    samples_of_study,
    statistics,
    study,
)
from tests.fit.test_map import linear_agent, linear_trials

VARIANCE, MEAN, DEVIATION = 0.4, -0.3, 1.7
"""Of the responses, and of the prior of their offset."""


def errors_of(agent, trials):
    """Responses less what they are without offset."""
    beliefs = agent.network.filter({"u": trials.columns["u"]})
    return trials.columns["y"] - np.asarray(beliefs["x1"].predicted_mean)


def posterior(errors):
    """Mean and variance of the offset given some errors."""
    precision = len(errors) / VARIANCE + 1 / DEVIATION**2
    return (errors.sum() / VARIANCE + MEAN / DEVIATION**2) / precision, 1 / precision


@pytest.fixture(scope="module")
def exact():
    """Draws from a posterior that is known, the errors, and the agent."""
    agent, trials = linear_agent(Normal(MEAN, DEVIATION)), linear_trials(count=30)
    mean, variance = posterior(errors_of(agent, trials))
    random = np.random.default_rng(3)
    samples = Samples(
        problem=Problem(agent=agent, trials=trials),
        method="nuts",
        unconstrained=random.normal(mean, np.sqrt(variance), size=(4, 2000, 1, 1)),
        stats=statistics(random, 4, 2000),
        settings={"seed": 3},
    )
    return samples, errors_of(agent, trials)


def test_trials_are_predicted_as_if_left_out(exact):
    """Against the predictive density of every response given the others, in closed form."""
    samples, errors = exact
    expected = []
    for left in range(len(errors)):
        mean, variance = posterior(np.delete(errors, left))
        expected.append(stats.norm(mean, np.sqrt(variance + VARIANCE)).logpdf(errors[left]))
    found = samples.loo()

    np.testing.assert_allclose(found.pointwise, expected, atol=0.02)
    assert found.elpd == pytest.approx(sum(expected), abs=0.05)
    assert found.standard_error == pytest.approx(np.std(expected, ddof=1) * np.sqrt(30), rel=0.01)
    mean, variance = posterior(errors)
    seen = stats.norm(mean, np.sqrt(variance + VARIANCE)).logpdf(errors)
    assert found.effective_parameters == pytest.approx(seen.sum() - sum(expected), abs=0.05)
    assert found.reliable.all()
    assert found.problems() == []


def test_watanabes_criterion_is_what_it_is_in_closed_form(exact):
    """For a Gaussian posterior N(m, s²) of an offset, log likelihoods have a known variance."""
    samples, errors = exact
    mean, variance = posterior(errors)
    seen = stats.norm(mean, np.sqrt(variance + VARIANCE)).logpdf(errors)
    spread = (variance**2 / 2 + variance * (errors - mean) ** 2) / VARIANCE**2
    found = samples.loo()

    np.testing.assert_allclose(found.watanabe, seen - spread, atol=0.02)
    assert found.waic == pytest.approx(-2 * (seen - spread).sum(), abs=0.1)
    assert found.waic == pytest.approx(-2 * found.elpd, abs=0.2)


def test_the_score_is_the_predictive_density(exact):
    """Of responses that were not fitted, one by one, given those that were."""
    samples, errors = exact
    other = linear_trials(count=30, seed=8)
    mean, variance = posterior(errors)
    density = stats.norm(mean, np.sqrt(variance + VARIANCE)).logpdf(errors_of(samples.agent, other))

    assert samples.score(other) == pytest.approx(density.sum(), abs=0.02)


@pytest.mark.parametrize("heaviness", [0.1, 1.0, 3.0])
def test_items_are_left_out_as_by_arviz(heaviness):
    array_stats = pytest.importorskip("arviz_stats.base").array_stats
    random = np.random.default_rng(0)
    shifts = heaviness * random.normal(size=(1000, 1)) + 2 * random.normal(size=25)
    likelihoods = -0.5 * shifts**2
    elpd, shape, effective = array_stats.loo(likelihoods.T[:, None])
    found = leave_out(likelihoods)

    np.testing.assert_allclose(found.elpd, elpd, rtol=1e-10)
    np.testing.assert_allclose(found.pareto_k, shape, rtol=1e-9)
    np.testing.assert_allclose(found.effective, effective, rtol=1e-8, atol=1e-10)


def test_weights_that_are_the_same_stay_so():
    """A first trial, whose prediction no parameter changes, but for rounding."""
    jittered = np.log(0.5) + 1e-9 * np.random.default_rng(0).normal(size=(1000, 1))
    for likelihoods in (np.full((1000, 1), np.log(0.5)), jittered):
        found = leave_out(likelihoods)

        assert found.elpd[0] == pytest.approx(np.log(0.5), abs=1e-8)
        assert found.pareto_k[0] == -np.inf


@pytest.mark.parametrize("draws", [20, 300])
def test_tails_that_cannot_be_fitted_are_left_as_they_are(draws):
    """Few draws, or few that have any weight."""
    weights = np.random.default_rng(1).normal(size=(1, draws))
    weights[0, : draws - 15] = -np.inf
    found, shape = smooth_weights(weights)

    np.testing.assert_allclose(found[0], weights[0] - logsumexp(weights[0]))
    assert np.isnan(shape[0])


def test_a_parameter_free_trial_counts_and_does_no_harm():
    found = samples_of_study().loo()
    table = found.table
    first = table[table["trial"] == 0]

    np.testing.assert_allclose(first["elpd"], np.log(0.5), atol=1e-6)
    assert first["reliable"].all()
    assert len(table) == 40


@pytest.mark.parametrize(("unit", "count"), [("session", 6), ("subject", 3)])
def test_sessions_and_subjects_are_left_out_whole(unit, count):
    """Their likelihoods are those of their trials together."""
    samples = samples_of_study()
    found = samples.loo(unit)
    by_hand = []
    for key in zip(*found.keys.values(), strict=True):
        names = dict(zip(found.keys, key, strict=True))
        rows = np.all([samples.trials.columns[n] == v for n, v in names.items()], axis=0)
        kept = ~np.isnan(samples.trials.numbers("y"))
        every = samples.tree["log_likelihood"]["y"].values.reshape(1000, -1)
        by_hand.append(every[:, rows[kept]].sum(axis=1))

    assert len(found.pointwise) == count
    expected = leave_out(np.stack(by_hand, axis=1))
    np.testing.assert_allclose(found.pointwise, expected.elpd, rtol=1e-4)


def test_the_only_one_cannot_be_left_out():
    with pytest.raises(pn.DataError, match="but one subject"):
        samples_of_one().loo("subject")
    with pytest.raises(pn.DataError, match="must be one of"):
        samples_of_one().loo("block")


def test_influential_items_are_named():
    """In words, by their keys."""
    found = samples_of_study().loo()
    shapes = np.where(np.arange(40) == 7, 1.3, 0.1)
    (said,) = dataclasses.replace(found, pareto_k=shapes).problems()

    assert said.startswith("1 of 40 trials")
    assert "subject 's0', session 0, trial 8" in said


def test_models_are_compared_by_leaving_out():
    one, other = samples_of_study(), samples_of_population()
    worse = dataclasses.replace(other, unconstrained=other.unconstrained + 1.0)
    found = compare({"one": one, "worse": worse}, by="loo")
    first, second = one.loo(), worse.loo()
    rows = found.fixed_effects.set_index("model")
    gap = second.pointwise - first.pointwise

    assert found.evidence.shape == (3, 2)
    assert found.group == pytest.approx([first.elpd, second.elpd])
    assert rows.loc["worse", "difference"] == pytest.approx(gap.sum())
    assert rows.loc["worse", "difference_error"] == pytest.approx(
        np.std(gap, ddof=1) * np.sqrt(len(gap))
    )
    assert random_effects_bms(found).frequencies.sum() == pytest.approx(1)
    mine = [owner == "s1" for owner in first.owners]
    assert found.evidence[1, 0] == pytest.approx(first.pointwise[mine].sum())


def test_fits_of_different_kinds_are_not_compared():
    one = samples_of_study()
    with pytest.raises(pn.DataError, match="'one' is a Samples"):
        compare({"one": one, "other": one}, by="lme")
    with pytest.raises(pn.DataError, match="other subjects or trials than 'all'"):
        compare({"all": one, "one": samples_of_one()}, by="loo")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare({"all": one, "same": one}, by="loo", unit="session")


def several(subjects=10, count=6, seed=2):
    """Ratings of some subjects, each with an offset of its own."""
    random = np.random.default_rng(seed)
    offsets = np.repeat(random.normal(0.5, 1.0, subjects), count)
    data = {
        "subject": np.repeat([f"s{n}" for n in range(subjects)], count),
        "u": np.tile(random.normal(size=count), subjects),
        "y": offsets + random.normal(0, np.sqrt(VARIANCE), subjects * count),
    }
    return Trials(data, inputs="u", actions="y", by="subject")


GRID = np.stack(np.meshgrid(np.linspace(-2, 3, 101), np.linspace(0.02, 4, 100)), axis=-1).reshape(
    -1, 2
)
"""Means and deviations of a population."""


def on_grid(errors):
    """Log likelihood of every member at means and deviations of the population, (members, places)."""
    count = errors.shape[1]
    found = []
    for mean, deviation in GRID:
        normal = stats.multivariate_normal(
            np.full(count, mean), VARIANCE * np.eye(count) + deviation**2
        )
        found.append(normal.logpdf(errors))
    return np.stack(found, axis=1)


def hyperprior():
    """Log prior density of the places: a normal mean, a half normal deviation."""
    mean, deviation = GRID.T
    return stats.norm(MEAN, DEVIATION).logpdf(mean) + stats.halfnorm(0, DEVIATION).logpdf(deviation)


@pytest.fixture(scope="module")
def hierarchy():
    """Draws of a population from its posterior on a grid, and of its members given it."""
    agent, trials = linear_agent(Normal(MEAN, DEVIATION)), several()
    random = np.random.default_rng(0)
    errors = by_subject(agent, trials)
    log_posterior = on_grid(errors).sum(axis=0) + hyperprior()
    chances = np.exp(log_posterior - log_posterior.max())
    chosen = random.choice(len(GRID), size=(4, 500), p=chances / chances.sum())
    mean, deviation = GRID[chosen, 0], GRID[chosen, 1]
    precision = errors.shape[1] / VARIANCE + 1 / deviation[..., None] ** 2
    told = errors.sum(axis=1) / VARIANCE + mean[..., None] / deviation[..., None] ** 2
    positions = told / precision + random.normal(size=(4, 500, len(errors))) / np.sqrt(precision)
    return Samples(
        problem=Problem(agent=agent, trials=trials, group=make_group_model(agent, trials)),
        method="nuts",
        unconstrained=positions[..., None],
        population={"offset:Intercept": mean, "offset:sd": deviation},
        stats=statistics(random, 4, 500),
        settings={"seed": 0},
    )


def by_subject(agent, trials):
    """Responses less what they are without offset, of shape (subjects, trials)."""
    seen = trials.numbers("u")[:6]
    means = np.asarray(agent.network.filter({"u": seen})["x1"].predicted_mean)
    return trials.numbers("y").reshape(-1, 6) - means


@pytest.mark.slow
def test_parameters_of_members_are_integrated(hierarchy):
    """Responses of a member are jointly normal given the population."""
    found = integrate_members(hierarchy)
    errors = by_subject(hierarchy.agent, hierarchy.trials)
    chosen = np.linspace(0, 1999, 1000).round().astype(int)
    for draw in (0, 311, 999):
        mean, deviation = (
            hierarchy.population[f"offset:{which}"].ravel()[chosen[draw]]
            for which in ("Intercept", "sd")
        )
        exact = stats.multivariate_normal(
            np.full(6, mean), VARIANCE * np.eye(6) + deviation**2
        ).logpdf(errors)
        np.testing.assert_allclose(found[draw], exact, atol=0.01)


@pytest.mark.slow
def test_subjects_that_are_left_out_are_members_of_the_population(hierarchy):
    """Against their predictive density given all others, by sums over a grid of populations.

    One of these subjects is an outlier, whose weights have a long tail, as is said of them.
    """
    members_at = on_grid(by_subject(hierarchy.agent, hierarchy.trials))
    expected = []
    for left in range(len(members_at)):
        others = np.delete(members_at, left, axis=0).sum(axis=0) + hyperprior()
        expected.append(logsumexp(others + members_at[left]) - logsumexp(others))
    found = hierarchy.loo("subject")

    steady = found.pareto_k < 0.5
    assert steady.sum() >= 8
    assert np.abs(found.pointwise - expected)[steady].max() < 0.05
    rows = pointwise_log_likelihoods(hierarchy.agent.model, hierarchy.flat, hierarchy.trials)[""]
    own = leave_out(sum_by_group(rows, np.repeat(np.arange(10), 6)))
    assert np.median(found.pareto_k) < np.median(own.pareto_k)


@pytest.mark.slow
def test_correlated_parameters_are_integrated_together():
    """Means and factors of a population, from draws by name."""
    population = make_group_model(
        samples_of_study().agent, study(), {"x2.tonic_volatility": "scale(age)"}, covariance="full"
    ).population
    coordinates = population.draw(jax.random.key(3))
    common = {n: np.asarray(v)[None] for n, v in population.hyperparameters(coordinates).items()}
    means, factors = member_distributions(population, common)
    scatter = np.exp(coordinates["log_sds"])[:, None] * population.factor(coordinates)

    np.testing.assert_allclose(means[0], population.expected(coordinates), rtol=1e-6)
    np.testing.assert_allclose(factors[0], scatter, rtol=1e-6, atol=1e-9)
