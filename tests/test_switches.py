"""Switches: an edge that is off is an edge that is not there, and nothing is compiled for it."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._runtime import calls
from tests.laws import cases
from tests.laws.same import assert_same
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


def assert_alike(one, other):
    """Two runs agree in every field that both have: a node that has lost its parents has no errors."""
    for name in one:
        for field in [field for field in one[name].fields if field in other[name].fields]:
            values = getattr(one[name], field), getattr(other[name], field)
            np.testing.assert_allclose(*values, rtol=1e-10, atol=1e-12, err_msg=f"{name}.{field}")


def slopes(network, series):
    """The gradient of the surprise in every parameter, by name."""
    function = jax.jit(jax.grad(lambda values: network.replace(values).surprise(series)))
    return function(network.parameters())


def off(edges):
    return dict.fromkeys(edges, False)


@pytest.mark.parametrize("case", cases.COUPLED, ids=repr)
@pytest.mark.parametrize("expansion", cases.DEFAULT_FIRST, ids=repr)
def test_an_edge_that_is_off_is_not_there(case, expansion):
    """Whatever the coupling, for everyone's beliefs and for the surprise."""
    graph, edge = cases.graph_of(case, expansion), f"parent->{cases.target_of(case)}"
    series, dt = cases.series_for(graph), cases.times_for()

    beliefs = graph.compile().switch({edge: False}).filter(series, dt=dt)

    there = without(graph, [edge]).compile().filter(series, dt=dt)
    common = [name for name in graph.nodes if name != "parent" or not case.child.observable]
    for name in common:
        np.testing.assert_allclose(beliefs[name].mean, there[name].mean, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(beliefs[name].precision, there[name].precision, rtol=1e-12)
    np.testing.assert_allclose(beliefs.surprise, there.surprise, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(beliefs["parent"].mean, beliefs["parent"].predicted_mean)


MANY = [EDGES[::2], EDGES[1::3], EDGES]


@pytest.mark.parametrize(
    ("edges", "expansion"),
    [
        *((edges, "unbounded") for edges in MANY),
        *(pytest.param(edges, "enhanced", marks=pytest.mark.slow) for edges in MANY),
        *(pytest.param([edge], "unbounded", marks=pytest.mark.slow) for edge in EDGES),
    ],
)
def test_any_edges_of_a_rich_graph_may_be_off(edges, expansion):
    """Groups of several nodes, padded places, two couplings between one pair, and a constant."""
    graph = RICH.with_settings(expansion=expansion)
    series, dt = cases.series_for(graph), cases.times_for()
    series["u1"][3:6] = np.nan

    beliefs = graph.compile().switch(off(edges)).filter(series, dt=dt)

    assert_alike(beliefs, without(graph, edges).compile().filter(series, dt=dt))


def test_what_was_off_may_be_on_again():
    network = RICH.compile()
    series = cases.series_for(RICH)
    again = network.switch(off(EDGES)).switch(dict.fromkeys(EDGES, True))

    assert_same(again.filter(series), network.filter(series), rtol=1e-13)
    assert again.switches == network.switches == dict.fromkeys(EDGES, True)
    assert network.switch(off(EDGES[:2])).switches == dict.fromkeys(EDGES, True) | off(EDGES[:2])


@pytest.mark.parametrize(("edges", "many"), [(["x->v", "n->u"], True), (["top->x", "x->y"], False)])
def test_gradients_are_those_without_the_edge(edges, many, limited):
    """Forward and backward; and those of what is off are zero."""
    limited(100 if many else 2)
    graph = (
        paired()
        .add(n=pn.ContinuousState())
        .couple("n", "u", pn.Noise(strength=0.5))
        .couple("x", "y", pn.Drift(strength=0.3))
        .couple("x", "v", pn.Observation(function="tanh"))
    )
    network, less = graph.compile().switch(off(edges)), without(graph, edges).compile()
    series = cases.series_for(graph, 8)

    found = slopes(network, series)

    expected = slopes(less, series)
    for name, slope in found.items():
        assert np.isfinite(slope)
        np.testing.assert_allclose(slope, expected.get(name, 0.0), rtol=1e-8, atol=1e-10)
    assert {name.rpartition(".")[0] for name in set(found) - set(expected)} == set(edges)


@pytest.mark.parametrize("coupling", [pn.Observation, pn.Drift])
@pytest.mark.parametrize("many", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_is_off_may_be_infinite(coupling, many, limited):
    """An edge that would say infinity, with slopes that are no numbers, says nothing when it is off."""
    limited(100 if many else 2)
    wild = pn.ContinuousState(initial_mean=1e4, tonic_volatility=-3.0)
    graph = paired().add(wild=wild).couple("wild", "u", coupling(function="exp", strength=2.0))
    series = cases.series_for(graph)
    network = graph.compile().switch({"wild->u": False})

    found = slopes(network, series)

    quiet = graph.uncouple("wild", "u").compile()
    np.testing.assert_allclose(
        network.filter(series).surprise, quiet.filter(series).surprise, rtol=1e-12, atol=1e-13
    )
    assert all(np.isfinite(slope) for slope in found.values())
    assert found["wild->u.strength"] == found["wild.initial_mean"] == 0


def test_every_mask_of_a_graph_in_one_program():
    """As structure learning tries them: all at once, traced, each as the graph without the edges."""
    graph = paired().couple("x", "y", pn.Drift(strength=0.3))
    network, series = graph.compile(), cases.series_for(graph, 12)
    names = list(network.switches)
    masks = list(itertools.product([False, True], repeat=len(names)))
    traces = []

    @jax.jit
    def surprise(mask):
        traces.append(mask)
        return network.switch(dict(zip(names, mask, strict=True))).surprise(series)

    found = jax.vmap(surprise)(jnp.array(masks))

    assert len(traces) == 1
    for mask, value in list(zip(masks, found, strict=True))[::3]:
        gone = [name for name, on in zip(names, mask, strict=True) if not on]
        np.testing.assert_allclose(
            value, without(graph, gone).compile().surprise(series), rtol=1e-12
        )


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
    before = [calls._swift._cache_size(), calls._plain_surprise._cache_size()]

    results = [
        float(network.switch(off(edges)).surprise(series))
        for edges in (["top->x"], ["top->y"], ["top->x", "top->y"], list(network.switches))
    ]
    beliefs = network.switch({"x->u": False}).filter(series)

    assert [calls._swift._cache_size(), calls._plain_surprise._cache_size()] == before
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
    with jax.enable_x64(False):
        network = RICH.compile().switch(off(EDGES[::3]))
        beliefs = network.filter(cases.series_for(RICH))

        assert beliefs["x1"].mean.dtype == np.float32
        assert beliefs.status.ok


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


@pytest.mark.parametrize("graph", [CHOSEN, EMITTED, COUNTED], ids=["chosen", "emitted", "counted"])
def test_edges_that_mean_one_of_several_may_be_off(graph):
    """What is left still means the outcome, the statistic or the alternative that it meant."""
    rng, made = np.random.default_rng(0), graph.compile()
    series = {
        name: rng.normal(size=20) if graph is COUNTED else rng.integers(0, 2, 20).astype(float)
        for name in graph.inputs
    }

    for edge in made.switches:
        less = without(graph, [edge]).compile()
        switched = made.switch({edge: False})
        assert_alike(switched.filter(series), less.filter(series))
    if graph is not COUNTED:
        assert_alike(switched.smooth(series), less.smooth(series))


def test_a_discrete_state_does_not_hear_what_is_off():
    graph = (
        pn.Graph()
        .add(u=pn.BinaryInput(), s=pn.BinaryState(), x=pn.ContinuousState())
        .couple("s", "u", pn.Probability(strength=2.0))
        .couple("x", "s")
    )
    network = graph.compile().switch({"s->u": False})
    series = cases.series_for(graph)

    assert_alike(network.filter(series), without(graph, ["s->u"]).compile().filter(series))


def test_the_page_about_changing_graphs_runs():
    """And its search finds that the series needs its own state."""
    found = executed("docs/changing.md")

    assert found["surprises"].shape == (8,)
    assert found["best"]["x->u"] is True
    assert "mean" in found["then"].names
