"""Sampling: moments of what is simulated match theory, within Monte Carlo bounds."""

import jax
import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.laws import cases
from tests.small import STEPS, VALUES, binary, driven, network, paired, tracked

RUNS = 4000
"""Simulations per test."""

BOUND = 4.5
"""Allowed deviation in standard errors. The keys are fixed, so a test that passes stays that way."""

TIMES = np.array([1.0, 0.5, 2.0, 1.0, 1.5, 1.0])

ELAPSED = np.cumsum(TIMES)

KNOWN = {"initial_precision": 1e9, "tonic_volatility": -30.0}
"""A state that hardly moves from where it begins."""


def simulated(net: pn.Network, seed: int = 0, **options: object) -> dict[str, np.ndarray]:
    """Many simulations at once, as arrays of shape (runs, time)."""
    keys = jax.random.split(jax.random.key(seed), RUNS)
    drawn = jax.jit(jax.vmap(lambda key: net.sample(key, STEPS, **options)))(keys)
    return {name: np.asarray(values) for name, values in drawn.items()}


def many() -> pn.Graph:
    """Graphs of every kind and coupling side by side, so that one simulation serves all tests."""
    state = pn.ContinuousState
    return (
        pn.Graph()
        .add(walk=WALK, observed=pn.ContinuousInput(precision=4.0), twin=pn.ContinuousInput())
        .couple("walk", ["observed", "twin"])
        .add(fading=state(autoconnection=0.6, tonic_volatility=-1.0, initial_mean=2.0))
        .add(
            forgetful=state(
                memory="exact", autoconnection=0.6, tonic_volatility=-1.0, initial_mean=2.0
            )
        )
        .add(rate=state(tonic_volatility=-1.0), driven=state(tonic_volatility=-1.0))
        .couple("rate", "driven", pn.Volatility(strength=0.6))
        .add(wind=state(initial_mean=0.8, **KNOWN), ship=state(tonic_volatility=-2.0))
        .couple("wind", "ship", pn.Drift(strength=0.5, function="tanh"))
        .add(fog=state(initial_mean=-1.0, **KNOWN), coast=state(), sight=pn.ContinuousInput())
        .couple("coast", "sight")
        .couple("fog", "sight", pn.Noise(strength=0.7))
        .add(odds=state(initial_mean=0.8, **KNOWN), coin=pn.BinaryInput(), cup=pn.BinaryState())
        .couple("odds", ["coin", "cup"], pn.Probability(strength=1.5))
        .add(under=pn.ContinuousInput(precision=100.0))
        .couple("cup", "under", pn.Observation(strength=3.0))
        .add(bias=pn.ConstantState(value=0.4), drive=pn.Regressor(), pushed=state())
        .couple("bias", "pushed")
        .couple("drive", "pushed", pn.Drift(strength=0.5))
        .add(sharp=pn.ContinuousInput())
        .couple("pushed", "sharp")
    )


WALK = pn.ContinuousState(
    tonic_volatility=-1.0, tonic_drift=0.3, initial_mean=0.5, initial_precision=2.0
)

DRIVE = np.array([0.0, 1.0, -1.0, 0.5, 0.0, 2.0])

PRECISION = np.array([1.0, 4.0, 0.5, 2.0, 9.0, 0.1])


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    """Simulations of all those graphs over irregular times."""
    given = {"drive": DRIVE, "sharp.precision": PRECISION}
    return simulated(many().compile(), dt=TIMES, inputs=given)


def assert_moments(values: np.ndarray, mean: object, variance: object) -> None:
    """Gaussian samples have this mean and variance at every step."""
    mean, variance = (np.broadcast_to(x, values.shape[1]) for x in (mean, variance))
    error = (values.mean(axis=0) - mean) / np.sqrt(variance / RUNS)
    spread = (values.var(axis=0, ddof=1) / variance - 1) / np.sqrt(2 / (RUNS - 1))
    assert np.abs(error).max() < BOUND
    assert np.abs(spread).max() < BOUND


@pytest.mark.slow
@pytest.mark.versions
def test_a_random_walk_spreads_with_time(drawn):
    """Mean m + ρt, variance 1/π + exp(ω) t; its observation adds the noise."""
    mean, variance = 0.5 + 0.3 * ELAPSED, 0.5 + np.exp(-1.0) * ELAPSED

    assert_moments(drawn["walk"], mean, variance)
    assert_moments(drawn["observed"], mean, variance + 0.25)
    assert_moments(drawn["observed"] - drawn["walk"], 0.0, 0.25)


def test_increments_of_a_random_walk_are_independent(drawn):
    moves = np.diff(drawn["walk"], axis=1)

    correlation = np.corrcoef(moves, rowvar=False)

    off = correlation[~np.eye(STEPS - 1, dtype=bool)]
    assert np.abs(off).max() < BOUND / np.sqrt(RUNS)


def test_an_autoregression_keeps_its_share(drawn):
    """Mean λ^k m, variance λ² times the last plus dt exp(ω)."""
    variance, expected = 1.0, []
    for dt in TIMES:
        variance = 0.36 * variance + dt * np.exp(-1.0)
        expected.append(variance)

    assert_moments(drawn["fading"], 2.0 * 0.6 ** np.arange(1, STEPS + 1), np.array(expected))


@pytest.mark.slow
def test_exact_memory_is_an_ornstein_uhlenbeck_process(drawn):
    """Mean m λ^t, variance λ^2t / π + exp(ω) (1 - λ^2t) / 2θ with θ = -ln λ, over irregular times."""
    kept = 0.6**ELAPSED
    variance = kept**2 + np.exp(-1.0) * (1 - kept**2) / (-2 * np.log(0.6))

    assert_moments(drawn["forgetful"], 2.0 * kept, variance)


def test_a_volatility_parent_sets_how_far_its_child_moves(drawn):
    """Scaled by what the parent's value of that run and step implies, every move is standard normal."""
    scale = np.sqrt(TIMES * np.exp(-1.0 + 0.6 * drawn["rate"]))

    moves = np.diff(drawn["driven"], axis=1) / scale[:, 1:]

    assert_moments(moves, 0.0, 1.0)


def test_a_drift_parent_moves_its_child_by_what_it_is_worth(drawn):
    """Mean dt α tanh(p) per step, with the parent known."""
    assert_moments(drawn["ship"], 0.5 * np.tanh(0.8) * ELAPSED, 1 + np.exp(-2.0) * ELAPSED)


def test_a_noise_parent_sets_the_noise(drawn):
    """Variance 1/π + exp(κa) around the state, with the parent known."""
    assert_moments(drawn["sight"] - drawn["coast"], 0.0, 1.0 + np.exp(-0.7))


@pytest.mark.parametrize("name", ["coin", "cup"])
def test_outcomes_are_as_frequent_as_probable(drawn, name):
    """Seen and hidden ones."""
    probability = 1 / (1 + np.exp(-1.2))

    error = np.abs(drawn[name].mean(axis=0) - probability).max()

    assert set(np.unique(drawn[name])) == {0.0, 1.0}
    assert error < BOUND * np.sqrt(probability * (1 - probability) / RUNS)


def test_a_hidden_alternative_shows_in_its_child(drawn):
    """The child sees which of the two it was, not its probability."""
    assert_moments(drawn["under"] - 3.0 * drawn["cup"], 0.0, 0.01)


def test_constants_and_regressors_are_what_they_are(drawn):
    """And their child moves by dt times what they add up to."""
    np.testing.assert_array_equal(drawn["bias"], 0.4)
    np.testing.assert_array_equal(drawn["drive"], np.tile(DRIVE, (RUNS, 1)))
    moved = np.cumsum(TIMES * (0.5 * DRIVE + 0.4))
    assert_moments(drawn["pushed"], moved, 1 + np.exp(-4.0) * ELAPSED)


def test_a_parameter_known_per_step_holds_for_that_step(drawn):
    assert_moments(drawn["sharp"] - drawn["pushed"], 0.0, 1 / PRECISION)


def test_what_shares_no_node_is_uncorrelated(drawn):
    """Every node has randomness of its own, also where several make up one group."""
    apart = ["walk", "fading", "forgetful", "rate", "ship", "coast", "pushed", "coin"]
    noises = {
        "of observed": drawn["observed"] - drawn["walk"],
        "of twin": drawn["twin"] - drawn["walk"],
        "of sight": drawn["sight"] - drawn["coast"],
        "of sharp": drawn["sharp"] - drawn["pushed"],
    }
    series = [*(drawn[name] for name in apart), *noises.values()]

    for step in (0, STEPS - 1):
        correlation = np.corrcoef(np.stack([values[:, step] for values in series]))
        off = correlation[~np.eye(len(series), dtype=bool)]
        assert np.abs(off).max() < BOUND / np.sqrt(RUNS)


def test_inputs_of_one_state_share_it(drawn):
    """Covariance of two observations is the variance of what they observe."""
    variance = 0.5 + np.exp(-1.0)
    covariance = np.cov(drawn["observed"][:, 0], drawn["twin"][:, 0])[0, 1]

    error = np.sqrt((variance**2 + (variance + 0.25) * (variance + 1.0)) / RUNS)

    assert abs(covariance - variance) < BOUND * error


def test_the_same_key_gives_the_same_draw_and_another_key_another():
    net = network(paired())
    first, again, other = (net.sample(jax.random.key(k), STEPS) for k in (1, 1, 2))

    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.allclose(first[name], other[name])


def test_other_parameters_move_the_same_draw():
    """Common random numbers: the noise of a key does not depend on the parameters."""
    net, key = network(tracked()), jax.random.key(3)

    one = net.sample(key, STEPS)
    other = net.replace({"u.precision": 4.0}).sample(key, STEPS)

    np.testing.assert_array_equal(other["x"], one["x"])
    np.testing.assert_allclose(other["u"] - other["x"], (one["u"] - one["x"]) / 2, rtol=1e-9)


def test_every_node_has_a_series_in_the_graphs_order():
    graph = cases.rich_graph()

    drawn = network(graph).sample(jax.random.key(0), STEPS)

    assert list(drawn) == list(graph.nodes)
    assert {values.shape for values in drawn.values()} == {(STEPS,)}


def test_steps_may_follow_from_times_or_from_a_regressor():
    key = jax.random.key(0)

    by_times = network(tracked()).sample(key, dt=TIMES[:3])
    by_regressor = network(driven()).sample(key, inputs={"r": VALUES})

    assert by_times["u"].shape == (3,)
    assert by_regressor["u"].shape == (STEPS,)


def test_a_simulation_goes_on_from_a_state():
    """Values before the first step are drawn from the beliefs of the state."""
    net = network(tracked())
    final = net.filter({"u": VALUES + 5.0}).final

    drawn = simulated(net, start=final)

    mean, variance = float(final["x"].mean), 1 / float(final["x"].precision)
    assert_moments(drawn["x"], mean, variance + np.exp(-4.0) * np.arange(1, STEPS + 1))


def test_what_was_sampled_can_be_filtered_back():
    """With the true parameters, prediction errors of an exact filter are independent standard normals."""
    net = pn.Graph().add(x=WALK, u=pn.ContinuousInput(precision=4.0)).couple("x", "u").compile()
    drawn = simulated(net)

    beliefs = jax.jit(jax.vmap(lambda u: net.filter({"u": u}, throw=False)))(drawn["u"])

    node = beliefs["u"]
    standard = np.asarray((node.mean - node.predicted_mean) * np.sqrt(node.predicted_precision))
    assert_moments(standard, 0.0, 1.0)
    hidden = (drawn["x"] - np.asarray(beliefs["x"].mean)) * np.sqrt(beliefs["x"].precision)
    assert_moments(np.asarray(hidden), 0.0, 1.0)


@pytest.mark.parametrize(
    "graph", few([paired(), binary(), pn.models.jget()], 1), ids=lambda g: str(list(g.nodes))
)
def test_inputs_that_were_sampled_fit_the_inputs_of_filter(graph):
    drawn = network(graph).sample(jax.random.key(5), STEPS)

    beliefs = network(graph).filter({name: drawn[name] for name in graph.inputs})

    assert np.isfinite(beliefs.surprise).all()


class Mute(pn.AbstractNode):
    """A kind that does not say how it is drawn."""

    def init(self):
        return pn.Gaussian.start(0.0, 1.0)

    def predict(self, belief, inlet, dt):
        return belief.predicted(belief.mean, variance=belief.variance)


def test_a_kind_that_cannot_be_simulated_says_so():
    net = pn.Graph().add(x=Mute()).compile()

    with pytest.raises(pn.PynodesError, match=r"Mute cannot be simulated.*sample\(key, belief\)"):
        net.sample(jax.random.key(0), STEPS)


def test_sampling_is_differentiable():
    """The gradient of a draw in the drift is the time that it had to act, by the chain of steps."""
    net, key = network(tracked()), jax.random.key(1)

    def last(drift):
        return net.replace({"x.tonic_drift": drift}).sample(key, STEPS)["x"][-1]

    assert jax.grad(last)(0.1) == pytest.approx(STEPS)
