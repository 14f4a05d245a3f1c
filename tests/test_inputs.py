"""Inputs: gaps, frozen steps, what is recorded, what is known per step, and times."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.laws.same import assert_same
from tests.small import STEPS, VALUES, driven, network, paired, tracked

SEEN = np.array([True, False, True, True, False, True])
TIMES = np.array([1.0, 0.5, 2.0, 1.0, 1.5, 1.0])
PRECISIONS = np.array([1.0, 4.0, 0.5, 2.0, 9.0, 0.1])


def test_nan_and_mask_together_are_both_missing():
    values = np.where(np.arange(STEPS) == 3, np.nan, VALUES)

    beliefs = network(tracked()).filter({"u": values}, observed=SEEN)

    both = np.where(SEEN, values, np.nan)
    assert_same(network(tracked()).filter({"u": both}), beliefs, rtol=0)
    np.testing.assert_array_equal(beliefs["u"].observed, ~np.isnan(both))


def test_inputs_have_gaps_of_their_own():
    """Also where both inputs are stacked in one group."""
    graph = paired().add(w=pn.ContinuousInput()).couple("y", "w")
    series = {"u": VALUES, "v": VALUES[::-1], "w": 2 * VALUES}
    gaps = {"u": SEEN, "w": SEEN[::-1]}
    by_nan = {n: np.where(gaps.get(n, True), values, np.nan) for n, values in series.items()}

    by_mask = network(graph).filter(series, observed=gaps)

    assert_same(network(graph).filter(by_nan), by_mask, rtol=0)
    np.testing.assert_array_equal(by_mask["u"].observed, SEEN)
    np.testing.assert_array_equal(by_mask["v"].observed, True)
    np.testing.assert_array_equal(by_mask["w"].observed, SEEN[::-1])


def test_a_series_that_was_never_observed_says_nothing():
    never = np.full(STEPS, np.nan)

    beliefs = network(tracked()).filter({"u": never}, dt=TIMES)

    np.testing.assert_array_equal(beliefs.surprise, 0)
    np.testing.assert_array_equal(beliefs["x"].mean, 0)
    expected = 1 + np.exp(-4.0) * np.cumsum(TIMES)
    np.testing.assert_allclose(1 / np.asarray(beliefs["x"].precision), expected, rtol=1e-12)


def test_gradients_pass_by_what_is_missing():
    """The value under a mask has gradient zero, the others the gradient of the shorter run."""
    net = network(tracked())

    def surprise(values):
        return net.surprise({"u": values}, observed=SEEN)

    gradient = jax.grad(surprise)(jnp.array(np.where(SEEN, VALUES, np.nan)))

    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[~SEEN], 0)
    np.testing.assert_allclose(gradient, jax.grad(surprise)(jnp.array(VALUES)), rtol=1e-12)


def test_frozen_steps_might_as_well_not_have_been():
    """The others see the series without them; at frozen ones all rests where it was, without surprise."""
    net, frozen = network(paired()), ~SEEN
    series = {"u": VALUES, "v": VALUES[::-1]}

    beliefs = net.filter(series, frozen=frozen, dt=TIMES)
    short = net.filter({n: v[SEEN] for n, v in series.items()}, dt=TIMES[SEEN])

    for name in ("x", "y", "top"):
        for field in ("mean", "precision", "predicted_mean", "predicted_precision"):
            values = np.asarray(getattr(beliefs[name], field))
            np.testing.assert_allclose(values[SEEN], getattr(short[name], field), rtol=1e-12)
            resting = np.asarray(getattr(beliefs[name], field.removeprefix("predicted_")))
            np.testing.assert_array_equal(values[[1, 4]], resting[[0, 3]])
        np.testing.assert_array_equal(np.asarray(beliefs[name].effective_precision)[[1, 4]], 0)
    np.testing.assert_array_equal(np.asarray(beliefs["x"].value_error)[[1, 4]], 0)
    np.testing.assert_allclose(beliefs["x"].volatility_error[np.array([1, 4])], 0, atol=1e-15)
    np.testing.assert_array_equal(beliefs.surprise[frozen], 0)
    np.testing.assert_allclose(beliefs.surprise[SEEN], short.surprise, rtol=1e-12)
    np.testing.assert_allclose(
        net.surprise(series, frozen=frozen, dt=TIMES), np.sum(short.surprise), rtol=1e-12
    )
    assert beliefs.final["top"].mean == pytest.approx(float(short.final["top"].mean), rel=1e-12)


def test_steps_frozen_at_the_beginning_hold_the_initial_beliefs():
    frozen = np.arange(STEPS) < 2

    node = network(tracked()).filter({"u": VALUES}, frozen=frozen)["x"]

    np.testing.assert_array_equal(node.mean[:2], 0)
    np.testing.assert_array_equal(node.precision[:2], 1)


def test_what_lies_under_a_frozen_step_does_not_matter():
    net, frozen = network(tracked()), ~SEEN

    one = net.filter({"u": VALUES}, frozen=frozen)
    other = net.filter({"u": np.where(SEEN, VALUES, 1e6)}, frozen=frozen)

    assert_same(one, other, rtol=0)
    np.testing.assert_array_equal(one.surprise, other.surprise)


@pytest.mark.parametrize("record", [["x", "u", "x"], {"top"}, ()], ids=str)
def test_record_limits_what_is_kept_and_nothing_else(record):
    """Also where only one node of a group is kept."""
    series = {"u": VALUES, "v": VALUES[::-1]}
    whole = network(paired()).filter(series)

    beliefs = network(paired()).filter(series, record=record)

    assert set(beliefs) == set(record)
    for name in beliefs:
        np.testing.assert_array_equal(beliefs[name].mean, whole[name].mean)
        assert beliefs[name].fields == whole[name].fields
    np.testing.assert_array_equal(beliefs.surprise, whole.surprise)
    assert beliefs.final["top"].mean == whole.final["top"].mean


def test_recorded_fields_take_the_memory_of_their_nodes_only():
    series = {"u": VALUES, "v": VALUES}
    whole = network(paired()).filter(series)

    one = network(paired()).filter(series, record=["x"])

    assert sum(leaf.size for leaf in jax.tree.leaves(one.records)) == 5 * STEPS
    assert sum(leaf.size for leaf in jax.tree.leaves(whole.records)) > 20 * STEPS


INLETS = {
    "drift": pn.Drift(strength=0.7),
    "volatility": pn.Volatility(strength=-0.4),
    "bent drift": pn.Drift(strength=0.7, function="tanh"),
}


@pytest.mark.parametrize("coupling", INLETS.values(), ids=INLETS)
def test_a_constant_regressor_is_a_constant(coupling):
    known = tracked().add(r=pn.Regressor()).couple("r", "x", coupling).compile()
    fixed = tracked().add(r=pn.ConstantState(value=0.6)).couple("r", "x", coupling).compile()

    one = known.filter({"u": VALUES, "r": np.full(STEPS, 0.6)}, dt=TIMES)

    assert_same(fixed.filter({"u": VALUES}, dt=TIMES), one, rtol=1e-12)


def test_a_regressor_drives_every_step_by_its_own_value():
    """As a constant that is replaced before each step."""
    fixed = tracked().add(r=pn.ConstantState()).couple("r", "x", pn.Drift(strength=0.5)).compile()
    drive = np.array([0.0, 1.0, -1.0, 0.5, 0.0, 2.0])

    beliefs = network(driven()).filter({"u": VALUES, "r": drive}, dt=TIMES)

    state = fixed.start()
    for k in range(STEPS):
        step = fixed.replace({"r.value": drive[k]}).step
        state, now = step(state, {"u": VALUES[k]}, TIMES[k])
        np.testing.assert_allclose(beliefs["x"].mean[k], now["x"].mean, rtol=1e-12)
        np.testing.assert_allclose(beliefs.surprise[k], now.surprise, rtol=1e-12)
    np.testing.assert_array_equal(beliefs["r"].mean, drive)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("u.precision", PRECISIONS),
        ("x.tonic_volatility", np.log(PRECISIONS)),
        ("x.tonic_drift", VALUES),
    ],
)
def test_a_parameter_known_per_step_is_one_replaced_before_each_step(name, values):
    net = network(tracked())

    beliefs = net.filter({"u": VALUES, name: values}, dt=TIMES)

    state = net.start()
    for k in range(STEPS):
        state, now = net.replace({name: values[k]}).step(state, {"u": VALUES[k]}, TIMES[k])
        np.testing.assert_allclose(beliefs["x"].mean[k], now["x"].mean, rtol=1e-12)
        np.testing.assert_allclose(beliefs["x"].precision[k], now["x"].precision, rtol=1e-12)
        np.testing.assert_allclose(beliefs.surprise[k], now.surprise, rtol=1e-12)


def test_noise_known_for_one_input_of_a_group_leaves_the_other_as_it_is():
    graph = tracked().add(v=pn.ContinuousInput(precision=3.0)).couple("x", "v")
    series = {"u": VALUES, "v": VALUES[::-1]}

    known = network(graph).filter(series | {"v.precision": np.full(STEPS, 5.0)})
    replaced = network(graph).replace({"v.precision": 5.0}).filter(series)

    assert_same(replaced, known, rtol=1e-12)
    np.testing.assert_allclose(known["u"].precision, 1.0)


def test_a_known_noise_is_differentiable():
    """Against central differences."""
    net = network(tracked())

    def surprise(precisions):
        return net.surprise({"u": VALUES, "u.precision": precisions})

    gradient = jax.grad(surprise)(jnp.array(PRECISIONS))

    for k in range(STEPS):
        step = 1e-6 * np.eye(STEPS)[k]
        slope = (surprise(PRECISIONS + step) - surprise(PRECISIONS - step)) / 2e-6
        np.testing.assert_allclose(gradient[k], slope, rtol=1e-5, atol=1e-8)


def test_irregular_times_are_steps_of_their_own_length():
    """One run over irregular times is a run of steps, each of its length."""
    net = network(paired())
    series = {"u": VALUES, "v": VALUES[::-1]}

    beliefs = net.filter(series, dt=TIMES)

    state = net.start()
    for k in range(STEPS):
        state, now = net.step(state, {n: v[k] for n, v in series.items()}, TIMES[k])
        np.testing.assert_allclose(beliefs["top"].mean[k], now["top"].mean, rtol=1e-12)


def test_one_dt_is_that_dt_at_every_step():
    series = {"u": VALUES, "v": VALUES}
    net = network(paired())

    assert_same(net.filter(series, dt=0.5), net.filter(series, dt=np.full(STEPS, 0.5)), rtol=1e-12)


def test_an_observation_does_not_scale_with_time():
    """Observation has no dt, Drift into an input has."""
    state = pn.ContinuousState(initial_mean=0.5)
    graph = pn.Graph().add(u=pn.ContinuousInput(), v=pn.ContinuousInput(), x=state)
    graph = graph.couple("x", "u", pn.Observation()).couple("x", "v", pn.Drift())

    beliefs = network(graph).filter({"u": VALUES, "v": VALUES}, dt=3.0)

    assert beliefs["u"].predicted_mean[0] == pytest.approx(0.5)
    assert beliefs["v"].predicted_mean[0] == pytest.approx(1.5)
