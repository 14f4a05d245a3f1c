"""Switches: an edge that is off is an edge that is not there, and nothing is compiled for it.

What one step does is tried step by step (``laws/stepwise.py``; every coupling by itself in
``laws/test_silence.py``), and once each in a compiled run.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._runtime import calls
from tests.few import few
from tests.laws import cases
from tests.laws.same import assert_same
from tests.laws.stepwise import assert_alike, walk
from tests.pages import executed
from tests.small import VALUES, paired

RICH = cases.rich_graph()
EDGES = list(RICH.compile().switches)


def without(graph, edges):
    """The graph as it is after some of its edges have been taken away."""
    for edge in edges:
        parent, _, rest = edge.partition("->")
        child, _, kind = rest.partition(".")
        graph = graph.uncouple(parent, child, getattr(pn, kind) if kind else None)
    return graph


def off(edges):
    return dict.fromkeys(edges, False)


@pytest.mark.slow
def test_any_edges_of_a_rich_graph_may_be_off_in_one_program():
    """As structure learning tries them: all masks at once, traced, each as the graph without the edges.

    Groups of several nodes, padded places, two couplings between one pair, a constant, and a gap.
    """
    network, series, dt = RICH.compile(), cases.series_for(RICH), cases.times_for()
    series["u1"][3:6] = np.nan
    gone = [EDGES[::2], EDGES[1::2], EDGES]
    masks = np.array([[edge not in edges for edge in EDGES] for edges in gone])
    traces = []

    @jax.jit
    @jax.vmap
    def run(mask):
        traces.append(mask)
        return network.switch(dict(zip(EDGES, mask, strict=True))).filter(series, dt=dt)

    found = run(masks)

    assert len(traces) == 1
    for number, edges in enumerate(gone):
        less = without(RICH, edges).compile().filter(series, dt=dt)
        for name in less:
            for field in less[name].fields:
                values = getattr(found[name], field)[number], getattr(less[name], field)
                where = f"{edges}: {name}.{field}"
                np.testing.assert_allclose(*values, rtol=1e-10, atol=1e-12, err_msg=where)


def test_what_was_off_may_be_on_again():
    network, series = paired().compile(), {"u": VALUES, "v": VALUES}
    edges = list(network.switches)
    again = network.switch(off(edges)).switch(dict.fromkeys(edges, True))

    assert_same(again.filter(series), network.filter(series), rtol=1e-13)
    assert again.switches == network.switches == dict.fromkeys(edges, True)
    assert network.switch(off(edges[:2])).switches == dict.fromkeys(edges, True) | off(edges[:2])


@pytest.mark.slow
def test_gradients_are_those_without_the_edge(limited):
    """Backward and forward; and those of what is off are zero.

    Also where the edge would say infinity, with slopes that are no numbers.
    """
    wild = pn.ContinuousState(initial_mean=1e4, tonic_volatility=-3.0)
    plain = paired().couple("x", "v", pn.Observation(function="tanh"))
    graph = (
        plain.add(n=pn.ContinuousState(), wild=wild)
        .couple("n", "u", pn.Noise(strength=0.5))
        .couple("wild", "u", pn.Observation(function="exp", strength=2.0))
        .couple("wild", "y", pn.Drift(function="exp", strength=2.0))
    )
    edges = ["n->u", "wild->u", "wild->y", "top->x"]
    there = ["x->v.strength", "top->y.strength", "x.tonic_volatility", "u.precision"]
    gone = [*(f"{edge}.strength" for edge in edges), "wild.initial_mean", "n.tonic_volatility"]
    network, series = graph.compile().switch(off(edges)), cases.series_for(graph, 8)

    def slopes(network, names):
        def surprise(values):
            return network.replace(dict(zip(names, values, strict=True))).surprise(series)

        return jax.jit(jax.grad(surprise))(jnp.array([float(network[name]) for name in names]))

    forward = slopes(network, there + gone)
    expected = slopes(plain.uncouple("top", "x").compile(), there)
    limited(0)
    for found in (forward, slopes(network, there + gone)):
        np.testing.assert_allclose(found[: len(there)], expected, rtol=1e-8, atol=1e-10)
        np.testing.assert_array_equal(found[len(there) :], 0)


def test_a_batch_of_switched_networks_is_one_network():
    network, series = paired().compile(), cases.series_for(paired(), 12)
    masks = jnp.array([True, False, True])

    several = jax.vmap(lambda on: network.switch({"top->x": on}))(masks)

    found = jax.vmap(lambda one: one.surprise(series))(several)
    np.testing.assert_array_equal(several.switches["top->x"], masks)
    assert found[0] == found[2] != found[1]


def test_switching_compiles_nothing():
    """But once, when the masks are made."""
    network, series = paired().compile().switch({}), {"u": VALUES, "v": VALUES}
    network.filter(series), network.surprise(series)
    before = [calls.filter_fast._cache_size(), calls.surprise_fast._cache_size()]

    results = [
        float(network.switch(off(edges)).surprise(series))
        for edges in (["top->x"], ["top->y"], ["top->x", "top->y"], list(network.switches))
    ]
    beliefs = network.switch({"x->u": False}).filter(series)

    assert [calls.filter_fast._cache_size(), calls.surprise_fast._cache_size()] == before
    assert len(set(results)) == 4
    np.testing.assert_array_equal(beliefs["x"].mean, beliefs["x"].predicted_mean)


def test_a_network_that_is_never_switched_pays_nothing():
    """Its program holds no masks: the equations are those that it had."""
    network = paired().compile()
    leaves = len(jax.tree.leaves(network))

    assert len(jax.tree.leaves(network.switch({}))) > leaves
    assert not any(leaf.dtype == bool for leaf in jax.tree.leaves(network))


def test_simulations_leave_out_what_is_off():
    graph = paired().add(far=pn.ConstantState(value=100.0)).couple("far", "u")

    drawn = graph.compile().switch({"far->u": False}).sample(jax.random.key(0), 20)

    assert np.all(np.abs(drawn["u"]) < 50)
    np.testing.assert_allclose(graph.compile().sample(jax.random.key(0), 20)["u"], drawn["u"] + 100)


def test_the_noise_of_an_input_cannot_be_all_off():
    """Unless it has noise of its own; and it may have lost one of two."""
    graph = (
        pn.Graph()
        .add(u=pn.ContinuousInput(precision=np.inf), x=pn.ContinuousState())
        .add(a=pn.ContinuousState(), b=pn.ContinuousState())
        .couple("x", "u")
        .couple(["a", "b"], "u", pn.Noise)
    )
    network = graph.compile()

    assert network.switch({"a->u": False}).switches["b->u"] is True
    with pytest.raises(pn.ParameterError, match="'u' has an infinite precision"):
        network.switch({"a->u": False, "b->u": False})
    own = network.replace({"u.precision": 2.0}).switch({"a->u": False, "b->u": False})
    there = without(graph.revise(u=pn.ContinuousInput(precision=2.0)), ["a->u", "b->u"])
    np.testing.assert_allclose(
        own.surprise({"u": VALUES}), there.compile().surprise({"u": VALUES}), rtol=1e-12
    )


def test_in_float32_as_well():
    """As its shapes and types are found, without compiling."""
    with jax.enable_x64(False):
        network = RICH.compile().switch(off(EDGES[::3]))
        beliefs = jax.eval_shape(lambda one: one.filter(cases.series_for(RICH)), network)

    assert {leaf.dtype for leaf in jax.tree.leaves(beliefs)} <= {
        np.dtype("float32"),
        np.dtype(bool),
    }


STATE = pn.ContinuousState
CHOSEN = (
    pn.Graph()
    .add(u=pn.CategoricalInput(outcomes=3), x=STATE(), y=STATE(), z=STATE(), top=STATE())
    .couple(["x", "y", "z"], "u", pn.Category)
    .couple("top", ["x", "y"], "volatility")
)
EMITTED = (
    pn.Graph()
    .add(u=pn.BinaryInput(), s=pn.BinaryState(), x=STATE(), y=STATE())
    .couple("s", "u", pn.Emission)
    .couple(["x", "y"], "s")
)
COUNTED = (
    pn.Graph()
    .add(u=pn.ExponentialFamilyState(), x=STATE(), y=STATE())
    .add(v=pn.ExponentialFamilyState(), n=STATE(initial_mean=1.0))
    .couple(["x", "y"], "u", pn.Statistic)
    .couple("n", "v", pn.PseudoCount)
)


@pytest.mark.parametrize(
    ("graph", "edges"),
    few([(CHOSEN, ["y->u", "top->x"]), (EMITTED, ["x->s"]), (COUNTED, ["x->u", "n->v"])], 1),
    ids=["chosen", "emitted", "counted"],
)
def test_edges_that_mean_one_of_several_may_be_off(graph, edges):
    """What is left still means the outcome, the statistic or the alternative that it meant."""
    rng = np.random.default_rng(0)
    series = {
        name: rng.normal(size=20) if graph is COUNTED else rng.integers(0, 2, 20).astype(float)
        for name in graph.inputs
    }

    switched = graph.compile().switch(off(edges)).filter(series)

    less = without(graph, edges).compile().filter(series)
    assert_same(less, switched, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_a_run_is_smoothed_without_what_is_off():
    series = {"u": np.random.default_rng(0).integers(0, 3, 20).astype(float)}

    switched = CHOSEN.compile().switch({"top->x": False, "z->u": False}).smooth(series)

    less = without(CHOSEN, ["top->x", "z->u"]).compile().smooth(series)
    assert_same(less, switched, rtol=1e-10, atol=1e-12)


def test_a_discrete_state_does_not_hear_what_is_off():
    graph = (
        pn.Graph()
        .add(u=pn.BinaryInput(), s=pn.BinaryState(), x=pn.ContinuousState())
        .couple("s", "u", pn.Probability(strength=2.0))
        .couple("x", "s")
    )
    series, dt = cases.series_for(graph, 4), np.ones(4)

    found = walk(graph.compile().switch({"s->u": False}), series, dt)

    assert_alike(walk(without(graph, ["s->u"]).compile(), series, dt), found, rtol=1e-10)


@pytest.mark.slow
def test_the_page_about_changing_graphs_runs():
    """And its search finds that the series needs its own state."""
    found = executed("docs/changing.md")

    assert found["surprises"].shape == (8,)
    assert found["best"]["x->u"] is True
    assert "mean" in found["then"].names
