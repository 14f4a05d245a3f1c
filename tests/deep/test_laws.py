"""Laws of energies, messages and schemes: what theory says of any network."""

import dataclasses
import warnings

import jax
import numpy as np
import optax
import pytest

import pynodes as pn
from pynodes.deep.layout import lay_out
from pynodes.deep.messages import edge_slopes, find_forces, send_up
from pynodes.deep.numbers import lay_out_numbers, name_weights
from pynodes.deep.reading import make_point_problem, read_data
from tests.deep.small import chain, dag, leaves
from tests.few import few

SETTLED = pn.deep.Settle(steps=3000, step=0.1)


def filled(network, count=4):
    """Values of all nodes, nowhere near a minimum."""
    rng = np.random.default_rng(5)
    inner = {"z": rng.normal(size=(count, 2)), "a": rng.normal(size=(count, 4))}
    return leaves(count) | inner | {"b": rng.normal(size=(count, 4))}


def test_energies_are_surprises_of_points():
    """Each node's, its parents at their values: what the engine of time series says of one sample."""
    network = dag().compile()
    values = filled(network)
    found = pn.deep.energies(network, values)

    for sample in range(4):
        point = {name: np.asarray(value[sample], float) for name, value in values.items()}
        point["y"] = np.eye(3)[values["y"][sample]]
        for name, energy in network.energy(point).items():
            np.testing.assert_allclose(found[name][sample], energy, rtol=1e-12, atol=1e-14)


def test_messages_along_edges_make_up_all_slopes():
    """Of states and of weights, beside automatic derivatives of the whole sum."""
    network = dag().compile()
    data = read_data(network.labels, filled(network))
    layout = lay_out(network.labels, tuple(data.arrays))
    problem = make_point_problem(
        layout, lay_out_numbers(network, layout), data.arrays, {}, data.count
    )

    def compare(problem):
        numbers, values = problem.numbers, problem.given
        forces = {
            i: find_forces(layout, numbers, values, {}, i)
            for i, block in enumerate(layout.blocks)
            if block.slots
        }
        weights = edge_slopes(layout, numbers, values, forces, problem.count)
        slopes, _ = problem.slopes(values)
        heard = dict.fromkeys(slopes, 0.0)
        for index in forces:
            for number, slot in enumerate(layout.blocks[index].slots):
                (parent, _), *others = slot.parents
                assert not others
                heard[parent] += send_up(layout, numbers, values, forces[index], index, number)
        return weights, problem.weight_slopes(values), slopes, heard

    weights, expected, slopes, heard = jax.jit(compare)(problem)

    for name, value in name_weights(layout, weights).items():
        np.testing.assert_allclose(
            value, name_weights(layout, expected)[name], rtol=1e-12, atol=1e-14
        )
    errors = pn.deep.errors(network, filled(network))
    precisions = {"a": 2.0, "z": 0.7, "b": 1.0}
    for name, precision in precisions.items():
        index, _ = layout.places[name]
        np.testing.assert_allclose(
            slopes[index], precision * errors[name] + heard[index], rtol=1e-11, atol=1e-13
        )


@pytest.mark.slow
def test_a_settled_state_is_a_fixed_point_of_every_order():
    """And weights' slopes there agree."""
    network, values = dag().compile(), leaves(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settled = pn.deep.settle(network, values, SETTLED)
    start = {name: settled[name].value for name in ("z", "a", "b")}
    for order in ("colours", "upward"):
        scheme = pn.deep.Settle(steps=2, step=0.1, order=order)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pn.deep.UnsettledWarning)
            again = pn.deep.settle(network, values, scheme, start=start)
        for name, value in start.items():
            np.testing.assert_allclose(again[name].value, value, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("order", few(["colours", "simultaneous", "upward"], 1))
def test_the_energy_falls_at_every_small_step(order):
    network = dag().compile()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.deep.UnsettledWarning)
        found = pn.deep.settle(
            network, leaves(3), pn.deep.Settle(steps=20, step=0.05, order=order), record="steps"
        )
    assert (np.diff(sum(found.trace.values())) < 0).all()


def test_fixed_predictions_are_backpropagation():
    """For any likelihood, with skips, roots without a prior, and an inner node that is given in part."""
    network, values = dag().compile(), leaves(5)
    values["b"] = np.where(np.eye(5, 4) > 0, 0.5, np.nan)
    found = pn.deep.gradients(network, values, pn.deep.FixedPrediction())
    expected = pn.deep.gradients(network, values, pn.deep.Backpropagation())
    for name, slope in expected.items():
        np.testing.assert_allclose(found[name], slope, rtol=1e-13, atol=1e-14)


def test_edges_learn_as_backpropagation_at_the_tick_when_the_error_reaches_them():
    """With steps of one from the forward pass: the edge into y at once, the one before a tick later."""
    network = chain([3, 4, 4], pn.CategoricalLayer(outcomes=3)).compile()
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(4, 3)), "y": rng.integers(0, 3, 4)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.deep.UnsettledWarning)
        scheme = pn.deep.Settle(steps=2, step=1.0)
        path = pn.deep.settle(network, values, scheme, record="values").path
    expected = pn.deep.gradients(network, values, pn.deep.Backpropagation())
    for tick, edge in enumerate(("h2->y", "h1->h2", "x->h1")):
        hidden = {name: np.asarray(path[name][tick]) for name in ("h1", "h2")}
        slopes = pn.deep.gradients(network, values | hidden)
        for field in ("weights", "bias"):
            name = f"{edge}.{field}"
            np.testing.assert_allclose(slopes[name], expected[name], rtol=1e-12, atol=1e-15)


def test_batches_are_so_many_samples():
    """A sample settles as it would alone, bit for bit; slopes of weights are means."""
    network, values = dag().compile(), leaves(4)
    scheme = pn.deep.Settle(steps=5, step=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.deep.UnsettledWarning)
        together = pn.deep.settle(network, values, scheme)
        alone = pn.deep.settle(network, {n: v[2:3] for n, v in values.items()}, scheme)
    for name in ("z", "a", "b"):
        np.testing.assert_allclose(alone[name].value[0], together[name].value[2], rtol=1e-14)
    slopes = [
        pn.deep.gradients(network, {n: v[i : i + 1] for n, v in values.items()}, scheme)
        for i in range(4)
    ]
    for name, slope in pn.deep.gradients(network, values, scheme).items():
        mean = np.mean([one[name] for one in slopes], axis=0)
        np.testing.assert_allclose(slope, mean, rtol=1e-12, atol=1e-14)


@pytest.mark.slow
def test_equal_layers_are_one_block():
    """Stacked layers settle as layers that are told apart by how they are written."""
    leaf = pn.CategoricalLayer(outcomes=3)
    stacked = chain([4] * 6, leaf).compile()
    apart = chain([4] * 6, leaf, apart=("h2", "h4")).compile()
    values = {"x": np.random.default_rng(0).normal(size=(3, 4)), "y": np.array([0, 2, 1])}
    layout = lay_out(stacked.labels, ("x", "y"))
    assert max(block.size for block in layout.blocks) == 4
    scheme = pn.deep.Settle(steps=7, step=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.deep.UnsettledWarning)
        one = pn.deep.settle(stacked, values, scheme)
        other = pn.deep.settle(apart, values, scheme)
    for i in range(1, 6):
        np.testing.assert_allclose(one[f"h{i}"].value, other[f"h{i}"].value, rtol=1e-13)


# Missing


def test_what_lies_below_what_is_given_is_the_forward_pass():
    network = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile()
    x = np.random.default_rng(0).normal(size=(2, 3))
    found = pn.deep.settle(network, {"x": x})

    weights = network.parameters()
    hidden = x @ weights["x->h1.weights"].T + weights["x->h1.bias"]
    logits = np.tanh(hidden) @ weights["h1->y.weights"].T + weights["h1->y.bias"]
    np.testing.assert_allclose(found["h1"].value, hidden, rtol=1e-13)
    np.testing.assert_allclose(found["y"].value, jax.nn.softmax(logits), rtol=1e-13)
    assert found.status == {}


def test_an_element_that_is_missing_is_as_in_a_graph_without_it():
    """Of a leaf; what is filled in is what its parents predict."""
    rng = np.random.default_rng(2)
    weights, x, y = rng.normal(size=(3, 4)), rng.normal(size=(2, 4)), rng.normal(size=(2, 3))

    def network(rows):
        graph = pn.Graph().add(
            x=pn.Layer(shape=4), h=pn.Layer(shape=4), y=pn.Layer(shape=len(rows))
        )
        graph = graph.couple("x", "h", pn.Dense(weights=np.eye(4)))
        return graph.couple("h", "y", pn.Dense(weights=weights[rows], function="tanh")).compile()

    gaps = y.copy()
    gaps[:, 1] = np.nan
    scheme = pn.deep.Settle(steps=200, step=0.2)
    found = pn.deep.settle(network([0, 1, 2]), {"x": x, "y": gaps}, scheme)
    without = pn.deep.settle(network([0, 2]), {"x": x, "y": y[:, [0, 2]]}, scheme)

    np.testing.assert_allclose(found["h"].value, without["h"].value, rtol=1e-13)
    np.testing.assert_allclose(found["y"].value[:, [0, 2]], y[:, [0, 2]])
    np.testing.assert_allclose(found["y"].value[:, 1], np.tanh(found["h"].value) @ weights[1])


def test_a_half_is_filled_in_by_its_conditional_mean():
    """Of a linear Gaussian network z -> x, given some elements of x; and z by its posterior mean."""
    rng = np.random.default_rng(3)
    weights, x = rng.normal(size=(5, 2)), rng.normal(size=(3, 5))
    graph = pn.Graph().add(z=pn.Layer(shape=2, prior_precision=1.0), x=pn.Layer(shape=5))
    network = graph.couple("z", "x", pn.Dense(weights=weights)).compile()
    seen = x.copy()
    seen[:, 3:] = np.nan

    found = pn.deep.settle(network, {"x": seen}, pn.deep.Settle(steps=1000, step=0.1))

    covariance = weights @ weights.T + np.eye(5)
    gain = covariance[3:, :3] @ np.linalg.inv(covariance[:3, :3])
    np.testing.assert_allclose(found["x"].value[:, 3:], x[:, :3] @ gain.T, rtol=1e-10)


# Learned precisions, many devices


def test_a_learned_precision_is_one_over_the_mean_square_error():
    """Of a leaf whose parent is given, however it began."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = x @ np.array([[1.0, 0.5]]).T + 0.3 * rng.normal(size=(200, 1))
    graph = pn.Graph().add(x=pn.Layer(shape=2), y=pn.Layer(shape=1, precision=1.0))
    network = graph.couple("x", "y", pn.Dense(weights=np.array([[1.0, 0.5]]), bias=None)).compile()
    training = pn.deep.Training(
        epochs=300, batch=200, optimiser=optax.adam(0.03), precisions="learned", record="epochs"
    )

    after = pn.deep.train(network, {"x": x, "y": y}, training).network.parameters()

    errors = y - x @ np.asarray(after["x->y.weights"]).T
    np.testing.assert_allclose(after["y.precision"], 1 / np.mean(errors**2), rtol=1e-3)


# Locality, depth


def test_what_an_edge_learns_depends_on_its_two_ends_alone():
    """And on what else comes in at its child: other values may move, and not a bit of its slope does."""
    network = dag().compile()
    data = read_data(network.labels, filled(network, 2))
    layout = lay_out(network.labels, tuple(data.arrays))
    problem = make_point_problem(
        layout, lay_out_numbers(network, layout), data.arrays, {}, data.count
    )
    learn = jax.jit(lambda given: dataclasses.replace(problem, given=given).weight_slopes({}))
    before = name_weights(layout, learn(problem.given))

    graph = network.labels.graph
    for moved in graph.nodes:
        index, _ = layout.places[moved]
        given = problem.given | {index: 0.7 * problem.given[index] + 0.1}
        after = name_weights(layout, learn(given))
        for name, slope in before.items():
            parent, child = name.split(".")[0].split("->")
            same = np.array_equal(after[name], slope)
            if moved == child or (moved == parent and name.endswith("weights")):
                assert not same, (name, moved)
            elif moved != parent and moved not in graph.parents(child):
                assert same, (name, moved)


@pytest.mark.parametrize(("width", "depth"), few([(32, 128), (256, 16), (1024, 2)], 1))
def test_depth_scaling_keeps_preactivations_of_order_one(width, depth):
    """A skip keeps the variance, each branch adds the mean of tanh² over the number of edges: from 1 to 2."""
    graph = pn.deep.models.residual(width, width, depth, 10)
    numbers = graph.compile(key=1).parameters()
    hidden = np.random.default_rng(0).normal(size=(16, width))
    variances, plain = [], hidden
    for layer in range(1, depth + 1):
        edge = "x->h1" if layer == 1 else f"h{layer - 1}->h{layer}.Dense"
        weights = np.asarray(numbers[f"{edge}.weights"])
        added = float(numbers[f"{edge}.scale"]) * np.tanh(hidden) @ weights.T
        hidden = (
            hidden @ weights.T * float(numbers[f"{edge}.scale"]) if layer == 1 else hidden + added
        )
        plain = plain if layer == 1 else plain + np.tanh(plain) @ weights.T / np.sqrt(width)
        variances.append(hidden.var())
    assert min(variances) > 0.75
    assert max(variances) < 2.25
    assert (
        depth < 16 or plain.var() > 2 * hidden.var()
    )  # without the depth in it, variances pile up
