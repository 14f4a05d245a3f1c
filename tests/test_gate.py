"""Gates: who may learn at a step, given as series or decided from the step's predictions."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.small import STEPS, VALUES, network, paired

OTHER = np.array([0.9, 0.1, -0.4, 0.2, 0.0, 1.3])
OPEN = np.array([1, 0, 1, 1, 0, 0], bool)
SERIES = {"u": VALUES, "v": OTHER}


def same(one, other, names=None):
    for name in names or one:
        for field in ("mean", "precision", "predicted_mean", "predicted_precision"):
            np.testing.assert_allclose(
                getattr(one[name], field), getattr(other[name], field), rtol=1e-12, atol=1e-12
            )


def test_an_open_gate_changes_nothing():
    net = network(paired())
    gated = net.filter(
        SERIES, gate={"x": np.ones(STEPS), "top": np.ones(STEPS), "u": np.ones(STEPS)}
    )

    same(gated, net.filter(SERIES))
    np.testing.assert_allclose(gated.surprise, net.filter(SERIES).surprise, rtol=1e-12)


def test_a_closed_input_is_a_missing_one():
    net = network(paired())
    gated = net.filter(SERIES, gate={"u": OPEN})
    missing = net.filter(SERIES | {"u": np.where(OPEN, VALUES, np.nan)})

    same(gated, missing)
    np.testing.assert_allclose(gated.surprise, missing.surprise, rtol=1e-12)


def test_a_closed_state_stays_at_its_prediction_and_silences_nobody_else():
    """By hand: steps of the whole network, in which what hangs on x forgets what it heard."""
    net = network(paired().remove("top"))
    gated = net.filter(SERIES, gate={"x": OPEN})
    state = net.start()
    for step in range(STEPS):
        state, beliefs = net.step(state, {"u": VALUES[step], "v": OTHER[step]})
        if not OPEN[step]:
            held = beliefs["x"]
            group, position = net.labels.nodes["x"]
            belief = state.groups[group]
            mean = jnp.asarray(belief.mean).at[position].set(held.predicted_mean)
            variance = jnp.asarray(belief.variance).at[position].set(1 / held.predicted_precision)
            groups = list(state.groups)
            groups[group] = pn.Gaussian(mean=mean, variance=variance)
            state = pn.State(labels=state.labels, groups=tuple(groups))
        np.testing.assert_allclose(state["x"].mean, gated["x"].mean[step], rtol=1e-12)
        np.testing.assert_allclose(state["y"].mean, gated["y"].mean[step], rtol=1e-12)
    closed = ~OPEN
    np.testing.assert_array_equal(gated["x"].mean[closed], gated["x"].predicted_mean[closed])


def test_a_closed_state_says_nothing_to_its_parents():
    """With x closed all the time, the volatility parent hears y alone."""
    alone = network(paired().uncouple("top", "x")).filter(SERIES, record=["top"])
    gated = network(paired()).filter(SERIES, gate={"x": np.zeros(STEPS)})

    same(gated, alone, ["top"])


def test_a_closed_parent_leaves_its_children_learning():
    gated = network(paired()).filter(SERIES, gate={"top": np.zeros(STEPS)})

    np.testing.assert_array_equal(gated["top"].mean, gated["top"].predicted_mean)
    assert np.all(gated["x"].mean != gated["x"].predicted_mean)


@cache
def rivals() -> pn.Network:
    """Two states that predict the same series through inputs of their own."""
    return (
        pn.Graph()
        .add(slow=pn.ContinuousState(tonic_volatility=-6.0, initial_mean=1.0))
        .add(fast=pn.ContinuousState(tonic_volatility=-1.0, initial_mean=-1.0))
        .add(seen_by_slow=pn.ContinuousInput(), seen_by_fast=pn.ContinuousInput())
        .couple("slow", "seen_by_slow")
        .couple("fast", "seen_by_fast")
        .compile()
    )


def nearest_learns(beliefs, inputs):
    """The state whose prediction was nearer to what came learns; the other does not."""
    slow = abs(inputs["seen_by_slow"] - beliefs["seen_by_slow"].predicted_mean)
    fast = abs(inputs["seen_by_fast"] - beliefs["seen_by_fast"].predicted_mean)
    return {"slow": slow <= fast, "fast": fast < slow}


def test_a_rule_chooses_from_predictions_and_observations_at_every_step():
    """By hand: what the rule must have decided, given as series, gives the same beliefs."""
    series = {"seen_by_slow": VALUES, "seen_by_fast": VALUES}
    by_rule = rivals().filter(series, gate=nearest_learns)
    gaps = {
        name: np.abs(VALUES - np.asarray(by_rule[f"seen_by_{name}"].predicted_mean))
        for name in ("slow", "fast")
    }
    slow = gaps["slow"] <= gaps["fast"]
    by_series = rivals().filter(series, gate={"slow": slow, "fast": ~slow})

    assert slow.any()
    assert not slow.all()
    same(by_rule, by_series)


def test_gates_pass_through_surprise_gradients_and_batches():
    series = {"seen_by_slow": VALUES, "seen_by_fast": VALUES}

    def surprise(volatility, gate):
        net = rivals().replace({"fast.tonic_volatility": volatility})
        return net.surprise(series, gate=gate)

    for gate in (nearest_learns, {"fast": OPEN}):
        filtered = rivals().replace({"fast.tonic_volatility": -1.5}).filter(series, gate=gate)
        np.testing.assert_allclose(surprise(-1.5, gate), filtered.surprise.sum(), rtol=1e-12)
        slope = jax.grad(surprise)(-1.5, gate)
        central = (surprise(-1.5 + 1e-6, gate) - surprise(-1.5 - 1e-6, gate)) / 2e-6
        np.testing.assert_allclose(slope, central, rtol=1e-6)
    gates = np.array([OPEN, ~OPEN])
    many = jax.vmap(lambda gate: rivals().surprise(series, gate={"fast": gate}))(jnp.asarray(gates))
    np.testing.assert_allclose(many, [surprise(-1.0, {"fast": gate}) for gate in gates])


def test_a_rule_is_traced_once():
    count = []

    def rule(beliefs, inputs):
        count.append(1)
        return {"slow": inputs["seen_by_slow"] > 0}

    net = rivals()
    for _ in range(3):
        net.filter({"seen_by_slow": VALUES, "seen_by_fast": VALUES}, gate=rule)
    traces = len(count)
    net.filter({"seen_by_slow": -VALUES, "seen_by_fast": VALUES}, gate=rule)
    assert len(count) == traces


WRONG = {
    "an unknown node": ({"z": OPEN}, ("'z'", "no node")),
    "another length": ({"x": OPEN[:3]}, ("gate['x']", "6 values")),
    "no truth values": ({"x": [1.5] * STEPS}, ("gate['x']", "truth values", "from 0 to 1")),
    "no gate": (3, ("gate", "function", "3")),
    "a rule that returns nothing": (lambda beliefs, inputs: None, ("gate", "None")),
    "a rule for an unknown node": (lambda beliefs, inputs: {"z": True}, ("'z'", "no node")),
    "a rule that returns arrays": (
        lambda beliefs, inputs: {"x": jnp.ones(3, bool)},
        ("'x'", "one truth value", "(3,)"),
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_gate_is_named(wrong):
    gate, words = WRONG[wrong]
    with pytest.raises(pn.InputError) as caught:
        network(paired()).filter(SERIES, gate=gate)
    for word in words:
        assert word in str(caught.value)


def test_what_never_learns_has_no_gate():
    net = pn.Graph().add(u=pn.ContinuousInput(), c=pn.ConstantState()).couple("c", "u").compile()
    with pytest.raises(pn.InputError, match="never learns"):
        net.filter({"u": VALUES}, gate={"c": OPEN})
