"""A VolatileState is a ContinuousState with a volatility parent of its own, number for number."""

import jax
import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.laws import cases, stepwise
from tests.laws.stepwise import walk

VALUE = {
    "tonic_volatility": -2.0,
    "tonic_drift": 0.03,
    "autoconnection": 0.9,
    "initial_mean": 0.3,
    "initial_precision": 2.0,
}
INNER = {
    "tonic_volatility": -3.0,
    "tonic_drift": -0.02,
    "autoconnection": 0.8,
    "initial_mean": 0.5,
    "initial_precision": 3.0,
}


def one_node(**choices):
    """Both levels in one node."""
    inner = {
        f"initial_inner_{k.removeprefix('initial_')}"
        if k.startswith("initial_")
        else f"inner_{k}": v
        for k, v in INNER.items()
    }
    return {"x": pn.VolatileState(**VALUE, **inner, **choices)}, []


def two_nodes(**choices):
    """The levels as two nodes."""
    nodes = {"x": pn.ContinuousState(**VALUE, **choices)}
    nodes["v"] = pn.ContinuousState(**INNER, **choices)
    return nodes, [("v", "x", "volatility")]


def in_the_middle(levels, **settings):
    """A graph in which x has parents and children of both families, and two inputs."""
    nodes, edges = levels
    return (
        pn.Graph(**settings)
        .extend(nodes, edges)
        .add(
            u=pn.ContinuousInput(precision=3.0),
            w=pn.BinaryInput(),
            y=pn.ContinuousState(tonic_volatility=-2.0),
            z=pn.ContinuousState(tonic_volatility=-2.0),
            above=pn.ContinuousState(tonic_volatility=-3.0),
            pace=pn.ContinuousState(tonic_volatility=-3.0),
        )
        .couple("x", "u", pn.Observation(strength=0.8))
        .couple("x", "w")
        .couple("y", "u", pn.Observation(strength=0.3))
        .couple("z", "w", pn.Probability(strength=0.5))
        .couple("x", "y", pn.Drift(strength=0.2))
        .couple("x", "z", pn.Volatility(strength=0.4))
        .couple("above", "x", pn.Drift(strength=0.3))
        .couple("pace", "x", pn.Volatility(strength=0.5))
    )


def alone(levels, **settings):
    """A graph in which x is observed directly."""
    return pn.Graph(**settings).extend(*levels)


def series_for(graph, steps):
    """Observations of the inputs, or of x."""
    walk = np.cumsum(np.random.default_rng(2).normal(size=steps)) * 0.3
    return cases.series_for(graph, steps) or {"x": walk}


def assert_alike(one, two, rtol=1e-11):
    """The beliefs of both forms, the inner level's by its own names."""
    for name in one.names:
        for field in ("mean", "precision", "predicted_mean", "predicted_precision"):
            if field in one[name].fields:
                np.testing.assert_allclose(
                    getattr(one[name], field), getattr(two[name], field), rtol=rtol, atol=1e-12
                )
    for prefix in ("", "predicted_"):
        for field in ("mean", "precision"):
            np.testing.assert_allclose(
                getattr(one["x"], f"{prefix}inner_{field}"),
                getattr(two["v"], f"{prefix}{field}"),
                rtol=rtol,
            )
    np.testing.assert_allclose(
        one["x"].effective_precision, two["x"].effective_precision, rtol=rtol
    )
    np.testing.assert_allclose(one.surprise, two.surprise, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("memory", few(["exact", "discrete"], 1))
@pytest.mark.parametrize("marginalise", [True, False])
@pytest.mark.parametrize("expansion", few(reversed(cases.EXPANSIONS), 1), ids=repr)
@pytest.mark.parametrize("graph", [in_the_middle, alone])
def test_its_steps_are_those_of_two_nodes(graph, expansion, marginalise, memory):
    """Among parents and children or where its value is seen, through gaps, over irregular times."""
    settings = {"expansion": expansion, "marginalise": marginalise}
    one, two = (graph(form(memory=memory), **settings) for form in (one_node, two_nodes))
    series, dt = series_for(one, 4), cases.times_for(4)
    for start, values in enumerate(series.values(), start=1):
        values[start:3] = np.nan

    found, expected = (walk(graph.compile(), series, dt) for graph in (one, two))

    inner = {name.replace("inner_", ""): found["x"][name] for name in found["x"] if "inner" in name}
    assert {"mean", "precision", "predicted_mean", "predicted_precision"} <= set(inner)
    stepwise.assert_alike(expected, found | {"v": inner}, rtol=1e-11)


@pytest.mark.parametrize("graph", [in_the_middle, alone])
def test_it_is_two_nodes(graph):
    """In a run, among parents and children or where its value is seen."""
    one, two = (graph(form(memory="exact")) for form in (one_node, two_nodes))
    series, dt = series_for(one, 40), cases.times_for()
    series[next(iter(series))][::7] = np.nan

    assert_alike(one.compile().filter(series, dt=dt), two.compile().filter(series, dt=dt))


def test_several_of_them_are_one_group():
    """Stacked, each with an inner level of its own."""
    nodes, _ = one_node()
    graph = pn.Graph().extend({"a": nodes["x"], "b": pn.VolatileState(), "u": pn.ContinuousInput()})
    graph = graph.couple(["a", "b"], "u", pn.Observation(strength=0.5))
    flat = pn.Graph().extend(
        {
            "a": pn.ContinuousState(**VALUE),
            "b": pn.ContinuousState(),
            "u": pn.ContinuousInput(),
            "va": pn.ContinuousState(**INNER),
            "vb": pn.ContinuousState(),
        },
        [("va", "a", "volatility"), ("vb", "b", "volatility")],
    )
    flat = flat.couple(["a", "b"], "u", pn.Observation(strength=0.5))
    values = np.array([0.3, 1.0, np.nan, 2.0, -1.0, 0.5])

    one, two = graph.compile().filter({"u": values}), flat.compile().filter({"u": values})
    for name in "ab":
        np.testing.assert_allclose(one[name].mean, two[name].mean, rtol=1e-12)
        np.testing.assert_allclose(one[name].inner_mean, two[f"v{name}"].mean, rtol=1e-12)
    assert one.final["b"].inner.mean == one["b"].inner_mean[-1]


def test_two_chunks_and_frozen_steps_keep_the_inner_level():
    network = alone(one_node()).compile()
    values = np.cumsum(np.random.default_rng(3).normal(size=20)) * 0.5
    frozen = np.zeros(20, bool)
    frozen[8:11] = True

    whole = network.filter({"x": values}, frozen=frozen)
    first = network.filter({"x": values[:10]}, frozen=frozen[:10])
    second = network.filter({"x": values[10:]}, frozen=frozen[10:], start=first.final)

    parts = np.concatenate([first["x"].inner_mean, second["x"].inner_mean])
    np.testing.assert_allclose(parts, whole["x"].inner_mean, rtol=1e-12)
    np.testing.assert_array_equal(whole["x"].inner_mean[7:11], whole["x"].inner_mean[7])


def test_its_draws_spread_as_those_of_two_nodes():
    """The log of squared steps has the mean and variance of a log chi-square plus the inner level's."""
    steps, draws = 4, 4000
    spread = {}
    for form in (one_node, two_nodes):
        network = alone(form()).compile()
        keys = jax.random.split(jax.random.key(1), draws)
        spread[form] = np.asarray(jax.vmap(lambda key, n=network: n.sample(key, steps)["x"])(keys))
    one, two = spread.values()

    gap = one.mean(0) - two.mean(0)
    assert np.all(np.abs(gap) < 5 * np.sqrt((one.var(0) + two.var(0)) / draws))
    logs = [np.log(np.diff(series, axis=1) ** 2) for series in (one, two)]
    for moment in (lambda x: x, lambda x: (x - x.mean(0)) ** 2):
        a, b = (moment(series) for series in logs)
        assert np.all(np.abs(a.mean(0) - b.mean(0)) < 5 * np.sqrt((a.var(0) + b.var(0)) / draws))


def test_it_survives_files():
    graph = in_the_middle(one_node())

    assert pn.Graph.from_json(graph.to_json()).to_json() == graph.to_json()
    assert (
        pn.Graph.from_networkx(graph.to_networkx()).to_dict()["nodes"] == graph.to_dict()["nodes"]
    )


def test_an_inner_level_that_keeps_nothing_is_refused():
    graph = pn.Graph().add(x=pn.VolatileState(memory="exact", inner_autoconnection=0.0))

    with pytest.raises(pn.ParameterError, match="inner_autoconnection of 0"):
        graph.compile()
