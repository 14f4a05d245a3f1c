"""Structured(edges="all"): beliefs conditional on value parents, beside the Kalman filter."""

import jax
import numpy as np
import pytest
from scipy.stats import norm

import pynodes as pn
from tests.linear_trees import ALL, NOISE, build_tree, filter_tree, moments_of
from tests.oracles.kalman import kalman_filter
from tests.oracles.rauch_tung_striebel import rauch_tung_striebel


def exact_beliefs(volatility, edges, seen, series):
    """Of the same states, all at once, by the Kalman filter."""
    return filter_tree(volatility, edges, seen, np.column_stack([series[name] for name in seen]))


def test_a_pair_is_the_kalman_filter_at_every_step():
    """Both forget, at irregular times and through gaps; the state between two chunks holds the covariance."""
    kept, own, speed, strength = np.array([0.8, 0.6]), np.array([0.1, -0.2]), [-2.0, -1.0], 1.3
    walk = [
        pn.ContinuousState(
            tonic_volatility=speed[i], tonic_drift=own[i], autoconnection=kept[i], memory="exact"
        )
        for i in range(2)
    ]
    graph = pn.Graph(expansion=ALL).add(u=pn.ContinuousInput(precision=1 / NOISE))
    graph = graph.add(child=walk[0], parent=walk[1]).couple("child", "u")
    network = graph.couple("parent", "child", pn.Drift(strength=strength)).compile()
    rng = np.random.default_rng(0)
    u, dt = rng.normal(size=60).cumsum(), rng.uniform(0.3, 2.0, 60)
    u[[0, 5, 6, 20, 21, 22, 41]] = np.nan

    first = network.filter({"u": u[:30]}, dt=dt[:30])
    second = network.filter({"u": u[30:]}, dt=dt[30:], start=first.final)

    decay = -np.log(kept)
    keep = np.exp(-decay * dt[:, None])
    lasting = (1 - keep) / decay
    noise = (1 - keep**2) / (2 * decay) * np.exp(speed)
    pull = strength * lasting[:, 0]
    move = np.zeros((60, 2, 2))
    move[:, 0, 0], move[:, 1, 1], move[:, 0, 1] = keep[:, 0], keep[:, 1], pull * keep[:, 1]
    mix = np.eye(2) + pull[:, None, None] * np.array([[0.0, 1.0], [0.0, 0.0]])
    spread = mix @ (noise[:, :, None] * np.eye(2)) @ np.swapaxes(mix, 1, 2)
    shift = np.einsum("tij,tj->ti", mix, lasting * own)
    exact = kalman_filter(
        move, spread, [[1.0, 0.0]], [[NOISE]], np.zeros(2), np.eye(2), u, drift=shift
    )
    parts = [moments_of(one, ["child", "parent"]) for one in (first, second)]
    means, variances = (np.concatenate(both) for both in zip(*parts, strict=True))
    surprise = np.concatenate([first.surprise, second.surprise])
    np.testing.assert_allclose(means, exact.mean, rtol=1e-10, atol=1e-12)
    diagonal = np.diagonal(exact.covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(variances, diagonal, rtol=1e-10)
    np.testing.assert_allclose(surprise, -exact.log_evidence, rtol=1e-10, atol=1e-12)
    told = [run.messages()["parent->child"] for run in (first, second)]
    slope, correlation = (
        np.concatenate([getattr(one, what) for one in told]) for what in ("slope", "correlation")
    )
    shared = exact.covariance[:, 0, 1]
    np.testing.assert_allclose(slope, shared / diagonal[:, 1], rtol=1e-10)
    np.testing.assert_allclose(correlation, shared / np.sqrt(diagonal.prod(1)), rtol=1e-10)
    np.testing.assert_array_equal(told[0].steepness, 0.0)
    assert second.messages()["child->u"].slope is None


def test_a_smoothed_pair_is_that_of_rauch_tung_and_striebel():
    """Both seen, through gaps."""
    model = {"x": -2.0, "r": -3.0}, {("r", "x"): -1.2}, {"u": "x", "w": "r"}
    series = series_of(*model)
    series["u"][[0, 5, 6]] = series["w"][[6, 9]] = np.nan
    move = np.array([[1.0, -1.2], [0.0, 1.0]])
    exact = rauch_tung_striebel(exact_beliefs(*model, series), move)

    beliefs = build_tree(*model).compile().smooth(series)

    means, variances = moments_of(beliefs, ["x", "r"])
    np.testing.assert_allclose(means, exact.mean, rtol=1e-10, atol=1e-12)
    diagonal = np.diagonal(exact.covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(variances, diagonal, rtol=1e-10)


VOLATILITY = {"a": -2.0, "b": -1.5, "c": -3.0, "e": -2.0, "root": -3.0}
EDGES = {("root", "a"): 1.0, ("root", "b"): -0.7, ("b", "c"): 0.5, ("root", "e"): 0.3}
SEEN = {"ua": "a", "uc": "c", "vc": "c", "ur": "root", "ue": "e"}


def series_of(volatility, edges, seen, steps=40):
    """Drawn from the model, for every input; states are moved parents first."""
    rng = np.random.default_rng(1)
    order = [name for name in volatility if not any(child == name for _, child in edges)]
    while len(order) < len(volatility):
        order += [
            name
            for name in volatility
            if name not in order and all(p in order for p, child in edges if child == name)
        ]
    at, rows = {name: rng.normal() for name in order}, []
    for _ in range(steps):
        for name in order:
            drift = sum(a * at[parent] for (parent, child), a in edges.items() if child == name)
            at[name] += drift + rng.normal(0, np.exp(volatility[name] / 2))
        rows.append([at[state] + rng.normal(0, NOISE**0.5) for state in seen.values()])
    return dict(zip(seen, np.array(rows).T, strict=True))


def test_the_first_step_of_a_tree_is_the_kalman_filter_and_the_next_are_near():
    """A chain within a star, a child seen twice; the joint evidence too, and where an input is missing."""
    series = series_of(VOLATILITY, EDGES, SEEN)
    series["ue"][0] = np.nan
    exact = exact_beliefs(VOLATILITY, EDGES, SEEN, series)

    beliefs = build_tree(VOLATILITY, EDGES, SEEN).compile().filter(series)

    means, variances = moments_of(beliefs, VOLATILITY)
    around = np.diagonal(exact.covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(means[0], exact.mean[0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(variances[0], around[0], rtol=1e-10)
    np.testing.assert_allclose(beliefs.surprise[0], -exact.log_evidence[0], rtol=1e-10)
    assert np.sqrt(np.mean((means - exact.mean) ** 2 / around)) < 0.05
    assert abs(np.mean(beliefs.surprise + exact.log_evidence)) < 0.005


def test_the_order_of_definition_is_irrelevant():
    series = series_of(VOLATILITY, EDGES, SEEN)
    shuffled = [dict(reversed(one.items())) for one in (VOLATILITY, EDGES, SEEN)]

    one, other = (
        build_tree(*parts).compile().filter(series)
        for parts in ((VOLATILITY, EDGES, SEEN), shuffled)
    )

    for name in one:
        np.testing.assert_allclose(one[name].mean, other[name].mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(one.surprise, other.surprise, rtol=1e-10, atol=1e-12)


def test_two_parents_of_one_child_are_exact_at_every_step():
    """Through a gap and in two chunks: what they know of one another is kept."""
    volatility, edges = {"a": -2.0, "p": -3.0, "q": -1.0}, {("p", "a"): 1.0, ("q", "a"): -0.7}
    model = volatility, edges, {"u": "a"}
    series = series_of(*model)
    series["u"][20:23] = np.nan
    exact = exact_beliefs(*model, series)

    network = build_tree(*model).compile()
    first = network.filter({"u": series["u"][:20]})
    second = network.filter({"u": series["u"][20:]}, start=first.final)

    parts = [moments_of(run, volatility) for run in (first, second)]
    means, variances = (np.concatenate(part) for part in zip(*parts, strict=True))
    surprise = np.concatenate([first.surprise, second.surprise])
    around = np.diagonal(exact.covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(means, exact.mean, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(variances, around, rtol=1e-9)
    np.testing.assert_allclose(surprise, -exact.log_evidence, rtol=1e-9, atol=1e-11)


PAIR = {"x": -2.0, "r": -3.0}, {("r", "x"): 0.7}, {"u": "x"}


def mixed_graph(expansion=ALL):
    """A child with a value parent and a volatility parent."""
    graph = build_tree(*PAIR, expansion).add(v=pn.ContinuousState(tonic_volatility=-3.0))
    return graph.couple("v", "x", "volatility")


@pytest.fixture(scope="module")
def mixed():
    """A network of it, and a series with gaps."""
    u = series_of(*PAIR)["u"]
    u[[3, 4, 17]] = np.nan
    return mixed_graph().compile(), {"u": u}


def test_an_edge_of_strength_zero_leaves_things_as_they_are_without_it(mixed):
    network, series = mixed
    numb = network.replace({"r->x.strength": 0.0}).filter(series)
    still = network.replace({"v->x.strength": 0.0}).filter(series)

    chain = build_tree({"x": -2.0}, {}, {"u": "x"}).add(v=pn.ContinuousState(tonic_volatility=-3.0))
    alone = chain.couple("v", "x", "volatility").compile().filter(series)
    exact = exact_beliefs(*PAIR, series)
    for name in ("x", "v"):
        np.testing.assert_allclose(numb[name].mean, alone[name].mean, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(numb[name].precision, alone[name].precision, rtol=1e-9)
    means, variances = moments_of(still, ["x", "r"])
    around = np.diagonal(exact.covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(means, exact.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(variances, around, rtol=1e-9)
    np.testing.assert_allclose(still["v"].mean, still["v"].predicted_mean, atol=1e-12)


def test_below_a_child_there_may_be_an_outcome():
    """The first step beside numerical integration over child and parent."""
    graph = build_tree({"x": -2.0, "r": -1.0}, {("r", "x"): 0.7}, {}).add(u=pn.BinaryInput())

    beliefs = graph.couple("x", "u").compile().filter({"u": [1.0]})

    r, x = np.linspace(-9, 9, 601)[:, None], np.linspace(-9, 9, 601)
    joint = norm.pdf(r, 0, np.sqrt(1 + np.exp(-1.0))) * norm.pdf(
        x, 0.7 * r, np.sqrt(1 + np.exp(-2.0))
    )
    joint = joint / (1 + np.exp(-x))
    np.testing.assert_allclose(beliefs.surprise[0], np.log(2), rtol=1e-3)
    for name, value in (("r", r), ("x", x)):
        mean = np.sum(joint * value) / np.sum(joint)
        variance = np.sum(joint * (value - mean) ** 2) / np.sum(joint)
        np.testing.assert_allclose(beliefs[name].mean[0], mean, rtol=0.01)
        np.testing.assert_allclose(1 / beliefs[name].precision[0], variance, rtol=0.01)


@pytest.mark.slow
def test_gradients_equal_central_differences_and_are_finite_where_edges_are_silent(mixed):
    network, series = mixed
    names = ["r->x.strength", "v->x.strength"]

    def surprise(values):
        return network.replace(dict(zip(names, values, strict=True))).surprise(series)

    look = jax.jit(jax.vmap(jax.value_and_grad(surprise)))
    at, step = np.array([0.7, 1.0]), 1e-5
    around = [at + sign * step * axis for axis in np.eye(2) for sign in (1, -1)]
    values, slopes = look(np.array([at, 0 * at, *around]))

    assert np.isfinite(slopes).all()
    differences = (values[2::2] - values[3::2]) / (2 * step)
    np.testing.assert_allclose(slopes[0], differences, rtol=1e-6, atol=1e-8)


def test_gaps_and_closed_gates_leave_predictions(mixed):
    network, series = mixed
    gap = np.isnan(series["u"])
    gated = network.filter(series, gate={"x": np.zeros(40, bool), "r": np.zeros(40, bool)})

    for name in ("x", "r"):
        np.testing.assert_array_equal(gated[name].mean, gated[name].predicted_mean)
        np.testing.assert_array_equal(gated[name].precision, gated[name].predicted_precision)
    np.testing.assert_array_equal(gated["v"].mean[gap], gated["v"].predicted_mean[gap])


def test_an_array_below_one_parent_is_as_many_states():
    """The evidence of its elements is joint."""
    y = np.random.default_rng(0).normal(size=(20, 3)).cumsum(0)
    names = "abc"
    volatility = {**dict.fromkeys(names, -2.0), "p": -3.0}
    several = build_tree(
        volatility, {("p", name): 0.7 for name in names}, {f"u{name}": name for name in names}
    )
    whole = pn.Graph(expansion=ALL).add(
        u=pn.ContinuousInput(precision=1 / NOISE, shape=3),
        x=pn.ContinuousState(tonic_volatility=-2.0, shape=3),
        p=pn.ContinuousState(tonic_volatility=-3.0),
    )
    whole = whole.couple("x", "u").couple("p", "x", pn.Drift(strength=0.7))

    one = whole.compile().filter({"u": y})
    other = several.compile().filter({f"u{name}": y[:, i] for i, name in enumerate(names)})

    np.testing.assert_allclose(one["p"].mean, other["p"].mean, rtol=1e-10)
    np.testing.assert_allclose(one["x"].mean[:, 1], other["b"].mean, rtol=1e-10)
    np.testing.assert_allclose(one.surprise, other.surprise, rtol=1e-10)


def test_a_simulation_begins_with_children_that_lean_on_their_value_parents():
    """Child and parent are drawn as the Kalman filter has them together."""
    series = series_of(*PAIR)
    exact = exact_beliefs(*PAIR, series)
    network = build_tree(*PAIR).compile()

    start = network.filter(series).final
    drawn = network.forecast(jax.random.key(0), 1, start=start, dt=1e-9, draws=20_000)

    pairs = np.stack([np.asarray(drawn[name])[:, 0] for name in ("x", "r")])
    around = exact.covariance[-1]
    np.testing.assert_allclose(
        np.mean(pairs, 1), exact.mean[-1], atol=4 * np.sqrt(around.max() / 2e4)
    )
    np.testing.assert_allclose(np.cov(pairs), around, atol=6 * around.max() / np.sqrt(2e4))


def test_documents_name_the_edges_and_wrong_choices_are_refused():
    for expansion in (pn.Structured(edges="all"), pn.Structured(nodes=5, edges="all")):
        graph = mixed_graph(expansion)
        assert pn.Graph.from_json(graph.to_json()) == graph
    assert pn.Structured(edges="volatility") == pn.Structured()
    with pytest.raises(pn.GraphError, match=r"'volatility' or 'all', not 'value'"):
        pn.Structured(edges="value")
    graph = mixed_graph()
    with pytest.raises(pn.GraphError, match=r"'v' moves both the mean and the variance of 'x'"):
        graph.couple("v", "x", pn.Drift()).compile()
    with pytest.raises(pn.GraphError, match=r"Leave marginalise or edges out"):
        graph.compile(marginalise=False)
    with pytest.raises(
        pn.SmoothingError, match=r"one parent at most of a state.*'x' has 'r' and 'v'"
    ):
        graph.compile().smooth({"u": [0.1]})
