"""Law 10 and size: equations that do not grow with the network, one trace, and large graphs that run."""

import sys

import jax
import networkx as nx
import numpy as np
import pytest

import pynodes as pn
from pynodes._engine import sweeps
from tests.few import few

pytestmark = pytest.mark.versions

STEPS = 12


def equations(jaxpr):
    """Number of equations, those of loops and calls included."""
    inner = [
        equations(getattr(part, "jaxpr", part))
        for equation in jaxpr.eqns
        for part in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda leaf: hasattr(leaf, "eqns") or hasattr(leaf, "jaxpr"),
        )
        if hasattr(part, "eqns") or hasattr(part, "jaxpr")
    ]
    return len(jaxpr.eqns) + sum(inner)


def series_of(graph, steps=STEPS):
    """Some observations for every input."""
    rng = np.random.default_rng(4)
    return {name: rng.integers(0, 2, steps).astype(float) for name in graph.inputs}


def fan(width):
    """Inputs with a state each, all states under one volatility parent."""
    alone = pn.models.continuous_hgf(2)
    return alone.repeat(width, shared=["x2"])


def traced_ways(graph):
    """The programs a user may have JAX make of a network."""
    network, series = graph.compile(), series_of(graph)
    return {
        "surprise of parameters": jax.make_jaxpr(lambda n: n.surprise(series))(network),
        "surprise of inputs": jax.make_jaxpr(network.surprise)(series),
        "trajectories": jax.make_jaxpr(lambda n: n.filter(series).records)(network),
        "gradient of all": jax.make_jaxpr(jax.grad(lambda n: n.surprise(series), allow_int=True))(
            network
        ),
    }


@pytest.mark.parametrize(
    "family", few([fan, pn.models.binary_hgf(3).repeat, pn.models.continuous_hgf(2).repeat], 1)
)
def test_equations_do_not_grow_with_the_number_of_nodes(family):
    """Two plates and 1,024, of three nodes each, are the same program over longer arrays."""
    few = {way: equations(found.jaxpr) for way, found in traced_ways(family(2)).items()}
    many = {way: equations(found.jaxpr) for way, found in traced_ways(family(1024)).items()}

    assert few == many


def test_a_single_plate_takes_no_more_equations():
    """Nodes that are alone in their group are not stacked, which saves the broadcasting of constants."""
    one = equations(traced_ways(pn.models.binary_hgf(3))["surprise of parameters"].jaxpr)
    many = equations(
        traced_ways(pn.models.binary_hgf(3).repeat(1024))["surprise of parameters"].jaxpr
    )

    assert 0.9 * many <= one <= many


def test_one_trace_per_schedule(monkeypatch):
    """Other parameters, series of the same length and equal graphs reuse the compiled program."""
    traces = []
    step = sweeps.step
    monkeypatch.setattr(sweeps, "step", lambda *given: traces.append(1) or step(*given))
    graph = pn.models.binary_hgf(3).add(unlike=pn.ConstantState(value=0.123))
    graph = graph.couple("unlike", "x2", pn.Drift(strength=0.5))
    series = series_of(graph, 17)

    graph.compile().filter(series)
    once = len(traces)
    assert once > 0
    graph.compile().replace({"x2.tonic_volatility": -5.0}).filter(series_of(graph, 17))
    graph.compile().filter({"u": 1 - series["u"]})

    assert len(traces) == once


@pytest.mark.slow
def test_building_is_linear():
    """Ten times the nodes take about ten times the function calls to build, not a hundred times."""

    def calls(copies):
        count = 0

        def note(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            fan(copies).compile()
        finally:
            sys.setprofile(None)
        return count

    calls(20)
    assert calls(2_000) < 12 * calls(200)


@pytest.mark.slow
@pytest.mark.parametrize("make", [pn.models.continuous_hgf(2).repeat, fan], ids=["plates", "fan"])
def test_ten_thousand_nodes_and_their_gradients(make):
    graph = make(3_334 if make is not fan else 5_000)
    network, series = graph.compile(), series_of(graph, 5)

    value, gradient = jax.value_and_grad(lambda n: n.surprise(series), allow_int=True)(network)

    assert len(graph) >= 10_000
    assert np.isfinite(value)
    assert gradient["x1[0].tonic_volatility"] != 0
    moved = [
        network.replace({"x1[7].tonic_volatility": -4.0 + d}).surprise(series)
        for d in (1e-4, -1e-4)
    ]
    np.testing.assert_allclose(
        gradient["x1[7].tonic_volatility"], (moved[0] - moved[1]) / 2e-4, rtol=1e-4
    )


def test_plates_believe_what_each_would_alone():
    """A thousand copies change nothing for any of them."""
    alone = pn.models.binary_hgf(3)
    graph = alone.repeat(1_000)
    series = series_of(graph)

    together = graph.compile().filter(series)

    for i in (0, 1, 999):
        by_itself = alone.compile().filter({"u": series[f"u[{i}]"]})
        np.testing.assert_allclose(together[f"x2[{i}]"].mean, by_itself["x2"].mean, rtol=1e-12)
        np.testing.assert_allclose(together[f"u[{i}]"].surprise, by_itself.surprise, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "coupling", [pn.Volatility(strength=0.5), pn.Drift(strength=0.1)], ids=repr
)
def test_a_chain_of_fifty_levels(coupling):
    """Deep graphs compile, and news from the input reaches the top."""
    names = [f"x{i}" for i in range(50)]
    nodes = {name: pn.ContinuousState(tonic_volatility=-4.0) for name in names}
    edges = [(above, below, coupling) for above, below in zip(names[1:], names, strict=False)]
    graph = pn.Graph(expansion="enhanced").extend(
        {"u": pn.ContinuousInput(), **nodes}, [("x0", "u", "value"), *edges]
    )

    beliefs = graph.compile().filter({"u": 5.0 * np.ones(3)})

    assert beliefs.status.ok
    assert beliefs["x49"].mean[-1] != 0


def skewed(size, seed):
    """A scale-free directed graph whose couplings are drawn; nodes without children are inputs."""
    pairs = {(min(a, b), max(a, b)) for a, b in nx.scale_free_graph(size, seed=seed).edges()}
    pairs = sorted((a, b) for a, b in pairs if a != b)
    above, rng = {a for a, _ in pairs}, np.random.default_rng(seed)
    parents = np.bincount([b for _, b in pairs], minlength=size)
    edges = []
    for a, b in pairs:
        kind = pn.Observation if b not in above else rng.choice([pn.Drift, pn.Volatility])
        edges.append((f"n{a}", f"n{b}", kind(strength=0.5 / parents[b])))
    nodes = {
        f"n{i}": pn.ContinuousState(tonic_volatility=-4.0) if i in above else pn.ContinuousInput()
        for i in range(size)
    }
    return pn.Graph(expansion="enhanced").extend(nodes, edges)


@pytest.mark.parametrize("size", few([60, 120, 500], 1))
def test_a_random_graph_of_skewed_degrees(size):
    """It runs, and grouping and padding change no belief: a shuffled definition believes the same."""
    graph = skewed(size, seed=3)
    series = series_of(graph, 6)
    names = list(graph.nodes)
    np.random.default_rng(8).shuffle(names)
    shuffled = pn.Graph(expansion="enhanced").extend(
        {name: graph.nodes[name] for name in names}, reversed(graph.edges)
    )

    beliefs, again = graph.compile().filter(series), shuffled.compile().filter(series)

    assert beliefs.status.ok
    np.testing.assert_allclose(beliefs.surprise, again.surprise, rtol=1e-9)
    for name in names[:50]:
        np.testing.assert_allclose(beliefs[name].mean, again[name].mean, rtol=1e-7, atol=1e-9)
