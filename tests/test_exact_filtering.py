"""Law 8: where the factorised belief is exact, the network is a Kalman filter."""

import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.oracles.kalman import kalman_filter


@pytest.mark.parametrize("marginalise", [True, False])
@pytest.mark.parametrize("expansion", cases.EXPANSIONS, ids=repr)
def test_one_state_with_several_inputs_gaps_and_irregular_times(expansion, marginalise):
    """An Ornstein-Uhlenbeck state with drift and a bias; inputs of different strength and noise."""
    steps, rng = 60, np.random.default_rng(0)
    dt = rng.gamma(3.0, 0.4, steps)
    series = rng.normal(size=(steps, 3)).cumsum(axis=0)
    series[rng.random((steps, 3)) < 0.3] = np.nan
    strength, noise = np.array([1.0, -0.5, 2.0]), np.array([0.5, 2.0, 0.1])
    graph = (
        pn.Graph(expansion=expansion, marginalise=marginalise)
        .add(
            x=pn.ContinuousState(
                tonic_volatility=-1.0,
                tonic_drift=0.2,
                memory="exact",
                autoconnection=0.9,
                initial_mean=0.4,
                initial_precision=0.8,
            )
        )
        .add({f"u{i}": pn.ContinuousInput(precision=1 / noise[i]) for i in range(3)})
        .add(bias=pn.ConstantState(value=0.7))
        .couple("bias", "u1", pn.Observation(strength=1.5))
        .couple("bias", "x", pn.Drift(strength=-0.3))
    )
    for i in range(3):
        graph = graph.couple("x", f"u{i}", pn.Observation(strength=strength[i]))

    beliefs = graph.compile().filter({f"u{i}": series[:, i] for i in range(3)}, dt=dt)

    exact = kalman_filter(
        transition=0.9**dt,
        noise=np.exp(-1.0) * (1 - 0.9 ** (2 * dt)) / (-2 * np.log(0.9)),
        observe=strength[:, None],
        observation_noise=np.diag(noise),
        mean0=0.4,
        covariance0=1 / 0.8,
        observations=series - np.array([0.0, 1.5 * 0.7, 0.0]),
        drift=((1 - 0.9**dt) / -np.log(0.9) * (0.2 - 0.3 * 0.7))[:, None],
    )
    for name, expected in (
        ("mean", exact.mean),
        ("precision", 1 / exact.covariance),
        ("predicted_mean", exact.predicted_mean),
        ("predicted_precision", 1 / exact.predicted_covariance),
    ):
        found = getattr(beliefs["x"], name)
        np.testing.assert_allclose(found, np.ravel(expected), rtol=1e-10, atol=1e-12)


def test_the_surprise_of_one_state_is_the_log_evidence():
    steps, rng = 40, np.random.default_rng(1)
    u, dt = rng.normal(size=steps).cumsum(), rng.gamma(3.0, 0.4, steps)
    network = pn.models.continuous_hgf(
        levels=1, tonic_volatility=-1.0, input_precision=2.0
    ).compile()

    exact = kalman_filter(
        transition=np.array([[1.0]]),
        noise=dt * np.exp(-1.0),
        observe=np.array([[1.0]]),
        observation_noise=np.array([[0.5]]),
        mean0=0.0,
        covariance0=1.0,
        observations=u,
    )

    beliefs = network.filter({"u": u}, dt=dt)
    np.testing.assert_allclose(-beliefs.surprise, exact.log_evidence, rtol=1e-11)
    total = network.surprise({"u": u}, dt=dt)
    np.testing.assert_allclose(-total, np.sum(exact.log_evidence), rtol=1e-11)


@pytest.mark.parametrize("strength", [1.0, -0.6])
def test_a_two_level_chain_is_exact_at_the_first_step(strength):
    """Afterwards the two levels are correlated, which a belief per node cannot hold."""
    dt, u = 1.7, 2.3
    graph = (
        pn.Graph()
        .add(u=pn.ContinuousInput(precision=2.0), x=pn.ContinuousState(tonic_volatility=-1.0))
        .add(y=pn.ContinuousState(tonic_volatility=-0.5, initial_mean=0.3, initial_precision=0.7))
        .couple("x", "u")
        .couple("y", "x", pn.Drift(strength=strength))
    )

    beliefs = graph.compile().filter({"u": [u]}, dt=dt)

    # y' = y + noise, x' = x + dt strength y' + noise, jointly Gaussian before u is seen.
    variance_y = 1 / 0.7 + dt * np.exp(-0.5)
    variance_x = 1.0 + dt * np.exp(-1.0) + (dt * strength) ** 2 * variance_y
    covariance = dt * strength * variance_y
    predicted = dt * strength * 0.3
    gain = 1 / (variance_x + 0.5)
    expected = {
        "x": (predicted + variance_x * gain * (u - predicted), variance_x - variance_x**2 * gain),
        "y": (0.3 + covariance * gain * (u - predicted), variance_y - covariance**2 * gain),
    }
    for name, (mean, variance) in expected.items():
        np.testing.assert_allclose(beliefs[name].mean[0], mean, rtol=1e-12)
        np.testing.assert_allclose(1 / beliefs[name].precision[0], variance, rtol=1e-12)
    np.testing.assert_allclose(
        1 / beliefs["u"].predicted_precision[0], variance_x + 0.5, rtol=1e-12
    )


def test_a_hidden_alternative_is_bayes_rule():
    """A noisy percept of a binary state: posterior odds are prior odds times the likelihood ratio."""
    low, high, noise, u = 0.2, 1.4, 0.5, 0.9
    graph = (
        pn.Graph()
        .add(u=pn.ContinuousInput(precision=1 / noise), s=pn.BinaryState(), x=pn.ContinuousState())
        .add(bias=pn.ConstantState(value=low))
        .couple("s", "u", pn.Observation(strength=high - low))
        .couple("bias", "u")
        .couple("x", "s")
    )

    beliefs = graph.compile().replace({"x.initial_mean": 0.4}).filter({"u": [u]})

    prior = 1 / (1 + np.exp(-0.4))
    likely = np.exp(-((u - np.array([low, high])) ** 2) / (2 * noise))
    posterior = prior * likely[1] / (prior * likely[1] + (1 - prior) * likely[0])
    np.testing.assert_allclose(beliefs["s"].predicted_mean[0], prior, rtol=1e-12)
    np.testing.assert_allclose(beliefs["s"].mean[0], posterior, rtol=1e-10)
    variance = 1 / (1 / (1 + np.exp(-4.0)) + prior * (1 - prior))
    np.testing.assert_allclose(
        beliefs["x"].mean[0], 0.4 + variance * (posterior - prior), rtol=1e-10
    )


def test_an_exactly_observed_state_is_certain_and_then_drifts():
    graph = pn.Graph().add(x=pn.ContinuousState(tonic_volatility=-1.0), y=pn.ContinuousState())
    network = graph.couple("y", "x", pn.Drift(strength=0.5)).compile()

    beliefs = network.filter({"x": [1.0, np.nan, 2.0]}, throw=True)

    np.testing.assert_allclose(beliefs["x"].mean[::2], [1.0, 2.0])
    np.testing.assert_allclose(beliefs["x"].mean[1], beliefs["x"].predicted_mean[1])
    # Seen exactly, x tells y its drift with the variance of one step of x.
    variance_y = 1.0 + np.exp(-4.0)
    precision = 1 / variance_y + 0.25 / (1.0 + np.exp(-1.0))
    np.testing.assert_allclose(beliefs["y"].precision[0], precision, rtol=1e-12)
