"""Parameters as slow states: beside closed forms, and beside the exact posterior on a grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes import structure

STEPS = 60


def test_the_strength_of_a_regressor_is_a_linear_regression():
    """Bayes' rule for all steps at once."""
    rng = np.random.default_rng(0)
    r = rng.normal(size=STEPS)
    u = 0.7 * r + 0.5 * rng.normal(size=STEPS)
    graph = pn.Graph().add(u=pn.ContinuousInput(precision=4.0), r=pn.Regressor()).couple("r", "u")
    slow = structure.adaptive(graph, {"r->u.strength": pn.Normal(0.2, 0.6)}, drift=-60.0)
    found = slow.compile().filter({"u": u, "r_u_strength->u.strength": r})

    precision = 0.6**-2 + 4.0 * r @ r
    mean = (0.2 * 0.6**-2 + 4.0 * r @ u) / precision
    cover = 0.25 * np.eye(STEPS) + 0.36 * np.outer(r, r)
    error = u - 0.2 * r
    exact = 0.5 * (np.linalg.slogdet(2 * np.pi * cover)[1] + error @ np.linalg.solve(cover, error))
    np.testing.assert_allclose(found["r_u_strength"].mean[-1], mean, rtol=1e-10)
    np.testing.assert_allclose(found["r_u_strength"].precision[-1], precision, rtol=1e-10)
    np.testing.assert_allclose(found.surprise.sum(), exact, rtol=1e-10)


def test_the_volatility_of_a_walk_is_that_of_a_grid_of_kalman_filters():
    """Under Structured: mean within a third of a posterior standard deviation, as wide within a fifth."""
    graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState()).couple("x", "u")
    name, prior = "x.tonic_volatility", pn.Normal(-1.0, 1.5)
    slow = structure.adaptive(graph, {name: prior}).compile(expansion="structured")
    plain, grid = graph.compile(), jnp.linspace(-7.0, 5.0, 61)
    rng = np.random.default_rng(1)
    truth = np.array([-3.0, -1.0, 1.0])
    moves = np.exp(truth / 2)[:, None] * rng.normal(size=(3, STEPS))
    u = np.cumsum(moves, axis=1) + rng.normal(size=(3, STEPS))

    @jax.jit
    def learn(u):
        belief = slow.filter({"u": u}, throw=False)["x_tonic_volatility"]
        return belief.mean[-1], belief.precision[-1] ** -0.5

    @jax.jit
    def score(u):
        return jax.vmap(lambda value: plain.replace({name: value}).surprise({"u": u}))(grid)

    for series in u:
        log = -score(series) - 0.5 * ((grid + 1.0) / 1.5) ** 2
        weight = jnp.exp(log - log.max()) / jnp.exp(log - log.max()).sum()
        mean, sd = weight @ grid, jnp.sqrt(weight @ grid**2 - (weight @ grid) ** 2)
        ours, width = learn(series)
        assert abs(ours - mean) < 0.33 * sd
        assert 0.8 < width / sd < 1.25


def test_what_no_state_can_stand_for_is_refused():
    graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState()).couple("x", "u")
    refused = {
        "x.tonic_volatility": (pn.LogNormal(0.0, 1.0), "normal prior"),
        "u.tonic_volatility": (pn.Normal(0.0, 1.0), "No state 'u'"),
        "x->u.strength": (pn.Normal(0.0, 1.0), "takes a regressor"),
        "y->u.strength": (pn.Normal(0.0, 1.0), "no edge 'y->u'"),
        "u.precision": (pn.Normal(0.0, 1.0), "pn.structure.bank"),
    }
    for name, (prior, words) in refused.items():
        with pytest.raises(pn.ParameterError) as caught:
            structure.adaptive(graph, {name: prior})
        assert words in str(caught.value)
