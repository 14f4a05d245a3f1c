"""Where smoothing is approximate it is nearer to exact smoothing, and to the truth, than the filter is."""

import jax
import numpy as np
import pytest

import pynodes as pn
from tests.oracles.kalman import kalman_filter
from tests.oracles.particle_filter import Hierarchy, simulate
from tests.oracles.particle_smoother import particle_smoother
from tests.oracles.rauch_tung_striebel import rauch_tung_striebel
from tests.test_calibration import network_of

SERIES, STEPS = 6, 60
HIERARCHIES = {
    "volatility": Hierarchy((-3.0, -4.0), (0.0, 0.0), (1.0, 4.0), input_precision=5.0),
    "outcomes": Hierarchy((-3.0,), (0.0,), (1.0,)),
}


def beliefs_of(network, observations, names):
    """Means and variances by the filter and by the smoother: of shape (series, time, states)."""
    series = {network.graph.inputs[0]: observations}
    for method in (network.filter, network.smooth):
        beliefs = jax.vmap(method)(series)
        mean = np.stack([np.asarray(beliefs[name].mean) for name in names], axis=-1)
        precision = np.stack([np.asarray(beliefs[name].precision) for name in names], axis=-1)
        yield mean, 1 / precision


def per_state(values):
    """The mean over series and steps."""
    return np.mean(values, axis=(0, 1))


def log_score(states, mean, variance):
    """Mean log density of the truth under Gaussian beliefs, by state."""
    return per_state(-0.5 * (np.log(2 * np.pi * variance) + (states - mean) ** 2 / variance))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "expansion"),
    [(model, expansion) for model in HIERARCHIES for expansion in ("enhanced", "unbounded")],
)
def test_smoothing_is_nearer_to_particles_and_to_the_truth_than_filtering(model, expansion):
    """On average over series; the particles' own noise, 1/20 of a deviation, is in both gaps alike."""
    hierarchy = HIERARCHIES[model]
    simulated = [simulate(hierarchy, STEPS, seed) for seed in range(SERIES)]
    states, observations = (np.stack(column) for column in zip(*simulated, strict=True))
    runs = [
        particle_smoother(hierarchy, one, particles=1_500, histories=400) for one in observations
    ]
    exact, variance = (
        np.stack([getattr(run, field) for run in runs]) for field in ("mean", "variance")
    )
    network = network_of(hierarchy).graph.compile(expansion=expansion)
    names = [name for name in network.graph.nodes if name not in network.graph.inputs]

    filtered, smoothed = beliefs_of(network, observations, names)

    gaps = [per_state((mean - exact) ** 2 / variance) for mean, _ in (filtered, smoothed)]
    assert np.all(gaps[1] < gaps[0])
    ratios = [np.abs(per_state(np.log(found / variance))) for _, found in (filtered, smoothed)]
    assert ratios[1][0] < ratios[0][0]
    scores = [log_score(states, *found)[0] for found in (filtered, smoothed)]
    assert scores[1] > scores[0]


@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.0, -0.5])
def test_smoothing_a_chain_is_nearer_to_the_joint_smoother_than_filtering(strength):
    """Beliefs of one node each forget that the levels of a chain are correlated, forward and back."""
    volatility, noise, steps = np.array([-1.0, -3.0]), 0.5, 80
    spread = np.array([[1.0, strength], [0.0, 1.0]])
    added = (spread * np.exp(volatility)) @ spread.T
    random = np.random.default_rng(0)
    state, series = np.zeros((SERIES, 2)), []
    for _ in range(steps):
        state = state @ spread.T + random.multivariate_normal(np.zeros(2), added, SERIES)
        series.append(state)
    states = np.stack(series, axis=1)
    observations = states[..., 0] + np.sqrt(noise) * random.standard_normal((SERIES, steps))
    runs = []
    for one in observations:
        forward = kalman_filter(
            spread, added, np.array([[1.0, 0.0]]), [[noise]], [0.0, 0.0], np.eye(2), one
        )
        runs.append(rauch_tung_striebel(forward, spread))
    exact = np.stack([run.mean for run in runs])
    variance = np.stack([np.diagonal(run.covariance, axis1=1, axis2=2) for run in runs])
    graph = (
        pn.Graph()
        .add(u=pn.ContinuousInput(precision=1 / noise))
        .add({f"x{n}": pn.ContinuousState(tonic_volatility=volatility[n]) for n in range(2)})
        .couple("x0", "u")
        .couple("x1", "x0", pn.Drift(strength=strength))
    )

    filtered, smoothed = beliefs_of(graph.compile(), observations, ["x0", "x1"])

    gaps = [per_state((mean - exact) ** 2 / variance) for mean, _ in (filtered, smoothed)]
    assert np.all(gaps[1] < gaps[0])
    ratios = [np.abs(per_state(np.log(found / variance))) for _, found in (filtered, smoothed)]
    assert np.all(ratios[1] < ratios[0])
    assert np.all(log_score(states, *smoothed) > log_score(states, *filtered))
