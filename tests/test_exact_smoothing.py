"""Where the factorised belief is exact, smoothing is that of Rauch, Tung and Striebel."""

import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.oracles.kalman import kalman_filter
from tests.oracles.rauch_tung_striebel import rauch_tung_striebel

EXACT = {"rtol": 1e-10, "atol": 1e-11}


def assert_exact(belief, smoothed, column=0):
    """A node's belief is the oracle's of one of its states."""
    np.testing.assert_allclose(belief.mean, smoothed.mean[:, column], **EXACT)
    variance = smoothed.covariance[:, column, column]
    np.testing.assert_allclose(1 / np.asarray(belief.precision), variance, **EXACT)


def gappy(rng, steps, inputs, missing=0.3):
    """Series of walks with values missing, the last ones among them."""
    series = rng.normal(size=(steps, inputs)).cumsum(axis=0)
    series[rng.random((steps, inputs)) < missing] = np.nan
    series[-2:] = np.nan
    return series


def random_state(seed, memory):
    """One state with several inputs, a bias and a regressor; its series; and the oracle's answer."""
    rng = np.random.default_rng(seed)
    steps, inputs = 40, 1 + seed % 3
    strength, noise = rng.normal(size=inputs), np.exp(rng.normal(size=inputs))
    volatility, drift, kept, push, bias, pull = rng.normal(size=6) * [1, 0.3, 0, 0.5, 0.4, 0.5]
    kept = rng.uniform(0.3, 1.0) if memory else 1.0
    series, dt, known = (
        gappy(rng, steps, inputs),
        rng.gamma(3.0, 0.4, steps),
        rng.normal(size=steps),
    )
    state = pn.ContinuousState(
        tonic_volatility=volatility,
        tonic_drift=drift,
        autoconnection=kept,
        memory=memory or "discrete",
        initial_mean=0.4,
        initial_precision=0.8,
    )
    graph = (
        pn.Graph()
        .add(x=state, bias=pn.ConstantState(value=bias), r=pn.Regressor())
        .add({f"u{n}": pn.ContinuousInput(precision=1 / noise[n]) for n in range(inputs)})
        .couple("bias", "u0", pn.Observation(strength=1.5))
        .couple("bias", "x", pn.Drift(strength=pull))
        .couple("r", "x", pn.Drift(strength=push))
    )
    for n in range(inputs):
        graph = graph.couple("x", f"u{n}", pn.Observation(strength=strength[n]))
    shown = series - np.eye(inputs)[0] * 1.5 * bias
    moves = drift + pull * bias + push * known
    rate = -np.log(kept)
    lasting = memory == "exact" and kept < 1
    model = {
        "transition": kept**dt if lasting else np.full(steps, kept),
        "noise": np.exp(volatility) * ((1 - kept ** (2 * dt)) / (2 * rate) if lasting else dt),
        "observe": strength[:, None],
        "observation_noise": np.diag(noise),
        "mean0": 0.4,
        "covariance0": 1 / 0.8,
        "observations": shown,
        "drift": (((1 - kept**dt) / rate if lasting else dt) * moves)[:, None],
    }
    values = {f"u{n}": series[:, n] for n in range(inputs)} | {"r": known}
    return graph.compile(), values, dt, model


def undiminished(model):
    """Noise that makes good what a discrete memory takes off the variance, step by step.

    The network carries the whole variance over, where a process that keeps λ of a value keeps λ² of its
    variance (docs/theory/value.md). So λ² and the rest enter the oracle apart.
    """
    noise, variance = np.array(model["noise"]), model["covariance0"]
    precision = np.diag(1 / model["observation_noise"].diagonal())
    for step, values in enumerate(model["observations"]):
        noise[step] += (1 - model["transition"][step] ** 2) * variance
        there = np.isfinite(values)
        heard = (
            model["observe"][there].T @ precision[np.ix_(there, there)] @ model["observe"][there]
        )
        ahead = model["transition"][step] ** 2 * variance + noise[step]
        variance = 1 / (1 / ahead + heard.item())
    return model | {"noise": noise}


@pytest.mark.parametrize("memory", [None, "discrete", "exact"])
@pytest.mark.parametrize("seed", few(range(3), 1))
def test_one_state_with_any_inputs_gaps_times_and_drift(seed, memory):
    network, series, dt, model = random_state(seed, memory)
    if memory == "discrete":
        model = undiminished(model)
    filtered = kalman_filter(**model)
    exact = rauch_tung_striebel(filtered, model["transition"])

    beliefs = network.smooth(series, dt=dt)

    assert_exact(beliefs["x"], exact)
    forward = network.filter(series, dt=dt)["x"]
    assert np.all(np.asarray(beliefs["x"].precision) >= np.asarray(forward.precision) * (1 - 1e-12))


@pytest.mark.parametrize(
    ("expansion", "marginalise"),
    few([("unbounded", False), ("enhanced", True), ("standard", False)], 1),
)
def test_settings_make_no_difference_to_one_state(expansion, marginalise):
    network, series, dt, model = random_state(5, "exact")
    other = network.graph.compile(expansion=expansion, marginalise=marginalise)
    exact = rauch_tung_striebel(kalman_filter(**model), model["transition"])

    assert_exact(other.smooth(series, dt=dt)["x"], exact)


def test_several_states_that_do_not_meet_are_smoothed_each_by_itself():
    """They share a group and its arrays, and nothing else."""
    rng, steps = np.random.default_rng(3), 30
    series, dt = gappy(rng, steps, 3), rng.gamma(3.0, 0.4, steps)
    volatility = [-1.0, -2.0, 0.5]
    graph = pn.Graph()
    for n in range(3):
        graph = graph.add({f"x{n}": pn.ContinuousState(tonic_volatility=volatility[n])})
        graph = graph.add({f"u{n}": pn.ContinuousInput(precision=2.0)}).couple(f"x{n}", f"u{n}")

    beliefs = graph.compile().smooth({f"u{n}": series[:, n] for n in range(3)}, dt=dt)

    for n in range(3):
        noise = dt * np.exp(volatility[n])
        filtered = kalman_filter(1.0, noise, 1.0, 0.5, 0.0, 1.0, series[:, n])
        assert_exact(beliefs[f"x{n}"], rauch_tung_striebel(filtered, 1.0))


def test_states_whose_evidence_is_at_right_angles():
    """Two inputs, noisy alike, that show the sum and the difference of states as fast as each other."""
    rng, steps = np.random.default_rng(4), 40
    series = rng.normal(size=(steps, 2)).cumsum(axis=0)
    seen = np.array([[1.0, 0.5], [0.5, -1.0]])
    states = {f"x{n}": pn.ContinuousState(tonic_volatility=-2.0) for n in range(2)}
    graph = pn.Graph().add(states).add({f"u{n}": pn.ContinuousInput() for n in range(2)})
    for n in range(2):
        for m in range(2):
            graph = graph.couple(f"x{m}", f"u{n}", pn.Observation(strength=seen[n, m]))
    noise = np.exp(-2.0) * np.eye(2)
    filtered = kalman_filter(
        np.eye(2), noise, seen, np.eye(2), np.zeros(2), np.eye(2), observations=series
    )

    beliefs = graph.compile().smooth({f"u{n}": series[:, n] for n in range(2)})

    for n in range(2):
        assert_exact(beliefs[f"x{n}"], rauch_tung_striebel(filtered, np.eye(2)), n)


def test_a_state_seen_exactly_is_a_bridge_between_what_was_seen():
    """Brownian motion between two known values: a straight line, and a parabola of variance."""
    graph = pn.Graph().add(x=pn.ContinuousState(tonic_volatility=0.7), u=pn.ContinuousInput())
    values = np.array([1.0, np.nan, np.nan, np.nan, 3.0])
    network = graph.couple("x", "u").compile()

    beliefs = network.smooth({"x": values, "u": np.full(5, np.nan)})

    np.testing.assert_allclose(beliefs["x"].mean, [1.0, 1.5, 2.0, 2.5, 3.0], rtol=1e-12)
    along = np.arange(5) / 4
    variance = 4 * np.exp(0.7) * along * (1 - along)
    np.testing.assert_allclose(1 / np.asarray(beliefs["x"].precision), variance, rtol=1e-12)
    np.testing.assert_allclose(beliefs["u"].mean, beliefs["x"].mean, rtol=1e-12)
