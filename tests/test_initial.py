"""Weights before anything was learned: drawn by name when a graph is compiled, and kept by name."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._core.functions import bend, slope
from pynodes.couplings import (
    FUNCTIONS,
    Constant,
    DepthScaled,
    Glorot,
    He,
    LeCun,
    Orthogonal,
    RandomNormal,
)
from pynodes.couplings.initial import EdgePlace

NODES = {
    "x": pn.ContinuousState(shape=30),
    "h": pn.ContinuousState(shape=50),
    "u": pn.ContinuousInput(shape=40),
}
FIRST = ("x", "h", pn.Dense(function="tanh", inlet="drift"))
SECOND = ("h", "u", pn.Dense())
WEIGHTS = ["x->h.weights", "h->u.weights"]


def chain(*edges):
    return pn.Graph().extend(NODES, edges or (FIRST, SECOND))


def weights(network, names=WEIGHTS):
    return [np.asarray(network[name]) for name in names]


def test_weights_follow_from_the_key_and_the_name_alone():
    """Neither the order of definition nor edges and nodes elsewhere change them; another key does."""
    network = chain().compile(key=3)
    shuffled = pn.Graph().extend(dict(reversed(NODES.items())), (SECOND, FIRST))
    shuffled = shuffled.add(z=pn.ContinuousState(shape=7)).couple("z", "x", pn.Dense(inlet="drift"))
    alike = weights(shuffled.compile(key=jax.random.key(3)))

    for one, other in zip(weights(network), alike, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.isin(*weights(network)).any()
    assert not np.isin(network[WEIGHTS[0]], chain().compile(key=4)[WEIGHTS[0]]).any()
    np.testing.assert_array_equal(network["h->u.bias"], np.zeros(40))


def test_a_key_may_be_traced():
    """So that networks can be drawn by the batch."""
    keys = jax.random.split(jax.random.key(1), 3)
    batch = jax.jit(jax.vmap(lambda key: chain().compile(key=key).program))(keys)
    single = chain().compile(key=keys[2]).program

    for several, one in zip(
        jax.tree.leaves(batch.couplings), jax.tree.leaves(single.couplings), strict=True
    ):
        np.testing.assert_allclose(several[2], one, rtol=1e-12)


def variance(initial, shape):
    return float(np.var(initial.draw(jax.random.key(0), shape)))


@pytest.mark.parametrize("shape", [(200, 300), (40, 10, 5, 5)], ids=["matrix", "kernel"])
def test_variances_are_those_of_their_sources(shape):
    """Of so many numbers a variance is known to some percent: four standard errors."""
    inputs, outputs = math.prod(shape[1:]), shape[0] * math.prod(shape[2:])
    expected = {
        Glorot(): 2 / (inputs + outputs),
        He(): 2 / inputs,
        LeCun(gain=2.0): 4 / inputs,
        RandomNormal(sd=0.3): 0.09,
        DepthScaled(): 1.0,
    }
    error = 4 * math.sqrt(2 / math.prod(shape))

    for initial, value in expected.items():
        np.testing.assert_allclose(variance(initial, shape), value, rtol=error)
    bound = np.abs(Glorot().draw(jax.random.key(0), shape)).max()
    assert bound <= math.sqrt(6 / (inputs + outputs))
    assert variance(Constant(2.0), shape) == 0


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (4, 2, 3)], ids=str)
def test_orthogonal_rows_or_columns_have_the_length_of_the_gain(shape):
    drawn = np.asarray(Orthogonal(gain=1.5).draw(jax.random.key(2), shape)).reshape(shape[0], -1)
    small = drawn @ drawn.T if shape[0] <= drawn.shape[1] else drawn.T @ drawn

    np.testing.assert_allclose(small, 2.25 * np.eye(len(small)), atol=1e-12)


def test_scales_by_depth_are_those_of_the_source():
    """Width N = 30 and 50, two edges: 1/sqrt(N) from the root, 1/N into the leaf; unit variance inside."""
    scaled = pn.Dense(initial=DepthScaled(), inlet="drift")
    edges = [("x", "h", scaled), ("h", "u", pn.Dense(initial=DepthScaled(), scale=3.0))]
    network = chain(*edges).compile()

    assert float(network["x->h.scale"]) == pytest.approx(1 / math.sqrt(30))
    assert float(network["h->u.scale"]) == pytest.approx(3 / 50)
    between = EdgePlace(depth=4, merges=True)
    assert DepthScaled().factor(5, between) == pytest.approx(1 / math.sqrt(5 * 4))
    assert DepthScaled().factor(5, EdgePlace(depth=4)) == pytest.approx(1 / math.sqrt(5))


def test_weights_that_are_given_are_neither_drawn_nor_scaled():
    given = np.ones((40, 50))
    network = chain(FIRST, ("h", "u", pn.Dense(weights=given, initial=DepthScaled(), bias=False)))
    network = network.compile()

    np.testing.assert_array_equal(network["h->u.weights"], given)
    assert float(network["h->u.scale"]) == 1.0
    assert "h->u.bias" not in network.parameters()


def test_a_document_holds_how_weights_begin_and_not_their_numbers():
    graph = chain(FIRST, ("h", "u", pn.Dense(initial=He(gain=0.5), bias=False, learned=False)))
    text = graph.to_json()
    again = pn.Graph.from_json(text)

    assert len(text) < 3_000
    assert "weights" not in text
    assert again == graph
    np.testing.assert_array_equal(again.compile()[WEIGHTS[1]], graph.compile()[WEIGHTS[1]])
    read = json.loads(text)["edges"][1]
    assert read["bias"] is False
    assert read["choices"]["initial"] == {"name": "He", "gain": 0.5}
    assert pn.Graph.from_networkx(graph.to_networkx()) == graph


def test_a_document_cannot_ask_for_weights_that_fill_the_memory():
    wide = pn.Graph().add(x=pn.ContinuousState(shape=200_000), u=pn.ContinuousInput(shape=200_000))
    with pytest.raises(pn.FormatError, match="more than 1000000000 weights"):
        pn.Graph.from_json(wide.couple("x", "u", pn.Dense()).to_json())


def test_networks_come_back_with_their_weights(tmp_path):
    """Whatever they were drawn with, and in the precision of who reads them."""
    path = tmp_path / "network.npz"
    with jax.enable_x64(False):
        single = chain().compile(key=9)
        pn.save(path, single)
        same = pn.load(path)
        assert same[WEIGHTS[0]].dtype == jnp.float32
        np.testing.assert_array_equal(same[WEIGHTS[0]], single[WEIGHTS[0]])
    read = pn.load(path)

    np.testing.assert_array_equal(np.asarray(read[WEIGHTS[0]], np.float32), single[WEIGHTS[0]])
    assert np.isfinite(read.filter({"u": np.ones((2, 40))}).surprise).all()


def test_large_weights_lie_on_the_device_and_are_replaced_by_name():
    network = chain().compile()
    halved = network.replace({WEIGHTS[0]: 0.5 * np.asarray(network[WEIGHTS[0]])})

    for one in (network, halved):
        assert isinstance(one[WEIGHTS[0]], jax.Array)
        assert one[WEIGHTS[0]].dtype == jnp.result_type(float)
    np.testing.assert_array_equal(halved[WEIGHTS[0]], 0.5 * network[WEIGHTS[0]])
    broken = np.array(network[WEIGHTS[0]])
    broken[7, 2] = np.nan
    with pytest.raises(pn.ParameterError, match="weights must be finite, not nan"):
        network.replace({WEIGHTS[0]: broken})
    with pytest.raises(pn.ParameterError, match=r"must keep its shape \(50, 30\)"):
        network.replace({WEIGHTS[0]: np.ones((30, 50))})


def test_several_edges_between_two_nodes_are_told_apart_by_name():
    """And add: two edges are one with the sum of their weights."""
    left, right = pn.Dense(name="left", bias=False), pn.Dense(name="right", bias=False)
    graph = chain(FIRST, ("h", "u", left), ("h", "u", right), ("h", "u", pn.Dense()))
    network = graph.compile()
    names = ["h->u.left.weights", "h->u.right.weights", "h->u.Dense.weights"]
    total = sum(weights(network, names))
    one = chain(FIRST, ("h", "u", pn.Dense(weights=total))).compile()

    np.testing.assert_allclose(
        network.filter({"u": np.ones((1, 40))})["u"].predicted_mean,
        one.filter({"u": np.ones((1, 40))})["u"].predicted_mean,
        rtol=1e-12,
    )
    assert pn.Graph.from_json(graph.to_json()) == graph
    assert (
        len(
            graph.rename({"h": "k"}).rewire("k->u.left", coupling=right.__class__(name="mid")).edges
        )
        == 4
    )
    with pytest.raises(pn.DuplicateNodeError, match=r"by left.*Dense\(name='left'\)"):
        graph.couple("h", "u", left)


def test_a_node_of_another_size_gives_its_edges_other_weights():
    wider = chain().revise(h=pn.ContinuousState(shape=60)).compile()

    assert [np.shape(wider[name]) for name in WEIGHTS] == [(60, 30), (40, 60)]


def test_summaries_say_how_large_layers_and_edges_are():
    text = chain().summary()

    assert "weights    3,590" in text
    assert "x (Dense of 1,550 weights)" in text
    assert "shape 50, tonic_volatility" in text


WRONG = {
    "initial='glorot'": (lambda: pn.Dense(initial="glorot"), pn.CouplingError, "must be an initialiser"),
    "learned=1": (lambda: pn.Dense(learned=1), pn.CouplingError, "learned must be True or False"),
    "name='a.b'": (lambda: pn.Dense(name="a.b"), pn.CouplingError, "without '.'"),
    "key='x'": (lambda: chain().compile(key="x"), pn.GraphError, "key draws the weights"),
    "key=True": (lambda: chain().compile(key=True), pn.GraphError, "key draws the weights"),
    "gain=-1": (lambda: Glorot(gain=-1.0), pn.ParameterError, "gain must be a positive number"),
    "sd=nan": (lambda: RandomNormal(sd=math.nan), pn.ParameterError, "sd must be a positive number"),
    "value=inf": (lambda: Constant(math.inf), pn.ParameterError, "value must be a finite number"),
    "bias of a string": (
        lambda: chain(("h", "u", pn.Dense(bias="no"))),
        pn.CouplingError,
        r"bias must have shape \(40,\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_gets_a_sentence(name):
    make, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        make()


# Functions


WRITTEN_OUT = {
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "elu": lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
}
POINTS = np.array([-2.3, -1.2, -0.4, 0.3, 0.9, 1.7])


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_functions_their_slopes_and_bends_are_as_written_out(name):
    function, written_out, step = FUNCTIONS[name], WRITTEN_OUT[name], 1e-4
    ahead, here, behind = (written_out(POINTS + shift) for shift in (step, 0, -step))

    np.testing.assert_allclose(function(jnp.asarray(POINTS)), here, rtol=1e-12)
    np.testing.assert_allclose(slope(function, POINTS), (ahead - behind) / (2 * step), atol=1e-7)
    curvature = (ahead - 2 * here + behind) / step**2
    np.testing.assert_allclose(bend(function, jnp.asarray(POINTS)), curvature, atol=1e-6)


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_functions_have_a_formula(name):
    equations = chain(FIRST, ("h", "u", pn.Dense(function=name))).equations()
    assert "is the coupling function" not in str(equations.words)
    assert r"\left( \cdot \right)_{40 \times 50}" in equations.values.values()
