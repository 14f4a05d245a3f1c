"""Edges from the step before: cycles through time, and what a parent learns one step later."""

import math

import numpy as np
import pytest

import pynodes as pn

KEEP, NOISE, STRENGTH = 0.6, 0.5, 0.7
GROWTH = -math.log((1 - KEEP**2) / (-2 * math.log(KEEP)))
SCALE = -math.log(KEEP) / (1 - KEEP)


def state(**settings):
    """A state that keeps a part of itself and gains variance one per step."""
    return pn.ContinuousState(
        memory="exact", autoconnection=KEEP, tonic_volatility=GROWTH, **settings
    )


def pair(**coupling):
    graph = pn.Graph().add(
        x=state(initial_precision=1e14),
        y=state(initial_precision=1e14),
        u=pn.ContinuousInput(precision=1 / NOISE),
        v=pn.ContinuousInput(precision=1 / NOISE),
    )
    graph = graph.couple("x", "u").couple("y", "v")
    return graph.couple("x", "y", pn.Drift(strength=STRENGTH * SCALE, lag=1, **coupling))


def test_a_parent_learns_one_step_later_what_its_child_says():
    """From one child of the next step exactly: the posterior of the joint Gaussian."""
    seen = {"u": [1.2, np.nan], "v": [np.nan, -0.8]}
    beliefs = pair().compile().filter(seen)
    left_alone = pair(upward=False).compile().filter(seen)

    # The values x1, x2 and y2 from independent steps of variance one: of x twice, of y twice.
    maps = np.array([[1.0, 0, 0, 0], [KEEP, 1, 0, 0], [STRENGTH, 0, KEEP, 1]])
    cover = maps @ maps.T
    observe = np.array([[1.0, 0, 0], [0, 0, 1]])
    gain = cover @ observe.T @ np.linalg.inv(observe @ cover @ observe.T + NOISE * np.eye(2))
    mean, variance = gain @ [1.2, -0.8], cover - gain @ observe @ cover
    np.testing.assert_allclose(beliefs["x"].mean[1], mean[1], rtol=1e-9)
    np.testing.assert_allclose(1 / beliefs["x"].precision[1], variance[1, 1], rtol=1e-9)
    np.testing.assert_allclose(beliefs["y"].mean[1], mean[2], rtol=1e-9)
    assert left_alone["x"].mean[1] == left_alone["x"].predicted_mean[1]


def test_a_parent_observed_without_noise_is_a_regressor_that_is_shifted():
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, 30))
    entry = pn.ContinuousInput(precision=1 / NOISE)
    graph = pn.Graph().add(y=state(), v=entry).couple("y", "v")
    lagged = graph.add(x=state(initial_precision=1e14))
    lagged = lagged.couple("x", "y", pn.Drift(strength=STRENGTH, lag=1))
    shifted = graph.add(x=pn.Regressor()).couple("x", "y", pn.Drift(strength=STRENGTH))
    one = lagged.compile().filter({"x": x, "v": v})
    other = shifted.compile().filter({"x": np.append(0.0, x[:-1]), "v": v})

    np.testing.assert_allclose(one["y"].mean, other["y"].mean, rtol=1e-9)
    np.testing.assert_allclose(one["v"].surprise, other["v"].surprise, rtol=1e-9)
    np.testing.assert_array_equal(one["x"].mean, x)


def test_cycles_through_time_are_close_to_the_joint_filter():
    """Within 0.02 nats per step of Kalman's; a zero strength is absence; volatility edges work too."""
    rng = np.random.default_rng(1)
    move = np.array([[KEEP, -0.3], [0.4, KEEP]])
    hidden, series = np.zeros(2), []
    for _ in range(200):
        hidden = move @ hidden + rng.normal(size=2)
        series.append(hidden + math.sqrt(NOISE) * rng.normal(size=2))
    series = np.array(series)
    graph = pair().revise(x=state(), y=state()).couple("y", "x", pn.Drift(lag=1))
    names = ("x->y.strength", "y->x.strength")
    network = graph.compile()
    data = {"u": series[:, 0], "v": series[:, 1]}
    ours = network.replace({names: SCALE * np.array([0.4, -0.3])}).surprise(data)

    mean, cover, exact = np.zeros(2), np.eye(2), 0.0
    for row in series:
        mean, cover = move @ mean, move @ cover @ move.T + np.eye(2)
        whole = cover + NOISE * np.eye(2)
        error = row - mean
        log_det = np.linalg.slogdet(2 * np.pi * whole)[1]
        exact += 0.5 * (log_det + error @ np.linalg.solve(whole, error))
        gain = cover @ np.linalg.inv(whole)
        mean, cover = mean + gain @ error, cover - gain @ cover
    assert abs(float(ours) - exact) / 200 < 0.02
    apart = graph.uncouple("x", "y").uncouple("y", "x").compile().surprise(data)
    silent = network.replace({names: np.zeros(2)}).surprise(data)
    assert float(silent) == pytest.approx(float(apart), rel=1e-13)
    volatile = pair().couple("y", "x", pn.Volatility(strength=0.5, lag=1)).compile()
    assert np.isfinite(float(volatile.surprise(data)))
    assert set(network.messages({"u": [1.0], "v": [0.0]})) == {"x->u", "y->v", "x->y", "y->x"}


def test_wrong_use_is_refused_in_words():
    graph = pair()
    with pytest.raises(pn.CycleError, match="its own ancestor"):
        pn.Graph().add(x=state(), y=state()).couple("x", "y").couple("y", "x")
    with pytest.raises(pn.CouplingError, match="lag must be 0 or 1, not 2"):
        pn.Drift(lag=2)
    with pytest.raises(pn.CouplingError, match="upward must be"):
        pn.Volatility(lag=1, upward="no")
    with pytest.raises(pn.CouplingError, match="remembers no value of the step before"):
        graph.add(r=pn.Regressor()).couple("r", "y", pn.Drift(lag=1))
    with pytest.raises(pn.SmoothingError, match="value of the step before"):
        graph.compile().smooth({"u": [1.0], "v": [1.0]})
    assert pn.Graph.from_json(graph.to_json()) == graph
