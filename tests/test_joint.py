"""JointNewton: what array couplings join settles together, beside a Kalman filter and an optimiser."""

import jax
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

import pynodes as pn

RNG = np.random.default_rng(0)
W, V = RNG.normal(size=(5, 2)), RNG.normal(size=(7, 5)) / 2
GROWTH, INNER, OUTER = -1.0, 3.0, 4.0


def block(function="identity", **state):
    """A state of two numbers, seen through a layer of five units by seven inputs."""
    return (
        pn.Graph()
        .add(
            x=pn.ContinuousState(shape=2, tonic_volatility=GROWTH, **state),
            h=pn.Layer(shape=5, precision=INNER),
            y=pn.ContinuousInput(shape=7, precision=OUTER),
        )
        .couple("x", "h", pn.Dense(weights=W, bias=None))
        .couple("h", "y", pn.Dense(weights=V, bias=None, function=function))
    )


def test_a_linear_block_is_the_step_of_a_kalman_filter():
    """With gaps of elements and of steps, and a second child of the state beside the layers.

    Covariances between states are dropped after each step, as beliefs hold none.
    """
    rng = np.random.default_rng(1)
    series = {"y": rng.normal(size=(12, 7)), "u": rng.normal(size=(12, 2))}
    series["y"][3, :4] = np.nan
    series["y"][6], series["u"][6] = np.nan, np.nan
    series["u"][8] = np.nan
    graph = block().add(u=pn.ContinuousInput(shape=2, precision=2.0)).couple("x", "u")

    run = graph.compile(scheme=pn.JointNewton(iterations=1)).filter(series)
    found = run["x"]

    seen = np.concatenate([series["y"], series["u"]], axis=1)
    through = np.concatenate([V @ W, np.eye(2)])
    noise = np.zeros((9, 9))
    noise[:7, :7] = np.eye(7) / OUTER + V @ V.T / INNER
    noise[7:, 7:] = np.eye(2) / 2.0
    mean, covariance = np.zeros(2), np.eye(2)
    for step, values in enumerate(seen):
        covariance = np.diag(np.diag(covariance)) + np.exp(GROWTH) * np.eye(2)
        there, surprise = ~np.isnan(values), 0.0
        if there.any():
            h, r = through[there], noise[np.ix_(there, there)]
            spread = h @ covariance @ h.T + r
            gain = covariance @ h.T @ np.linalg.inv(spread)
            surprise = -multivariate_normal(h @ mean, spread).logpdf(values[there])
            mean = mean + gain @ (values[there] - h @ mean)
            covariance = covariance - gain @ h @ covariance
        np.testing.assert_allclose(run.surprise[step], surprise, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(found.mean[step], mean, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(1 / found.precision[step], np.diag(covariance), rtol=1e-11)


def test_a_bent_block_is_at_its_least_energy():
    """Beside an optimiser of the same energy written out, and variances of the curvature there."""
    y = 0.3 * np.random.default_rng(2).normal(size=(1, 7))
    scheme = pn.JointNewton(iterations=100, nodes=1)
    found = block("tanh").compile(scheme=scheme).filter({"y": y})

    prior = 1 / (1 + np.exp(GROWTH))

    def energy(z):
        x, h = z[:2], z[2:]
        far = h - W @ x
        error = y[0] - V @ np.tanh(h)
        return 0.5 * (prior * x @ x + INNER * far @ far + OUTER * error @ error)

    least = minimize(energy, np.zeros(7), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(found["x"].mean[0], least[:2], atol=1e-6)
    np.testing.assert_allclose(found["h"].mean[0], least[2:], atol=1e-6)
    slopes = np.zeros((19, 7))  # of all errors, by their square roots of precision
    slopes[:2, :2] = np.sqrt(prior) * np.eye(2)
    slopes[2:7] = np.sqrt(INNER) * np.concatenate([-W, np.eye(5)], axis=1)
    slopes[7:14, 2:] = -np.sqrt(OUTER) * V * (1 - np.tanh(least[2:]) ** 2)
    covariance = np.linalg.inv(slopes.T @ slopes)
    variances = 1 / np.concatenate([found["x"].precision[0], found["h"].precision[0]])
    np.testing.assert_allclose(variances, np.diag(covariance), rtol=1e-5)
    assert found.status.plausible, found.status.message


@pytest.mark.slow
def test_a_skewed_posterior_has_its_moments():
    """Beside sums over a grid: a unit in saturation, whose mode is most of a deviation from its mean."""
    slope, inner, outer = 2.0, 9.0, 9.0
    prior = 1 + np.exp(GROWTH)
    network = (
        pn.Graph()
        .add(
            x=pn.ContinuousState(shape=1, tonic_volatility=GROWTH),
            h=pn.Layer(shape=1, precision=inner),
            y=pn.ContinuousInput(shape=1, precision=outer),
        )
        .couple("x", "h", pn.Dense(weights=[[slope]], bias=None))
        .couple("h", "y", pn.Dense(weights=[[1.0]], bias=None, function="tanh"))
        .compile(scheme=pn.JointNewton(iterations=30))
    )
    x, noise = np.meshgrid(np.linspace(-6, 6, 601), np.linspace(-2, 2, 201), indexing="ij")
    for seen in (1.2, 0.9):
        error = seen - np.tanh(slope * x + noise)
        energy = 0.5 * (x**2 / prior + inner * noise**2 + outer * error**2)
        weights = np.exp(-energy) / np.sum(np.exp(-energy))
        mean = np.sum(weights * x)
        variance = np.sum(weights * (x - mean) ** 2)
        deviation = np.sqrt(variance)
        assert abs(x.flat[np.argmin(energy)] - mean) > 0.5 * deviation

        found = network.filter({"y": np.array([[seen]])})["x"]
        np.testing.assert_allclose(found.mean[0, 0], mean, atol=0.12 * deviation)
        np.testing.assert_allclose(1 / found.precision[0, 0], variance, rtol=0.2)


@pytest.mark.slow
def test_a_block_that_has_not_settled_says_so():
    """One step from far off; the status names the node, how far it still had to go, and the remedy."""
    y = {"y": np.full((3, 7), np.nan)}
    y["y"][1] = 20.0
    run = block("tanh").compile(scheme=pn.JointNewton(iterations=1)).filter(y)
    assert np.isfinite(run.surprise).all()
    assert run.status.step == 1
    assert set(run.status.nodes) <= {"x", "h"}
    sent = [edge.contribution for edge in run.messages().values()]
    np.testing.assert_allclose(sent[0], run["x"].predicted_mean @ W.T, atol=1e-12)
    for said in ("had not settled at step 1", "at 1 of 3 steps", "Raise iterations"):
        assert said in run.status.message


@pytest.mark.slow
def test_volatility_parents_hear_the_settled_move():
    """Seen through a layer that only copies, everything is as under a plain observation."""
    graph = pn.Graph().add(
        v=pn.ContinuousState(tonic_volatility=-2.0),
        x=pn.ContinuousState(shape=3, tonic_volatility=-1.0),
        u=pn.ContinuousInput(shape=3, precision=2.0),
    )
    graph = graph.couple("v", "x", pn.Volatility(strength=0.7))
    copied = graph.couple("x", "u", pn.Dense(weights=np.eye(3), bias=None))
    values = {"u": np.cumsum(np.random.default_rng(3).normal(size=(10, 3)), axis=0)}
    values["u"][4, 1] = np.nan

    joint = copied.compile(scheme=pn.JointNewton(iterations=2)).filter(values)
    plain = graph.couple("x", "u").compile().filter(values)

    for name in ("x", "v"):
        for field in ("mean", "precision", "predicted_mean", "predicted_precision"):
            np.testing.assert_allclose(
                getattr(joint[name], field), getattr(plain[name], field), rtol=1e-10, atol=1e-12
            )


@pytest.mark.slow
def test_surprise_has_a_slope_through_the_settling():
    """Beside central differences."""
    network = block("tanh").compile(scheme=pn.JointNewton(iterations=2, nodes=3))
    values = {"y": 0.5 * np.random.default_rng(4).normal(size=(4, 7))}

    def surprise(growth):
        return network.replace({"x.tonic_volatility": growth}).surprise(values)

    slope = jax.jit(jax.grad(surprise))(GROWTH)
    near = [float(surprise(GROWTH + step)) for step in (1e-4, -1e-4)]
    np.testing.assert_allclose(slope, (near[0] - near[1]) / 2e-4, rtol=1e-5)


def test_a_closed_gate_holds_its_node():
    """The state stays at its prediction; the layer below moves alone, around what it predicts."""
    y = {"y": 0.5 * np.random.default_rng(5).normal(size=(2, 7))}
    shut = {"x": np.array([False, False])}
    network = block().compile(scheme=pn.JointNewton())
    found = network.filter(y, gate=shut)
    np.testing.assert_allclose(found["x"].mean, found["x"].predicted_mean)
    np.testing.assert_allclose(found["x"].precision, found["x"].predicted_precision)
    expected = np.linalg.solve(INNER * np.eye(5) + OUTER * V.T @ V, OUTER * V.T @ y["y"].T).T
    np.testing.assert_allclose(found["h"].mean, expected, rtol=1e-10)
    with pytest.raises(pn.InputError, match="which JointNewton"):
        network.filter(y, gate={"y": np.array([0.5, 0.5])})


def test_joint_steps_keep_the_laws_of_schemes():
    pn.testing.check_scheme(pn.JointNewton())


def test_wrong_use_is_told():
    with pytest.raises(pn.ParameterError, match="iterations must be a whole number of at least 1"):
        pn.JointNewton(iterations=0)
    with pytest.raises(pn.ParameterError, match="nodes must be 1, 3, 5 or 7, not 2"):
        pn.JointNewton(nodes=2)
    with pytest.raises(pn.GraphError, match="takes the inputs of a step together"):
        block().compile(scheme=pn.JointNewton(), evidence="in_turn")
    graph = block().add(w=pn.ContinuousState(shape=2)).couple("x", "w", pn.Volatility())
    graph = graph.add(o=pn.ContinuousInput(shape=2)).couple("w", "o")
    network = graph.compile(scheme=pn.JointNewton())
    with pytest.raises(pn.GraphError, match="volatility parent too"):
        network.filter({"y": np.zeros((2, 7)), "o": np.zeros((2, 2))})


@pytest.mark.slow
def test_settled_states_are_near_and_calibrated():
    """Data of the model itself: nearer than one sweep, and as near as beliefs say."""
    graph = block("tanh").revise(
        x=pn.ContinuousState(shape=2, tonic_volatility=-3.0, autoconnection=0.9),
        h=pn.Layer(shape=5, precision=100.0),
    )
    drawn = graph.compile().sample(jax.random.key(1), 400)
    truth = np.asarray(drawn["x"])

    def score(scheme):
        found = graph.compile(scheme=scheme).filter({"y": drawn["y"]})["x"]
        error = found.mean - truth
        return np.sqrt(np.mean(error**2)), np.mean(error**2 * found.precision)

    joint, single = score(pn.JointNewton()), score(pn.ClosedForm())
    assert joint[0] < single[0]
    assert 0.85 < joint[1] < 1.2
