"""Feedback edges: second predictions, graphs of layers with cycles, associative memory."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import pynodes as pn
from pynodes._compiler.groups import levels_of
from tests.deep.small import chain, dense

SIZES = {"x": 4, "h": 3, "k": 3, "y": 2}
PRECISIONS = {"x": (1.0, 0.8), "h": (2.0, 0.5), "k": (1.5, 0.7), "y": (3.0, None)}
AHEAD, BACK = (("x", "h"), ("h", "k"), ("k", "y")), (("y", "k"), ("k", "h"), ("h", "x"), ("h", "h"))


def both_ways(function, link):
    """X -> h -> k -> y, all the way back, and units of h that predict one another."""
    rng = np.random.default_rng(0)
    nodes = {
        name: pn.Layer(
            shape=SIZES[name],
            precision=p,
            feedback_precision=f,
            link=link if name == "k" else "identity",
        )
        for name, (p, f) in PRECISIONS.items()
    }
    graph = pn.Graph().add(nodes)
    for parent, child in (*AHEAD, *BACK):
        edge = dense(rng, SIZES[child], SIZES[parent], function, feedback=(parent, child) in BACK)
        graph = graph.couple(parent, child, edge)
    return graph


def energy_by_hand(numbers, values, function, link):
    """F of one sample: for every layer one Gaussian around each of its two predictions."""
    total = 0.0
    for edges, which in ((AHEAD, 0), (BACK, 1)):
        came = {}
        for parent, child in edges:
            sent = numbers[f"{parent}->{child}.weights"] @ function(values[parent])
            came[child] = came.get(child, 0.0) + sent + numbers[f"{parent}->{child}.bias"]
        for child, location in came.items():
            precision = PRECISIONS[child][which]
            error = values[child] - (link(location) if child == "k" else location)
            total += 0.5 * jnp.sum(precision * error**2 - jnp.log(precision / (2 * jnp.pi)))
    return total


def test_energy_and_slopes_are_those_of_two_predictions():
    """Energy, forces and slopes of weights of both directions, beside F by hand and its derivatives."""
    network = both_ways("tanh", "sigmoid").compile()
    rng = np.random.default_rng(1)
    values = {name: rng.normal(size=size) for name, size in SIZES.items()}
    numbers = network.parameters()

    def by_hand(numbers, values):
        return energy_by_hand(numbers, values, jnp.tanh, jax.nn.sigmoid)

    weights = {name: jnp.asarray(v) for name, v in numbers.items() if "->" in name}
    own, (down, along) = jax.value_and_grad(by_hand, argnums=(0, 1))(weights, values)
    found = pn.deep.settle(network, values)
    np.testing.assert_allclose(found.energy, own, rtol=1e-13)
    slopes = pn.deep.gradients(network, values)
    for name, slope in slopes.items():
        np.testing.assert_allclose(slope, down[name], rtol=1e-12, atol=1e-14)
    assert len(slopes) == 2 * len((*AHEAD, *BACK))
    # y: its error by its precision, and what the force on what comes back to k says through its edge
    back, bend = found["k"].force["feedback"], 1 - np.tanh(values["y"]) ** 2
    heard = bend * (numbers["y->k.weights"].T @ back)
    np.testing.assert_allclose(3.0 * found["y"].error + heard, along["y"], rtol=1e-12)


@pytest.fixture(scope="module")
def linear():
    """A linear network with gaps in x, and the values at which the slope of its energy vanishes."""
    network = both_ways("identity", "identity").compile()
    x = np.random.default_rng(2).normal(size=(3, 4))
    x[:, 2:] = np.nan
    numbers = {name: jnp.asarray(v) for name, v in network.parameters().items() if "->" in name}
    free = [("x", 2), ("x", 3), *((n, i) for n in ("h", "k", "y") for i in range(SIZES[n]))]

    def total(vector, given):
        parts = {name: [None] * size for name, size in SIZES.items()}
        parts["x"][:2] = given
        for (name, place), value in zip(free, vector, strict=True):
            parts[name][place] = value
        values = {name: jnp.stack(part) for name, part in parts.items()}
        return energy_by_hand(numbers, values, lambda x: x, lambda x: x)

    def solve(given):
        zero = jnp.zeros(len(free))
        return jnp.linalg.solve(jax.hessian(total)(zero, given), -jax.grad(total)(zero, given))

    expected = np.asarray(jax.jit(jax.vmap(solve))(x[:, :2]))
    return network, x, free, expected


@pytest.mark.parametrize(
    ("scheme", "tolerance"),
    [
        (pn.deep.Settle(steps=2000, step=0.1), 1e-10),
        pytest.param(pn.deep.GaussNewton(outer=1, inner=10), 1e-10, marks=pytest.mark.slow),
        pytest.param(pn.deep.Errors(steps=2000), 1e-10, marks=pytest.mark.slow),
        pytest.param(
            pn.deep.Settle(steps=1000, step=0.1, order="colours"), 1e-10, marks=pytest.mark.slow
        ),
        pytest.param(pn.deep.Flow(atol=1e-6, rtol=1e-6, most=4000), 1e-4, marks=pytest.mark.slow),
    ],
    ids=["Settle", "Gauss-Newton", "Errors", "colours", "Flow"],
)
def test_a_linear_network_settles_at_the_solution_of_its_equations(linear, scheme, tolerance):
    """All free elements at once, by NumPy; for Gauss-Newton in one step of as many turns as there are."""
    network, x, free, expected = linear
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = pn.deep.settle(network, {"x": x}, scheme)
    settled = np.column_stack([found[name].value[:, place] for name, place in free])
    np.testing.assert_allclose(settled, expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(found["x"].value[:, :2], x[:, :2])
    assert set(found.status) == set(SIZES)


@pytest.mark.slow
def test_an_associative_memory_fills_in_what_it_stored():
    """Weights by descent from zero: the least ones by which units predict one another, by NumPy."""
    rng = np.random.default_rng(3)
    patterns = rng.choice([-1.0, 1.0], size=(3, 12))
    network = pn.deep.models.associative_memory(12, bias=False).compile()
    training = pn.deep.Training(epochs=300, batch=3, optimiser=optax.sgd(0.1), record="epochs")
    memory = pn.deep.train(network, {"x": patterns}, training).network

    weights = memory.parameters()["x->x.weights"] * memory.parameters()["x->x.mask"]
    expected = np.zeros((12, 12))
    for unit in range(12):
        others = np.delete(np.arange(12), unit)
        expected[unit, others] = np.linalg.pinv(patterns[:, others]) @ patterns[:, unit]
    np.testing.assert_allclose(weights, expected, atol=1e-6)

    cue = np.where(np.arange(12) < 6, patterns, np.nan)
    found = pn.deep.settle(memory, {"x": cue}, pn.deep.GaussNewton(outer=1, inner=12))["x"].value
    missing = np.abs(found - patterns)[:, 6:]
    from_mean = np.abs(patterns - patterns.mean(0))[:, 6:]
    assert missing.mean() < 0.01 * from_mean.mean()


def test_what_follows_levels_alone_refuses_feedback():
    graph = pn.deep.models.bidirectional([3, 2, 2])
    network, values = graph.compile(), {"x": np.ones((2, 3)), "y": np.ones((2, 2))}
    said = "knows no second prediction by an edge that is fed back, as 'h1->x' and 'y->h1'"
    one_by_one = pn.deep.Training(epochs=1, batch=2, scheme=pn.ClosedForm())
    for scheme, call in {
        "ClosedForm": lambda: network.filter({"x": values["x"]}),
        "ClosedForm()": lambda: pn.deep.train(network, values, one_by_one),
        "JointNewton": lambda: graph.compile(scheme=pn.JointNewton()).filter({"x": values["x"]}),
        "Backpropagation": lambda: pn.deep.gradients(network, values, pn.deep.Backpropagation()),
        "FixedPrediction": lambda: pn.deep.gradients(network, values, pn.deep.FixedPrediction()),
        "Backpropagation()": lambda: pn.deep.health(network, values),
        "Amortised": lambda: pn.deep.settle(network, values, pn.deep.Amortised(by=network)),
    }.items():
        with pytest.raises(pn.GraphError) as met:
            call()
        assert str(met.value).startswith(scheme.removesuffix("()")), scheme
        assert said in str(met.value)


def test_edges_that_cannot_lead_back_are_refused_by_name():
    graph = chain([3, 2], pn.CategoricalLayer(outcomes=2))
    with pytest.raises(
        pn.CycleError, match=r"y -> .*x.* second prediction: Dense\(feedback=True\)"
    ):
        graph.couple("y", "x", pn.Dense())
    with pytest.raises(pn.CycleError, match=r"own parent\. .*Dense\(feedback=True\)"):
        graph.couple("x", "x", pn.Dense())
    with pytest.raises(pn.CouplingError, match=r"x->y is fed back, but 'y' is a CategoricalLayer"):
        graph.couple("x", "y", pn.Dense(feedback=True))
    with pytest.raises(pn.CouplingError, match="feedback must be True or False, not 1"):
        pn.Dense(feedback=1)
    both = graph.couple("y", "h1", pn.Dense(feedback=True)).compile()
    with pytest.raises(pn.InputError, match=r"'y' is a CategoricalLayer .* make it a Layer"):
        pn.deep.settle(both, {"x": np.ones((2, 3))})


def test_feedback_is_written_and_drawn():
    """Documents keep it, levels leave it out, and every edge back is dotted."""
    graph = pn.deep.models.bidirectional([4, 3, 2]).couple("x", "x", pn.Dense(feedback=True))
    assert pn.Graph.from_json(graph.to_json()) == graph
    arrows = graph.plot().patches
    dotted = [a for a in arrows if a.get_linestyle() not in ("-", "solid")]
    assert (len(arrows), len(dotted)) == (5, 3)
    assert levels_of(graph) == {"x": 2, "h1": 1, "y": 0}
    assert "1 / \\pi_{f,h_{1}}" in str(graph.equations())
