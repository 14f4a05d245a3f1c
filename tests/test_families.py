"""Families: densities against quadrature and scipy, and learning against conjugate Bayesian updating."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

import pynodes as pn
from pynodes import families
from tests.few import few
from tests.oracles import conjugate

SQUARE = (0.3, -0.2, 1.4, 0.5, 2.1)
CUBE = (0.3, -0.2, 1.0, 1.4, 0.5, 2.1, 0.2, -0.1, 3.0)

CASES = {
    "normal": (families.Normal(), (0.4, 2.0), conjugate.NormalGamma),
    "normal of 3": (
        families.Normal(freedom=3.0),
        (0.4, 2.0),
        functools.partial(conjugate.NormalGamma, freedom=3.0),
    ),
    "vectors": (families.MultivariateNormal(dimension=2), SQUARE, conjugate.NormalWishart),
    "three dimensions": (
        families.MultivariateNormal(dimension=3, freedom=2.5),
        CUBE,
        functools.partial(conjugate.NormalWishart, freedom=2.5, dimension=3),
    ),
    "bernoulli": (families.Bernoulli(), (0.3,), conjugate.Beta),
    "categorical": (families.Categorical(outcomes=4), (0.1, 0.2, 0.3, 0.4), conjugate.Dirichlet),
    "poisson": (families.Poisson(), (2.5,), conjugate.GammaPoisson),
    "exponential": (families.Exponential(), (0.7,), conjugate.GammaExponential),
}
ALL = pytest.mark.parametrize("case", CASES)
SOME = pytest.mark.parametrize("case", few(CASES, 3))


def series_of(family, steps=60, seed=3):
    """Values that a family can take, from no model of ours."""
    rng = np.random.default_rng(seed)
    if isinstance(family, families.MultivariateNormal):
        return rng.normal(size=(steps, family.dimension)) @ rng.normal(size=(family.dimension,) * 2)
    if isinstance(family, families.Bernoulli):
        return rng.integers(0, 2, steps).astype(float)
    if isinstance(family, families.Categorical):
        return rng.integers(0, family.outcomes, steps).astype(float)
    if isinstance(family, families.Poisson):
        return rng.poisson(4.0, steps).astype(float)
    if isinstance(family, families.Exponential):
        return rng.exponential(1.5, steps)
    return rng.normal(1.0, 2.0, steps)


def state(family, expected, **fields):
    return pn.Graph().add(
        u=pn.ExponentialFamilyState(family=family, initial_statistics=expected, **fields)
    )


@ALL
@pytest.mark.parametrize("count", few([0.7, 5.0], 1))
def test_a_growing_count_is_exact_conjugate_updating(case, count):
    """Parameters of the belief, and predictive densities, after every observation."""
    family, expected, oracle = CASES[case]
    values = series_of(family)
    beliefs = (
        state(family, expected, growing=True, pseudo_count=count).compile().filter({"u": values})
    )
    exact = oracle(expected, count)

    for step, value in enumerate(values):
        np.testing.assert_allclose(
            beliefs.surprise[step], -exact.predictive(value), rtol=1e-10, atol=1e-10
        )
        exact.learn(value)
        statistics, worth = exact.back()
        np.testing.assert_allclose(
            beliefs["u"].statistics[step], statistics, rtol=1e-10, atol=1e-10
        )
        np.testing.assert_allclose(beliefs["u"].pseudo_count[step], worth, rtol=1e-12)


@SOME
def test_the_evidence_is_the_ratio_of_normalisers(case):
    """So the order of the observations is irrelevant, and the surprise is minus the log evidence."""
    family, expected, _ = CASES[case]
    values = series_of(family)
    network = state(family, expected, growing=True, pseudo_count=2.0).compile()
    first, after = jnp.asarray(expected), network.filter({"u": values})["u"].statistics[-1]

    evidence = sum(family.log_base(jnp.asarray(value)) for value in values)
    evidence += family.log_normaliser(after, 2.0 + len(values)) - family.log_normaliser(first, 2.0)

    np.testing.assert_allclose(network.surprise({"u": values}), -evidence, rtol=1e-10)
    np.testing.assert_allclose(
        network.surprise({"u": values[::-1]}), network.surprise({"u": values}), rtol=1e-10
    )


@SOME
def test_a_closed_density_is_the_ratio_that_it_stands_for(case):
    """Value and gradient, where the family writes a simpler form than the general one."""
    family, expected, _ = CASES[case]
    general = functools.partial(families.AbstractFamily.log_density, family)

    ours, theirs = (
        jax.jit(jax.value_and_grad(density, argnums=2)) for density in (family.log_density, general)
    )

    for value in map(jnp.asarray, series_of(family, steps=5)):
        at = (value, jnp.asarray(expected), jnp.asarray(3.7))
        (closed, slope), (ratio, steep) = ours(*at), theirs(*at)
        np.testing.assert_allclose(closed, ratio, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(slope, steep, rtol=1e-6, atol=1e-7)


PARTITIONS = {
    "bernoulli": (lambda e: np.logaddexp(0.0, e), -400, 400),
    "poisson": (np.exp, -400, 6),
    "exponential": (lambda e: -np.log(-e), -60, 0),
}
"""For families of one natural parameter: the log partition, and where all of the integral lies."""


@pytest.mark.parametrize("case", PARTITIONS)
@pytest.mark.parametrize("count", [0.8, 6.0])
def test_a_normaliser_is_the_integral_over_the_natural_parameter(case, count):
    family, expected, _ = CASES[case]
    partition, low, high = PARTITIONS[case]

    def density(natural):
        return np.exp(count * (expected[0] * natural - partition(natural)))

    points = np.linspace(low, high, 60)[1:-1]
    found, _ = integrate.quad(density, low, high, points=points, limit=500)

    np.testing.assert_allclose(
        family.log_normaliser(jnp.asarray(expected), count), np.log(found), rtol=1e-6
    )


def test_the_normal_normaliser_is_the_integral_over_mean_and_precision():
    """With the weight that the freedom gives to the precision."""
    for freedom, count in ((1.0, 4.0), (3.0, 2.0)):
        m, square = 0.4, 2.0

        def density(mean, precision, freedom=freedom, count=count, m=m, square=square):
            inner = m * precision * mean - square * precision / 2 - precision * mean**2 / 2
            weight = precision ** ((freedom - 1) / 2)
            return weight * np.exp(count * (inner + 0.5 * np.log(precision)))

        found, _ = integrate.dblquad(density, 1e-9, 30, lambda p: -25, lambda p: 25, epsabs=1e-11)
        ours = families.Normal(freedom=freedom).log_normaliser(jnp.array([m, square]), count)
        np.testing.assert_allclose(ours, np.log(found), rtol=1e-5)


@SOME
def test_statistics_stay_possible(case):
    """An average of possible statistics is one: the set is convex, whatever the count."""
    family, expected, _ = CASES[case]
    for count in (0.05, 1.0, 20.0):
        beliefs = state(family, expected, pseudo_count=count).compile()
        found = beliefs.filter({"u": series_of(family, steps=200)})["u"].statistics
        assert (jax.vmap(family.margin)(found) > 0).all()


@pytest.mark.slow
def test_data_without_any_spread_are_survived():
    """The variance falls to what rounding leaves of it, not below; surprise and gradient stay finite."""
    for bits in (32, 64):
        with jax.enable_x64(bits == 64):
            for family, value in (
                (families.Normal(), 7.0),
                (families.Normal(), 0.0),
                (families.MultivariateNormal(dimension=2), [0.0, 0.0]),
                (families.MultivariateNormal(dimension=2), [7.0, -3.0]),
                (families.Bernoulli(), 1.0),
                (families.Poisson(), 0.0),
                (families.Exponential(), 0.0),
            ):
                network = pn.Graph().add(u=pn.ExponentialFamilyState(family=family)).compile()
                values = np.broadcast_to(np.asarray(value), (3000, *np.shape(value)))
                assert network.filter({"u": values}).status.ok
                gradient = jax.grad(lambda n, v=values: n.surprise({"u": v}), allow_int=True)(
                    network
                )
                assert all(np.isfinite(part).all() for part in gradient.parameters().values())


@pytest.mark.slow
@ALL
def test_draws_follow_the_predictive_density(case):
    """Their mean and mean square are those of the density, found from the oracle's own distribution."""
    family, expected, _ = CASES[case]
    count, draws = 12.0, 40_000
    keys = jax.random.split(jax.random.key(5), draws)
    draw = jax.jit(jax.vmap(lambda k: family.sample(k, jnp.asarray(expected), count)))
    log = jax.jit(jax.vmap(lambda x: family.log_density(x, jnp.asarray(expected), count)))
    drawn = np.asarray(draw(keys))

    assert drawn.shape == (draws, *family.event_shape)
    assert family.accepts(drawn).all()
    density = np.exp(-np.asarray(log(drawn)))
    if family.event_shape == () and isinstance(family, families.Normal | families.Exponential):
        grid = np.sort(drawn)
        fine = np.linspace(grid[0] - 5 if case != "exponential" else 0, grid[-1], 20_001)
        below = integrate.cumulative_simpson(np.exp(log(fine)), x=fine, initial=0)
        assert stats.kstest(np.interp(drawn, fine, below), "uniform").pvalue > 1e-3
    elif family.event_shape == ():
        outcomes = np.arange(0, 60 if case == "poisson" else 4 if case == "categorical" else 2)
        probabilities = np.exp(log(jnp.asarray(outcomes, float)))
        np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-6)
        often = np.bincount(drawn.astype(int), minlength=len(outcomes))[: len(outcomes)]
        keep = probabilities * draws > 5
        rest = draws - often[keep].sum(), draws * (1 - probabilities[keep].sum())
        seen, due = [*often[keep], rest[0]], [*(probabilities[keep] * draws), rest[1]]
        usable = np.array(due) > 1e-6
        assert stats.chisquare(np.array(seen)[usable], np.array(due)[usable]).pvalue > 1e-3
    else:
        # The mean of 1/p over draws of p is the volume; over a box that all of the density fills, known.
        inside = (np.abs(drawn) < 1).all(1)
        np.testing.assert_allclose(
            np.sum(density[inside]) / draws, 2.0**family.dimension, rtol=0.05
        )


@ALL
def test_default_statistics_are_possible(case):
    family = CASES[case][0]
    assert len(family.default_statistics) == len(CASES[case][1])
    assert float(family.margin(jnp.asarray(family.default_statistics))) > 0


def test_single_precision_keeps_its_digits_at_large_counts():
    """Where a difference of two logarithms of gamma functions would keep none."""
    with jax.enable_x64(False):
        for count in (1e3, 1e6):
            found = families.Normal().log_density(
                jnp.float32(0.5), jnp.array([0.0, 1.0], jnp.float32), jnp.float32(count)
            )
            assert abs(float(found) - stats.t(count + 1).logpdf(0.5)) < 1e-5
            found = families.Poisson().log_density(
                jnp.float32(3.0), jnp.array([2.0], jnp.float32), jnp.float32(count)
            )
            exact = stats.nbinom(2 * count, count / (count + 1)).logpmf(3)
            assert abs(float(found) - exact) < 1e-5


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: families.Normal(freedom=0.0), "positive number"),
        (lambda: families.MultivariateNormal(dimension=0), "positive whole number"),
        (lambda: families.Categorical(outcomes=1), "above 1"),
        (lambda: pn.ExponentialFamilyState(family="normal"), r"families\.Normal\(\)"),
        (lambda: pn.ExponentialFamilyState(family=families.Normal), r"families\.Normal\(\)"),
        (lambda: pn.ExponentialFamilyState(initial_statistics=[0.0]), "must have 2 numbers"),
        (lambda: pn.ExponentialFamilyState(growing=1), "True or False"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_written(make, says):
    with pytest.raises(pn.ParameterError, match=says):
        make()


def test_statistics_of_no_distribution_are_refused():
    graph = pn.Graph().add(u=pn.ExponentialFamilyState(initial_statistics=[2.0, 1.0]))
    with pytest.raises(pn.ParameterError, match="larger than the square"):
        graph.compile()
    network = pn.Graph().add(u=pn.ExponentialFamilyState()).compile()
    with pytest.raises(pn.ParameterError, match="larger than the square"):
        network.replace({"u.initial_statistics": [2.0, 1.0]})
    half = pn.ExponentialFamilyState(
        family=families.Categorical(outcomes=2), initial_statistics=[0.5, 0.4]
    )
    with pytest.raises(pn.ParameterError, match="sum 1"):
        pn.Graph().add(u=half).compile()


def test_values_that_a_family_cannot_take_are_named():
    for family, value, says in (
        (families.Bernoulli(), 0.5, "0 and 1"),
        (families.Categorical(outcomes=3), 3.0, "from 0 to 2"),
        (families.Poisson(), -1.0, "zero or more"),
        (families.Exponential(), -0.1, "zero or more"),
    ):
        network = pn.Graph().add(u=pn.ExponentialFamilyState(family=family)).compile()
        with pytest.raises(pn.InputError, match=says):
            network.filter({"u": [1.0, value]})


LAWFUL = [
    pytest.param(case, marks=pytest.mark.slow)
    if CASES[case][0].event_shape or case == "normal of 3"
    else case
    for case in CASES
]


@pytest.mark.slow
@pytest.mark.parametrize("case", LAWFUL)
def test_a_state_of_the_family_keeps_the_laws(case):
    """Both precisions, gaps, chunks, gradients against central differences."""
    family, expected, _ = CASES[case]
    pn.testing.check_node(pn.ExponentialFamilyState(family=family, initial_statistics=expected))


def test_own_simulations_are_calibrated():
    """Law 13: every draw falls into its own predictive distribution uniformly, by scipy's."""
    network = pn.Graph().add(u=pn.ExponentialFamilyState(pseudo_count=6.0)).compile()
    values = np.asarray(network.sample(jax.random.key(8), 2000)["u"])
    mean, square = np.asarray(network.filter({"u": values})["u"].predicted_statistics).T

    below = stats.t(7.0, mean, np.sqrt(square - mean**2)).cdf(values)

    assert stats.kstest(below, "uniform").pvalue > 1e-3


def test_shares_are_calibrated():
    """Law 13 for outcomes: what is predicted with a probability happens as often."""
    family = families.Categorical(outcomes=3)
    network = pn.Graph().add(u=pn.ExponentialFamilyState(family=family, pseudo_count=9.0)).compile()
    values = np.asarray(network.sample(jax.random.key(8), 3000)["u"])
    predicted = np.asarray(network.filter({"u": values})["u"].predicted_mean)

    excess = (np.eye(3)[values.astype(int)] - predicted).sum(0)
    deviation = np.sqrt((predicted * (1 - predicted)).sum(0))
    assert (np.abs(excess) < 3.5 * deviation).all()
