"""Deep predictive coding beside recorded numbers, each derived three times over.

Energies are recorded without the constants of Gaussian densities, ½ log 2π for each unit; ours have them.
Slopes are recorded downhill.
"""

import math
import warnings
from pathlib import Path

import numpy as np
import optax
import pytest

import pynodes as pn
from tests.few import few
from tests.reference.recorded import Recorded

FOLDER = Path(__file__).parent / "deep"
CONSTANT = 0.5 * math.log(2 * math.pi)
UNITS = 5 + 4
LEAVES = {"gaussian": pn.Layer(shape=3), "categorical": pn.CategoricalLayer(outcomes=3)}
FIELDS = {"W0": "x->z1.weights", "W1": "z1->z2.weights", "W2": "z2->y.weights"}
FIELDS |= {"b0": "x->z1.bias", "b1": "z1->z2.bias", "b2": "z2->y.bias"}


def load(name):
    with np.load(FOLDER / f"{name}.npz") as data:
        return {key: data[key] for key in data.files}


def dense(data, number, function="tanh"):
    weights, bias = data[f"in/W{number}"], data[f"in/b{number}"]
    return pn.Dense(weights=weights, bias=bias, function=function)


def chain(data, leaf):
    nodes = {"x": pn.Layer(shape=6), "z1": pn.Layer(shape=5), "z2": pn.Layer(shape=4)}
    graph = pn.Graph().add(nodes, y=LEAVES[leaf]).couple("x", "z1", dense(data, 0, "identity"))
    return graph.couple("z1", "z2", dense(data, 1)).couple("z2", "y", dense(data, 2))


def given(data):
    return {"x": data["in/x"], "y": data["in/y"]}


def settle(network, values, scheme, **options):
    """What a scheme finds, settled or not: recordings stop after few steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.deep.UnsettledWarning)
        return pn.deep.settle(network, values, scheme, **options)


def assert_states(found, data, rtol=1e-10, prefix=""):
    for name in ("z1", "z2"):
        expected = data[f"out/{prefix}{name}"]
        np.testing.assert_allclose(found[name].value, expected, rtol=rtol, atol=rtol)


def assert_slopes(found, data, rtol=1e-10):
    for field, name in FIELDS.items():
        if f"out/d{field}" in data:
            expected = data[f"out/d{field}"]
            np.testing.assert_allclose(-found[name], expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("leaf", few(["gaussian", "categorical"], 1))
def test_a_chain_settles_step_by_step(leaf):
    data, scheme = load(f"chain_{leaf}"), pn.deep.Settle(steps=12, step=0.1)
    network = chain(data, leaf).compile()

    found = settle(network, given(data), scheme, record="steps")

    assert_states(found, data)
    assert_slopes(pn.deep.gradients(network, given(data), scheme), data)
    constant = CONSTANT * (UNITS + 3 * (leaf == "gaussian"))
    np.testing.assert_allclose(sum(found.trace.values()) - constant, data["out/E"], rtol=1e-10)


@pytest.mark.slow
def test_arrows_towards_the_data_with_a_leaf_for_labels():
    """Nonlinearities at the children, no biases, and a start that is given."""
    data = load("generative_readout")
    graph = pn.Graph().add(
        z2=pn.Layer(shape=4),
        z1=pn.Layer(shape=5, link="tanh"),
        x=pn.Layer(shape=6, link="tanh"),
        y=pn.Layer(shape=3),
    )
    graph = graph.couple("z2", "z1", pn.Dense(weights=data["in/W1"].T))
    graph = graph.couple("z1", "x", pn.Dense(weights=data["in/W0"].T))
    network = graph.couple("z2", "y", pn.Dense(weights=data["in/W2"])).compile()
    begin = {"z1": data["in/z1"], "z2": data["in/z2"]}
    scheme = pn.deep.Settle(steps=12, step=0.1)

    found = settle(network, given(data), scheme, start=begin)

    assert_states(found, data)
    energy = np.mean(found.energy) - CONSTANT * (5 + 6 + 3)
    np.testing.assert_allclose(energy, data["out/E"], rtol=1e-10)
    values = {name: found[name].value for name in found}
    slopes = pn.deep.gradients(network, values, scheme)
    for name, recorded in (("z1->x", "W0"), ("z2->z1", "W1"), ("z2->y", "V")):
        expected = data[f"out/d{recorded}"]
        np.testing.assert_allclose(-slopes[f"{name}.weights"], expected, rtol=1e-10)


@pytest.mark.parametrize("order", few(["upward", "colours"], 1))
def test_one_layer_after_the_other(order):
    """In a chain the two colours are the two layers, so that both orders are one."""
    data, scheme = load("upward_sweeps"), pn.deep.Settle(steps=6, step=0.5, order=order)
    network = chain(data, "categorical").compile()

    assert_states(settle(network, given(data), scheme), data)
    assert_slopes(pn.deep.gradients(network, given(data), scheme), data)


@pytest.mark.parametrize("scheme", [pn.deep.Backpropagation(), pn.deep.FixedPrediction()], ids=repr)
def test_backpropagation_and_fixed_predictions(scheme):
    data = load("backpropagation")
    network = chain(data, "categorical").compile()
    assert_slopes(pn.deep.gradients(network, given(data), scheme), data)


@pytest.mark.slow
def test_skips_are_edges_like_others():
    """From x to z2, and from the first three units of z1 to y."""
    data, scheme = load("skips"), pn.deep.Settle(steps=12, step=0.1)
    graph = chain(data, "categorical").couple("x", "z2", pn.Dense(weights=data["in/V"]))
    network = graph.couple("z1", "y", pn.Dense(weights=0.5 * np.eye(3, 5))).compile()

    assert_states(settle(network, given(data), scheme), data)
    slopes = pn.deep.gradients(network, given(data), scheme)
    for name, recorded in (("x->z2", "V"), ("z2->y", "W2")):
        expected = data[f"out/d{recorded}"]
        np.testing.assert_allclose(-slopes[f"{name}.weights"], expected, rtol=1e-10)


@pytest.mark.parametrize("skip", [True, False], ids=["skips", "no skips"])
def test_contributions_are_scaled_by_depth(skip):
    data = load("depth_scaling")
    width, depth = 5, 4
    scales = [6**-0.5, *[(width * (depth if skip else 1)) ** -0.5] * 2, 1 / width]
    names = ["x", "z1", "z2", "z3", "y"]
    graph = pn.Graph().add(
        {n: pn.Layer(shape=s) for n, s in zip(names, (6, 5, 5, 5, 3), strict=True)}
    )
    for number, scale in enumerate(scales):
        weights = scale * data[f"in/mupc_W{number}"]
        function = "identity" if number == 0 else "tanh"
        graph = graph.couple(
            names[number], names[number + 1], pn.Dense(weights=weights, function=function)
        )
    values = {f"z{i}": data[f"in/mupc_z{i}"] for i in (1, 2, 3)} | given(data)

    found = pn.deep.energies(graph.compile(), values)
    if skip:  # an identity around an edge moves the child's prediction by the parent's value
        for child, parent in (("z2", "z1"), ("z3", "z2")):
            error = pn.deep.errors(graph.compile(), values)[child] - values[parent]
            found[child] = np.sum(0.5 * error**2 + CONSTANT, axis=-1)
    energy = sum(np.mean(term) for term in found.values()) - CONSTANT * (5 + 5 + 5 + 3)

    np.testing.assert_allclose(energy, data["out/skip" if skip else "out/noskip"], rtol=1e-10)


@pytest.mark.slow
def test_errors_as_variables():
    """A given leaf has no error of its own."""
    data, scheme = load("errors_as_variables"), pn.deep.Errors(steps=7, step=0.2)
    network = chain(data, "categorical").compile()

    assert_states(settle(network, given(data), scheme), data)
    assert_slopes(pn.deep.gradients(network, given(data), scheme), data)


def test_all_coordinates_meet():
    """The equilibrium as recorded in states and in errors; schemes meet there (deep/test_schemes)."""
    data, scheme = load("equilibrium"), pn.deep.GaussNewton(outer=40, inner=6)
    found = settle(chain(data, "gaussian").compile(), given(data), scheme)
    assert_states(found, data, rtol=1e-9)
    assert_states(found, data, rtol=1e-9, prefix="e")


def test_weights_and_states_at_every_tick():
    data = load("incremental")
    scheme = pn.deep.Incremental(steps=8, step=0.1)
    training = pn.deep.Training(
        epochs=1, batch=7, scheme=scheme, optimiser=optax.sgd(0.05), shuffle=False
    )
    network = pn.deep.train(chain(data, "categorical").compile(), given(data), training).network
    for field, name in FIELDS.items():
        expected = data[f"out/{field}_after"]
        np.testing.assert_allclose(network.parameters()[name], expected, rtol=1e-10)


def test_a_nudge_towards_the_data():
    data = load("nudged_positive")
    scheme = pn.deep.Nudged(scheme=pn.deep.Settle(steps=4000, step=0.1), beta=0.2, side="positive")
    found = pn.deep.gradients(chain(data, "categorical").compile(), given(data), scheme)
    assert_slopes(found, data, rtol=1e-8)


def test_one_sweep_in_closed_form():
    """Unit precisions; slopes of weights at the posteriors, from one step of size one."""
    data = load("closed_form_batch")
    nodes = {"x": pn.Layer(shape=6), "z1": pn.Layer(shape=5), "z2": pn.Layer(shape=4)}
    graph = pn.Graph().add(nodes, y=pn.CategoricalLayer(outcomes=3, unit_curvature=True))
    names = ["x", "z1", "z2", "y"]
    for number in range(3):
        edge = Recorded(
            weights=data[f"in/W{number}"],
            bias=data[f"in/b{number}"],
            function="identity" if number == 0 else "tanh",
        )
        graph = graph.couple(names[number], names[number + 1], edge)
    training = pn.deep.Training(
        epochs=1, batch=7, scheme=pn.ClosedForm(), optimiser=optax.sgd(1.0), shuffle=False
    )

    run = pn.deep.train(graph.compile(), given(data), training)

    before, after = graph.compile().parameters(), run.network.parameters()
    for number in range(3):
        edge = f"{names[number]}->{names[number + 1]}"
        slopes = [before[f"{edge}.{f}"] - after[f"{edge}.{f}"] for f in ("weights", "bias")]
        expected = data[f"out/g{number}"]
        np.testing.assert_allclose(np.column_stack(slopes), expected, rtol=1e-10, atol=1e-14)
