"""Forecasts: draws of the future have the moments that the model implies."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.small import OUTCOMES, VALUES, binary, network, tracked

DRAWS, AHEAD = 4000, 8


@cache
def series() -> pn.Trajectories:
    return network(tracked()).filter({"u": VALUES})


@cache
def ahead() -> pn.Forecast:
    return network(tracked()).forecast(jax.random.key(0), AHEAD, start=series().final, draws=DRAWS)


def test_a_walk_spreads_from_its_posterior():
    """Variance after n steps: the posterior's, plus n steps of the walk; of the input, plus its noise."""
    mean = float(series()["x"].mean[-1])
    variance = 1 / float(series()["x"].precision[-1]) + np.arange(1, AHEAD + 1) * np.exp(-4.0)
    for name, expected in (("x", variance), ("u", variance + 1.0)):
        found = ahead().mean(name)
        np.testing.assert_array_less(abs(found - mean), 4.5 * np.sqrt(expected / DRAWS))
        spread = np.var(np.asarray(ahead()[name]), axis=0)
        np.testing.assert_array_less(abs(spread / expected - 1), 4.5 * np.sqrt(2 / DRAWS))


def test_the_filter_without_observations_says_the_same():
    """The predicted moments of unobserved steps are those of the draws."""
    silent = network(tracked()).filter({"u": np.full(AHEAD, np.nan)}, start=series().final)
    variance = 1 / np.asarray(silent["u"].predicted_precision)

    np.testing.assert_array_less(
        abs(ahead().mean("u") - silent["u"].predicted_mean), 4.5 * np.sqrt(variance / DRAWS)
    )
    spread = np.var(np.asarray(ahead()["u"]), axis=0)
    np.testing.assert_array_less(abs(spread / variance - 1), 4.5 * np.sqrt(2 / DRAWS))


@pytest.mark.parametrize("mass", [0.5, 0.9])
def test_a_band_holds_its_share(mass):
    low, high = map(np.asarray, ahead().band("u", mass))
    draws = np.asarray(ahead()["u"])
    inside = (draws >= low) & (draws <= high)

    np.testing.assert_allclose(np.mean(inside, axis=0), mass, atol=2 / DRAWS)
    np.testing.assert_array_equal(ahead().quantile("u", 0.5 - mass / 2), low)


def test_only_what_is_recorded_is_kept():
    net = network(binary())
    start = net.filter({"u": OUTCOMES}).final
    few = net.forecast(jax.random.key(1), 5, start=start, draws=3, record=["x2"])

    assert few.names == ["x2"]
    assert list(few) == ["x2"]
    assert len(few) == 1
    assert "u" not in few
    assert few["x2"].shape == (3, 5)
    assert repr(few) == "Forecast(1 nodes, shape (3, 5))"
    with pytest.raises(pn.FieldError, match="'u' was not recorded"):
        few["u"]
    with pytest.raises(pn.UnknownNodeError, match="'z'"):
        few["z"]


def test_nodes_of_one_group_are_told_apart():
    """Two walks from 5 and from -5 stay on their sides for a step."""
    state = pn.ContinuousState
    net = (
        pn.Graph()
        .add(up=state(initial_mean=5.0), down=state(initial_mean=-5.0))
        .add(u=pn.ContinuousInput(), v=pn.ContinuousInput())
        .couple("up", "u")
        .couple("down", "v")
        .compile()
    )
    found = net.forecast(jax.random.key(0), 1, draws=50, record=["down", "up"])

    assert (found["up"] > 0).all()
    assert (found["down"] < 0).all()


def test_a_forecast_can_be_traced():
    net, start = network(tracked()), series().final
    means = jax.jit(jax.vmap(lambda key: net.forecast(key, 3, start=start, draws=4).mean("u")))(
        jax.random.split(jax.random.key(0), 5)
    )

    assert means.shape == (5, 3)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda net: net.forecast(jax.random.key(0), 3, draws=0), ("draws", "0")),
        (lambda net: net.forecast(jax.random.key(0), 0), ("steps", "0")),
        (lambda net: net.forecast(jax.random.key(0)), ("number of steps",)),
        (lambda net: net.forecast(0, 3), ("key",)),
        (lambda net: net.forecast(jax.random.key(0), 3).band("u", 90), ("mass", "90")),
        (lambda net: net.forecast(jax.random.key(0), 3).quantile("u", -1), ("probability", "-1")),
    ],
)
def test_a_wrong_forecast_is_named(use, words):
    with pytest.raises(pn.InputError) as caught:
        use(network(tracked()))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.slow
def test_a_prior_predictive_spreads_as_priors_and_model_say():
    """One step of a walk from a Gaussian beginning, with volatility of either of two values."""
    net = network(tracked())
    priors = {
        "x.tonic_volatility": lambda key: jnp.where(jax.random.bernoulli(key), 0.0, -2.0),
        "x.initial_mean": lambda key: 3 + 2 * jax.random.normal(key),
    }
    found = net.prior_predictive(jax.random.key(0), priors, 2, draws=DRAWS)
    expected = 4.0 + 1.0 + np.array([1, 2]) * (1 + np.exp(-2.0)) / 2

    assert found.parameters["x.tonic_volatility"].shape == (DRAWS,)
    assert found["x"].shape == (DRAWS, 2)
    spread = np.var(np.asarray(found["x"]), axis=0)
    np.testing.assert_array_less(abs(found.mean("x") - 3), 4.5 * np.sqrt(expected / DRAWS))
    np.testing.assert_array_less(abs(spread / expected - 1), 5 * np.sqrt(2 / DRAWS))


def test_a_prior_predictive_belongs_to_its_parameters():
    """A beginning that is certain to be where its prior put it."""
    net = network(tracked()).replace({"x.initial_precision": 1e9, "x.tonic_volatility": -30.0})
    found = net.prior_predictive(
        jax.random.key(0), {"x.initial_mean": jax.random.normal}, 1, draws=20, record=["x"]
    )

    np.testing.assert_allclose(found["x"][:, 0], found.parameters["x.initial_mean"], atol=1e-3)


@pytest.mark.parametrize(
    ("priors", "words"),
    [
        ({"x.volatility": jax.random.normal}, ("'x.volatility'",)),
        ({"x.initial_precision": jax.random.normal}, ("initial_precision", "positive")),
        ({"x.initial_mean": 3.0}, ("functions of a key", "3.0")),
        ({"x.initial_mean": lambda key: jax.random.normal(key, (2,))}, ("initial_mean", "(2,)")),
        ([], ("functions of a key",)),
    ],
)
def test_a_wrong_prior_is_named(priors, words):
    with pytest.raises(pn.ParameterError) as caught:
        network(tracked()).prior_predictive(jax.random.key(0), priors, 2)
    for word in words:
        assert word in str(caught.value)
