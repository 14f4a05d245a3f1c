"""Calibration: probabilities are right in series from the prior, and wrong ones are noticed."""

import dataclasses

import numpy as np
import pytest

import pynodes as pn
from pynodes import structure
from tests.compilations import count_compilations

NAMES = ["a", "b", "c"]


def search(data=None, probability=0.3, **settings):
    """A search of noise: what it found does not matter to what it promises."""
    rng = np.random.default_rng(0)
    data = {name: rng.normal(size=61) for name in NAMES} if data is None else data
    graph = structure.lagged(NAMES, noise_shape=4.0, noise_scale=3.0, **settings)
    return structure.search(structure.space(graph, probability=probability), data)


def test_probabilities_are_right_under_their_own_prior():
    """Exact evidence and the prior that series are drawn from: as many edges as reported, in every bin."""
    calibration = search(initial_variance=0.3).calibrate(150)
    false, promised = calibration.false_share()

    assert calibration.probability.shape == calibration.truth.shape == (150, 9)
    assert abs(calibration.z) < 3
    assert calibration.problems() == []
    assert false == pytest.approx(promised, abs=0.06)
    assert calibration.table["edges"].sum() == 150 * 9
    assert "150 simulations" in repr(calibration)


def test_false_edges_are_as_rare_as_bayes_factors_allow():
    """Where nothing is there the factor for an edge is one on average: P is at most the prior on average.

    And it is at least p no more often than the prior odds times (1 - p) / p (Markov's inequality).
    """
    rng, edges, reported = np.random.default_rng(5), ["lag1_a->b", "lag1_b->c", "lag1_c->a"], []
    graph = structure.lagged(NAMES, noise_shape=4.0, noise_scale=3.0, initial_variance=0.3)
    space = structure.space(graph, edges, probability=0.3)
    for _ in range(100):
        noise = np.sqrt(3 / rng.gamma(4, size=3))
        data = {name: sd * rng.normal(size=61) for name, sd in zip(NAMES, noise, strict=True)}
        reported += list(structure.search(space, data).edge_probability.values())
    reported = np.array(reported)

    assert reported.mean() < 0.3
    for least in (0.5, 0.7, 0.9):
        allowed = 0.3 / 0.7 * (1 - least) / least
        spread = np.sqrt(allowed * (1 - allowed) / len(reported))
        assert np.mean(reported >= least) < allowed + 3 * spread


def test_probabilities_that_promise_too_much_are_named():
    """The same truth beside odds to the third power, and beside edges that are held more probable."""
    calibration = search(initial_variance=0.3).calibrate(150)
    on, off = calibration.probability**3, (1 - calibration.probability) ** 3
    sure = dataclasses.replace(calibration, probability=on / (on + off))
    more = dataclasses.replace(calibration, probability=0.5 + 0.5 * calibration.probability)

    assert any("standard deviations off" in one for one in sure.problems())
    assert more.z < -3
    assert any("fewer edges than reported" in one for one in more.problems())


def test_simulated_series_have_the_gaps_the_times_and_the_known_series_of_the_data():
    """The search is repeated on them as it was called; the same key simulates the same."""
    rng = np.random.default_rng(1)
    graph = pn.Graph().add(
        y=pn.RegressionInput(terms=2, initial_variance=0.5, tonic_volatility=-5.0),
        one=pn.Regressor(),
        two=pn.Regressor(),
    )
    space = structure.space(graph.couple(["one", "two"], "y"), probability=0.5)
    data = {"y": rng.normal(size=30), "one": rng.normal(size=30), "two": rng.normal(size=30)}
    data["y"][[3, 4]] = np.nan
    found = structure.search(space, data, dt=0.5)
    mask, keys = np.ones(2, bool), [np.random.default_rng(seed) for seed in (0, 0, 1)]
    drawn = [structure.simulate.simulate_series(space, mask, found.request, key)[0] for key in keys]

    np.testing.assert_array_equal(np.flatnonzero(np.isnan(drawn[0]["y"])), [3, 4])
    np.testing.assert_array_equal(drawn[0]["one"], data["one"])
    np.testing.assert_array_equal(drawn[0]["y"], drawn[1]["y"])
    assert np.nanmax(np.abs(drawn[0]["y"] - drawn[2]["y"])) > 0
    assert abs(found.calibrate(8).z) < 5


def test_strengths_drift_in_units_of_what_the_child_believes():
    """Variance of what is simulated, step by step: prior and drift, times the coupling's strength squared."""
    node = pn.RegressionInput(
        terms=1, noise="known", precision=10.0, initial_variance=0.2, tonic_volatility=-0.5
    )
    graph = pn.Graph().add(y=node, one=pn.Regressor()).couple("one", "y", pn.Term(strength=3.0))
    space = structure.space(graph, probability=0.5)
    data = {"y": np.zeros(4), "one": np.ones(4)}
    request = structure.search(space, data, dt=0.5).request
    rng, mask = np.random.default_rng(0), np.ones(1, bool)
    drawn = [structure.simulate.simulate_series(space, mask, request, rng)[0] for _ in range(2000)]

    expected = 9 * (0.2 + 0.5 * np.exp(-0.5) * np.arange(1, 5)) + 0.1
    squares = np.mean([one["y"] ** 2 for one in drawn], axis=0)
    np.testing.assert_allclose(squares / expected, 1.0, atol=4 * np.sqrt(2 / 2000))


def test_priors_under_which_series_explode_are_refused():
    with pytest.raises(pn.GraphError, match="narrower"):
        search(initial_variance=1e4, probability=0.99).calibrate(2)


def make_hidden_space(strength):
    """Two hidden states seen through noise, of which one may drive the other within a step."""
    states = {name: pn.ContinuousState(autoconnection=0.8) for name in ("x", "y")}
    inputs = {name: pn.ContinuousInput(precision=4.0) for name in ("u", "v")}
    graph = pn.Graph().add(**inputs, **states).couple("x", "u").couple("y", "v").couple("x", "y")
    return structure.space(
        graph.with_settings(evidence="in_turn"),
        "x->y",
        probability=0.5,
        strength=strength,
        free={"*.tonic_volatility": pn.Normal(-1.0, 0.5)},
    )


@pytest.mark.slow
def test_hidden_states_are_calibrated_by_their_own_network(tmp_path):
    """Strengths and volatilities are drawn, the network sampled, and its graphs searched again."""
    rng = np.random.default_rng(2)
    data = {"u": rng.normal(size=50), "v": rng.normal(size=50)}
    found = structure.search(make_hidden_space(pn.Normal(0.0, 1.0)), data)
    calibration = found.calibrate(20)

    assert abs(calibration.z) < 3
    assert 0 < calibration.truth.mean() < 1
    assert calibration.probability.std() > 0.2

    pn.save(tmp_path / "found.npz", found)
    loaded = pn.load(tmp_path / "found.npz")
    assert loaded.score.known.keys() == found.score.known.keys()
    np.testing.assert_array_equal(loaded.strengths["sd"], found.strengths["sd"])

    with count_compilations() as counted:
        other = structure.search(make_hidden_space(pn.Normal(0.3, 2.0)), data)
        alone = dataclasses.replace(found.score, known={}).evidence(np.array([[True]]))
    off, on = np.array([[False]]), np.array([[True]])
    assert counted.programs == 0
    two = dataclasses.replace(found.score, known={}, lanes=2).evidence(np.array([[True], [False]]))
    np.testing.assert_allclose(two, found.score.evidence(np.array([[True], [False]])), rtol=1e-9)
    # An edge that is off costs nothing, whatever its prior; who is scored beside a graph changes nothing.
    np.testing.assert_allclose(other.score.evidence(off), found.score.evidence(off), rtol=1e-8)
    assert abs(other.score.evidence(on) - found.score.evidence(on)) > 0.1
    np.testing.assert_array_equal(alone, found.score.evidence(on))


def test_graphs_that_data_cannot_tell_apart_are_grouped():
    """Two parents that are one series explain as much, by themselves; no parent does not."""
    rng = np.random.default_rng(3)
    data = {"a": rng.normal(size=80)}
    data |= {"c": data["a"], "b": np.append(0.0, 0.6 * data["a"][:-1]) + rng.normal(size=80)}
    graph = structure.lagged(NAMES, initial_variance=0.3)
    space = structure.space(graph, "lag1_[ac]->b", probability=0.2)
    found = structure.search(space, data)
    other = structure.search(space, data | {"c": rng.normal(size=80)})

    alike = {("lag1_a->b",), ("lag1_c->b",)}
    assert any(alike <= set(group) for group in found.equivalent)
    assert all(() not in group for group in found.equivalent)
    assert not any(alike <= set(group) for group in other.equivalent)
