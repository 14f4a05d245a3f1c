"""Populations: densities beside SciPy's, draws beside their moments, coordinates there and back."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pynodes.fit.group import population as correlations
from pynodes.fit.group.design import Design, GroupedEffects, intercept_only
from pynodes.fit.group.population import Population

AGES = np.array([-1.2, 0.3, 0.8, -0.4, 1.1])


@functools.cache
def small(correlated=True):
    """Two parameters; the first depends on age, with effects of age and of two sites."""
    sites = GroupedEffects(
        factor="site",
        columns=("1", "age"),
        levels=2,
        level=np.array([0, 1, 1, 0, 1]),
        values=np.stack([np.ones(5), AGES], axis=1),
        prior_sds=np.array([1.5, 0.7]),
    )
    first = Design(
        terms=("Intercept", "age"),
        fixed=np.stack([np.ones(5), AGES], axis=1),
        prior_means=np.array([-3.0, 0.0]),
        prior_sds=np.array([2.0, 1.2]),
        grouped=(sites,),
    )
    return Population(
        parameters=("x", "y"),
        correlated=correlated,
        centred=(True, True),
        prior_sds=np.array([2.0, 0.5]),
        designs=(first, intercept_only(5, 1.0, 0.5)),
    )


@functools.cache
def place(seed=0):
    return jax.tree.map(np.asarray, jax.jit(small().draw)(jax.random.key(seed)))


@jax.jit
def evaluate(population, coordinates):
    return population.evaluate(coordinates)


def lkj(correlation):
    """Log density of the Fisher transform of a single correlation, with concentration 2."""
    density = stats.beta(2, 2).logpdf((1 + correlation) / 2) - np.log(2)
    return density + np.log1p(-(correlation**2))


def test_the_density_is_made_of_what_the_population_says():
    """Coefficients, deviations, correlations, effects and units, each by SciPy's density."""
    at, found = place(), small().hyperparameters(place())
    unit = np.array([found["x:sd"], found["y:sd"]])
    level = np.array([found["x:1|site"], found["x:age|site"]])
    between = float(found["x:correlation(1,age|site)"])
    across = float(found["correlation(x,y)"])
    site = np.diag(level) @ [[1, between], [between, 1]] @ np.diag(level)
    covariance = np.diag(unit) @ [[1, across], [across, 1]] @ np.diag(unit)
    effects = at["effects"]["x:site"] @ np.linalg.cholesky(site).T
    level_of = np.array([0, 1, 1, 0, 1])
    mean = np.stack(
        [
            at["coefficients"][0]
            + at["coefficients"][1] * AGES
            + effects[level_of, 0]
            + effects[level_of, 1] * AGES,
            np.full(5, at["coefficients"][2]),
        ],
        axis=1,
    )
    expected = (
        stats.norm([-3, 0, 1], [2, 1.2, 0.5]).logpdf(at["coefficients"]).sum()
        + (stats.halfnorm(scale=[2, 0.5]).logpdf(unit) + np.log(unit)).sum()
        + (stats.halfnorm(scale=[1.5, 0.7]).logpdf(level) + np.log(level)).sum()
        + stats.norm.logpdf(at["effects"]["x:site"]).sum()
        + lkj(between)
        + lkj(across)
        + stats.multivariate_normal([0, 0], covariance).logpdf(at["subjects"] - mean).sum()
    )
    positions, density = evaluate(small(), at)

    np.testing.assert_allclose(positions, at["subjects"])
    np.testing.assert_allclose(small().expected(at), mean, rtol=1e-12)
    np.testing.assert_allclose(density, expected, rtol=1e-12)


@pytest.mark.parametrize("centred", [(True, False), (False, True), (False, False)])
def test_other_coordinates_say_the_same(centred):
    """Densities differ by how much the coordinates of units are stretched, and by nothing else."""
    names = dict(zip(("x", "y"), centred, strict=True))
    other = small().with_centred(names)
    units = other.to_coordinates(place(), jnp.asarray(place()["subjects"]))
    positions, density = evaluate(other, place() | {"subjects": units})

    def stretched(units):
        return other.evaluate(place() | {"subjects": units})[0].ravel()

    volume = np.linalg.slogdet(jax.jit(jax.jacfwd(stretched))(units).reshape(10, 10))[1]
    np.testing.assert_allclose(positions, place()["subjects"], rtol=1e-12)
    np.testing.assert_allclose(density, evaluate(small(), place())[1] + volume, rtol=1e-12)


def test_names_are_in_the_order_of_numbers():
    assert small().names == (
        "x:Intercept",
        "x:age",
        "y:Intercept",
        "x:sd",
        "y:sd",
        "x:1|site",
        "x:age|site",
        "x:correlation(1,age|site)",
        "correlation(x,y)",
    )
    assert small(False).names == small().names[:-1]
    assert list(small().hyperparameters(place())) == list(small().names)


@pytest.mark.slow
def test_draws_follow_the_priors():
    """Every number by its own distribution, by the Kolmogorov-Smirnov test at one in a thousand."""
    keys = jax.random.split(jax.random.key(3), 2000)
    drawn = jax.jit(jax.vmap(lambda key: small().hyperparameters(small().draw(key))))(keys)
    correlation = stats.beta(2, 2, loc=-1, scale=2)
    expected = {
        "x:Intercept": stats.norm(-3, 2),
        "x:age": stats.norm(0, 1.2),
        "y:Intercept": stats.norm(1, 0.5),
        "x:sd": stats.halfnorm(scale=2),
        "y:sd": stats.halfnorm(scale=0.5),
        "x:1|site": stats.halfnorm(scale=1.5),
        "x:age|site": stats.halfnorm(scale=0.7),
        "x:correlation(1,age|site)": correlation,
        "correlation(x,y)": correlation,
    }
    assert set(drawn) == set(expected)
    for name, values in drawn.items():
        assert stats.kstest(np.asarray(values), expected[name].cdf).pvalue > 1e-3, name


@pytest.mark.slow
def test_drawn_units_scatter_as_the_population_says():
    """The scores of units that were drawn centred are standard normal."""
    scores = small().with_centred({"x": False, "y": False})

    def one(key):
        at = small().draw(key)
        return scores.to_coordinates(at, small().evaluate(at)[0])

    found = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(4), 1000))
    assert stats.kstest(np.asarray(found).ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("size", [2, 3, 5])
def test_factors_are_those_of_correlation_matrices(size):
    partials = np.random.default_rng(size).normal(size=correlations.count_correlations(size))
    factor = np.asarray(correlations.correlation_factor(jnp.asarray(partials), size))

    np.testing.assert_allclose(np.diag(factor @ factor.T), 1, rtol=1e-12)
    assert np.all(np.triu(factor, 1) == 0)
    # What two variables share beyond all that come before both, from the inverse of their correlations.
    whole = factor @ factor.T
    for (later, earlier), partial in zip(correlations.list_pairs(size), partials, strict=True):
        those = [*range(earlier), earlier, later]
        inverse = np.linalg.inv(whole[np.ix_(those, those)])
        shared = -inverse[-1, -2] / np.sqrt(inverse[-1, -1] * inverse[-2, -2])
        assert shared == pytest.approx(np.tanh(partial), rel=1e-9)


@pytest.mark.slow
def test_correlations_are_as_probable_as_the_determinant_says():
    """The LKJ density with concentration 2 is proportional to the determinant, per unit of the matrix."""
    pairs = tuple(np.array(correlations.list_pairs(4)).T)

    def entries(partials):
        factor = correlations.correlation_factor(partials, 4)
        return (factor @ factor.T)[pairs]

    differences = []
    for seed in range(5):
        partials = jnp.asarray(np.random.default_rng(seed).normal(size=6))
        factor = np.asarray(correlations.correlation_factor(partials, 4))
        volume = np.linalg.slogdet(jax.jacfwd(entries)(partials))[1]
        expected = np.linalg.slogdet(factor @ factor.T)[1] + volume
        differences.append(float(correlations.log_lkj(partials, 4)) - expected)
    np.testing.assert_allclose(differences, differences[0], rtol=1e-10)


@pytest.mark.slow
def test_drawn_correlations_have_the_marginals_of_their_distribution():
    """Every correlation of an LKJ matrix of size d is beta distributed, both shapes 1 + d / 2 here."""
    keys = jax.random.split(jax.random.key(1), 4000)

    def one(key):
        factor = correlations.correlation_factor(correlations.draw_partial_correlations(key, 3), 3)
        return (factor @ factor.T)[tuple(np.array(correlations.list_pairs(3)).T)]

    marginal = stats.beta(2.5, 2.5, loc=-1, scale=2)
    for column in np.asarray(jax.jit(jax.vmap(one))(keys)).T:
        assert stats.kstest(column, marginal.cdf).pvalue > 1e-3


def test_densities_are_those_of_distributions():
    """The integral over the Fisher transform of a single correlation is one."""
    grid = jnp.linspace(-12, 12, 4001)[:, None]
    heights = jnp.exp(jax.vmap(lambda at: correlations.log_lkj(at, 2))(grid))

    assert float(jnp.trapezoid(heights, grid[:, 0])) == pytest.approx(1, abs=1e-6)
