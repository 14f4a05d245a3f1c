"""What holds of smoothing in any graph, and what it refuses."""

from functools import cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests import small
from tests.few import few
from tests.laws import cases

SETTINGS = [("standard", True), ("enhanced", False), ("unbounded", True)]
STATES = ("x", "y", "z")
SAME = {"rtol": 1e-9, "atol": 1e-11}
STEPS = 12


@cache
def modest(expansion="enhanced"):
    """States that drive each other's drift and have one volatility parent; series with gaps."""
    graph = (
        pn.Graph(expansion=expansion)
        .add(u=pn.ContinuousInput(precision=4.0), b=pn.BinaryInput())
        .add(x=pn.ContinuousState(tonic_volatility=-2.0, autoconnection=0.9))
        .add(y=pn.ContinuousState(tonic_volatility=-2.5, tonic_drift=0.05))
        .add(z=pn.ContinuousState(tonic_volatility=-3.0, initial_precision=4.0))
        .couple("x", "u", pn.Observation(strength=1.2))
        .couple("y", "b", pn.Probability(strength=0.9))
        .couple("y", "x", pn.Drift(strength=0.3, function="tanh"))
        .couple("z", ["x", "y"], pn.Volatility(strength=0.7))
    )
    series = cases.series_for(graph, steps=STEPS)
    series["u"][[3, 4]] = np.nan
    series["b"][[4, 9]] = np.nan
    return graph.compile(), series


@cache
def rich(expansion, marginalise):
    """A graph with every coupling, and series with gaps for it."""
    network = cases.rich_graph(expansion, marginalise=marginalise).compile()
    series = cases.series_for(network.graph, steps=STEPS)
    series["u1"][[3, 4]] = np.nan
    series["u2"][[4, 5]] = np.nan
    return network, series


def assert_same(one, other, names=STATES, fields=("mean", "precision"), here=slice(None)):
    """Two runs believe the same, the second at some of its steps."""
    for name in names:
        for field in fields:
            expected = np.asarray(getattr(other[name], field))[here]
            np.testing.assert_allclose(getattr(one[name], field), expected, **SAME, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS)
def test_what_came_before_is_as_the_filter_found_it(settings):
    """Predictions, surprise, and where to continue; and at the last step everything."""
    network, series = rich(*settings)
    states = ("x1", "x2", "x3", "shared", "noise", "top")

    smoothed, filtered = network.smooth(series), network.filter(series)

    assert_same(smoothed, filtered, list(filtered), ("predicted_mean",))
    assert_same(smoothed, filtered, states, ("predicted_precision", "effective_precision"))
    np.testing.assert_allclose(smoothed.surprise, filtered.surprise, **SAME)
    for name in states:
        one, other = smoothed[name], filtered[name]
        np.testing.assert_allclose(smoothed.final[name].mean, filtered.final[name].mean, **SAME)
        np.testing.assert_allclose(one.mean[-1], other.mean[-1], **SAME)
        np.testing.assert_allclose(one.precision[-1], other.precision[-1], **SAME)
        assert np.abs(np.asarray(one.mean) - np.asarray(other.mean)).max() > 1e-3


@pytest.mark.parametrize("expansion", few(["standard", "enhanced", "unbounded"], 1))
def test_a_future_in_which_nothing_was_seen_says_nothing(expansion):
    """Unseen steps at the end change nothing before them, and are as the filter predicts them."""
    network, series = modest(expansion)
    longer = {name: np.append(values, [np.nan] * 5) for name, values in series.items()}

    short, long = network.smooth(series), network.smooth(longer)
    filtered = network.filter(longer)

    assert_same(short, long, here=slice(None, -5))
    for name in STATES:
        np.testing.assert_allclose(long[name].mean[-5:], filtered[name].mean[-5:], **SAME)
        np.testing.assert_allclose(long[name].precision[-5:], filtered[name].precision[-5:], **SAME)


def test_a_series_can_be_taken_up_where_the_filter_left_it():
    """What came before a step reaches it through the filter's belief alone."""
    network, series = modest()
    first = {name: values[:7] for name, values in series.items()}
    rest = {name: values[7:] for name, values in series.items()}

    whole = network.smooth(series)
    later = network.smooth(rest, start=network.filter(first).final)

    assert_same(later, whole, here=slice(7, None))


@pytest.mark.slow
@pytest.mark.versions
def test_frozen_steps_are_as_if_they_were_not_there():
    network, series = modest()
    frozen = np.zeros(STEPS, dtype=bool)
    frozen[[0, 1, 7, 8, 11]] = True
    left = {name: values[~frozen] for name, values in series.items()}

    held, short = network.smooth(series, frozen=frozen), network.smooth(left)

    for name in STATES:
        mean, precision = np.asarray(held[name].mean), np.asarray(held[name].precision)
        np.testing.assert_allclose(mean[~frozen], short[name].mean, **SAME)
        np.testing.assert_array_equal(mean[[7, 8]], mean[[6, 6]])
        np.testing.assert_array_equal(precision[11], precision[10])
        assert mean[0] == mean[1]
    np.testing.assert_array_equal(held.surprise[np.flatnonzero(frozen)], 0.0)


def test_steps_frozen_at_the_beginning_report_the_initial_belief_given_the_series():
    """A walk from its start through one more step that was seen: both are one Gaussian."""
    network = small.network(small.tracked())
    growth = np.exp(-4.0)

    beliefs = network.smooth({"u": [np.nan, 2.0]}, frozen=[True, False])["x"]

    total = 1 + growth + 1
    np.testing.assert_allclose(beliefs.mean, [2.0 / total, 2.0 * (1 + growth) / total], rtol=1e-12)
    np.testing.assert_allclose(1 / beliefs.precision[0], 1 - 1 / total, rtol=1e-12)
    np.testing.assert_array_equal(beliefs.predicted_mean[0], 0.0)


def test_a_missing_observation_is_expected_from_all_the_rest():
    """The input's mean where nothing was seen: through its couplings, from smoothed parents."""
    network, series = modest()

    smoothed = network.smooth(series)

    located = 1.2 * np.asarray(smoothed["x"].mean)
    filled, outcomes = np.asarray(smoothed["u"].mean), np.asarray(smoothed["b"].mean)
    seen = np.isfinite(series["u"])
    np.testing.assert_allclose(filled[~seen], located[~seen], **SAME)
    np.testing.assert_array_equal(filled[seen], series["u"][seen])
    np.testing.assert_array_equal(smoothed["u"].observed, seen)
    expected = 1 / (1 + np.exp(-0.9 * np.asarray(smoothed["y"].mean)))
    np.testing.assert_allclose(outcomes[[4, 9]], expected[[4, 9]], **SAME)


def test_a_volatility_parent_that_says_nothing_changes_nothing():
    """At strength zero the child is smoothed as without it, and it hears nothing."""
    graph = small.tracked().add(z=pn.ContinuousState(tonic_volatility=-2.0))
    network = graph.couple("z", "x", pn.Volatility(strength=0.0)).compile()
    series = {"u": small.VALUES}

    silent, alone = network.smooth(series), small.network(small.tracked()).smooth(series)

    assert_same(silent, alone, ["x"])
    np.testing.assert_allclose(silent["z"].mean, 0.0, atol=1e-14)


def test_copies_of_a_graph_are_smoothed_as_each_by_itself():
    one = pn.models.binary_hgf()
    network, series = one.repeat(2).compile(), {"u[0]": small.OUTCOMES, "u[1]": 1 - small.OUTCOMES}

    together = network.smooth(series)

    for copy in range(2):
        alone = one.compile().smooth({"u": series[f"u[{copy}]"]})
        for name in ("x2", "x3"):
            np.testing.assert_allclose(together[f"{name}[{copy}]"].mean, alone[name].mean, **SAME)


def test_a_hidden_alternative_hears_what_its_parent_learned_later():
    """Percepts that say nothing of a hidden alternative; before and after it the outcome was clear."""
    graph = (
        pn.Graph()
        .add(s=pn.BinaryState(), x=pn.ContinuousState(tonic_volatility=-6.0))
        .add(u=pn.ContinuousInput(precision=1.0))
        .couple("s", "u", pn.Observation(strength=10.0))
        .couple("x", "s")
    )
    network, percepts = graph.compile(), np.array([5.0, *[10.0] * 20])

    smoothed, filtered = network.smooth({"u": percepts}), network.filter({"u": percepts})

    assert filtered["s"].mean[0] == pytest.approx(0.5)
    # It is then as probable as its logit, given all the rest, makes it.
    later = float(smoothed["x"].mean[0])
    assert later > 1.0
    assert smoothed["s"].mean[0] == pytest.approx(1 / (1 + np.exp(-later)), abs=1e-3)


def test_jit_and_vmap_give_the_same():
    network, series = modest()
    several = {name: np.stack([values, values[::-1]]) for name, values in series.items()}

    batch = jax.jit(jax.vmap(network.smooth))(several)

    assert batch["x"].mean.shape == (2, STEPS)
    for row, order in enumerate((slice(None), slice(None, None, -1))):
        alone = network.smooth({name: values[order] for name, values in series.items()})
        for name in STATES:
            np.testing.assert_allclose(batch[name].mean[row], alone[name].mean, **SAME)


@pytest.mark.slow
@pytest.mark.parametrize(
    "expansion",
    ["standard", "enhanced", "unbounded"],
)
def test_gradients_are_central_differences(expansion):
    network, series = modest(expansion)
    names = ["x.tonic_volatility", "x.autoconnection", "z->y.strength", "u.precision"]
    start = jnp.array([float(network[name]) for name in names])
    weights = np.random.default_rng(0).normal(size=STEPS)

    @jax.jit
    def score(values):
        beliefs = network.replace(dict(zip(names, values, strict=True))).smooth(series)
        return sum(jnp.sum(weights * beliefs[name].mean) for name in STATES)

    found = jax.grad(score)(start)

    for index in range(len(names)):
        nudge = 1e-5 * np.eye(len(names))[index]
        expected = (score(start + nudge) - score(start - nudge)) / 2e-5
        np.testing.assert_allclose(found[index], expected, rtol=1e-5, atol=1e-6)


def test_single_precision_is_double_precision_rounded():
    network, series = modest()
    double = network.smooth(series)
    with jax.enable_x64(False):
        single = network.graph.compile().smooth(series)
        for name in STATES:
            assert single[name].mean.dtype == np.float32
            np.testing.assert_allclose(single[name].mean, double[name].mean, rtol=1e-3, atol=1e-3)


def test_only_what_is_recorded_is_kept():
    network, series = modest()

    kept = network.smooth(series, record=["x", "b"])

    assert set(kept.names) == {"x", "b"}
    assert_same(kept, network.smooth(series), ["x"])


def test_known_noise_and_times_enter_step_by_step():
    """Twice the precision of an observation is the same observation made twice."""
    network = small.network(small.tracked())
    twice = small.tracked().add(v=pn.ContinuousInput()).couple("x", "v").compile()
    dt, often = np.array([1.0, 0.5, 2.0, 1.0, 0.3, 1.0]), np.array([0, 1, 1, 0, 1, 0])

    known = network.smooth({"u": small.VALUES, "u.precision": 1.0 + often}, dt=dt)
    again = np.where(often == 1, small.VALUES, np.nan)
    repeated = twice.smooth({"u": small.VALUES, "v": again}, dt=dt)

    assert_same(known, repeated, ["x"])


@pytest.mark.parametrize("memory", ["discrete", "exact"])
@pytest.mark.parametrize("kept", [0.4, 1.0])
def test_what_a_state_keeps_is_the_slope_of_its_prediction(memory, kept):
    """And with the past known, all that is left of the predicted variance is what moved it."""
    node = pn.ContinuousState(memory=memory, autoconnection=kept, tonic_volatility=-1.0)
    inlet, dt = dict.fromkeys(node.inlets, 0.2), 1.7
    before = pn.Gaussian.start(0.6, 2.0)

    def predicted(mean, variance):
        belief = pn.Gaussian(mean=mean, variance=variance)
        return node.predict(belief, inlet, dt)

    slope, surplus = node.memory_gain(dt)
    found = jax.grad(lambda mean: predicted(mean, before.variance).predicted_mean)(before.mean)
    np.testing.assert_allclose(slope, found, rtol=1e-12)
    whole = predicted(before.mean, before.variance).predicted_variance
    rest = predicted(before.mean, surplus * before.variance).predicted_variance
    np.testing.assert_allclose(whole, slope**2 * before.variance + rest, rtol=1e-12)


class Forgetful(pn.AbstractNode):
    """Remembers a belief, but does not say what it keeps of it."""

    has_memory: ClassVar = True

    def init(self):
        return pn.Gaussian.start(0.0, 1.0)

    def predict(self, belief, inlet, dt):
        return belief.predicted(belief.mean, variance=belief.variance)

    def update(self, belief, heard):
        return belief


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        (Forgetful(), "Forgetful"),
        (pn.RescorlaWagner(), "RescorlaWagner"),
        (pn.VolatileState(), "VolatileState"),
    ],
)
def test_a_kind_that_does_not_say_what_it_keeps_is_refused(node, kind):
    graph = small.tracked().add(other=node)
    series = {"u": small.VALUES} | ({"other": small.OUTCOMES} if node.observable else {})

    with pytest.raises(pn.SmoothingError, match=f"'other' cannot be smoothed: a {kind}"):
        graph.compile().smooth(series)


def test_a_filter_that_fails_is_an_error_here_too():
    """And without one, beliefs are held from there on, as the filter holds them."""
    graph = pn.models.binary_hgf(tonic_volatility=(2.0, 2.0), expansion="standard")
    outcomes = np.tile([1.0, 1, 1, 1, 1, 0, 0, 1], 12)
    network = graph.compile()
    assert not network.filter({"u": outcomes}, throw=False).status.ok

    with pytest.raises(pn.FilterError, match="fell to zero or below"):
        network.smooth({"u": outcomes})
    beliefs = network.smooth({"u": outcomes}, throw=False)

    filtered = network.filter({"u": outcomes}, throw=False)
    step = filtered.status.step
    assert beliefs.status.step <= step
    np.testing.assert_array_equal(beliefs.surprise[step:], np.inf)
    assert np.all(np.isfinite(beliefs["x2"].mean))


def test_a_step_that_breaks_down_given_its_future_keeps_the_belief_of_the_filter():
    """The standard expansion may fail on the way back where it did not on the way there."""
    graph = pn.models.binary_hgf(tonic_volatility=(0.0, -1.0), expansion="standard")
    network = graph.compile()
    series = {"u": np.array([0.0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0])}
    filtered = network.filter(series)

    with pytest.raises(pn.FilterError, match="The precision of 'x3' fell to zero or below at step"):
        network.smooth(series)
    beliefs = network.smooth(series, throw=False)

    step = beliefs.status.step
    assert not beliefs.status.ok
    for name in ("x2", "x3"):
        np.testing.assert_allclose(beliefs[name].mean[step], filtered[name].mean[step], **SAME)
        assert np.all(np.asarray(beliefs[name].precision) > 0)
        assert np.all(np.isfinite(beliefs[name].mean))
    np.testing.assert_allclose(beliefs.surprise, filtered.surprise, **SAME)
