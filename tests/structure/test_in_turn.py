"""Inputs in turn: surprises of a step are a chain of conditional densities."""

import jax
import numpy as np
import pytest
from scipy import stats

import pynodes as pn

STEPS = 25


def series(*names, seed=0):
    rng = np.random.default_rng(seed)
    found = {name: np.cumsum(rng.normal(size=STEPS)) for name in names}
    for place, name in enumerate(names):
        found[name][3 + 4 * place] = np.nan
    return found


def test_one_state_with_any_inputs_has_kalmans_evidence():
    """In any order of the inputs; with gaps and irregular times."""
    data, times = series("u", "v", "w"), np.random.default_rng(1).gamma(4.0, 0.25, STEPS)
    precision = {"u": 2.0, "v": 0.5, "w": 1.0}
    totals = []
    for order in ("uvw", "wuv"):
        graph = pn.Graph(evidence="in_turn").add(x=pn.ContinuousState(tonic_volatility=-0.5))
        for name in order:
            graph = graph.add({name: pn.ContinuousInput(precision=precision[name])})
        totals.append(graph.couple("x", list(order)).compile().surprise(data, dt=times))

    since = np.cumsum(times)
    walk = 1.0 + np.exp(-0.5) * np.minimum.outer(since, since)
    values = np.concatenate([data[name] for name in "uvw"])
    noise = np.repeat([1 / precision[name] for name in "uvw"], STEPS)
    seen = np.isfinite(values)
    cover = (np.tile(walk, (3, 3)) + np.diag(noise))[np.ix_(seen, seen)]
    exact = -stats.multivariate_normal(np.zeros(seen.sum()), cover).logpdf(values[seen])
    np.testing.assert_allclose(totals, exact, rtol=1e-10)


def test_nothing_changes_where_no_parent_joins_inputs():
    """Each input at the end of a chain of its own, volatility and gaps included."""
    graph = (
        pn.Graph()
        .add(u=pn.ContinuousInput(precision=2.0), b=pn.BinaryInput())
        .add(x=pn.ContinuousState(tonic_volatility=-1.0), y=pn.ContinuousState())
        .add(v=pn.ContinuousState(tonic_volatility=-2.0), z=pn.ContinuousState())
        .couple("x", "u")
        .couple("y", "b")
        .couple("v", "x", "volatility")
        .couple("z", "y")
    )
    data = series("u") | {"b": np.random.default_rng(2).integers(0, 2, STEPS).astype(float)}
    once, turns = (graph.compile(evidence=way).filter(data) for way in ("at_once", "in_turn"))

    np.testing.assert_allclose(turns.surprise, once.surprise, rtol=1e-12)
    for name in "xyvz":
        np.testing.assert_allclose(turns[name].mean, once[name].mean, rtol=1e-12)
        np.testing.assert_allclose(turns[name].precision, once[name].precision, rtol=1e-12)


def test_an_edge_within_a_step_is_judged_by_the_joint_density():
    """Of the first step, where beliefs are independent still; taken at once it is not."""
    strength, noise = 0.7, 0.25
    graph = pn.Graph().add(
        u=pn.ContinuousInput(precision=1 / noise),
        v=pn.ContinuousInput(precision=1 / noise),
        x=pn.ContinuousState(tonic_volatility=0.0),
        y=pn.ContinuousState(tonic_volatility=0.0),
    )
    graph = graph.couple("x", "u").couple("y", "v").couple("x", "y", pn.Drift(strength=strength))
    network = graph.compile(evidence="in_turn")
    values = {"u": [1.3], "v": [-0.8]}
    hidden = np.array([[2.0, strength * 2.0], [strength * 2.0, 2.0 + strength**2 * 2.0]])
    exact = -stats.multivariate_normal(np.zeros(2), hidden + noise * np.eye(2)).logpdf([1.3, -0.8])

    assert float(network.surprise(values)) == pytest.approx(exact, rel=1e-12)
    assert float(graph.compile().surprise(values)) != pytest.approx(exact, rel=1e-3)
    beliefs = network.filter(values)
    gain = hidden @ np.linalg.inv(hidden + noise * np.eye(2))
    np.testing.assert_allclose(
        [beliefs["x"].mean[0], beliefs["y"].mean[0]], gain @ [1.3, -0.8], rtol=1e-12
    )


def test_a_state_that_is_observed_is_told_at_once():
    """What is known of it needs no child; where it is missing its children speak for it."""
    data = series("u", "x", seed=3)
    graph = pn.Graph(evidence="in_turn").add(
        u=pn.ContinuousInput(), x=pn.ContinuousState(), top=pn.ContinuousState()
    )
    network = graph.couple("x", "u").couple("top", "x").compile()
    beliefs = network.filter(data)

    assert np.isfinite(beliefs.surprise).all()
    missing = np.isnan(data["x"])
    assert (np.asarray(beliefs["x"].mean)[~missing] == data["x"][~missing]).all()
    assert np.all(beliefs["top"].mean != beliefs["top"].predicted_mean)


def test_gradients_and_masks_work_in_turn():
    data = series("u", "v", seed=4)
    graph = pn.Graph(evidence="in_turn").add(
        u=pn.ContinuousInput(),
        v=pn.ContinuousInput(),
        x=pn.ContinuousState(),
        y=pn.ContinuousState(),
    )
    graph = graph.couple("x", "u").couple("y", "v").couple("x", "y")
    network = graph.compile()

    def total(strength):
        return network.replace({"x->y.strength": strength}).surprise(data)

    numerical = (total(0.4 + 1e-5) - total(0.4 - 1e-5)) / 2e-5
    assert float(jax.grad(total)(0.4)) == pytest.approx(float(numerical), rel=1e-6)
    apart = graph.uncouple("x", "y").compile().surprise(data)
    assert float(total(0.0)) == pytest.approx(float(apart), rel=1e-13)


def test_the_setting_is_kept_in_documents_and_refused_in_words():
    graph = pn.Graph(evidence="in_turn").add(u=pn.ContinuousInput())

    assert pn.Graph.from_json(graph.to_json()) == graph
    assert "evidence" not in pn.Graph().add(u=pn.ContinuousInput()).to_dict()["settings"]
    with pytest.raises(pn.GraphError, match="'at_once' or 'in_turn', not 'later'"):
        pn.Graph(evidence="later")
