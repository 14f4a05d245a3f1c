"""Sampling: moments of what is simulated match theory, within Monte Carlo bounds."""

import jax
import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.small import STEPS, VALUES, binary, driven, network, paired, tracked

RUNS = 4000
"""Simulations per test."""

BOUND = 4.5
"""Allowed deviation in standard errors. The keys are fixed, so a test that passes stays that way."""

TIMES = np.array([1.0, 0.5, 2.0, 1.0, 1.5, 1.0])

KNOWN = {"initial_precision": 1e9, "tonic_volatility": -30.0}
"""A state that hardly moves from where it begins."""


def simulated(net: pn.Network, seed: int = 0, **options: object) -> dict[str, np.ndarray]:
    """Many simulations at once, as arrays of shape (runs, time)."""
    keys = jax.random.split(jax.random.key(seed), RUNS)
    drawn = jax.jit(jax.vmap(lambda key: net.sample(key, STEPS, **options)))(keys)
    return {name: np.asarray(values) for name, values in drawn.items()}


def assert_moments(values: np.ndarray, mean: object, variance: object) -> None:
    """Gaussian samples have this mean and variance at every step."""
    mean, variance = np.broadcast_to(mean, STEPS), np.broadcast_to(variance, STEPS)
    error = (values.mean(axis=0) - mean) / np.sqrt(variance / RUNS)
    spread = (values.var(axis=0, ddof=1) / variance - 1) / np.sqrt(2 / (RUNS - 1))
    assert np.abs(error).max() < BOUND
    assert np.abs(spread).max() < BOUND


def observed(state: pn.ContinuousState, noise: pn.ContinuousInput | None = None) -> pn.Network:
    """A network of one state and its input."""
    graph = pn.Graph().add(x=state, u=noise or pn.ContinuousInput(precision=4.0))
    return graph.couple("x", "u").compile()


def test_a_random_walk_spreads_with_time():
    """Mean m + ρt, variance 1/π + exp(ω) t; its observation adds the noise."""
    net = observed(
        pn.ContinuousState(
            tonic_volatility=-1.0, tonic_drift=0.3, initial_mean=0.5, initial_precision=2.0
        )
    )
    drawn = simulated(net, dt=TIMES)
    time = np.cumsum(TIMES)

    assert_moments(drawn["x"], 0.5 + 0.3 * time, 0.5 + np.exp(-1.0) * time)
    assert_moments(drawn["u"], 0.5 + 0.3 * time, 0.5 + np.exp(-1.0) * time + 0.25)
    assert_moments(drawn["u"] - drawn["x"], 0.0, 0.25)


def test_increments_of_a_random_walk_are_independent():
    drawn = simulated(observed(pn.ContinuousState(tonic_volatility=0.0)))
    moves = np.diff(drawn["x"], axis=1)

    correlation = np.corrcoef(moves, rowvar=False)

    off = correlation[~np.eye(STEPS - 1, dtype=bool)]
    assert np.abs(off).max() < BOUND / np.sqrt(RUNS)


def test_an_autoregression_keeps_its_share():
    """Mean λ^k m, variance λ² times the last plus exp(ω)."""
    net = observed(pn.ContinuousState(autoconnection=0.6, tonic_volatility=-1.0, initial_mean=2.0))
    variance, expected = 1.0, []
    for _ in range(STEPS):
        variance = 0.36 * variance + np.exp(-1.0)
        expected.append(variance)

    assert_moments(simulated(net)["x"], 2.0 * 0.6 ** np.arange(1, STEPS + 1), np.array(expected))


def test_exact_memory_is_an_ornstein_uhlenbeck_process():
    """Mean m λ^t, variance λ^2t / π + exp(ω) (1 - λ^2t) / 2θ with θ = -ln λ, over irregular times."""
    net = observed(
        pn.ContinuousState(
            memory="exact", autoconnection=0.6, tonic_volatility=-1.0, initial_mean=2.0
        )
    )
    kept = 0.6 ** np.cumsum(TIMES)

    drawn = simulated(net, dt=TIMES)

    variance = kept**2 + np.exp(-1.0) * (1 - kept**2) / (-2 * np.log(0.6))
    assert_moments(drawn["x"], 2.0 * kept, variance)


def test_a_volatility_parent_sets_how_far_its_child_moves():
    """With the parent known at z: a variance of exp(ω + κz) per step."""
    graph = pn.Graph().add(
        x=pn.ContinuousState(tonic_volatility=-1.0), z=pn.ContinuousState(initial_mean=2.0, **KNOWN)
    )
    net = graph.couple("z", "x", pn.Volatility(strength=0.6)).compile()

    moves = np.diff(simulated(net)["x"], axis=1)

    variance = np.exp(-1.0 + 0.6 * 2.0)
    spread = (moves.var(axis=0, ddof=1) / variance - 1) / np.sqrt(2 / (RUNS - 1))
    assert np.abs(spread).max() < BOUND


def test_a_volatility_parent_varies_from_run_to_run():
    """Scaled by its own parent's value, every move is a standard normal."""
    graph = pn.Graph().add(
        x=pn.ContinuousState(tonic_volatility=-1.0), z=pn.ContinuousState(tonic_volatility=-1.0)
    )
    drawn = simulated(graph.couple("z", "x", pn.Volatility(strength=0.6)).compile())

    scale = np.exp(0.5 * (-1.0 + 0.6 * drawn["z"][:, 1:]))
    standard = np.diff(drawn["x"], axis=1) / scale

    spread = (standard.var(axis=0, ddof=1) - 1) / np.sqrt(2 / (RUNS - 1))
    assert np.abs(spread).max() < BOUND
    assert np.abs(standard.mean(axis=0)).max() < BOUND / np.sqrt(RUNS)


def test_a_drift_parent_moves_its_child_by_what_it_is_worth():
    """Mean dt α tanh(p) per step, with the parent known."""
    graph = pn.Graph().add(
        x=pn.ContinuousState(tonic_volatility=-2.0), p=pn.ContinuousState(initial_mean=0.8, **KNOWN)
    )
    net = graph.couple("p", "x", pn.Drift(strength=0.5, function="tanh")).compile()
    time = np.cumsum(TIMES)

    drawn = simulated(net, dt=TIMES)

    assert_moments(drawn["x"], 0.5 * np.tanh(0.8) * time, 1 + np.exp(-2.0) * time)


def test_a_noise_parent_sets_the_noise():
    """Variance 1/π + exp(κa) around the state, with the parent known."""
    graph = tracked().add(a=pn.ContinuousState(initial_mean=-1.0, **KNOWN))
    drawn = simulated(graph.couple("a", "u", pn.Noise(strength=0.7)).compile())

    assert_moments(drawn["u"] - drawn["x"], 0.0, 1.0 + np.exp(-0.7))


@pytest.mark.parametrize("kind", [pn.BinaryInput(), pn.BinaryState()], ids=repr)
def test_outcomes_are_as_frequent_as_probable(kind):
    graph = pn.Graph().add(b=kind, x=pn.ContinuousState(initial_mean=0.8, **KNOWN))

    drawn = simulated(graph.couple("x", "b", pn.Probability(strength=1.5)).compile())["b"]

    probability = 1 / (1 + np.exp(-1.2))
    error = np.sqrt(probability * (1 - probability) / RUNS)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert np.abs(drawn.mean(axis=0) - probability).max() < BOUND * error


def test_a_hidden_alternative_shows_in_its_child():
    """The child sees which of the two it was, not its probability."""
    graph = pn.Graph().add(b=pn.BinaryState(), u=pn.ContinuousInput(precision=100.0))

    drawn = simulated(graph.couple("b", "u", pn.Observation(strength=3.0)).compile())

    assert_moments(drawn["u"] - 3.0 * drawn["b"], 0.0, 0.01)


def test_constants_and_regressors_are_what_they_are():
    graph = driven().add(c=pn.ConstantState(value=0.4)).couple("c", "x")
    drive = np.array([0.0, 1.0, -1.0, 0.5, 0.0, 2.0])

    drawn = simulated(graph.compile(), inputs={"r": drive})

    np.testing.assert_array_equal(drawn["c"], 0.4)
    np.testing.assert_array_equal(drawn["r"], np.tile(drive, (RUNS, 1)))
    moved = np.cumsum(0.5 * drive + 0.4)
    assert_moments(drawn["x"], moved, 1 + np.exp(-4.0) * np.arange(1, STEPS + 1))


def test_a_parameter_known_per_step_holds_for_that_step():
    precision = np.array([1.0, 4.0, 0.5, 2.0, 9.0, 0.1])

    drawn = simulated(network(tracked()), inputs={"u.precision": precision})

    assert_moments(drawn["u"] - drawn["x"], 0.0, 1 / precision)


def test_independent_inputs_are_uncorrelated():
    """Also where they are stacked in one group: every node has randomness of its own."""
    graph = pn.Graph().extend(
        {f"u{i}": pn.ContinuousInput() for i in range(4)}
        | {f"x{i}": pn.ContinuousState(tonic_volatility=0.0) for i in range(4)},
        [(f"x{i}", f"u{i}", "value") for i in range(4)],
    )
    drawn = simulated(graph.compile())

    for step in (0, STEPS - 1):
        columns = np.stack([values[:, step] for values in drawn.values()])
        names = list(drawn)
        correlation = np.corrcoef(columns)
        for a, one in enumerate(names):
            for b, other in enumerate(names):
                if one[1:] != other[1:]:
                    assert abs(correlation[a, b]) < BOUND / np.sqrt(RUNS), (one, other)


def test_inputs_of_one_state_share_it():
    """Covariance of two observations is the variance of what they observe."""
    graph = tracked().add(v=pn.ContinuousInput()).couple("x", "v")

    drawn = simulated(graph.compile())

    variance = 1 + np.exp(-4.0)
    covariance = np.cov(drawn["u"][:, 0], drawn["v"][:, 0])[0, 1]
    error = np.sqrt((variance**2 + (variance + 1) ** 2) / RUNS)
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
    net = observed(
        pn.ContinuousState(tonic_volatility=-1.0, tonic_drift=0.2, initial_precision=2.0)
    )
    drawn = simulated(net)

    beliefs = jax.jit(jax.vmap(lambda u: net.filter({"u": u}, throw=False)))(drawn["u"])

    node = beliefs["u"]
    standard = np.asarray((node.mean - node.predicted_mean) * np.sqrt(node.predicted_precision))
    assert_moments(standard, 0.0, 1.0)
    hidden = (drawn["x"] - np.asarray(beliefs["x"].mean)) * np.sqrt(beliefs["x"].precision)
    assert_moments(np.asarray(hidden), 0.0, 1.0)


@pytest.mark.parametrize(
    "graph", [binary(), paired(), pn.models.jget()], ids=lambda g: str(list(g.nodes))
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

    with pytest.raises(pn.PynodesError, match=r"Mute cannot be simulated.*draw\(key, belief\)"):
        net.sample(jax.random.key(0), STEPS)


def test_sampling_is_differentiable():
    """The gradient of a draw in the drift is the time that it had to act, by the chain of steps."""
    net, key = network(tracked()), jax.random.key(1)

    def last(drift):
        return net.replace({"x.tonic_drift": drift}).sample(key, STEPS)["x"][-1]

    assert jax.grad(last)(0.1) == pytest.approx(STEPS)
