"""Strengths of couplings that are known per step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.small import STEPS, VALUES, network, paired

OTHER = np.array([0.9, 0.1, -0.4, 0.2, 0.0, 1.3])
SERIES = {"u": VALUES, "v": OTHER}


def test_a_state_behind_a_known_strength_is_a_strength_that_is_learned():
    """A regression on a known regressor, in the two ways of writing it, drift, gaps and times included."""
    rng = np.random.default_rng(0)
    r, times = rng.normal(size=12), rng.gamma(4.0, 0.25, 12)
    y = np.where(np.arange(12) == 4, np.nan, 0.7 * r + 0.5 * rng.normal(size=12))
    graph = pn.Graph().add(
        y=pn.ContinuousInput(precision=4.0),
        w=pn.ContinuousState(tonic_volatility=-3.0, initial_precision=2.0),
    )
    states = graph.couple("w", "y").compile().filter({"y": y, "w->y.strength": r}, dt=times)
    node = pn.RegressionInput(
        terms=1, noise="known", precision=4.0, tonic_volatility=-3.0, initial_variance=0.5
    )
    known = pn.Graph().add(y=node, r=pn.Regressor()).couple("r", "y").compile()
    strengths = known.filter({"y": y, "r": r}, dt=times)

    np.testing.assert_allclose(states["w"].mean, strengths["y"].strengths[:, 0], rtol=1e-12)
    np.testing.assert_allclose(states.surprise, strengths.surprise, rtol=1e-12, atol=1e-14)


def lagged():
    """Two states, of which each drives the other a step later."""
    graph = paired().remove("top").couple("x", "y", pn.Drift(strength=0.4, lag=1))
    return graph.couple("y", "x", pn.Volatility(strength=0.4, lag=1))


CASES = {
    "one of a stack": (paired(), {}, "top->y.strength"),
    "structured": (paired(), {"expansion": "structured"}, "top->y.strength"),
    "in turn": (paired(), {"evidence": "in_turn"}, "x->u.strength"),
    "lagged": (lagged(), {}, "x->y.strength"),
}


@pytest.mark.parametrize("case", few(CASES, 2))
def test_a_series_that_stays_is_a_number(case):
    """Another than the network has, under other expansions and orders of inputs, and through lagged edges."""
    graph, settings, name = CASES[case]
    net = graph.compile(**settings)

    def run(series, start=None):
        return net.filter(SERIES | {name: series}, start=start, throw=False)

    stays = jax.jit(run)(np.full(STEPS, 0.9))
    number = net.replace({name: 0.9}).filter(SERIES)
    for node in graph.nodes:
        np.testing.assert_allclose(
            stays[node].predicted_mean, number[node].predicted_mean, rtol=1e-12
        )
        np.testing.assert_allclose(
            stays[node].predicted_precision, number[node].predicted_precision, rtol=1e-12
        )
    np.testing.assert_allclose(stays.surprise, number.surprise, rtol=1e-12)


@pytest.mark.slow
def test_strengths_per_step_have_slopes_and_batches():
    """Beside central differences; a batch is its rows; a change halfway is another network from there on."""
    net = network(paired())
    name = "top->x.strength"

    @jax.jit
    def surprise(series):
        return net.surprise(SERIES | {name: series})

    series = jnp.linspace(0.2, 1.2, STEPS)
    slope = jax.jit(jax.grad(surprise))(series)
    along = np.array([1.0, -2.0, 0.5, 1.5, -1.0, 1.0])
    central = (surprise(series + 1e-5 * along) - surprise(series - 1e-5 * along)) / 2e-5
    np.testing.assert_allclose(slope @ along, central, rtol=1e-6)
    rows = jnp.stack([series, 0 * series, series[::-1]])
    np.testing.assert_allclose(
        jax.vmap(surprise)(rows), [surprise(row) for row in rows], rtol=1e-12
    )
    without = network(paired().uncouple("top", "x")).surprise(SERIES)
    np.testing.assert_allclose(surprise(rows[1]), without, rtol=1e-12)
    halves = jnp.where(jnp.arange(STEPS) < 3, 0.3, 1.1)
    total, state = 0.0, net.start()
    for step, strength in enumerate(halves):
        inputs = {key: values[step] for key, values in SERIES.items()} | {name: float(strength)}
        state, beliefs = net.step(state, inputs)
        total += float(beliefs.surprise)
    np.testing.assert_allclose(surprise(halves), total, rtol=1e-12)


def test_series_of_strengths_move_simulations_and_are_checked():
    net, key = network(paired()), jax.random.key(0)
    world = net.sample(key, inputs={"x->u.strength": np.array([0.0, 0.0, 5.0])}, steps=3)
    still = net.replace({"x->u.strength": 0.0}).sample(key, steps=3)
    np.testing.assert_allclose(world["u"][:2], still["u"][:2])
    np.testing.assert_allclose(world["u"][2] - still["u"][2], 5.0 * world["x"][2])
    with pytest.raises(pn.InputError, match="must be known at every step"):
        net.filter(SERIES | {"x->u.strength": np.full(STEPS, np.nan)})
    with pytest.raises(pn.InputError, match="The network has no input"):
        net.filter(SERIES | {"x->u.strenth": VALUES})
    space = pn.structure.space(paired(), "top->*", probability=0.5, strength=pn.Normal(0.0, 1.0))
    with pytest.raises(pn.InputError, match="candidate"):
        pn.structure.search(space, SERIES | {"top->x.strength": VALUES})
    lagged = pn.structure.space(pn.structure.lagged(["a", "b"]), "lag1_a->b", probability=0.5)
    with pytest.raises(pn.InputError, match="exact scores"):
        pn.structure.search(lagged, {"a": VALUES, "b": OTHER, "lag1_b->b.strength": VALUES})
