"""NUTS: beside a grid and beside exact answers, the same again for the same seed, and stopped and resumed."""

import functools
from functools import partial

import arviz_stats
import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import pynodes as pn
from pynodes.fit import Agent, LogNormal, Normal, Trials
from pynodes.fit.sampling.chains import (
    CHUNK,
    adapt,
    advance_chain,
    make_schedule,
    permissive_promotion,
    start_adaptation,
    start_chain,
)
from pynodes.fit.sampling.nuts import fit_nuts
from tests.fit.cases import chooser, table

pytestmark = [
    pytest.mark.versions,
    pytest.mark.filterwarnings("ignore::pynodes.SamplingWarning"),
]

SHORT = {"chains": 2, "draws": 70, "tune": 60}


def short_trials(seed=0):
    return Trials(table(((14, 11),), seed=seed), inputs="u", actions="y", by=["subject", "session"])


@functools.cache
def short():
    return fit_nuts(chooser(), short_trials(), seed=3, **SHORT)


def assert_same(left, right):
    np.testing.assert_array_equal(left.unconstrained, right.unconstrained)
    for name, values in left.stats.items():
        np.testing.assert_array_equal(values, right.stats[name])
    for name, values in left.population.items():
        np.testing.assert_array_equal(values, right.population[name])


def error_of(draws):
    """Monte-Carlo standard error of a mean, of draws of shape (chains, draws)."""
    return draws.std() / np.sqrt(float(arviz_stats.ess(draws, method="mean")))


def assert_near(draws, mean, deviation):
    """Mean within four of its errors, and deviation within four of its own."""
    assert abs(draws.mean() - mean) < 4 * error_of(draws)
    squares = (draws - mean) ** 2
    assert abs(squares.mean() - deviation**2) < 4 * error_of(squares)


def gridded(density, centre, deviations, count=161, reach=7):
    """Moments of a density over two numbers, by a grid: means, deviations, and the log of its integral."""
    line = np.linspace(-reach, reach, count)
    cells = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    places = centre + cells * deviations
    logs = np.asarray(
        jax.jit(lambda at: jax.lax.map(density, at, batch_size=500))(jnp.asarray(places))
    )
    weights = np.exp(logs - logs.max())
    total = weights.sum()
    means = (weights[:, None] * places).sum(0) / total
    squares = (weights[:, None] * (places - means) ** 2).sum(0) / total
    area = np.prod(deviations) * (line[1] - line[0]) ** 2
    return means, np.sqrt(squares), np.log(total * area) + logs.max()


@pytest.mark.slow
def test_draws_follow_the_posterior_of_a_person_on_a_grid():
    outcomes, choices = pn.data.association()
    data = Trials({"u": outcomes, "y": choices}, inputs="u", actions="y")
    found = fit_nuts(chooser(), data, seed=1)
    rough = found.unconstrained.reshape(-1, 2)
    means, deviations, _ = gridded(chooser().log_density(data), rough.mean(0), rough.std(0))

    for index in range(2):
        assert_near(found.unconstrained[:, :, 0, index], means[index], deviations[index])
    assert found.check() == []


def rater():
    """Ratings around known beliefs with an unknown offset: Gaussian in the offset."""
    graph = pn.models.continuous_hgf(2)
    rating = pn.responses.GaussianResponse(belief="x1.predicted_mean", variance=0.4)
    return Agent(graph, rating, free={"offset": Normal(0.3, 1.2)})


def rated(offsets, trials=6, seed=5):
    """Ratings of subjects with some offsets, and how far they are from beliefs on average."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=trials)
    beliefs = np.asarray(rater().network.filter({"u": inputs})["x1"].predicted_mean)
    count = len(offsets)
    errors = np.asarray(offsets)[:, None] + random.normal(0, np.sqrt(0.4), (count, trials))
    data = {
        "subject": np.repeat(np.arange(count), trials),
        "u": np.tile(inputs, count),
        "y": (beliefs + errors).ravel(),
    }
    return Trials(data, inputs="u", actions="y", by="subject"), errors.mean(axis=1)


def exact_population(averages, variance):
    """Posterior moments of mean, deviation and every offset, by integrating over the deviation alone.

    Given the deviation, averages are normal around a normal mean, and offsets are normal.
    """
    deviations = np.linspace(1e-4, 8, 20001)
    spread = deviations[:, None] ** 2 + variance
    precision = (1 / spread).sum(1) * len(averages) + 1 / 1.2**2
    mean = (averages.sum() / spread[:, 0] + 0.3 / 1.2**2) / precision
    # log p(averages, mean) - log p(mean | averages) at the posterior mean of the population's mean
    logs = stats.norm(mean[:, None], np.sqrt(spread)).logpdf(averages).sum(1)
    logs += stats.norm(0.3, 1.2).logpdf(mean) + 0.5 * np.log(2 * np.pi / precision)
    logs += stats.halfnorm(scale=1.2).logpdf(deviations)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    pull = variance / spread
    offsets = pull * mean[:, None] + (1 - pull) * averages
    within = pull * deviations[:, None] ** 2 + pull**2 / precision[:, None]

    def moments(values, inside=0.0):
        centre = weights @ values
        return centre, np.sqrt(weights @ ((values - centre) ** 2 + inside))

    return {
        "offset:Intercept": moments(mean, 1 / precision),
        "offset:sd": moments(deviations),
        **{index: moments(offsets[:, index], within[:, 0]) for index in range(len(averages))},
    }


@pytest.mark.slow
@pytest.mark.parametrize("way", ["centred", "noncentred", "auto"])
def test_a_population_is_as_it_can_be_integrated(way):
    data, averages = rated([-0.8, 0.1, 0.4, 1.9, 2.4])
    found = fit_nuts(rater(), data, parameterisation=way, draws=2000, target_acceptance=0.95)
    exact = exact_population(averages, 0.4 / 6)

    for name, draws in found.population.items():
        assert_near(draws, *exact[name])
    for index in range(5):
        assert_near(found.unconstrained[:, :, index, 0], *exact[index])


@pytest.mark.slow
def test_the_order_of_subjects_does_not_matter():
    offsets = np.array([-0.8, 0.1, 0.4, 1.9, 2.4])
    data, averages = rated(offsets)
    turned = data.only(subject=[0, 1, 2, 3, 4])
    order = np.argsort([3, 1, 4, 0, 2]).repeat(6) * 6 + np.tile(np.arange(6), 5)
    columns = {name: column[order] for name, column in turned.columns.items()}
    found = fit_nuts(rater(), Trials(columns, inputs="u", actions="y", by="subject"))
    exact = exact_population(averages, 0.4 / 6)

    assert list(found.subjects) != [0, 1, 2, 3, 4]
    for place, subject in enumerate(found.subjects):
        draws = found.unconstrained[:, :, place, 0]
        assert abs(draws.mean() - exact[subject][0]) < 4 * error_of(draws)


def test_a_seed_makes_the_same_draws_and_another_others():
    again, other = (fit_nuts(chooser(), short_trials(), seed=seed, **SHORT) for seed in (3, 4))

    assert_same(short(), again)
    assert not np.any(other.unconstrained == short().unconstrained)


def test_chains_go_their_own_ways_and_a_chain_does_not_hear_of_others():
    first, second = short().unconstrained
    alone = fit_nuts(chooser(), short_trials(), seed=3, **SHORT | {"chains": 3})

    assert not np.any(first == second)
    np.testing.assert_array_equal(alone.unconstrained[0], first)


def test_another_seed_subject_or_number_of_draws_compiles_nothing():
    short()
    before = advance_chain._cache_size(), start_chain._cache_size()

    found = fit_nuts(chooser(), short_trials(seed=9), seed=8, chains=1, draws=CHUNK + 3, tune=20)

    assert found.unconstrained.shape == (1, CHUNK + 3, 1, 2)
    assert (advance_chain._cache_size(), start_chain._cache_size()) == before


def test_every_draw_is_noted():
    found = short()

    assert found.unconstrained.shape == (2, 70, 1, 2)
    assert {name: values.shape for name, values in found.stats.items()} == dict.fromkeys(
        (
            *("lp", "acceptance_rate", "diverging", "energy", "tree_depth", "n_steps"),
            "step_size",
        ),
        (2, 70),
    )
    density = chooser().log_density(short_trials())
    np.testing.assert_allclose(
        found.stats["lp"][1, 5], density(jnp.asarray(found.unconstrained[1, 5, 0])), rtol=1e-12
    )
    assert np.ptp(found.stats["step_size"], axis=1).max() == 0


@pytest.mark.slow
def test_transitions_warm_up_as_those_of_blackjax():
    """Its own loop's step sizes and metrics follow from where its chain went and what it accepted."""
    tune, start = 200, jnp.zeros(3)
    scales = jnp.array([1.0, 3.0, 0.2])
    warm_up = blackjax.window_adaptation(
        blackjax.nuts,
        lambda place: -0.5 * jnp.sum((place / scales) ** 2),
        initial_step_size=3**-0.25,
        initial_inverse_mass_matrix=jnp.ones(3),
        imm_shrinkage_to_previous=5.0,
        target_acceptance_rate=0.9,
    )
    with permissive_promotion():
        _, history = warm_up.run(jax.random.key(0), start, num_steps=tune)
    expected = history.adaptation_state

    def step(adaptation, now):
        stages, place, acceptance = now
        adaptation = adapt(adaptation, place, acceptance, jnp.asarray(0.9), stages)
        return adaptation, adaptation

    seen = history.state.position, history.info.acceptance_rate
    schedule = jax.tree.map(jnp.asarray, make_schedule(tune, draws=0))
    with permissive_promotion():
        _, found = jax.lax.scan(step, start_adaptation(start), (schedule, *seen))
    for ours, theirs in zip(found, expected, strict=True):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-12), ours, theirs)
    assert len(np.unique(expected.inverse_mass_matrix[:, 0])) > 2


def test_a_schedule_is_cut_into_chunks_of_one_size():
    schedule = make_schedule(60, 2 * CHUNK - 45)
    chunks = [schedule.chunk(number) for number in range(3)]

    assert [int(chunk.exists.sum()) for chunk in chunks] == [CHUNK, CHUNK, 15]
    assert [int(chunk.warms_up.sum()) for chunk in chunks] == [CHUNK, 10, 0]
    assert all(len(flags) == CHUNK for chunk in chunks for flags in jax.tree.leaves(chunk))
    assert sum(int(chunk.closes_window.sum()) for chunk in chunks) == schedule.closes_window.sum()


@pytest.mark.slow
def test_single_precision_samples_too():
    outcomes, choices = pn.data.association()
    data = Trials({"u": outcomes, "y": choices}, inputs="u", actions="y")
    exact = fit_nuts(chooser(), data, seed=1, draws=500).unconstrained
    with jax.enable_x64(False):
        agent = Agent(
            pn.models.binary_hgf(2), pn.responses.UnitSquareSigmoid(), free=chooser().priors
        )
        found = fit_nuts(agent, data, seed=1, draws=500).unconstrained

    assert found.dtype == np.float32
    for index in range(2):
        mine, other = found[:, :, 0, index], exact[:, :, 0, index]
        error = np.hypot(error_of(mine), error_of(other))
        assert abs(mine.mean() - other.mean()) < 4 * error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"chains": 0}, "chains must be a positive"),
        ({"draws": 1.5}, "draws must be a positive"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"target_acceptance": 1}, "target_acceptance must be a number between 0 and 1"),
        ({"parameterisation": "middle"}, "'centred', 'noncentred' and 'auto', not 'middle'"),
        ({"parameterisation": {"rate": "centred"}}, "'rate', which is no free value"),
        ({"formulas": {"inverse_temperature": "age"}}, "of one subject"),
    ],
)
def test_what_cannot_be_sampled_is_refused(options, said):
    with pytest.raises(pn.PynodesError, match=said):
        fit_nuts(chooser(), short_trials(), **options)


def test_an_agent_without_free_values_has_nothing_to_sample():
    with pytest.raises(pn.ParameterError, match="nothing to sample"):
        fit_nuts(Agent(pn.models.binary_hgf(2)), short_trials())


@pytest.mark.slow
def test_filtering_that_fails_everywhere_is_said_before_sampling():
    graph = pn.models.binary_hgf(3, expansion="standard", tonic_volatility=[0.0, 0.0])
    agent = Agent(
        graph, pn.responses.UnitSquareSigmoid(), free={"inverse_temperature": LogNormal(0, 1)}
    )
    data = Trials(table(((40,),)), inputs="u", actions="y", by=["subject", "session"])
    with pytest.raises(pn.FilterError, match="nothing to sample from"):
        fit_nuts(agent, data)


def exact_coefficients(averages, design, variance):
    """Posterior moments of coefficients and deviation, the deviation being integrated on a grid.

    Given the deviation, averages are normal around the design's mean, with normal coefficients of standard
    deviation 1.2 around 0.3 (the intercept) and zero.
    """
    centres = np.array([0.3, *[0.0] * (design.shape[1] - 1)])
    rows = []
    for deviation in np.linspace(1e-3, 8, 2000):
        spread = deviation**2 + variance
        inverse = np.linalg.inv(design.T @ design / spread + np.eye(len(centres)) / 1.2**2)
        mean = inverse @ (design.T @ averages / spread + centres / 1.2**2)
        whole = design @ design.T * 1.2**2 + spread * np.eye(len(averages))
        log = stats.multivariate_normal(design @ centres, whole).logpdf(averages)
        log += stats.halfnorm(scale=1.2).logpdf(deviation)
        rows.append((log, [*mean, deviation], [*np.diag(inverse), 0.0]))
    logs, means, variances = (np.array(column) for column in zip(*rows, strict=True))
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    centre = weights @ means
    return centre, np.sqrt(weights @ ((means - centre) ** 2 + variances))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["centred", "noncentred"])
def test_what_a_group_depends_on_is_as_it_can_be_integrated(way):
    ages = np.array([20.0, 31, 44, 28, 60, 35, 52, 23, 47, 39, 65, 26, 57, 33])
    groups = np.array(["b", "a", "a", "b", "b", "a", "b"] * 2)
    scaled = (ages - ages.mean()) / ages.std()
    scatter = np.random.default_rng(4).normal(0, 0.5, 14)
    data, averages = rated(0.2 + 1.1 * (groups == "b") - 0.6 * scaled + scatter)
    wide = data.with_columns({"age": ages.repeat(6), "group": groups.repeat(6)})
    found = fit_nuts(
        rater(),
        wide,
        formulas={"offset": "group + scale(age)"},
        parameterisation=way,
        draws=2000,
        target_acceptance=0.95,
    )
    names = ["Intercept", "group[b]", "scale(age)", "sd"]
    names = [next(n for n in found.population if n.startswith(f"offset:{m[:5]}")) for m in names]
    design = np.stack([np.ones(14), groups == "b", scaled], axis=1)
    means, deviations = exact_coefficients(averages, design, 0.4 / 6)

    for name, mean, deviation in zip(names, means, deviations, strict=True):
        assert_near(found.population[name], mean, deviation)


@pytest.mark.slow
def test_correlated_populations_and_sites_are_sampled():
    """Those of Laplace-EM are near, and everything has its name."""
    random = np.random.default_rng(2)
    outcomes = random.integers(0, 2, 8 * 60).astype(float)
    sites = np.array(["x", "y"] * 4).repeat(60)
    columns = {"u": outcomes, "subject": np.arange(8).repeat(60), "site": sites}
    empty = Trials(columns, inputs="u", by="subject")
    rates, temperatures = random.normal(-2, 1, 8), np.exp(random.normal(1, 0.5, 8))
    values = {"x2.tonic_volatility": rates, "inverse_temperature": temperatures}
    study = pn.simulate(chooser(), empty, values, seed=1).trials
    options = {"formulas": {"inverse_temperature": "(1|site)"}, "covariance": "full"}
    found = fit_nuts(chooser(), study, chains=2, draws=250, tune=250, **options)
    group = pn.fit_em(chooser(), study, **options)

    assert set(found.population) == set(group.estimates)
    for name in ("x2.tonic_volatility:Intercept", "inverse_temperature:Intercept"):
        draws = found.population[name]
        assert abs(draws.mean() - group.estimates[name]) < draws.std()
    (correlation,) = (v for n, v in found.population.items() if n.startswith("correlation"))
    assert np.all(np.abs(correlation) < 1)
    assert found.unconstrained.shape == (2, 250, 8, 2)
