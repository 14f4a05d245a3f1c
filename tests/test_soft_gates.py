"""Gates between 0 and 1: likelihoods to a power."""

import math
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.small import STEPS, VALUES, network, paired

OTHER = np.array([0.9, 0.1, -0.4, 0.2, 0.0, 1.3])
SERIES = {"u": VALUES, "v": OTHER}
POWERS = np.array([0.3, 1.0, 0.2, 0.8, 0.05, 0.6])
FIELDS = ("mean", "precision", "predicted_mean", "predicted_precision")


def same(one, other, names, rtol=1e-11):
    for name in names:
        for field in FIELDS:
            np.testing.assert_allclose(
                getattr(one[name], field), getattr(other[name], field), rtol=rtol, atol=1e-12
            )


def in_turn():
    """One state with two inputs that are taken in turn."""
    graph = pn.Graph(evidence="in_turn").add(x=pn.ContinuousState(tonic_volatility=-1.0))
    return graph.add(u=pn.ContinuousInput(), v=pn.ContinuousInput(precision=2.0)).couple(
        "x", ["u", "v"]
    )


def lagged():
    """Two states, of which each drives the other a step later."""
    graph = paired().remove("top").couple("x", "y", pn.Drift(strength=0.4, lag=1))
    return graph.couple("y", "x", pn.Volatility(strength=0.4, lag=1))


@pytest.mark.parametrize("graph", [paired, in_turn, lagged], ids=lambda one: one.__name__)
def test_a_power_makes_noise_as_many_times_as_precise(graph):
    """Of what is believed; the surprise counts as often."""
    net, ones = network(graph()), np.ones(STEPS)
    states = [name for name, node in graph().nodes.items() if not node.observable]

    @jax.jit
    def run(power, precision):
        return net.filter(SERIES | {"u.precision": precision}, gate={"u": power}, throw=False)

    ours, theirs = run(POWERS, ones), run(ones, POWERS)

    same(ours, theirs, states)
    variance = 1 / np.asarray(theirs["u"].predicted_precision) - 1 / POWERS + 1.0
    error = VALUES - np.asarray(theirs["u"].predicted_mean)
    expected = POWERS * 0.5 * (np.log(2 * np.pi * variance) + error**2 / variance)
    np.testing.assert_allclose(ours["u"].surprise, expected, rtol=1e-10)


def test_messages_count_as_often():
    """What an input says of its parent: its error, times its precision, times the power."""
    edge = network(paired()).messages(SERIES, gate={"u": POWERS})["x->u"]
    np.testing.assert_allclose(edge.gradient, POWERS * (VALUES - edge.contribution), rtol=1e-12)
    np.testing.assert_allclose(edge.curvature, POWERS, rtol=1e-12)


@cache
def twins(count: int, expansion: str) -> pn.Graph:
    """One input of each kind, or several with the same series; the noise of one has a parent."""
    graph = pn.Graph(expansion=expansion).add(
        x=pn.ContinuousState(tonic_volatility=-1.0),
        noise=pn.ContinuousState(tonic_volatility=-2.0),
        odds=pn.ContinuousState(tonic_volatility=-1.0),
    )
    for number in range(count):
        graph = graph.add({f"u{number}": pn.ContinuousInput(), f"b{number}": pn.BinaryInput()})
        graph = graph.couple("x", f"u{number}").couple("odds", f"b{number}")
        graph = graph.couple("noise", f"u{number}", pn.Noise())
    return graph


@pytest.mark.parametrize("expansion", ["enhanced", "unbounded"])
def test_two_halves_are_one(expansion):
    """Likelihoods of the same observation to powers that add up to one."""
    outcomes = (VALUES > 0.5).astype(float)
    parts = {"u": VALUES, "b": outcomes}
    one = twins(1, expansion).compile().filter({f"{k}0": values for k, values in parts.items()})
    inputs = {f"{k}{i}": values for k, values in parts.items() for i in (0, 1)}
    gate = {name: np.full(STEPS, (0.25, 0.75)[int(name[1])]) for name in inputs}
    two = twins(2, expansion).compile().filter(inputs, gate=gate)

    same(one, two, ["x", "noise", "odds"], 1e-9 if expansion == "unbounded" else 1e-11)
    np.testing.assert_allclose(one.surprise, two.surprise, rtol=1e-9)


def test_a_state_that_learns_in_part_tells_its_parents_what_it_learned():
    """A state hears its only child to a power, or the child counts to that power: the same above."""
    graph = paired().remove("top").add(z=pn.ContinuousState(tonic_volatility=-2.0))
    net = graph.couple("z", "x", pn.Drift(strength=0.6)).compile()
    run = jax.jit(lambda x, u: net.filter(SERIES, gate={"x": x, "u": u}, throw=False))
    half, ones = np.full(STEPS, 0.4), np.ones(STEPS)

    same(run(half, ones), run(ones, half), ["x", "z", "y"])


@cache
def by_power():
    """Surprise and the last precision of the volatility parent, by the power of a state."""
    net = network(paired())

    def run(power):
        found = net.filter(SERIES, gate={"x": power * jnp.ones(STEPS)}, throw=False)
        return found.surprise.sum(), found["top"].precision[-1], found["x"].precision[-1]

    return jax.jit(jax.vmap(run))


def test_powers_lead_from_closed_to_open():
    """In a batch: precisions rise with the power; at its ends they are those of truth values."""
    powers = jnp.array([0.0, 0.2, 0.5, 0.9, 1.0, 1.5])
    surprise, top, x = (np.asarray(part) for part in by_power()(powers))
    net = network(paired())
    for place, gate in ((0, np.zeros(STEPS, bool)), (4, np.ones(STEPS, bool))):
        hard = net.filter(SERIES, gate={"x": gate})
        np.testing.assert_allclose(surprise[place], hard.surprise.sum(), rtol=1e-12)
        np.testing.assert_allclose(top[place], hard["top"].precision[-1], rtol=1e-12)
        np.testing.assert_allclose(x[place], hard["x"].precision[-1], rtol=1e-12)
    assert np.all(np.diff(x[:5]) > 0)
    assert np.all(np.diff(top[:5]) > 0)
    # A power that cannot be is no belief, where it cannot be refused because it is traced.
    assert surprise[5] == np.inf


@pytest.mark.slow
def test_powers_have_slopes():
    """Beside central differences, of every power of every step at once; one step of it by hand."""
    net = network(paired())

    def surprise(power):
        return net.surprise(SERIES, gate={"u": power, "x": power**2})

    power = jnp.asarray(0.1 + 0.8 * POWERS)
    slope = jax.grad(surprise)(power)
    along = np.linspace(-1.0, 1.0, STEPS)
    central = (surprise(power + 1e-5 * along) - surprise(power - 1e-5 * along)) / 2e-5
    np.testing.assert_allclose(slope @ along, central, rtol=1e-6)
    _, beliefs = net.step(net.start(), {"u": 0.3, "v": 0.9}, gate={"u": 0.4})
    x = beliefs["x"]
    precision = x.predicted_precision + 0.4
    np.testing.assert_allclose(x.precision, precision, rtol=1e-12)
    mean = x.predicted_mean + 0.4 * (0.3 - x.predicted_mean) / precision
    np.testing.assert_allclose(x.mean, mean, rtol=1e-12)


def test_a_rule_may_say_powers():
    """A responsibility from the step's predictions, as a mixture of two filters has it."""

    def share(beliefs, inputs):
        logs = [
            -0.5 * beliefs[n].predicted_precision * (inputs[n] - beliefs[n].predicted_mean) ** 2
            + 0.5 * jnp.log(beliefs[n].predicted_precision)
            for n in ("u", "v")
        ]
        first = jax.nn.sigmoid(logs[0] - logs[1])
        return {"x": first, "y": 1 - first}

    net, series = network(paired()), {"u": VALUES, "v": VALUES}
    by_rule = net.filter(series, gate=share)
    spread = [1 / np.asarray(by_rule[n].predicted_precision) for n in ("u", "v")]
    error = [VALUES - np.asarray(by_rule[n].predicted_mean) for n in ("u", "v")]
    logs = [-0.5 * (np.log(s) + e**2 / s) for s, e in zip(spread, error, strict=True)]
    first = 1 / (1 + np.exp(logs[1] - logs[0]))

    same(by_rule, net.filter(series, gate={"x": first, "y": 1 - first}), ["x", "y", "top"])


LEARNERS = {
    "normal": pn.ExponentialFamilyState(family=pn.families.Normal(), growing=True),
    "kalman": pn.KalmanFilter(tonic_volatility=-60.0),
    "known": pn.RegressionInput(terms=1, noise="known"),
    "learned": pn.RegressionInput(terms=1),
}


@pytest.mark.slow
def test_learners_count_what_they_see_in_part():
    """Twice the same observation to powers that add up to one is that observation; rates move in part."""
    graph, edges = pn.Graph().add(r=pn.Regressor(), rate=pn.RescorlaWagner(learning_rate=0.4)), []
    for name, node in LEARNERS.items():
        graph = graph.add({name: node})
        if isinstance(node, pn.RegressionInput):
            edges.append(("r", name, "value"))
    net = graph.extend({}, edges).compile()
    once = dict.fromkeys(LEARNERS, VALUES[:3]) | {"r": OTHER[:3], "rate": [1.0, 0.0, 1.0]}
    twice = {name: np.repeat(values, 2) for name, values in once.items()}
    gate = {name: np.tile([0.3, 0.7], 3) for name in (*LEARNERS, "rate")}

    one, two = net.filter(once).final, net.filter(twice, gate=gate)
    for name in LEARNERS:
        one_memory, two_memory = one[name].memory, two.final[name].memory
        for field in one_memory.keys() - {"observations", "predicted_variance"}:
            np.testing.assert_allclose(
                two_memory[field], one_memory[field], rtol=1e-12, err_msg=field
            )
    mean = 0.5
    for outcome, power in zip(twice["rate"], gate["rate"], strict=True):
        mean += 0.4 * power * (outcome - mean)
    np.testing.assert_allclose(two["rate"].mean[-1], mean, rtol=1e-12)


def test_what_cannot_learn_in_part_is_refused():
    half = np.full(STEPS, 0.5)
    refused = {
        "truth values or numbers from 0 to 1": (paired(), {"u": np.full(STEPS, 1.5)}, SERIES),
        "6 values": (paired(), {"u": half[:2]}, SERIES),
        "observed itself": (paired(), {"x": half}, SERIES | {"x": VALUES}),
        "VolatileState does not say": (
            pn.Graph().add(u=pn.ContinuousInput(), x=pn.VolatileState()).couple("x", "u"),
            {"x": half},
            {"u": VALUES},
        ),
        "Structured": (
            pn.Graph(expansion="structured")
            .add(u=pn.ContinuousInput(), x=pn.ContinuousState())
            .couple("x", "u"),
            {"u": half},
            {"u": VALUES},
        ),
    }
    for words, (graph, gate, series) in refused.items():
        with pytest.raises(pn.InputError, match=words):
            graph.compile().filter(series, gate=gate)
    with pytest.raises(pn.InputError, match="one number, for one step"):
        network(paired()).step(network(paired()).start(), {"u": 0.0, "v": 0.0}, gate={"u": half})
    with pytest.raises(pn.InputError, match="from 0 to 1"):
        network(paired()).filter(SERIES, gate={"u": np.full(STEPS, math.nan)})
