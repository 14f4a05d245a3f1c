"""Strengths as beliefs: the surprise is the density of the whole series, whatever the parents."""

import jax
import numpy as np
import pytest
from scipy import stats

import pynodes as pn

STEPS, TERMS = 30, 3


def series(seed=0):
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(STEPS, TERMS))
    return design, design @ [0.7, -0.4, 0.0] + rng.normal(size=STEPS)


def graph_of(node):
    parents = {f"r{i}": pn.Regressor() for i in range(TERMS)}
    return pn.Graph().extend(parents | {"y": node}, [(name, "y", "value") for name in parents])


def inputs_of(design, values):
    return {"y": values} | {f"r{i}": column for i, column in enumerate(design.T)}


def test_the_surprise_is_the_density_of_the_series():
    """A multivariate t; with gaps and irregular times, of what was seen, by its own covariance."""
    design, values = series()
    values[[3, 4, 17]] = np.nan
    times = np.random.default_rng(1).gamma(4.0, 0.25, STEPS)
    node = pn.RegressionInput(
        terms=TERMS,
        initial_variance=[0.2, 0.5, 1.0],
        tonic_volatility=-3.0,
        noise_shape=3.0,
        noise_scale=2.0,
    )
    found = graph_of(node).compile().surprise(inputs_of(design, values), dt=times)

    since, seen = np.cumsum(times), np.isfinite(values)
    walked = np.exp(-3.0) * np.minimum.outer(since, since)
    cover = np.eye(STEPS) + sum(
        (variance + walked) * np.outer(column, column)
        for variance, column in zip([0.2, 0.5, 1.0], design.T, strict=True)
    )
    density = stats.multivariate_t(shape=2.0 / 3.0 * cover[np.ix_(seen, seen)], df=6.0).logpdf(
        values[seen]
    )
    assert found == pytest.approx(-density, rel=1e-12)


def test_known_noise_makes_the_series_normal():
    design, values = series(1)
    node = pn.RegressionInput(
        terms=TERMS, noise="known", precision=2.0, initial_mean=0.1, initial_variance=0.3
    )
    found = graph_of(node).compile().surprise(inputs_of(design, values))

    cover = 0.5 * np.eye(STEPS) + 0.3 * design @ design.T
    density = stats.multivariate_normal(0.1 * design.sum(axis=1), cover).logpdf(values)
    assert found == pytest.approx(-density, rel=1e-12)


def test_the_belief_is_that_of_all_observations_at_once():
    """Ridge regression, and the conjugate noise variance."""
    design, values = series(2)
    node = pn.RegressionInput(terms=TERMS, initial_variance=0.5, noise_shape=3.0, noise_scale=2.0)
    beliefs = graph_of(node).compile().filter(inputs_of(design, values))["y"]

    precision = design.T @ design + np.eye(TERMS) / 0.5
    mean = np.linalg.solve(precision, design.T @ values)
    scale = 2.0 + 0.5 * (values @ values - mean @ precision @ mean)
    variance = scale / (3.0 + STEPS / 2 - 1)
    np.testing.assert_allclose(beliefs.strengths[-1], mean, rtol=1e-10)
    np.testing.assert_allclose(beliefs.noise_variance[-1], variance, rtol=1e-10)
    np.testing.assert_allclose(
        beliefs.strength_sd[-1], np.sqrt(variance * np.diag(np.linalg.inv(precision))), rtol=1e-10
    )


def test_a_zero_strength_is_absence():
    """In the surprise, and in what the strengths of the others are."""
    design, values = series(3)
    whole = graph_of(pn.RegressionInput(terms=TERMS)).compile()
    masked = whole.replace({"r1->y.strength": 0.0})
    fewer = whole.graph.remove("r1").compile()
    inputs = inputs_of(design, values)
    others = {name: one for name, one in inputs.items() if name != "r1"}

    assert masked.surprise(inputs) == pytest.approx(float(fewer.surprise(others)), rel=1e-13)
    np.testing.assert_allclose(
        masked.filter(inputs)["y"].strengths[:, [0, 2]],
        fewer.filter(others)["y"].strengths[:, [0, 2]],
        rtol=1e-12,
    )
    gradient = jax.grad(lambda s: whole.replace({"r1->y.strength": s}).surprise(inputs))(0.0)
    assert gradient == 0.0


def test_a_hidden_parent_hears_the_slope_of_the_log_density():
    node = pn.RegressionInput(terms=2, initial_mean=[0.8, -0.3])
    coupling = pn.Term(strength=0.7).bind(pn.ContinuousState(), node, 0)
    parent = pn.Gaussian.start(0.4, 2.0).predicted(0.4, variance=0.5)
    child = node.init().predicted(node.expect(node.begin(), coupling.predict(parent, 1.0), 1.0))
    child = node.observe(child, np.float64(1.3), True)
    closed = coupling.evidence(parent, child, 1.0)
    slope = jax.grad(lambda x: coupling.log_density(x, parent, child, 1.0))

    np.testing.assert_allclose(closed.gradient, slope(0.4), rtol=1e-12)
    np.testing.assert_allclose(closed.curvature, -jax.grad(slope)(0.4), rtol=1e-12)


def test_a_hidden_parent_is_learned_through_the_regression():
    """A strength that is known almost surely makes it an observation of the parent, times that strength."""
    rng = np.random.default_rng(4)
    values = np.cumsum(rng.normal(size=40))
    node = pn.RegressionInput(
        terms=1, noise="known", initial_mean=1.5, initial_variance=1e-14, precision=2.0
    )
    state = pn.ContinuousState(tonic_volatility=0.0)
    learned = pn.Graph().add(u=node, x=state).couple("x", "u").compile().filter({"u": values})
    plain = pn.Graph().add(u=pn.ContinuousInput(precision=2.0), x=state)
    plain = plain.couple("x", "u", pn.Observation(strength=1.5)).compile().filter({"u": values})

    np.testing.assert_allclose(learned["x"].mean, plain["x"].mean, rtol=1e-8)
    np.testing.assert_allclose(learned.surprise, plain.surprise, rtol=1e-8)


def test_more_parents_than_terms_are_refused():
    graph = pn.Graph().add(y=pn.RegressionInput(terms=1), a=pn.Regressor(), b=pn.Regressor())
    with pytest.raises(pn.CouplingError, match=r"1 terms and none of number 1.*terms=2"):
        graph.couple(["a", "b"], "y")
    with pytest.raises(pn.ParameterError, match="terms must be a positive whole number, not 0"):
        pn.RegressionInput(terms=0)
    with pytest.raises(pn.ParameterError, match="noise must be 'learned' or 'known'"):
        pn.RegressionInput(noise="none")
    with pytest.raises(pn.ParameterError, match="2 terms and an initial_mean of shape"):
        pn.Graph().add(y=pn.RegressionInput(terms=2, initial_mean=[1.0])).compile()


def test_equations_write_the_regression():
    graph = graph_of(pn.RegressionInput(terms=TERMS, tonic_volatility=-3.0))

    text = str(graph.equations())
    assert r"\cdot" in text
    assert "InverseGamma" in text
